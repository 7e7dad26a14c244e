"""Replay: every decision of a recorded run again from its recorded inputs (design section 9).

The whole system runs once more, in one process and on a database of its own, with the same ids; then both are compared.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from actors.inputs import FOREVER, Reading, RecordedBars
from orchestration import frozen
from orchestration.frozen import Recorded
from orchestration.plan import Identity, Market, actor_specs
from orchestration.replay.cast import DRIVER, PATIENCE, ReplayRuntime, store_at
from orchestration.replay.comparison import Comparison, Difference
from orchestration.replay.course import Course
from orchestration.replay.market import Replayed, first_change, replayed_market
from orchestration.settings import Settings, strategy_parameters
from orchestration.topology import ActorSpec

EVERY, SHOWN = 1000, 100
"""Cycles between two comparisons, and between two looks at how far it is."""
IDENTICAL, DIFFERENT = "identical", "different"
PARAMETERS = "parameters"

Progress = Callable[[int, int], None]
Notice = Callable[[str], None]


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
    from journal.engines import open_engine

    found = frozen.run_of(url, run_id)
    engine = open_engine(url, read_only=True)
    try:
        return _replayed(found, engine.begin, progress, notice)
    finally:
        engine.dispose()


def _replayed(found: Recorded, recorded: Reading, progress: Progress, notice: Notice) -> Report:
    settings = frozen.settings_of(found.config)
    course = Course(recorded, found)
    bars = RecordedBars(recorded, found.run_id)
    replayed = replayed_market(found, settings, bars, course)
    before = _other_parameters(found, settings) or first_change(replayed, found, course)
    if before is not None:
        return Report(run_id=found.run_id, decisions=0, cycles=before.cycle, difference=before)
    for symbol in replayed.changed:
        notice(f"{symbol}: its file has changed, but no bar that the run used")
    with tempfile.TemporaryDirectory(prefix="argus-replay-") as folder:
        place = Path(folder) / "replay.db"
        return asyncio.run(_played(found, settings, replayed, course, bars, recorded, f"sqlite:///{place}", progress))


async def _played(
    found: Recorded,
    settings: Settings,
    replayed: Replayed,
    course: Course,
    bars: RecordedBars,
    recorded: Reading,
    url: str,
    progress: Progress,
) -> Report:
    from journal import database
    from journal.account_copy import restore

    database.prepare(url)
    store = store_at(url, found.epoch)
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

    account = bars.account() if found.live else None
    if account is not None:
        with store.transaction() as tx:
            restore(tx, account)
    runtime = ReplayRuntime(course, store, replayed.feed, turn)
    try:
        specs = _specs(found, settings, replayed.market, url, course)
        runtime.spawn(specs)
        if course.last:
            summary = await runtime.get(DRIVER, runtime.ask(DRIVER, "run"), PATIENCE * 24)
            if same(course.at + 1 if found.exit_reason is None else FOREVER):
                differences += [one for one in [comparison.summary(msgspec.structs.asdict(summary))] if one]
    finally:
        for name in runtime.names(""):
            runtime.lose(name)
        store.close()
    return Report(
        run_id=found.run_id, decisions=comparison.decisions, cycles=course.n, difference=next(iter(differences), None)
    )


def _specs(found: Recorded, settings: Settings, market: Market, url: str, course: Course) -> list[ActorSpec]:
    """The actors of the run without its pace and its deadlines, and without those that only look on.

    Where an operator spoke, bars are waited for before anyone is asked about them, as if the feed were paced.
    """
    replace = msgspec.structs.replace
    settings = replace(
        settings,
        ray=replace(settings.ray, deadline=PATIENCE, agents_per_host=len(settings.symbols)),
        cycle=replace(settings.cycle, cycles=course.last, interval=None),
        feed=replace(settings.feed, speed=1e9 if course.spoken else None),
    )
    identity = Identity(found.run_id, found.epoch, url, found.started_at, "")
    return [one for one in actor_specs(settings, market, identity) if one.name != "Observer"]


def _other_parameters(found: Recorded, settings: Settings) -> Difference | None:
    """The recorded configuration means other parameters than those that the states were built with."""
    from domain.registry import build
    from strategies import STRATEGIES
    from strategies.base import fingerprint, resolve

    now = fingerprint(resolve(build("strategy", found.strategy, STRATEGIES), strategy_parameters(settings)))
    if now == found.fingerprint:
        return None
    sides: list[dict[str, Any]] = [{found.strategy: one} for one in (found.fingerprint, now)]
    return Difference(kind=PARAMETERS, at=found.anchor, cycle=0, recorded=sides[0], replayed=sides[1])
