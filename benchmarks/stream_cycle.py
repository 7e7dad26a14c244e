"""The cycle of a run with and without clients of its server.

``python -m benchmarks.stream_cycle [--clients 50] [--rate 1000] [--symbols 10] [--speed 20] [--seconds 8] [--rounds 4]
[--json]``

The driver's own time of a cycle (``last_cycle_ms``) of ``cli.py run`` while a process commits ``--rate`` further events
a second into its database (0: none): in turns so many seconds without clients and with ``--clients`` that read
everything, in one run; the first second of each is left out. ``spread``: the medians of the turns of one kind, smallest
and largest. The difference is noise where it is no more than the wider of the two spreads. The floor: the same run with
``--no-api``, before and after, without a server at all.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from benchmarks import rig
from benchmarks import stream_parts as parts
from benchmarks.figures import median, percentile, table
from benchmarks.stream import Beside, beside
from benchmarks.stream_server import Served, run_of, served

SETTLING = 1.0
"""Seconds of a turn that are left out."""
WARM = 5.0
"""Seconds of a run that are left out."""


def last_event(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT seq FROM sequence").fetchone()[0])


def cycles(path: Path, since: int, until: int) -> list[float]:
    """Milliseconds of the cycles that were told of between two numbers."""
    from journal.codec import facts

    query = "SELECT body FROM events WHERE type = 'SCAN_SUMMARY' AND seq > ? AND seq <= ? ORDER BY seq"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(query, (since, until)).fetchall()
    return [took for (body,) in rows if (took := facts(body)["last_cycle_ms"]) is not None]


def turn(path: Path, seconds: float) -> list[float]:
    time.sleep(SETTLING)
    since = last_event(path)
    time.sleep(seconds)
    return cycles(path, since, last_event(path))


def reading(here: Beside, server: Served, clients: int) -> None:
    """Clients that read everything: one looks at each event, the others count."""
    here.start(parts.listen, server.url, server.token)
    if clients > 1:
        here.start(parts.crowd, server.url, server.token, clients - 1)


def with_clients(home: Path, run: Sequence[str], given: argparse.Namespace) -> dict[int, list[list[float]]]:
    found: dict[int, list[list[float]]] = {0: [], given.clients: []}
    path = home / "argus.db"
    with served(home, "run", *run) as server, written(path, given.rate):
        time.sleep(WARM)
        for number in range(given.rounds):
            for clients in found if number % 2 == 0 else reversed(found):
                with beside() as here:
                    if clients:
                        reading(here, server, clients)
                    found[clients].append(turn(path, given.seconds))
    return found


def without_server(home: Path, run: Sequence[str], given: argparse.Namespace) -> list[float]:
    path = home / "argus.db"
    with served(home, "run", *run, listens=False), written(path, given.rate):
        time.sleep(WARM)
        return turn(path, given.seconds)


class written:
    """Further events in the database of a run."""

    def __init__(self, path: Path, rate: int) -> None:
        self._path, self._rate, self._here = path, rate, Beside()

    def __enter__(self) -> None:
        run = run_of(self._path)
        if self._rate:
            self._here.writer(f"sqlite:///{self._path}", run, self._rate)
            self._here.begin()

    def __exit__(self, *_: object) -> None:
        if self._rate:
            self._here.enough()
        self._here.end()


def shown(turns: Sequence[Sequence[float]]) -> dict[str, Any]:
    every = [one for each in turns for one in each]
    medians = [median(each) for each in turns]
    p50, p99 = round(median(every), 2), round(percentile(every, 0.99), 2)
    return {"p50_ms": p50, "p99_ms": p99, "spread": [round(min(medians), 2), round(max(medians), 2)], "n": len(every)}


def verdict(calm: Sequence[Sequence[float]], busy: Sequence[Sequence[float]]) -> dict[str, Any]:
    """The difference that the clients make (ms), the noise of equal turns, and whether it is more than that."""
    (without, spread), (with_, other) = ((median([median(one) for one in each]), width(each)) for each in (calm, busy))
    noise = max(spread, other)
    return {
        "difference_ms": round(with_ - without, 2),
        "noise_ms": round(noise, 2),
        "within_noise": abs(with_ - without) <= noise,
        "ratio": round(with_ / without, 3),
    }


def width(turns: Sequence[Sequence[float]]) -> float:
    medians = [median(one) for one in turns]
    return max(medians) - min(medians)


def measure(given: argparse.Namespace) -> dict[str, Any]:
    run = ("--symbols", ",".join(rig.symbols(given.symbols)), "--feed", "sim", "--speed", given.speed)
    floor = []
    conditions = rig.conditions()
    for part in range(3):
        with rig.folder() as home:
            if part == 1:
                rig.progress(f"a run with its server: {given.rounds} turns without clients, {given.rounds} with")
                turns = with_clients(home, run, given)
            else:
                rig.progress("a run without a server")
                floor.append(without_server(home, run, given))
    calm, busy = turns[0], turns[given.clients]
    return {
        "symbols": given.symbols,
        "speed": given.speed,
        "rate": given.rate,
        "clients": given.clients,
        "conditions": conditions,
        "no_server": shown(floor),
        "no_clients": shown(calm),
        "with_clients": shown(busy),
        **verdict(calm, busy),
        "ratio_to_no_server": round(shown(busy)["p50_ms"] / shown(floor)["p50_ms"], 3),
    }


def report(found: dict[str, Any]) -> str:
    kinds = ("no_server", "no_clients", "with_clients")
    rows = [(kind, *map(str, found[kind].values())) for kind in kinds]
    others = [(name, value) for name, value in found.items() if name not in kinds]
    return table(("cycle", *found["no_server"]), rows) + "\n\n" + table(("", ""), others)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stream_cycle", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--rate", type=int, default=1000, help="further events a second; 0 for none")
    parser.add_argument("--symbols", type=int, default=10)
    parser.add_argument("--speed", default="20", help="bars a second, or max")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=4, help="turns of each kind")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    if min(given.clients, given.symbols, given.rounds) < 1 or given.seconds <= 0 or 0 < given.rate < parts.COMMITS:
        parser.error(f"every number is more than 0, and --rate 0, or {parts.COMMITS} and more")
    found = measure(given)
    print(json.dumps(found) if given.json else report(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
