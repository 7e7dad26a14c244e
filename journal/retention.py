"""Events that need not be kept for ever: those of live runs that only tell how it was, not what was done.

A dropped event leaves its number in the table ``compacted``, so that a gap in ``seq`` can be told from a loss.
Decisions, orders, fills, positions, alerts and engine states are never dropped, nor is anything of a recorded or
simulated run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from domain.events import ACCOUNT_UPDATE, HEALTH, HEARTBEAT, SCAN_START, SCAN_SUMMARY
from domain.timeframe import HOUR
from journal.schema import compacted, events, runs

DROPPABLE = (SCAN_START, SCAN_SUMMARY, ACCOUNT_UPDATE, HEALTH, HEARTBEAT)
"""Types that may be dropped: nothing that is resumed, replayed or counted is read from them."""

BATCH = 1_000
"""Events dropped in one transaction: a running engine waits no longer for it than for one of its own."""


def compact(c: Connection, hours: Mapping[str, float], now: int, run_id: str | None = None, most: int = BATCH) -> int:
    """Drop up to ``most`` events of live runs that are older than the ``hours`` their type is kept; how many they were.

    In the caller's write transaction. Of each type the newest of a run stays, whatever its age: it says how it is. A
    type that ``hours`` does not name is kept for good. Raises ValueError for one that may not be dropped.
    """
    wrong = sorted(set(hours) - set(DROPPABLE))
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: never dropped (may be: {', '.join(DROPPABLE)})")
    doomed: list[int] = []
    live = sa.select(runs.c.run_id).where(runs.c.live).order_by(runs.c.run_id)
    for one in c.execute(live).scalars().all() if run_id is None else [run_id]:
        for kind, kept in sorted(hours.items()):
            doomed += _old(c, one, kind, now - int(kept * HOUR), most - len(doomed))
    doomed.sort()
    for part in (doomed[at : at + 500] for at in range(0, len(doomed), 500)):
        c.execute(sa.delete(events).where(events.c.seq.in_(part)))
    _note(c, list(_ranges(doomed)))
    return len(doomed)


def _old(c: Connection, run_id: str, kind: str, before: int, most: int) -> list[int]:
    """Numbers of the oldest events of a run and type, without its newest."""
    of = events.c
    mine = (of.run_id == run_id) & (of.type == kind)
    newest = c.execute(sa.select(of.seq).where(mine).order_by(of.seq.desc()).limit(1)).scalar()
    if newest is None or most <= 0:
        return []
    old = sa.select(of.seq).where(mine, of.seq < newest, of.at < before).order_by(of.seq).limit(most)
    return list(c.execute(old).scalars())


def _ranges(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Consecutive numbers as (first, last); the numbers come in order."""
    first = last = None
    for one in numbers:
        if last is not None and one == last + 1:
            last = one
            continue
        if first is not None and last is not None:
            yield first, last
        first = last = one
    if first is not None and last is not None:
        yield first, last


def _note(c: Connection, found: list[tuple[int, int]]) -> None:
    """Write the ranges down, each joined with those that touch it."""
    if not found:
        return
    of = compacted.c
    touching = (of.to_seq >= found[0][0] - 1) & (of.from_seq <= found[-1][1] + 1)
    known = [(row.from_seq, row.to_seq) for row in c.execute(sa.select(compacted).where(touching))]
    c.execute(sa.delete(compacted).where(touching))
    both = sorted([*known, *found])
    joined = [both[0]]
    for first, last in both[1:]:
        if first <= joined[-1][1] + 1:
            joined[-1] = joined[-1][0], max(joined[-1][1], last)
        else:
            joined.append((first, last))
    c.execute(sa.insert(compacted), [{"from_seq": first, "to_seq": last} for first, last in joined])
