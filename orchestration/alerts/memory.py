"""What the desk must not forget: how far it has read, what still has to be sent, and what was told lately."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from journal import schema as s
from journal.store import Store

MOST_KNOWN = 2_000
"""Things that are remembered as told; beyond it the oldest is forgotten."""


class Known(msgspec.Struct):
    """When something was told last (UTC ns), and how often it happened again since."""

    at: int
    hidden: int = 0


class State(msgspec.Struct):
    """``unsent``: by channel the numbers of events whose message is still on its way. ``known``: by what was told.

    ``hidden``: messages not sent since the last summary, by reason. ``summed_at`` (UTC ns), ``summed_seq`` and
    ``summed_to`` (the T reached) are those of the last summary.
    """

    unsent: dict[str, list[int]] = {}
    known: dict[str, Known] = {}
    hidden: dict[str, int] = {}
    summed_at: int = 0
    summed_seq: int = 0
    summed_to: int = 0


class Memory(msgspec.Struct):
    """Up to which event of which run everything has been decided."""

    run_id: str
    seq: int
    state: State

    def fresh(self, key: str, now: int, window: int) -> int | None:
        """How often it was kept back since it was told last, if it may be told again; else None, and it is counted."""
        known = self.state.known
        found = known.pop(key, None)
        if found is not None and now - found.at < window:
            found.hidden += 1
            known[key] = found
            return None
        known[key] = Known(now)
        while len(known) > MOST_KNOWN:
            del known[next(iter(known))]
        return 0 if found is None else found.hidden

    def hide(self, why: str, count: int = 1) -> None:
        self.state.hidden[why] = self.state.hidden.get(why, 0) + count


def load(store: Store) -> Memory | None:
    with store.read() as c:
        row = c.execute(sa.select(s.alert_cursor)).first()
    return None if row is None else Memory(row.run_id, row.seq, msgspec.json.decode(row.state, type=State))


def save(store: Store, memory: Memory) -> None:
    """Raises StaleEpoch when another engine has started."""
    state = msgspec.json.encode(memory.state).decode()
    with store.transaction() as tx:
        tx.upsert(s.alert_cursor, [{"id": 1, "run_id": memory.run_id, "seq": memory.seq, "state": state}])


def newer(store: Store, run_id: str, after: int, types: Sequence[str], limit: int) -> list[Mapping[str, Any]]:
    """Events of a run after a number, in their order."""
    of = s.events.c
    query = sa.select(s.events).where(of.run_id == run_id, of.seq > after, of.type.in_(types))
    with store.read() as c:
        return [dict(row) for row in c.execute(query.order_by(of.seq).limit(limit)).mappings()]


def these(store: Store, numbers: Sequence[int]) -> list[Mapping[str, Any]]:
    of = s.events.c
    with store.read() as c:
        return [
            dict(row) for row in c.execute(sa.select(s.events).where(of.seq.in_(numbers)).order_by(of.seq)).mappings()
        ]
