"""From the start of ``cli.py run`` to its first SCAN_SUMMARY, against bare ``ray.init`` and the same actors.

``python -m benchmarks.startup [--repeat 3] [--symbols EURUSD,BTC] [--json]``

Both are processes of their own, timed from outside to the line they print, in turn. The kernels' cache is
filled by a first start that is told apart (``first_start_s``), as on a machine that has run it before.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import rig
from benchmarks.figures import median, table

HOME = Path(__file__).resolve().parents[1]


def seconds_to(command: list[str], sign: str) -> float:
    """From the start of the process to its first line with ``sign`` in it; waits for its end.

    Raises SystemExit with what it said on stderr if that line never came or it failed.
    """
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        took = next((time.perf_counter() - begun for line in process.stdout if sign in line), None)
        _, said = process.communicate()
    if took is None or process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} … failed ({process.returncode}):\n{said}")
    return took


def shipped(symbols: str, database: Path) -> float:
    options = ["--speed", "max", "--cycles", "1", "--json", "--no-api", "--db-url", f"sqlite:///{database}"]
    return seconds_to([sys.executable, "cli.py", "run", "--symbols", symbols, *options], '"SCAN_SUMMARY"')


def bare(wanted: dict[str, Any]) -> float:
    return seconds_to([sys.executable, "-m", "benchmarks.bare", json.dumps(wanted)], "ready")


def actors(symbols: str, database: Path) -> dict[str, Any]:
    """The actors that the run would spawn, and whether the dashboard is on: from the run's own plan."""
    from orchestration.plan import Identity, actor_specs, market
    from orchestration.settings import Overrides, load

    settings = load(Overrides(symbols=(symbols,), feed="sim", speed="max", cycles=1, db_url=f"sqlite:///{database}"))
    identity = Identity("plan", 1, f"sqlite:///{database}", 0, "")
    specs = actor_specs(settings, market(settings), identity)
    return {"dashboard": settings.ray.dashboard, "actors": [(one.name, one.asynchronous) for one in specs]}


def measure(symbols: str, repeat: int) -> dict[str, Any]:
    """Seconds: medians of ``repeat`` starts of each, in turn."""
    with rig.folder() as home:
        conditions = rig.conditions()
        database = home / "argus.db"
        wanted = actors(symbols, database)
        first = shipped(symbols, database)
        runs: list[float] = []
        floors: list[float] = []
        for number in range(1, repeat + 1):
            floors.append(bare(wanted))
            runs.append(shipped(symbols, database))
            rig.progress(f"{number} of {repeat}: bare {floors[-1]:.2f} s, run {runs[-1]:.2f} s")
    return {
        "symbols": len(symbols.split(",")),
        "actors": len(wanted["actors"]),
        "start_s": round(median(runs), 3),
        "bare_s": round(median(floors), 3),
        "ratio": round(median(runs) / median(floors), 3),
        "first_start_s": round(first, 3),
        "starts": [round(one, 3) for one in runs],
        "bare_starts": [round(one, 3) for one in floors],
        "conditions": conditions | {"load_after": round(os.getloadavg()[0], 2)},
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--symbols", default="EURUSD,BTC")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    given = parser.parse_args()
    if given.repeat < 1:
        parser.error("--repeat is 1 or more")
    found = measure(given.symbols, given.repeat)
    print(json.dumps(found) if given.json else table(("", ""), list(found.items())), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
