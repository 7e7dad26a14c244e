"""How long the state of many symbols takes: STATE_SNAPSHOT of the socket, and ``/api/state``.

``python -m benchmarks.stream_snapshot [--symbols 1000] [--cycles 60] [--events 0,500000] [--repeat 30] [--json]``

``cli.py run`` fills a database, ``cli.py serve`` shows it. Socket: from the call to connect until the snapshot is
whole; state: a request on a connection that stands. Between two there is a pause, for the server keeps one for 0.25 s.
Then the same with so many further events of the run behind its last cycle. The floor, in turns: the rows that a
snapshot is made of, read by plain ``sqlite3``, and the finished snapshot written as JSON once more.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from benchmarks import rig
from benchmarks.figures import median, percentile, table
from benchmarks.stream_parts import connected, snapshot
from benchmarks.stream_server import Served, done, run_of, served

PAUSE = 0.3
"""Seconds between two: longer than a snapshot is kept for others."""
ROWS = (
    "SELECT * FROM runs",
    "SELECT body FROM events WHERE type = 'SCAN_SUMMARY' ORDER BY seq DESC LIMIT 120",
    "SELECT * FROM events ORDER BY seq DESC LIMIT 200",
    "SELECT * FROM events WHERE type = 'CANDIDATE' ORDER BY seq DESC LIMIT 500",
    "SELECT * FROM events WHERE type = 'ENGINE_STATE' ORDER BY seq DESC LIMIT 100",
    "SELECT * FROM trades ORDER BY seq DESC LIMIT 50",
    "SELECT * FROM positions",
)


def timed(what: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    what()
    return (time.perf_counter() - begun) * 1e3


def by_socket(server: Served) -> bytes:
    with closing(connected(server.url, server.token)) as line:
        return snapshot(line)


def shown(name: str, times: list[float]) -> dict[str, float]:
    return {f"{name}_p50_ms": round(median(times), 2), f"{name}_p99_ms": round(percentile(times, 0.99), 2)}


def measured(server: Served, path: Path, repeat: int) -> dict[str, Any]:
    times: dict[str, list[float]] = {"socket": [], "state": [], "floor": []}
    said = by_socket(server)
    ready = msgspec.json.decode(said)
    with (
        httpx.Client(base_url=server.url, headers=server.headers, trust_env=False, timeout=60) as client,
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database,
    ):

        def bare() -> bytes:
            for query in ROWS:
                database.execute(query).fetchall()
            return msgspec.json.encode(ready)

        parts = {"socket": lambda: by_socket(server), "state": lambda: client.get("/api/state"), "floor": bare}
        for _ in range(repeat):
            for name, part in parts.items():
                time.sleep(PAUSE)
                times[name].append(timed(part))
        [(events,)] = database.execute("SELECT count(*) FROM events")
    found: dict[str, Any] = {"symbols": len(ready["data"]["scan"]["symbols"]), "events": events, "bytes": len(said)}
    for name, values in times.items():
        found |= shown(name, values)
    return found | {"ratio": round(found["socket_p50_ms"] / found["floor_p50_ms"], 2), "server_mb": server.rss_mb}


def more(path: Path, count: int) -> None:
    """So many signs of life of the run, which no snapshot tells: it has to look behind them."""
    from domain.events import HEARTBEAT, Draft
    from journal.store import Store

    run_id, epoch = run_of(path)
    store = Store(f"sqlite:///{path}", epoch)
    for first in range(0, count, 5_000):
        keys = [f"stream-{number}" for number in range(first, min(count, first + 5_000))]
        with store.transaction() as tx:
            tx.emit(run_id, [Draft(HEARTBEAT, 1, key, {"cycle": 1, "state": "running"}) for key in keys])
    store.close()


def measure(given: argparse.Namespace) -> dict[str, Any]:
    with rig.folder() as home:
        path = home / "argus.db"
        names = ",".join(rig.symbols(given.symbols))
        rig.progress(f"a run of {given.symbols} symbols")
        done(
            home,
            "run",
            "--symbols",
            names,
            "--feed",
            "sim",
            "--speed",
            "max",
            "--cycles",
            str(given.cycles),
            "--no-api",
        )
        found = []
        for count in map(int, given.events.split(",")):
            rig.progress(f"{count} more events")
            more(path, count)
            with served(home, "serve") as server:
                found.append(measured(server, path, given.repeat))
    return {"conditions": rig.conditions(), "snapshot": found}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stream_snapshot", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--symbols", type=int, default=1000)
    parser.add_argument("--cycles", type=int, default=60, help="of the run that fills the database")
    parser.add_argument("--events", default="0,500000", help="further events behind it, one after the other")
    parser.add_argument("--repeat", type=int, default=30)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    if min(given.symbols, given.cycles, given.repeat) < 1:
        parser.error("every number is 1 or more")
    found = measure(given)
    rows = found["snapshot"]
    print(json.dumps(found) if given.json else table(list(rows[0]), [list(one.values()) for one in rows]), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
