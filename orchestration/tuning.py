"""Who tries the sets of a search: this process, or workers on a Ray cluster of their own where that pays."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable

from domain.errors import ActorLost, ArgusError
from orchestration.backtest.running import Ready
from orchestration.backtest.searches.objective import Judging
from orchestration.backtest.searches.splits import fingerprint
from orchestration.backtest.searches.trials import FAILED, InProcess, Outcome, Task
from orchestration.topology import ActorSpec

START_COSTS = 10.0
"""Seconds that have to be saved before workers are started without being asked for."""
LOOK = 0.2
"""Seconds between two looks at whether a stop was asked for."""
WITHIN = 300.0
"""Seconds for a worker to start and to take its bars."""
TRIES = 2
"""How often a set is tried whose worker ends over it."""

Stop = Callable[[], bool]


class Workers:
    """So many processes. Each gets the bars once, and the next tasks before it has ended the one at hand."""

    def __init__(self, jobs: int, stop: Stop = lambda: False) -> None:
        from orchestration.cluster import RayRuntime  # slow to load, and often not needed

        self._stop = stop
        self._runtime = RayRuntime("local", False, None)
        self._made = 0
        self._ready: Ready | None = None
        self._judging: Judging | None = None
        self._queues: dict[str, deque[tuple[Task, object]]] = {}
        self._lost: dict[int, int] = {}
        for _ in range(jobs):
            self._queues[self._spawned()] = deque()
        self._runtime.ready(WITHIN, stop)

    def _spawned(self) -> str:
        self._made += 1
        name = f"Tuner-{self._made}"
        spec = ActorSpec(name=name, shows="Tuner", build="orchestration.backtest.searches.trials:worker", spec=name)
        self._runtime.spawn([spec])
        return name

    def look_at(self, ready: Ready, judging: Judging) -> None:
        """From now on these bars; what was submitted before is forgotten. Raises ArgusError where a worker holds other
        bars than it was given."""
        self._ready, self._judging, self._lost = ready, judging, {}
        asked = [(name, self._runtime.ask(name, "look_at", ready, judging)) for name in self._queues]
        self._queues = {name: deque() for name in self._queues}
        expected = fingerprint(ready.grid)
        for name, reference in asked:
            held = self._runtime.get(name, reference, WITHIN)
            if held != expected:
                raise ArgusError(f"{name} holds bars with the fingerprint {held}, given were {expected}")

    def submit(self, task: Task) -> None:
        name = min(self._queues, key=lambda one: len(self._queues[one]))
        self._queues[name].append((task, self._runtime.ask(name, "evaluate", task)))

    def wait(self, number: int) -> list[Outcome]:
        """What has come, as soon as something has; nothing once a stop was asked for."""
        while not self._stop():
            came = [one for name in list(self._queues) for one in self._collected(name)]
            if came:
                return came
            reference = next(found for queue in self._queues.values() for one, found in queue if one.number == number)
            self._runtime.done(reference, LOOK)
        return []

    def _collected(self, name: str) -> list[Outcome]:
        queue = self._queues[name]
        came: list[Outcome] = []
        answered = self._runtime.answered([reference for _, reference in queue])
        for done in answered:
            if not done:
                break
            reference = queue[0][1]
            found = self._runtime.outcome(name, reference, WITHIN)
            if isinstance(found, ActorLost):
                return came + self._replaced(name, found)
            if isinstance(found, BaseException):
                raise found
            queue.popleft()
            came.append(found)
        return came

    def _replaced(self, name: str, lost: ActorLost) -> list[Outcome]:
        """A worker's process has ended over the first of its tasks: another one takes its place, and its tasks."""
        queue = self._queues.pop(name)
        self._runtime.end(name)
        came: list[Outcome] = []
        task = queue[0][0]
        self._lost[task.number] = self._lost.get(task.number, 0) + 1
        if self._lost[task.number] >= TRIES:
            queue.popleft()
            came.append(_failed(task, str(lost), fingerprint(self._ready.grid) if self._ready else ""))
        fresh = self._spawned()
        self._runtime.get(fresh, self._runtime.ask(fresh, "look_at", self._ready, self._judging), WITHIN)
        again = [one for one, _ in queue]
        self._queues[fresh] = deque((one, self._runtime.ask(fresh, "evaluate", one)) for one in again)
        return came

    def close(self) -> None:
        """End the workers and the cluster. A second call does nothing."""
        self._queues.clear()
        self._runtime.stop()


def _failed(task: Task, why: str, seen: str) -> Outcome:
    return Outcome(
        number=task.number,
        state=FAILED,
        rungs=(),
        metrics={},
        missed_by=0.0,
        why=f"its process ended: {why}",
        seen=seen,
        last=0,
        decisions_hash="",
        seconds=0.0,
    )


class Growing:
    """Begins in this process. With ``jobs`` None workers are started after the first trial if they save time by then,
    one per core; else so many are, and none for 1."""

    def __init__(self, jobs: int | None, trials: int, stop: Stop = lambda: False) -> None:
        self._jobs, self._trials, self._stop = jobs, trials, stop
        self._pool: InProcess | Workers = InProcess(stop)
        self._ready: tuple[Ready, Judging] | None = None
        self._tasks: dict[int, Task] = {}
        self._asked_for = jobs is not None and jobs > 1

    def look_at(self, ready: Ready, judging: Judging) -> None:
        self._ready, self._tasks = (ready, judging), {}
        if self._asked_for and isinstance(self._pool, InProcess):
            assert self._jobs is not None
            self._pool = Workers(self._jobs, self._stop)
        self._pool.look_at(ready, judging)

    def submit(self, task: Task) -> None:
        self._tasks[task.number] = task
        self._pool.submit(task)

    def wait(self, number: int) -> list[Outcome]:
        begun = time.perf_counter()
        came = self._pool.wait(number)
        for one in came:
            self._trials -= 1
            del self._tasks[one.number]
        if came and isinstance(self._pool, InProcess) and self._jobs is None:
            self._grow(time.perf_counter() - begun)
        return came

    def _grow(self, took: float) -> None:
        jobs = cores()
        if took * self._trials * (1 - 1 / jobs) < START_COSTS:
            return
        assert self._ready is not None
        self._pool.close()
        self._pool = Workers(jobs, self._stop)
        self._pool.look_at(*self._ready)
        for task in self._tasks.values():
            self._pool.submit(task)

    def close(self) -> None:
        self._pool.close()


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def lag_for(jobs: int | None, usual: int) -> int:
    """How many proposals have to be open so that nobody waits: two for each process."""
    return max(usual, 2 * (jobs or cores()))
