"""Replay: every decision of a recorded run again from its recorded inputs (design section 9).

The whole system runs once more, in one process and on a database of its own, with the same ids; then both are compared.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from actors.inputs import FOREVER, Reading
from journal.store import Store
from orchestration import frozen
from orchestration.frozen import Recorded
from orchestration.replay.cast import store_at
from orchestration.replay.comparison import Comparison, Difference
from orchestration.replay.playing import Notice, Play, Progress, prepared

EVERY, SHOWN = 1000, 100
"""Cycles between two comparisons, and between two looks at how far it is."""
IDENTICAL, DIFFERENT = "identical", "different"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``decisions`` and ``cycles`` are how many were compared."""

    run_id: str
    decisions: int
    cycles: int
    difference: Difference | None

    @property
    def result(self) -> str:
        return IDENTICAL if self.difference is None else DIFFERENT


def replay(url: str, run_id: str | None, progress: Progress, notice: Notice) -> Report:
    """The run whose id begins so, else the newest, once more; nothing is written to its database.

    Raises ConfigError if there is no such run, or its inputs are gone.
    """
    found = frozen.run_of(url, run_id)
    with reading(url) as recorded:
        return _replayed(found, recorded, progress, notice)


@contextmanager
def reading(url: str) -> Iterator[Reading]:
    """Views of the database of a recorded run."""
    from journal.engines import open_engine

    engine = open_engine(url, read_only=True)
    try:
        yield engine.begin
    finally:
        engine.dispose()


@contextmanager
def thrown_away(epoch: int) -> Iterator[Store]:
    """A database of its own that is gone afterwards."""
    from journal import database

    with tempfile.TemporaryDirectory(prefix="argus-replay-") as folder:
        url = f"sqlite:///{Path(folder) / 'replay.db'}"
        database.prepare(url)
        store = store_at(url, epoch)
        try:
            yield store
        finally:
            store.close()


def _replayed(found: Recorded, recorded: Reading, progress: Progress, notice: Notice) -> Report:
    play = prepared(found, recorded)
    before = play.changed()
    if before is not None:
        return Report(run_id=found.run_id, decisions=0, cycles=before.cycle, difference=before)
    for symbol in play.replayed.changed:
        notice(f"{symbol}: its file has changed, but no bar that the run used")
    with thrown_away(found.epoch) as store:
        return asyncio.run(_compared(play, recorded, store, progress))


async def _compared(play: Play, recorded: Reading, store: Store, progress: Progress) -> Report:
    found, course = play.found, play.course
    comparison = Comparison(found, recorded, store.read)
    differences: list[Difference] = []

    def same(at: int) -> bool:
        """Whether everything was the same up to the present cycle, and before ``at``."""
        difference = comparison.upto(course.n, at)
        differences.extend([difference] if difference else [])
        return not differences

    def turn() -> bool:
        """Before the next cycle: whether there is one, and it is worth while."""
        if course.n % SHOWN == 0:
            progress(course.n, course.last)
        return course.n < course.last and (course.n == 0 or course.n % EVERY > 0 or same(course.at))

    summary, _ = await play.through(store, turn)
    if summary is not None and same(course.at + 1 if found.exit_reason is None else FOREVER):
        differences += [one for one in [comparison.summary(msgspec.structs.asdict(summary))] if one]
    return Report(
        run_id=found.run_id, decisions=comparison.decisions, cycles=course.n, difference=next(iter(differences), None)
    )
