"""Cycle time of the shipped path against the bare Ray floor, interleaved in one run of one Ray cluster.

``python -m benchmarks.cycle --symbols N [--agents-per-host K] [--cycles C] [--rounds R] [--json]``

A cycle counts from asking the feed to the committed SCAN_SUMMARY, by the driver's own clock (each
SCAN_SUMMARY carries the time of the cycle before it); cycles with candidates included, warm-up dropped.
Order in each round: half of the floor's cycles, the run, the other half. What the floor is: ``floor``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import rig
from benchmarks.figures import median, percentile, table
from benchmarks.floor import Floor, Lap, Sizes
from domain.candidate import REPORT
from domain.events import SCAN_START
from journal.codec import facts
from orchestration.topology import hosts

WARM_UP = 20


class Rounds(rig.Watcher):
    """What the rounds have measured so far: the run's cycles, the floor's, both in ms without their warm-up."""

    def __init__(self, count: int, per_host: int | None, cycles: int, database: Path) -> None:
        self.names = rig.symbols(count)
        self._cycles, self._database = cycles, database
        parts = hosts(self.names, per_host, os.cpu_count() or 1)
        self._symbols_of_hosts = [len(part) for _, part in parts]
        self.hosts = len(parts)
        self.sizes = Sizes(opened=400, closed=REPORT.itemsize * count + 250)
        self.cycles: list[float] = []
        self.scans: list[float] = []
        self.laps: list[Lap] = []
        self.candidates = 0
        self._opened: list[int] = []
        self._closed: list[int] = []
        self.cpu: dict[str, float] = {}
        self.run_cycles = 0
        self.floor_cpu = 0.0
        self.floor_cycles = 0

    def started(self, info: Any) -> None:
        self._round: list[tuple[float, float]] = []
        self._floor = Floor(self._symbols_of_hosts, self._database.with_name("floor.db"))
        self._measure_floor()
        self._cpu_before = rig.cpu_seconds()

    def row(self, row: Any) -> None:
        if row["type"] == SCAN_START:
            self._opened.append(len(row["body"]))
        elif rig.is_summary(row):
            said = facts(row["body"])
            self._closed.append(len(row["body"]))
            self._round.append((said["last_cycle_ms"], said["scan_ms"]))
            self.candidates += said["candidates"]

    def ended(self, code: int) -> None:
        for name, seconds in rig.cpu_seconds().items():
            self.cpu[name] = self.cpu.get(name, 0.0) + seconds - self._cpu_before.get(name, 0.0)
        self.run_cycles += len(self._round)
        snapshots = self._snapshot_bytes()
        self.sizes = Sizes(round(median(self._opened)) + snapshots, round(median(self._closed)))
        self._measure_floor()
        self._floor.stop()
        measured = self._round[WARM_UP + 1 :]  # each tells of the cycle before it
        self.cycles += [cycle for cycle, _ in measured]
        self.scans += [scan for _, scan in measured]

    def _measure_floor(self) -> None:
        half = WARM_UP + self._cycles // 2
        before = sum(rig.cpu_seconds().values())
        self.laps += self._floor.measure(half, self.sizes)[WARM_UP:]
        self.floor_cpu += sum(rig.cpu_seconds().values()) - before
        self.floor_cycles += half

    def _snapshot_bytes(self) -> int:
        from sqlalchemy import func, select

        from journal import schema
        from journal.store import Store

        store = Store(f"sqlite:///{self._database}", 0)
        with store.read() as connection:
            mine = select(func.avg(func.length(schema.cycles.c.snapshot))).where(schema.cycles.c.run_id == self.run_id)
            found = connection.execute(mine).scalar()
        store.close()
        return round(found or 0)


def measure(count: int, per_host: int | None, cycles: int, rounds: int) -> dict[str, Any]:
    """All rounds; milliseconds. Raises SystemExit if a run fails."""
    with rig.folder() as home:
        conditions = rig.conditions()
        watcher = Rounds(count, per_host, cycles, home / "argus.db")
        for number in range(1, rounds + 1):
            rig.progress(f"round {number} of {rounds}: {count} symbols in {watcher.hosts} hosts")
            code = rig.run(
                watcher, home / "argus.db", watcher.names, cycles + WARM_UP + 1, rig.agents_per_host(per_host)
            )
            if code:
                raise SystemExit(code)
    return report(count, watcher, rounds, conditions)


def report(count: int, watcher: Rounds, rounds: int, conditions: dict[str, Any]) -> dict[str, Any]:
    totals = [one.total for one in watcher.laps]
    p50, floor = median(watcher.cycles), median(totals)
    return {
        "n": count,
        "hosts": watcher.hosts,
        "p50_ms": round(p50, 3),
        "p99_ms": round(percentile(watcher.cycles, 0.99), 3),
        "floor_p50_ms": round(floor, 3),
        "ratio": round(p50 / floor, 3),
        "floor_p99_ms": round(percentile(totals, 0.99), 3),
        "floor_fan_out_ms": round(median([one.fan_out for one in watcher.laps]), 3),
        "floor_calls_ms": round(median([one.calls for one in watcher.laps]), 3),
        "floor_commits_ms": round(median([one.commits for one in watcher.laps]), 3),
        "scan_p50_ms": round(median(watcher.scans), 3),
        "cycles": len(watcher.cycles),
        "floor_cycles": len(totals),
        "rounds": rounds,
        "candidates": watcher.candidates,
        "bytes": list(watcher.sizes),
        "cpu_ms": round(sum(watcher.cpu.values()) / watcher.run_cycles * 1e3, 2),
        "floor_cpu_ms": round(watcher.floor_cpu / watcher.floor_cycles * 1e3, 2),
        "cpu_ms_by_actor": {name: round(one / watcher.run_cycles * 1e3, 2) for name, one in watcher.cpu.items()},
        "conditions": conditions,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cycle", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--symbols", type=int, required=True, metavar="N")
    parser.add_argument("--agents-per-host", type=int, metavar="K", help="symbols that share an actor (default: auto)")
    parser.add_argument("--cycles", type=int, default=500, metavar="C", help="measured cycles per round")
    parser.add_argument("--rounds", type=int, default=1, metavar="R", help="each with a Ray cluster of its own")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    given = parser.parse_args()
    if min(given.symbols, given.cycles, given.rounds, given.agents_per_host or 1) < 1:
        parser.error("every number is 1 or more")
    found = measure(given.symbols, given.agents_per_host, given.cycles, given.rounds)
    print(json.dumps(found) if given.json else table(("", ""), list(found.items())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
