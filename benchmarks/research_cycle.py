"""What research adds to a cycle: off, by rules (recorded, then with a say), and asking an endpoint that never answers.

``python -m benchmarks.research_cycle [--symbols N] [--cycles C] [--rounds R] [--deadline S] [--json]``

The same simulated run on Ray each time, in turn within each round; milliseconds by the driver's own clock, of cycles
with and without candidates. Floor: research off. ``over`` is by how much the longest cycle went beyond the deadline of
the step; the bare gather is the longest cycle with research off.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks import rig
from benchmarks.figures import median, percentile, table
from journal.codec import facts

WARM_UP = 20
FAST = ("strategy.fast=2", "strategy.slow=5")
VETO = ("research.researcher=veto", "research.analyst=veto")
ADVISORY = tuple(one.replace("veto", "advisory") for one in VETO)


class Cycles(rig.Watcher):
    """Times of the cycles of one run, each told by the summary after it, with how many candidates it had."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def row(self, row: Any) -> None:
        if rig.is_summary(row):
            said = facts(row["body"])
            self.told.append((said["last_cycle_ms"], said["candidates"]))

    def times(self) -> tuple[list[float], list[float]]:
        """(with candidates, without), in ms, without the warm-up."""
        after = list(zip(self.told, self.told[1:], strict=False))[WARM_UP:]
        busy = [later[0] for one, later in after if one[1]]
        idle = [later[0] for one, later in after if not one[1]]
        return busy, idle


@contextmanager
def silent() -> Iterator[str]:
    """An endpoint that takes every question and never answers."""
    server = socket.create_server(("127.0.0.1", 0), backlog=256)
    held: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                held.append(server.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
    finally:
        server.close()
        for one in held:
            one.close()


def measure(count: int, cycles: int, rounds: int, deadline: float) -> dict[str, Any]:
    """All rounds. Raises SystemExit if a run fails."""
    with rig.folder() as home, silent() as url:
        slow = (*VETO, f"research.base_url={url}", f"research.deadline={deadline}", "research.breaker_failures=1000000")
        arms = {"off": (), "rules, recorded": ADVISORY, "rules, veto": VETO, "silent endpoint, veto": slow}
        busy: dict[str, list[float]] = {name: [] for name in arms}
        idle: dict[str, list[float]] = {name: [] for name in arms}
        conditions = rig.conditions()
        for number in range(1, rounds + 1):
            for name, sets in arms.items():
                rig.progress(f"round {number} of {rounds}: {name}")
                watcher, some = Cycles(), cycles if name != "silent endpoint, veto" else min(cycles, 60)
                given = ("research.rate_per_minute=null", "ray.agents_per_host=8", *FAST, *sets)
                code = rig.run(
                    watcher, home / f"{number}-{len(idle[name])}.db", rig.symbols(count), some + WARM_UP, given
                )
                if code:
                    raise SystemExit(code)
                of_busy, of_idle = watcher.times()
                busy[name] += of_busy
                idle[name] += of_idle
    rows = [row(name, busy[name], idle[name], median(busy["off"])) for name in arms]
    longest = max(busy["silent endpoint, veto"])
    return {
        "symbols": count,
        "deadline_ms": deadline * 1e3,
        "arms": rows,
        "over_ms": round(longest - deadline * 1e3, 1),
        "bare_ms": round(max(busy["off"]), 1),
        "conditions": conditions,
    }


def row(name: str, busy: list[float], idle: list[float], floor: float) -> dict[str, Any]:
    return {
        "arm": name,
        "p50_ms": round(median(busy), 2),
        "p99_ms": round(percentile(busy, 0.99), 2),
        "max_ms": round(max(busy), 1),
        "ratio": round(median(busy) / floor, 2),
        "idle_p50_ms": round(median(idle), 2) if idle else None,
        "cycles": len(busy),
    }


def report(found: dict[str, Any]) -> str:
    head = ("cycles with candidates", "p50", "p99", "max", "over off", "p50 without", "cycles")
    rows = [
        (
            one["arm"],
            *(f"{one[name]:.2f}" for name in ("p50_ms", "p99_ms", "max_ms", "ratio")),
            "-" if one["idle_p50_ms"] is None else f"{one['idle_p50_ms']:.2f}",
            str(one["cycles"]),
        )
        for one in found["arms"]
    ]
    said = (
        f"deadline {found['deadline_ms']:.0f} ms: the longest cycle went {found['over_ms']:+.1f} ms beyond it; "
        f"the longest with research off took {found['bare_ms']:.1f} ms"
    )
    return f"{table(head, rows)}\n{said}"


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.research_cycle", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--cycles", type=int, default=300, help="of each run; at most 60 of the silent endpoint's")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--deadline", type=float, default=0.5, help="seconds of the step, for the silent endpoint")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(argv)
    found = measure(given.symbols, given.cycles, given.rounds, given.deadline)
    print(json.dumps(found) if given.json else report(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
