"""The record against the replay: cycle by cycle, the first thing in which they differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import msgspec
import sqlalchemy as sa

from actors.inputs import Reading
from actors.snapshot import GateSnapshot, decode
from domain.events import RUN_SUMMARY
from domain.money import to_float
from domain.timeframe import iso
from journal import schema as s
from orchestration.frozen import Recorded

BARS, FILL, GATE, DECISION, SUMMARY = "bars", "fill", "gate", "decision", "summary"
KINDS = (BARS, FILL, GATE, DECISION, SUMMARY)
"""In the order in which they come about at one T."""

Facts = dict[str, Any]

OF_A_FILL = ("order_id", "symbol", "side", "quantity", "price", "commission", "at", "reason", "stop", "target")
OF_THE_RUN = ("cycles", "candidates", "fills", "equity", "positions", "decisions_hash")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not the same: at which T (ns) and cycle, the two sides, and the names that differ. A side is
    None where there is no such thing."""

    kind: str
    at: int
    cycle: int
    recorded: Facts | None
    replayed: Facts | None
    symbol: str | None = None
    rank: int | None = None

    @property
    def names(self) -> list[str]:
        """What differs, in the order in which it is told."""
        recorded, replayed = self.recorded or {}, self.replayed or {}
        every = dict.fromkeys((*recorded, *replayed))
        return [one for one in every if recorded.get(one) != replayed.get(one)]

    def facts(self) -> Facts:
        """As JSON values."""
        return {
            "kind": self.kind,
            "ts": iso(self.at),
            "cycle": self.cycle,
            "symbol": self.symbol,
            "rank": self.rank,
            "differs": self.names,
            "recorded": self.recorded,
            "replayed": self.replayed,
        }


class Comparison:
    """Compares what both sides hold of the cycles that are over in the replay."""

    def __init__(self, found: Recorded, recorded: Reading, replayed: Reading) -> None:
        self._run, self._live = found.run_id, found.live
        self._ended = found.exit_reason is not None
        self._recorded, self._replayed = recorded, replayed
        self._closed = found.closed
        self._n, self._at = 0, -1
        self.decisions = 0
        with recorded() as c:
            ended = sa.select(s.cycles.c.at).where(s.cycles.c.run_id == self._run, s.cycles.c.n == found.closed)
            self._end = c.execute(ended).scalar() or 0

    def upto(self, n: int, at: int) -> Difference | None:
        """The first difference since the last time: in cycles up to ``n``, and in what bears a T before ``at``."""
        if n <= self._n:
            return None
        with self._recorded() as ours, self._replayed() as theirs:
            found = [
                *self._cycles(ours, theirs, n),
                *self._timed(ours, theirs, n, at, FILL),
                *self._timed(ours, theirs, n, at, DECISION),
            ]
        self._n, self._at = n, at
        return min(found, key=lambda one: (one.at, KINDS.index(one.kind), one.rank or 0), default=None)

    def summary(self, replayed: Mapping[str, Any]) -> Difference | None:
        """The figures of a run that has ended."""
        if not self._ended:
            return None
        of = s.events.c
        said = sa.select(of.body, of.at).where(of.run_id == self._run, of.type == RUN_SUMMARY)
        with self._recorded() as c:
            row = c.execute(said.order_by(of.seq.desc()).limit(1)).first()
        if row is None:
            return None
        told, now = msgspec.json.decode(row.body), msgspec.json.decode(msgspec.json.encode(dict(replayed)))
        if all(told[name] == now[name] for name in OF_THE_RUN):
            return None
        ours, theirs = ({name: side[name] for name in OF_THE_RUN} for side in (told, now))
        return Difference(kind=SUMMARY, at=row.at, cycle=self._closed, recorded=ours, replayed=theirs)

    # -- cycles ----------------------------------------------------------------------------------

    def _cycles(self, ours: sa.Connection, theirs: sa.Connection, n: int) -> Iterator[Difference]:
        """The first cycle whose bars or whose snapshot differ."""
        of = s.cycles.c
        some = sa.select(of.n, of.at, of.digest, of.snapshot)
        some = some.where(of.run_id == self._run, of.n > self._n, of.n <= n).order_by(of.n)
        for one, two in zip_longest(ours.execute(some), theirs.execute(some)):
            if two is None or (one.at, one.digest) != (two.at, two.digest):
                sides = [side and {"T": iso(side.at), "digest": side.digest} for side in (one, two)]
                yield Difference(kind=BARS, at=one.at, cycle=one.n, recorded=sides[0], replayed=sides[1])
                return
            if one.snapshot != two.snapshot:
                gates = [_gate(decode(side.snapshot)) for side in (one, two)]
                if gates[0] != gates[1]:
                    yield Difference(kind=GATE, at=one.at, cycle=one.n, recorded=gates[0], replayed=gates[1])
                    return

    # -- fills and decisions ---------------------------------------------------------------------

    def _timed(self, ours: sa.Connection, theirs: sa.Connection, n: int, at: int, kind: str) -> Iterator[Difference]:
        """The first row of this kind that differs. What a run that was killed had begun may lack its end."""
        read, facts = (_decisions, _decision) if kind == DECISION else (_fills, _fill)
        recorded, replayed = (read(c, self._run, self._at, at) for c in (ours, theirs))
        self.decisions += len(recorded) if kind == DECISION else 0
        for key in sorted(recorded.keys() | replayed.keys()):
            one, two = recorded.get(key), replayed.get(key)
            begun = key[0] > self._end and not self._ended
            if one == two or (begun and (one is None or (two is None and n == self._closed))):
                continue
            sides = [None if side is None else facts(side) for side in (one, two)]
            yield Difference(
                kind=kind,
                at=key[0],
                cycle=cycle_at(ours, self._run, key[0]),
                recorded=sides[0],
                replayed=sides[1],
                symbol=(sides[0] or sides[1] or {}).get("symbol"),
                rank=int(key[1]) if kind == DECISION else None,
            )
            return


def _gate(snapshot: GateSnapshot) -> Facts:
    return {
        "state": snapshot.state.name,
        "code": snapshot.state.code,
        "equity": to_float(snapshot.equity),
        "balance": to_float(snapshot.balance),
        "day_equity": to_float(snapshot.day_equity),
        "peak": to_float(snapshot.peak),
        "positions": {symbol: to_float(one.quantity) for symbol, one in snapshot.held.items()},
    }


def _decisions(c: sa.Connection, run_id: str, after: int, before: int) -> dict[tuple[int, Any], Any]:
    of = s.decisions.c
    body = sa.type_coerce(of.body, sa.types.NullType())  # as it is: a hand may have made text of it
    some = sa.select(of.at, of.rank, body).where(of.run_id == run_id, of.at >= after, of.at < before)
    return {(at, rank): one.encode() if isinstance(one, str) else bytes(one) for at, rank, one in c.execute(some)}


def _decision(body: bytes) -> Facts:
    """A decision's values; what is not canonical any more as the text it is."""
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = None
    canonical = isinstance(found, dict) and msgspec.json.encode(found, order="sorted") == body
    return found if canonical else {"decision": body.decode("utf-8", "replace")}


def _fills(c: sa.Connection, run_id: str, after: int, before: int) -> dict[tuple[int, Any], Any]:
    of = s.fills.c
    some = sa.select(of.id, *(of[name] for name in OF_A_FILL))
    some = some.where(of.run_id == run_id, of.at >= after, of.at < before)
    return {(row["at"], row["id"]): dict(row) for row in c.execute(some).mappings()}


def _fill(row: Facts) -> Facts:
    return row | {"at": iso(row["at"])}


def cycle_at(c: sa.Connection, run_id: str, at: int) -> int:
    """The cycle of a T; for a moment between two the earlier one."""
    of = s.cycles.c
    exact = c.execute(sa.select(sa.func.min(of.n)).where(of.run_id == run_id, of.at == at)).scalar()
    if exact is not None:
        return int(exact)
    before = c.execute(sa.select(sa.func.max(of.n)).where(of.run_id == run_id, of.at <= at)).scalar()
    return int(before or 0)
