"""Memory of a run with many symbols: our actors, everything Ray has started, and the object store.

``python -m benchmarks.memory [--symbols 1000 10000] [--cycles 50] [--json]``

Read when the driver has ended its cycles and every actor still stands. RSS counts shared pages in every
process that maps them; PSS shares them out; USS is what would come free if the process ended.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from typing import Any

from benchmarks import rig
from benchmarks.figures import table

COLUMNS = (
    *("symbols", "actors", "rss_mb", "pss_mb", "uss_mb"),
    *("all_processes", "all_rss_mb", "all_pss_mb", "all_uss_mb", "object_store_mb", "command_rss_mb"),
)


class Reading(rig.Watcher):
    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.by_actor: dict[str, list[float]] = {}

    def ended(self, code: int) -> None:
        actors, everything = rig.actor_pids(), rig.cluster_pids()
        ours = rig.memory_of(list(actors.values()))
        whole = rig.memory_of(everything)
        figures = (
            *(len(actors), *ours, len(everything), *whole),
            *(rig.object_store() / rig.MEGABYTE, rig.rss_of(rig.here())),
        )
        self.found = {name: round(value, 1) for name, value in zip(COLUMNS[1:], figures, strict=True)}
        self.by_actor = {name: [round(one, 1) for one in rig.memory_of([pid])] for name, pid in actors.items()}


def measure(count: int, cycles: int) -> dict[str, Any]:
    """One run of so many symbols in this process. MB. Raises SystemExit if it fails."""
    with rig.folder() as home:
        reading = Reading()
        code = rig.run(reading, home / "argus.db", rig.symbols(count), cycles)
    if code:
        raise SystemExit(code)
    return {"symbols": count, **reading.found, "by_actor": reading.by_actor, "conditions": rig.conditions()}


def apart(count: int, cycles: int) -> dict[str, Any]:
    """The same in a process of its own, so that no run stands on what another has left."""
    command = [sys.executable, "-m", "benchmarks.memory", "--symbols", str(count), "--cycles", str(cycles), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--symbols", type=int, nargs="+", default=[1000, 10000], metavar="N")
    parser.add_argument("--cycles", type=int, default=50)
    parser.add_argument("--json", action="store_true", help="one JSON object per line")
    given = parser.parse_args()
    if min(*given.symbols, given.cycles, 1) < 1:
        parser.error("every number is 1 or more")
    if len(given.symbols) == 1:
        found = [measure(given.symbols[0], given.cycles)]
    else:
        found = [apart(one, given.cycles) for one in given.symbols]
    if given.json:
        print("\n".join(map(json.dumps, found)), flush=True)
        return 0
    print(table(COLUMNS, [[one[name] for name in COLUMNS] for one in found]))
    for one in found:
        rows = [(name, *figures) for name, figures in one["by_actor"].items()]
        print(f"\n{one['symbols']} symbols, MB\n" + table(("actor", "RSS", "PSS", "USS"), rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
