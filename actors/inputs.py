"""What a run was given from outside, written down before anyone decides on it and read back by resume and replay.

Kinds of rows, each under a T: ``feed`` (what the live feed said of itself) and ``account`` (what the account held)
from before the first cycle, ``history`` (warm-up, under the close it reaches) and ``bars`` (one T) of live runs, and
``absent:<n>``: the symbols that are without a host from cycle ``n`` on, until the next such row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import msgspec
import numpy as np
import sqlalchemy as sa

from domain.market import BAR, BarBatch, Bars, FeedInfo, empty_bars
from domain.ports import Feed
from journal import schema as s
from journal.account_copy import copy_of
from journal.store import Store, Tx
from marketdata.replayed import packed, unpacked
from marketdata.timeline import batch

FEED, ACCOUNT, HISTORY, BARS, ABSENT = "feed", "account", "history", "bars", "absent:"

Reading = Callable[[], AbstractContextManager[sa.Connection]]

_ONE = sa.select(s.inputs.c.body).where(
    s.inputs.c.run_id == sa.bindparam("run"), s.inputs.c.at == 0, s.inputs.c.kind == sa.bindparam("kind")
)
_LATER = (
    sa.select(s.inputs.c.at, s.inputs.c.body)
    .where(
        s.inputs.c.run_id == sa.bindparam("run"),
        s.inputs.c.kind == sa.bindparam("kind"),
        s.inputs.c.at > sa.bindparam("after"),
        s.inputs.c.at <= sa.bindparam("until"),
    )
    .order_by(s.inputs.c.at)
    .limit(sa.bindparam("most"))
)
_NEWEST = sa.select(sa.func.max(s.inputs.c.at)).where(s.inputs.c.run_id == sa.bindparam("run"), s.inputs.c.kind == BARS)
_WARM = sa.select(s.runs.c.warmed_until).where(s.runs.c.run_id == sa.bindparam("run"))
FOREVER = 2**63 - 1


class RecordedBars:
    """A live run's bars as its cycles used them."""

    def __init__(self, reading: Reading, run_id: str) -> None:
        self._reading, self._run_id = reading, run_id

    def info(self) -> FeedInfo | None:
        """What the feed said of itself when the run began."""
        with self._reading() as c:
            body = c.execute(_ONE, {"run": self._run_id, "kind": FEED}).scalar()
        return None if body is None else msgspec.json.decode(body, type=FeedInfo)

    def account(self) -> bytes | None:
        """What the account held when the run began, for ``journal.account_copy.restore``."""
        with self._reading() as c:
            return c.execute(_ONE, {"run": self._run_id, "kind": ACCOUNT}).scalar()

    def newest(self) -> int:
        """The last T there is; -1 for none."""
        with self._reading() as c:
            found = c.execute(_NEWEST, {"run": self._run_id}).scalar()
        return -1 if found is None else int(found)

    def next(self, after: int) -> BarBatch | None:
        found = self._rows(BARS, after, FOREVER, 1)
        return batch(found[0][0], _plain(found[0][1])) if found else None

    def history(self, after: int, until: int, most: int) -> BarBatch:
        """Warm-up comes in the parts in which it was served; ``most`` bounds what came later."""
        part = self.warm_up(after)
        if part is not None:
            return part
        found = self._rows(BARS, after, until, most)
        if not found:
            return BarBatch(at=max(after, until), bars=empty_bars())
        at = found[-1][0] if len(found) == most else until
        return BarBatch(at=at, bars=np.concatenate([_plain(body) for _, body in found]))

    def warm_up(self, after: int) -> BarBatch | None:
        """The part of the warm-up that follows ``after``."""
        found = self._rows(HISTORY, after, FOREVER, 1)
        return BarBatch(at=found[0][0], bars=unpacked(found[0][1])) if found else None

    def _rows(self, kind: str, after: int, until: int, most: int) -> list[tuple[int, bytes]]:
        asked = {"run": self._run_id, "kind": kind, "after": after, "until": until, "most": most}
        with self._reading() as c:
            return [(int(at), bytes(body)) for at, body in c.execute(_LATER, asked)]


def _plain(body: bytes) -> Bars:
    return np.frombuffer(body, BAR).copy()


class Inputs:
    """The inputs of the run that goes on. What a live run has used once it gets again, whatever the feed says now:
    files may have grown late lines for moments that are over."""

    def __init__(self, store: Store, run_id: str, account: str) -> None:
        self._store, self._run_id, self._account = store, run_id, account
        self._recorded = RecordedBars(store.read, run_id)
        self._newest = self._recorded.newest()
        self._warmed_until: int | None = None

    def begin(self, info: FeedInfo) -> None:
        """Before the first cycle of a live run: what the feed says of itself, and what the account holds."""
        if self._recorded.info() is not None:
            return
        with self._store.transaction() as tx:
            self._keep(tx, 0, ACCOUNT, copy_of(tx.connection, self._account))
            self._keep(tx, 0, FEED, msgspec.json.encode(info))

    def next(self, feed: Feed, after: int) -> BarBatch | None:
        """The bars of the first T later than ``after``: the recorded ones if there are any, else the feed's."""
        if after < self._newest:
            return self._recorded.next(after)
        found = feed.next(after)
        if found is not None:
            with self._store.transaction() as tx:
                self._keep(tx, found.at, BARS, found.rows.tobytes())
            self._newest = found.at
        return found

    def history(self, feed: Feed, after: int, until: int, most: int) -> BarBatch:
        """As ``Feed.history``."""
        warm = self._warm(until)
        if after >= warm:
            return self._recorded.history(after, until, most)
        part = self._recorded.warm_up(after)
        if part is None:
            part = feed.history(after, min(until, warm), most)
            with self._store.transaction() as tx:
                self._keep(tx, part.at, HISTORY, packed(part.rows))
        return part

    def _warm(self, until: int) -> int:
        """Where the run's warm-up ends: its row says so, and is there before anyone asks for history."""
        if self._warmed_until is None:
            with self._store.read() as c:
                found = c.execute(_WARM, {"run": self._run_id}).scalar()
            self._warmed_until = until if found is None else int(found)
        return self._warmed_until

    def absent(self, n: int, at: int, symbols: Mapping[str, str]) -> None:
        """From cycle ``n`` on these symbols are without a host, each with the reason; written if that is news."""
        if sorted(symbols) == sorted(absences(self._store.read, self._run_id).at(n)):
            return
        body = msgspec.json.encode(dict(symbols))
        with self._store.transaction() as tx:
            tx.upsert(s.inputs, [{"run_id": self._run_id, "at": at, "kind": f"{ABSENT}{n}", "body": body}])

    def _keep(self, tx: Tx, at: int, kind: str, body: bytes) -> None:
        tx.insert_new(s.inputs, [{"run_id": self._run_id, "at": at, "kind": kind, "body": body}])


class Absences:
    """Which symbols were without a host, by cycle."""

    def __init__(self, since: dict[int, dict[str, str]]) -> None:
        self._since = dict(sorted(since.items()))
        self._starts = np.array(list(self._since), np.int64)

    def at(self, n: int) -> dict[str, str]:
        place = int(np.searchsorted(self._starts, n, "right")) - 1
        return self._since[int(self._starts[place])] if place >= 0 else {}


def absences(reading: Reading, run_id: str) -> Absences:
    rows = sa.select(s.inputs.c.kind, s.inputs.c.body).where(
        s.inputs.c.run_id == run_id, s.inputs.c.kind.startswith(ABSENT)
    )
    with reading() as c:
        found = c.execute(rows).all()
    return Absences(
        {int(kind.removeprefix(ABSENT)): msgspec.json.decode(body, type=dict[str, str]) for kind, body in found}
    )
