"""Whether a long run stays level: memory of every actor, the object store, the database per cycle.

``python -m benchmarks.soak [--cycles 20000] [--symbols 2] [--every N] [--json]``

A sample every 5,000 cycles (or a tenth of a shorter run). The verdict leaves the first fifth out, in which
allocators and caches fill. The database may grow in a straight line with the cycles it keeps; memory may not.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import rig
from benchmarks.figures import table
from benchmarks.verdict import verdict
from journal.codec import facts

EVERY = 5_000


class Soak(rig.Watcher):
    """One sample: cycle, seconds, RSS by actor, object store, database, rows."""

    def __init__(self, database: Path, every: int, last: int) -> None:
        self.samples: list[dict[str, Any]] = []
        self._database, self._every, self._last = database, every, last

    def started(self, info: Any) -> None:
        self._begun = time.perf_counter()
        self._sample(0)

    def row(self, row: Any) -> None:
        if rig.is_summary(row):
            cycle = int(facts(row["body"])["cycle"])
            if cycle % self._every == 0 and cycle <= self._last:
                self._sample(cycle)

    def _sample(self, cycle: int) -> None:
        memory = {name: round(rig.rss_of(pid), 2) for name, pid in sorted(rig.actor_pids().items())}
        found: dict[str, Any] = {
            "cycle": cycle,
            "seconds": round(time.perf_counter() - self._begun, 1),
            "rss_mb": memory,
            "object_store": rig.object_store(),
            "log": rig.log_bytes(self._database),
        }
        found |= self._kept()
        self.samples.append(found)
        rig.progress(f"cycle {cycle}: {sum(memory.values()):.0f} MB, database {found['database']:,} bytes")

    def _kept(self) -> dict[str, int]:
        """Rows of the tables that grow, and the bytes of the database as its readers see it, log included."""
        from sqlalchemy import func, select

        from journal import schema
        from journal.store import Store

        store = Store(f"sqlite:///{self._database}", 0)
        tables = {"cycles": schema.cycles, "decisions": schema.decisions, "events": schema.events}
        with store.read() as connection:
            pages, size = (connection.exec_driver_sql(f"PRAGMA {one}").scalar() for one in ("page_count", "page_size"))
            found = {
                name: int(connection.execute(select(func.count()).select_from(one)).scalar() or 0)
                for name, one in tables.items()
            }
        store.close()
        return found | {"database": int(pages or 0) * int(size or 0)}


def shown(samples: list[dict[str, Any]]) -> str:
    names = list(samples[-1]["rss_mb"])
    short = [name.partition(" ")[0] for name in names]
    rows = [
        (
            *(one["cycle"], one["seconds"], *(one["rss_mb"].get(name, 0.0) for name in names)),
            *(one["object_store"], one["database"], one["log"], one["cycles"], one["decisions"], one["events"]),
        )
        for one in samples
    ]
    return table(("cycle", "s", *short, "store B", "database B", "log B", "cycles", "decisions", "events"), rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cycles", type=int, default=20_000)
    parser.add_argument("--symbols", type=int, default=2, metavar="N")
    parser.add_argument("--every", type=int, help="cycles between samples")
    parser.add_argument("--json", action="store_true", help="one JSON object on one line")
    given = parser.parse_args()
    if min(given.cycles, given.symbols, given.every or 1) < 1:
        parser.error("every number is 1 or more")
    every = given.every or min(EVERY, max(1, given.cycles // 10))
    with rig.folder() as home:
        soak = Soak(home / "argus.db", every, given.cycles)
        spare = max(10, every // 10)  # so that the driver's closing summary does not fall into the last sample
        code = rig.run(soak, home / "argus.db", rig.symbols(given.symbols), given.cycles + spare)
    if code:
        return code
    said = verdict(soak.samples)
    if given.json:
        print(json.dumps({"samples": soak.samples, **said}), flush=True)
        return 0
    memory = "level" if said["level"] else "NOT level"
    growth = "linear" if said["linear"] else "NOT linear"
    print(shown(soak.samples))
    print(
        f"memory {memory}: {said['rss_mb_per_10k_cycles_all']} MB of RSS per 10,000 cycles over all actors; "
        f"database {growth}: {said['database_bytes_per_kept_row']} bytes per kept cycle or decision row, "
        f"{said['database_bytes_per_cycle']} per cycle, R² {said['r2']}",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
