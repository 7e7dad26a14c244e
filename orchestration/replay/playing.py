"""The whole system of a recorded run once more, in one process, on a database of its own, with the same ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from actors.inputs import Reading, RecordedBars
from actors.risk_manager import RiskManager
from actors.weighing import RESEARCH
from journal.store import Store
from orchestration import frozen
from orchestration.frozen import Recorded
from orchestration.plan import Identity, actor_specs
from orchestration.replay.cast import DRIVER, PATIENCE, MakeGate, ReplayedGate, ReplayRuntime, Turn
from orchestration.replay.comparison import Difference
from orchestration.replay.course import Course
from orchestration.replay.market import Replayed, first_change, replayed_market
from orchestration.settings import Settings, own_file, strategy_parameters
from orchestration.topology import ActorSpec
from strategies.files import strategy_named

PARAMETERS = "parameters"

Progress = Callable[[int, int], None]
Notice = Callable[[str], None]


class Play(NamedTuple):
    """A recorded run, what reached it, and its market."""

    found: Recorded
    settings: Settings
    course: Course
    bars: RecordedBars
    replayed: Replayed

    def changed(self) -> Difference | None:
        """What is not as it was before anything has been played: parameters of the strategy, or bars. Raises
        ConfigError if the file of a user's strategy is gone or another one."""
        return _other_parameters(self.found, self.settings) or first_change(self.replayed, self.found, self.course)

    async def through(self, store: Store, turn: Turn, gate: MakeGate = ReplayedGate) -> tuple[Any, RiskManager]:
        """Up to the end, or the first ``turn`` that says no: the summary (None of a run without a cycle), and the
        gate as it is then."""
        account = self.bars.account() if self.found.live else None
        if account is not None:
            from journal.account_copy import restore

            with store.transaction() as tx:
                restore(tx, account)
        runtime = ReplayRuntime(self.course, store, self.replayed.feed, turn, gate)
        try:
            runtime.spawn(self._specs(store.url))
            done = None
            if self.course.last:
                done = await runtime.get(DRIVER, runtime.ask(DRIVER, "run"), PATIENCE * 24)
            return done, runtime.object("RiskManager")
        finally:
            for name in runtime.names(""):
                runtime.lose(name)

    def _specs(self, url: str) -> list[ActorSpec]:
        """The actors of the run without its pace and its deadlines, and without those that only look on.

        Where an operator spoke, bars are waited for before anyone is asked about them, as if the feed were paced.
        """
        replace, found, settings, course = msgspec.structs.replace, self.found, self.settings, self.course
        settings = replace(
            settings,
            ray=replace(settings.ray, deadline=PATIENCE, agents_per_host=len(settings.symbols)),
            cycle=replace(settings.cycle, cycles=course.last, interval=None),
            feed=replace(settings.feed, speed=1e9 if course.spoken else None),
        )
        identity = Identity(found.run_id, found.epoch, url, found.started_at, "")
        specs = actor_specs(settings, self.replayed.market, identity)
        return [one for one in specs if one.name not in ("Observer", RESEARCH)]


def prepared(found: Recorded, recorded: Reading) -> Play:
    """A run ready to be played. Raises ConfigError if its inputs are gone."""
    settings = frozen.settings_of(found.config)
    course = Course(recorded, found)
    bars = RecordedBars(recorded, found.run_id)
    replayed = replayed_market(found, settings, bars, course)
    return Play(found, settings, course, bars, replayed)


def _other_parameters(found: Recorded, settings: Settings) -> Difference | None:
    """The recorded configuration means other parameters than those that the states were built with."""
    from strategies.base import fingerprint, resolve

    kernel = strategy_named(found.strategy, own_file(settings.strategy))
    now = fingerprint(resolve(kernel, strategy_parameters(settings)))
    if now == found.fingerprint:
        return None
    sides: list[dict[str, Any]] = [{found.strategy: one} for one in (found.fingerprint, now)]
    return Difference(kind=PARAMETERS, at=found.anchor, cycle=0, recorded=sides[0], replayed=sides[1])
