"""A search in one process and with workers: how much faster, and whether the workers' memory stays flat.

``python -m benchmarks.optimise [--trials 200] [--jobs 2] [--data EURUSD=FILE] [--bars 20000] [--json]``

Both make the same trials, which is checked. The seconds are those of the trials alone; Ray's start is told apart.
Without ``--data`` the market is simulated.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any

import msgspec
import psutil

from benchmarks import rig
from benchmarks.figures import line, table

SPACE = ("strategy.fast=5..50", "strategy.slow=55..200", "risk.risk_fraction=0.005..0.02")
WORKER = "ray::Tuner"


class Timed:
    """A pool that is watched: when the first task came, when the last answer did, and what its workers held."""

    def __init__(self, pool: Any, started_in: float) -> None:
        self._pool, self.started_in = pool, started_in
        self.begun = self.ended = 0.0
        self.answers = 0
        self.memory: list[tuple[int, float]] = []
        self.look_at = pool.look_at
        self.close = pool.close

    def submit(self, task: Any) -> None:
        self.begun = self.begun or time.perf_counter()
        self._pool.submit(task)

    def wait(self, number: int) -> Any:
        came = self._pool.wait(number)
        self.ended = time.perf_counter()
        self.answers += len(came)
        workers = [one for one in psutil.Process().children(recursive=True) if one.name().startswith(WORKER)]
        if workers:
            self.memory.append((self.answers, sum(one.memory_info().rss for one in workers) / rig.MEGABYTE))
        return came


def searched(overrides: Any, asked: Any, jobs: int) -> tuple[Timed, list[Any]]:
    from orchestration.backtest.searches.optimising import begin, optimise
    from orchestration.backtest.searches.trials import InProcess
    from orchestration.tuning import Workers

    job = begin(overrides, asked, None, rig.progress)
    begun = time.perf_counter()
    made = InProcess() if jobs == 1 else Workers(jobs)
    pool = Timed(made, time.perf_counter() - begun)
    found = optimise(job, pool, lambda done, total: None, lambda: False)
    return pool, [msgspec.structs.replace(one, seconds=0.0) for one in found.trials]


def measure(trials: int, jobs: int, data: str | None, bars: int) -> dict[str, Any]:
    """Seconds, and MB of all workers together. Raises SystemExit where the two made other trials."""
    from orchestration.backtest.searches.study import Asked
    from orchestration.settings import Overrides

    with rig.folder():
        conditions = rig.conditions()
        symbol = data.partition("=")[0] if data else "EURUSD"
        market: dict[str, Any] = {"data": (data,)} if data else {"sets": (f"feed.bars={bars}",)}
        overrides = Overrides(symbols=(symbol,), **market)
        asked = Asked(space=SPACE, trials=trials, algorithm="random", keep=1.0, lag=max(8, 2 * jobs))
        searched(overrides, msgspec.structs.replace(asked, trials=2), 1)  # what is compiled once is compiled
        alone, first = searched(overrides, asked, 1)
        rig.progress(f"one process: {alone.ended - alone.begun:.2f} s")
        many, second = searched(overrides, asked, jobs)
        rig.progress(f"{jobs} workers: {many.ended - many.begun:.2f} s")
    if first != second:
        raise SystemExit("the workers made other trials than the one process")
    one, more = alone.ended - alone.begun, many.ended - many.begun
    later = [(at, held) for at, held in many.memory if at >= trials // 4]
    slope = line([at for at, _ in later], [held for _, held in later])[0] if len({at for at, _ in later}) > 1 else 0.0
    return {
        "trials": sum(one.made for one in first),
        "jobs": jobs,
        "one_process_s": round(one, 3),
        "workers_s": round(more, 3),
        "speed_up": round(one / more, 3),
        "a_trial_ms": round(one / trials * 1000, 2),
        "ray_start_s": round(many.started_in, 2),
        "workers_mb_at_a_quarter": round(later[0][1], 1) if later else None,
        "workers_mb_at_the_end": round(later[-1][1], 1) if later else None,
        "growth_mb_per_100_trials": round(slope * 100, 3),
        "conditions": conditions | {"load_after": round(os.getloadavg()[0], 2)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.optimise", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--data", help="SYMBOL=FILE of recorded bars")
    parser.add_argument("--bars", type=int, default=20_000, help="of the simulated market, without --data")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line, and no table")
    given = parser.parse_args()
    if given.trials < 8 or given.jobs < 2:
        parser.error("--trials is 8 or more, --jobs 2 or more")
    found = measure(given.trials, given.jobs, given.data, given.bars)
    print(json.dumps(found), flush=True)
    if not given.json:
        print(table(("", ""), list(found.items())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
