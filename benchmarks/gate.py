"""The gate with every rule on: what one candidate costs beside many open positions.

``python -m benchmarks.gate [--positions P] [--rounds R] [--no-ray] [--json]``

``reserve`` for 1, 10 and 100 candidates that all pass, with its commit and without, beside the same checks written as
one plain loop over plain numbers in the same process; then through Ray beside a bare call to an actor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import numpy as np

from benchmarks import rig
from benchmarks.figures import median, table
from domain.timeframe import SECOND

COUNTS = (1, 10, 100)


def measure(positions: int, rounds: int, through_ray: bool) -> dict[str, Any]:
    """Microseconds a candidate."""
    from orchestration import kernel_cache
    from orchestration.clock import WallClock

    with rig.folder() as home:
        kernel_cache.prepare(home / "kernels", WallClock().now())
        found = _in_process(home, positions, rounds)
        found["through_ray"] = _ray(home, positions, max(20, rounds // 4)) if through_ray else {}
        return found | rig.conditions()


def _in_process(home: Path, positions: int, rounds: int) -> dict[str, Any]:
    from actors.risk_manager import RiskManager
    from benchmarks import gate_desk as desk
    from orchestration.clock import WallClock

    gate, store = desk.with_store(home, positions, max(COUNTS))
    manager, past = RiskManager(gate, store, WallClock()), desk.Past(gate)
    desk.ready(manager, past)
    records: Any = manager._records
    write = records.answered
    at, found = desk.NOON, {}
    for count in COUNTS:
        rig.progress(f"{count} candidates beside {positions} positions")
        times: dict[str, list[float]] = {"without_commit": [], "with_commit": [], "plain": []}
        asked, holdings, account = _plain(manager, gate, past, positions, count)
        for number in range(rounds):
            at += SECOND
            manager.snapshot(past.bars(at))
            wishes = desk.candidates(gate, past, positions, count, at)
            commits = number % 2 == 0
            records.answered = write if commits else _nothing
            begun = time.perf_counter()
            answer = manager.reserve([], wishes, at)
            times["with_commit" if commits else "without_commit"].append(time.perf_counter() - begun)
            if len(answer.orders) != count:
                raise SystemExit(f"only {len(answer.orders)} of {count} passed: {answer.denied[:1]}")
            begun = time.perf_counter()
            for one in asked:
                _judged(one, holdings, account)
            times["plain"].append(time.perf_counter() - begun)
            for order in answer.orders:
                manager.book.release(order.id)
        found[str(count)] = {name: round(median(all_) / count * 1e6, 1) for name, all_ in times.items()}
        found[str(count)]["ratio"] = round(found[str(count)]["without_commit"] / found[str(count)]["plain"], 2)
    store.close()
    return {"positions": positions, "rules": len(manager._gate.rules.names), "us_per_candidate": found}


def _nothing(*args: Any) -> None:
    """In place of the commit."""


def _judged(asked: Any, holdings: Any, account: Any) -> None:
    from benchmarks.plain_checks import judge

    if judge(asked, holdings, account) <= 0:
        raise SystemExit("the plain loop denies")


def _plain(manager: Any, gate: Any, past: Any, positions: int, count: int) -> tuple[Any, Any, Any]:
    """The same book and candidates as plain numbers."""
    from benchmarks.plain_checks import Account, Asked, Holding

    returns, symbols = manager._lookout.returns, gate.run.symbols
    signs = {one: 1 if held.quantity > 0 else -1 for one, held in manager.book.positions.items()}
    holdings = [
        Holding(one[:3], one[3:], signs[one] * 11_000.0, np.array(returns.of(one))) for one in symbols[:positions]
    ]
    asked = [
        Asked(one[:3], one[3:], 1 if n % 2 else -1, 1.1, 0.002, 0.004, 0.00008, 1e9, np.array(returns.of(one)))
        for n, one in enumerate(symbols[positions : positions + count])
    ]
    return asked, holdings, Account(1e6, 1e6, 1e6, 1e6, 1_704_204_000.0, [])


def _ray(home: Path, positions: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of one ``reserve`` through Ray, its commit included, and of a bare call."""
    import ray

    from benchmarks.gate_actor import BareGate, MeasuredGate

    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        gate = ray.remote(MeasuredGate).options(num_cpus=0).remote(str(home / "ray"), positions)
        bare = ray.remote(BareGate).options(num_cpus=0).remote()
        found: dict[str, Any] = {}
        ray.get([gate.ready.remote(), bare.call.remote()])
        for count in COUNTS:
            times: dict[str, list[float]] = {"reserve": [], "bare": []}
            for _ in range(rounds):
                wishes = ray.get(gate.next.remote(count))
                for name, call in (("reserve", gate.reserve), ("bare", bare.call)):
                    begun = time.perf_counter()
                    ray.get(call.remote(wishes))
                    times[name].append(time.perf_counter() - begun)
            ms = {name: round(median(all_) * 1e3, 2) for name, all_ in times.items()}
            found[str(count)] = ms | {"ratio": round(ms["reserve"] / ms["bare"], 2)}
        return found
    finally:
        ray.shutdown()


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__.split("\n")[0])
    parser.add_argument("--positions", type=int, default=50, help="open positions")
    parser.add_argument("--rounds", type=int, default=200, help="calls of each kind")
    parser.add_argument("--no-ray", action="store_true", help="only in this process")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    found = measure(given.positions, given.rounds, not given.no_ray)
    if given.json:
        print(json.dumps(found))
        return 0
    head = ("candidates", "µs each", "with commit", "plain loop", "ratio", "Ray ms", "bare ms", "ratio")
    rows = []
    for count, one in found["us_per_candidate"].items():
        far = found["through_ray"].get(count, {})
        rows.append(
            (
                count,
                *(one[name] for name in ("without_commit", "with_commit", "plain", "ratio")),
                *(far.get(name, "-") for name in ("reserve", "bare", "ratio")),
            )
        )
    print(table(head, rows))
    print(f"{found['rules']} rules, {found['positions']} open positions, load {found['load']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
