"""A search: proposals in their order, tried by whoever has time, told in their order again.

What is proposed depends on the seed and on what was told before, never on who was faster: proposal ``n`` is made
when all up to ``n - lag`` have been told. So the same seed gives the same trials in one process and in many, and a
search that was ended in the middle goes on as if it had not been.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import msgspec

from domain.errors import ConfigError
from orchestration.backtest.running import Ready
from orchestration.backtest.searches.objective import Judging
from orchestration.backtest.searches.proposing import Proposer, Values, proposer
from orchestration.backtest.searches.space import Dimension, as_set, size
from orchestration.backtest.searches.splits import Window, inside
from orchestration.backtest.searches.trials import (
    COMPLETE,
    FAILED,
    REFUSED,
    REPEATED,
    Ladder,
    Outcome,
    Task,
    Trial,
    trial_of,
)
from orchestration.settings import Overrides, Settings, built_strategy, load, strategy_parameters

LAG = 8
"""Proposals that may be open at once; more where more processes try them."""
IN_VAIN = 300
"""Proposals in a row that were refused or had been there before, after which no more are made."""

Keep = Callable[[Trial], None]
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


class Pool(Protocol):
    """Who tries. ``wait`` gives what has come since the last time, when something has, and works towards that number;
    nothing once a stop was asked for."""

    def look_at(self, ready: Ready, judging: Judging) -> None: ...

    def submit(self, task: Task) -> None: ...

    def wait(self, number: int) -> list[Outcome]: ...

    def close(self) -> None: ...


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a search does. ``trials`` are tried at most; ``keep`` of them go on at each part of the time."""

    space: tuple[Dimension, ...]
    judging: Judging
    algorithm: str
    seed: int
    trials: int
    keep: float
    lag: int = LAG


class Setter:
    """Settings with some keys set over what a person asked for: the same checks as of a ``--set``."""

    def __init__(self, overrides: Overrides, base: Settings, environ: Mapping[str, str] | None = None) -> None:
        self._overrides, self._base = overrides, base
        self._environ = dict(os.environ if environ is None else environ)

    def settings(self, values: Values) -> Settings:
        """Raises ConfigError where they cannot be together; Changed where something else is not as it was."""
        sets = (*self._overrides.sets, *(as_set(key, value) for key, value in values.items()))
        found = load(replace(self._overrides, sets=sets), self._environ)
        self._same(found, values)
        from strategies.base import parameters_problems

        wrong = parameters_problems(built_strategy(self._base.strategy), strategy_parameters(found))
        if wrong:
            raise ConfigError(wrong)
        return found

    def _same(self, found: Settings, values: Values) -> None:
        before, now = self._base.written, found.written
        other = [key for key in sorted({*before, *now} - set(values)) if before.get(key) != now.get(key)]
        if found.strategy.sha256 != self._base.strategy.sha256:
            other.insert(0, f"the file of strategy {found.strategy.name}")
        if other:
            raise Changed(f"the configuration changed while the search ran ({', '.join(other[:5])}): begin a new one")


class Changed(ConfigError):
    """Something that has to stay as it is did not."""


class Search:
    """One search over one in-sample part. ``known`` are trials of before, which are not tried again."""

    def __init__(
        self,
        plan: Plan,
        setter: Setter,
        window: Window,
        pool: Pool,
        known: Mapping[int, Trial] | None = None,
        keep: Keep = lambda trial: None,
    ) -> None:
        self.plan, self._setter, self._window, self._pool = plan, setter, window, pool
        self._known, self._keep = dict(known or {}), keep
        self._proposer: Proposer = proposer(plan.algorithm, plan.space, plan.seed)
        self._ladder = Ladder(plan.keep)
        self._values: dict[int, Values] = {}
        self._first: dict[tuple[Any, ...], int] = {}
        self._open: deque[int] = deque()
        self._vain = self._counted = 0
        self.trials: dict[int, Trial] = {}
        self.stopped = False

    def run(self, ready: Ready, progress: Progress, stop: Stop) -> list[Trial]:
        """All trials in their order; fewer where ``stop`` ended it (``stopped``). ``ready`` is the whole market: only
        the in-sample part of it is handed on."""
        self._warm = _Warm(ready, self._window)
        self._pool.look_at(inside(ready, self._window.inside.start, self._window.inside.end), self.plan.judging)
        distinct, more = size(self.plan.space), True
        while True:
            while more and len(self._open) < self.plan.lag and self._counted < self.plan.trials:
                more = self._vain < IN_VAIN and not (distinct and len(self._first) >= distinct) and self._propose()
            if not self._open:
                break
            if stop() or not self._told(self._open[0]):
                self.stopped = True
                break
            progress(sum(one.made for one in self.trials.values()), self.plan.trials)
        return [self.trials[number] for number in sorted(self.trials)]

    def _propose(self) -> bool:
        """Whether there was another proposal."""
        values = self._proposer.ask()
        if values is None:
            return False
        number = len(self._values)
        self._values[number] = values
        self._open.append(number)
        known = self._known.get(number)
        if known is not None and known.values != values:
            raise Changed(
                f"trial {number} of this study had {_shown(known.values)}, now it would have {_shown(values)}: the "
                "library that proposes, or the study, is not the one of before; begin a new study"
            )
        same = self._first.setdefault(tuple(values.values()), number)
        if same != number:
            self._vain += 1
            self._finish(Trial(number=number, values=values, state=REPEATED, same_as=same))
        elif known is not None:
            self._vain = self._vain + 1 if known.state == REFUSED else 0
            self._counted += known.made
            self._finish(known)
        else:
            self._begin(number, values)
        return True

    def _begin(self, number: int, values: Values) -> None:
        try:
            settings = self._setter.settings(values)
            self._warm.check(settings)
        except Changed:
            raise
        except ConfigError as error:
            self._vain += 1
            self._finish(Trial(number=number, values=values, state=REFUSED, why="; ".join(error.problems)))
            return
        self._vain = 0
        self._counted += 1
        self._pool.submit(Task(number=number, settings=settings, floors=self._ladder.floors()))

    def _finish(self, trial: Trial) -> None:
        self.trials[trial.number] = trial
        if trial.number not in self._known:
            self._keep(trial)

    def _told(self, number: int) -> bool:
        """Wait for a proposal and tell what came of it; False where it was not tried to the end."""
        while number not in self.trials:
            came = self._pool.wait(number)
            if not came:
                return False
            for outcome in came:
                self._finish(trial_of(outcome, self._values[outcome.number], self._window))
        trial = self.trials[number]
        self._open.popleft()
        if trial.same_as is not None:
            first = self.trials[trial.same_as]
            rungs = first.rungs if first.state != FAILED else ()
            trial = msgspec.structs.replace(
                trial, objective=first.objective, missed_by=first.missed_by, rungs=rungs, metrics=first.metrics
            )
            if first.state == REFUSED:
                trial = msgspec.structs.replace(trial, state=REFUSED)
        elif trial.made:
            self._ladder.add(trial)
        self._proposer.tell(trial)
        return True


class _Warm:
    """Whether a strategy's warm-up leaves something of the in-sample bars."""

    def __init__(self, ready: Ready, window: Window) -> None:
        grid = inside(ready, window.inside.start, window.inside.end).grid
        self._bars = max(len(one.bars) for one in grid.series[: len(ready.settings.symbols)])

    def check(self, settings: Settings) -> None:
        from strategies.base import resolve

        strategy = built_strategy(settings.strategy)
        warm_up = strategy.warm_up(resolve(strategy, strategy_parameters(settings)))
        if warm_up >= self._bars:
            raise ConfigError(f"it warms up over {warm_up:,} bars, and there are only {self._bars:,} in sample")


def best(trials: Sequence[Trial]) -> Trial | None:
    """The one with the highest objective among those that keep every constraint; the earliest of equals."""
    fit = [one for one in trials if one.state == COMPLETE and one.objective is not None]
    return max(fit, key=lambda one: (one.objective, -one.number), default=None)


def _shown(values: Values) -> str:
    return ", ".join(f"{key}={value}" for key, value in values.items())
