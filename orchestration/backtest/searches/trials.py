"""One trial of a search: a set of values, tried on growing parts of the bars that the search may see."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from actors.base import Health, health_of
from domain.errors import ArgusError, ConfigError
from domain.timeframe import iso
from orchestration.backtest.running import Ready, run
from orchestration.backtest.searches.objective import Judging, measures
from orchestration.backtest.searches.space import Value
from orchestration.backtest.searches.splits import Window, fingerprint, inside
from orchestration.settings import Settings

SHARES = (0.25, 0.5, 1.0)
"""Parts of the in-sample time, from its beginning, on which a trial is tried one after the other."""
LEAST_BEFORE = 10
"""Trials with a value that it takes before one is stopped."""

COMPLETE, INFEASIBLE, PRUNED, FAILED = "complete", "infeasible", "pruned", "failed"
REFUSED, REPEATED = "refused", "repeated"
MADE = (COMPLETE, INFEASIBLE, PRUNED, FAILED)
"""States of trials that count: something was tried on the bars."""

Stop = Callable[[], bool]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What is tried. ``floors``: the objective that each part but the last has to reach, None for any."""

    number: int
    settings: Settings
    floors: tuple[float | None, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. ``rungs``: the objective on each part that was tried; ``metrics`` those of the last one.
    ``seen``: the fingerprint of all bars that the trial could see; ``last``: the newest moment that it came to (ns)."""

    number: int
    state: str
    rungs: tuple[float | None, ...]
    metrics: dict[str, float | int | None]
    missed_by: float
    why: str
    seen: str
    last: int
    decisions_hash: str
    seconds: float


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """One line of ``trials.jsonl``. ``number`` counts what was proposed; ``same_as`` is the trial that had the same
    values, which is not tried again. The fingerprints are of the bars in sample, of those out of sample, and of all
    that the trial could see: the first and the last are the same."""

    number: int
    values: dict[str, Value]
    state: str
    objective: float | None = None
    rungs: tuple[float | None, ...] = ()
    metrics: dict[str, float | int | None] = {}
    missed_by: float = 0.0
    why: str = ""
    same_as: int | None = None
    in_sample: str = ""
    out_of_sample: str = ""
    seen: str = ""
    last: int = 0
    decisions_hash: str = ""
    seconds: float = 0.0

    @property
    def made(self) -> bool:
        return self.state in MADE

    @property
    def sharpe(self) -> float | None:
        """Of one period, on the last part that it came to."""
        found = self.metrics.get("sharpe_per_period")
        return None if found is None else float(found)


class Evaluator:
    """Holds the bars in sample, cut into their parts once, and tries one set of values after the other on them."""

    def __init__(self, ready: Ready, judging: Judging, shares: Sequence[float] = SHARES) -> None:
        self.seen = fingerprint(ready.grid)
        self._judging = judging
        self._parts = [*(_part(ready, share) for share in shares[:-1]), ready]

    def __call__(self, task: Task, stop: Stop = lambda: False) -> Outcome | None:
        """None where ``stop`` ended it."""
        from orchestration.backtest.measures.metrics import metrics

        begun = time.perf_counter()
        rungs: list[float | None] = []
        told: dict[str, Any] = {}
        state, why, digest, last = COMPLETE, "", "", 0
        for number, part in enumerate(self._parts):
            try:
                result = run(part.with_settings(task.settings), stop=stop)
            except ArgusError as error:
                state, why = FAILED, str(error)
                break
            if result.partial:
                return None
            told, digest, last = metrics(result), result.decisions_hash, int(result.moments[-1])
            rungs.append(self._judging.value(told))
            if result.errors:
                state, why = FAILED, result.errors[0]
                break
            if number < len(task.floors) and _below(rungs[-1], task.floors[number]):
                state = PRUNED
                break
        missed_by = self._judging.missed_by(told) if state == COMPLETE else 0.0
        if state == COMPLETE and rungs[-1] is None:
            state, why = FAILED, f"{self._judging.objective} is not defined: {told.get('trades', 0)} trades"
        elif missed_by > 0:
            state = INFEASIBLE
        return Outcome(
            number=task.number,
            state=state,
            rungs=tuple(rungs),
            metrics=measures(told),
            missed_by=missed_by,
            why=why,
            seen=self.seen,
            last=last,
            decisions_hash=digest,
            seconds=time.perf_counter() - begun,
        )


def _part(ready: Ready, share: float) -> Ready:
    moments = ready.grid.moments[ready.grid.begin :]
    start, end = int(moments[0]) - 1, int(moments[-1])
    return inside(ready, start, start + math.ceil((end - start) * share))


def _below(value: float | None, floor: float | None) -> bool:
    """Nothing is known of a trial without a value: it goes on."""
    return value is not None and floor is not None and value < floor


class Ladder:
    """What trials reached on each part, and from that what the next ones have to reach to go on: ``keep`` of those
    so far did (asynchronous successive halving, Li and others 2020, as a rule that stops)."""

    def __init__(self, keep: float, rungs: int = len(SHARES) - 1) -> None:
        self._keep, self._values = keep, [list[float]() for _ in range(rungs)]

    def add(self, trial: Trial) -> None:
        for values, found in zip(self._values, trial.rungs, strict=False):
            if found is not None:
                values.append(found)

    def floors(self) -> tuple[float | None, ...]:
        return tuple(map(self._floor, self._values))

    def _floor(self, values: list[float]) -> float | None:
        if self._keep >= 1 or len(values) < LEAST_BEFORE:
            return None
        return sorted(values, reverse=True)[math.ceil(len(values) * self._keep) - 1]


class InProcess:
    """Tries in this process, one after the other, when somebody waits for it."""

    def __init__(self, stop: Stop = lambda: False) -> None:
        self._stop = stop
        self._evaluate: Evaluator | None = None
        self._tasks: dict[int, Task] = {}

    def look_at(self, ready: Ready, judging: Judging) -> None:
        """From now on these bars."""
        self._evaluate, self._tasks = Evaluator(ready, judging), {}

    def submit(self, task: Task) -> None:
        self._tasks[task.number] = task

    def wait(self, number: int) -> list[Outcome]:
        """Its outcome; nothing once a stop was asked for."""
        assert self._evaluate is not None
        found = self._evaluate(self._tasks.pop(number), self._stop)
        return [] if found is None else [found]

    def close(self) -> None:
        self._tasks.clear()


class Worker:
    """The same in a process of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._evaluate: Evaluator | None = None

    def health(self) -> Health:
        return health_of(self._name, self._evaluate is not None)

    def look_at(self, ready: Ready, judging: Judging) -> str:
        """The fingerprint of what it holds."""
        self._evaluate = Evaluator(ready, judging)
        return self._evaluate.seen

    def evaluate(self, task: Task) -> Outcome | None:
        if self._evaluate is None:
            raise ConfigError(f"{self._name} has no bars")
        return self._evaluate(task)


def worker(name: str, peers: object, meter: object) -> Worker:
    """As an actor is built."""
    return Worker(name)


def trial_of(outcome: Outcome, values: Mapping[str, Value], window: Window) -> Trial:
    """Raises ArgusError where the trial saw other bars than those in sample."""
    in_sample = window.inside
    if outcome.seen != in_sample.sha256 or outcome.last > in_sample.end:
        raise ArgusError(
            f"trial {outcome.number} saw bars with the fingerprint {outcome.seen} up to {iso(outcome.last)}, not only "
            f"those in sample ({in_sample.sha256}, up to {iso(in_sample.end)}): nothing of this search can be believed"
        )
    complete = outcome.state in (COMPLETE, INFEASIBLE)
    return Trial(
        number=outcome.number,
        values=dict(values),
        state=outcome.state,
        objective=outcome.rungs[-1] if complete else None,
        rungs=outcome.rungs,
        metrics=outcome.metrics,
        missed_by=outcome.missed_by,
        why=outcome.why,
        in_sample=in_sample.sha256,
        out_of_sample=window.outside.sha256,
        seen=outcome.seen,
        last=outcome.last,
        decisions_hash=outcome.decisions_hash,
        seconds=outcome.seconds,
    )
