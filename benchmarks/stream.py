"""The event stream: from the commit of an event until a client of the WebSocket has it.

``python -m benchmarks.stream [--clients 1,50,200] [--rate 1000] [--seconds 10] [--json]``
``python -m benchmarks.stream --never-reads MINUTES [--rate 1000] [--calm 30] [--speed 10] [--symbols 10] [--json]``

A process commits ``--rate`` events a second, a hundredth of them at a time, into the database of ``cli.py serve``. All
clients read everything, in processes of their own; one, the last that came and so the last that is told, looks at every
number and every moment. Milliseconds from when a commit was through, of every event. Its floor runs at the same time:
a process that reads the new rows from the database by plain ``sqlite3``, as often as the server does, every 20 ms.
``server_cores``: CPU time of the server for each second. ``missing``: events that a client of the crowd was not sent.

``--never-reads``: the same beside ``cli.py run``, and then a client that never reads for so many minutes and comes
again every minute; ``--calm`` seconds without it before and after. Of each part: what the other client saw, the cycles
that it was told of, and the server's memory.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from benchmarks import rig
from benchmarks import stream_parts as parts
from benchmarks.figures import line, median, percentile, table
from benchmarks.stream_parts import Crowd, Heard, Seen
from benchmarks.stream_server import Served, run_of, served

Sizes = list[tuple[int, float]]

SPAWN = multiprocessing.get_context("spawn")
CROWDS = 2
"""Processes among which the clients that only count are shared out."""
WITHIN = 90.0
"""Seconds for a process to get ready, or to answer."""
LAST = 2.0
"""Seconds for the last events to be seen by whoever is behind."""
AGAIN = 60.0
"""Seconds after which a client that never reads comes again: it was cut long before."""


# -- processes beside this one -----------------------------------------------------------------------


class Beside:
    """Processes that find something until they are told that it is over."""

    def __init__(self) -> None:
        self.over, self._begin, self._enough = SPAWN.Event(), SPAWN.Event(), SPAWN.Event()
        self._written: Any = SPAWN.Queue()
        self._all: list[Any] = []

    def start(self, target: Callable[..., None], *given: Any) -> Callable[[], Any]:
        """Ready when this returns; what is returned waits for its answer."""
        ready, answer = SPAWN.Event(), SPAWN.Queue()
        self._run(target, *given, ready, self.over, answer)
        if not ready.wait(WITHIN):
            raise SystemExit(f"{target.__name__} did not get ready")
        return lambda: answer.get(timeout=WITHIN)

    def writer(self, url: str, run: tuple[str, int], rate: int) -> None:
        """It waits for ``begin``."""
        self._run(parts.write, url, run, rate, self._begin, self._enough, self._written)

    def begin(self) -> None:
        self._begin.set()

    def enough(self) -> Seen:
        """No more events: those that there were. Everybody else has a moment for the last of them, and then is over."""
        self._enough.set()
        written: Seen = self._written.get(timeout=WITHIN)
        time.sleep(LAST)
        self.over.set()
        return written

    def end(self) -> None:
        for one in (self._begin, self._enough, self.over):
            one.set()
        for process in self._all:
            process.join(WITHIN)

    def _run(self, target: Callable[..., None], *given: Any) -> None:
        self._all.append(SPAWN.Process(target=target, args=given, daemon=True))
        self._all[-1].start()


@contextmanager
def beside() -> Iterator[Beside]:
    found = Beside()
    try:
        yield found
    finally:
        found.end()


# -- arithmetic --------------------------------------------------------------------------------------


def latencies(written: Seen, seen: Seen, since: int = 0, until: int | None = None) -> list[float]:
    """Milliseconds from commit to sight, one for every event that was committed in that time and seen at all."""
    found: list[float] = []
    sights = iter(seen)
    sight = next(sights, None)
    before = 0
    for committed, last in written:
        while sight is not None and sight[1] < last:
            sight = next(sights, None)
        if sight is None:
            break
        if committed >= since and (until is None or committed < until):
            found += [(sight[0] - committed) / 1e6] * (last - before if before else 1)
        before = last
    return found


def shown(values: Sequence[float]) -> dict[str, float | None]:
    if not values:
        return {"p50_ms": None, "p99_ms": None, "max_ms": None}
    p50, p99 = median(values), percentile(values, 0.99)
    return {"p50_ms": round(p50, 2), "p99_ms": round(p99, 2), "max_ms": round(max(values), 1)}


def compared(written: Seen, heard: Heard, polled: Seen, since: int = 0, until: int | None = None) -> dict[str, Any]:
    """What a client saw, beside the floor."""
    found, floor = (shown(latencies(written, one, since, until)) for one in (heard.seen, polled))
    ratio = round(found["p50_ms"] / floor["p50_ms"], 2) if found["p50_ms"] and floor["p50_ms"] else None
    return {**found, **{f"floor_{name}": value for name, value in floor.items()}, "ratio": ratio}


# -- how soon an event is seen -----------------------------------------------------------------------


def stream(home: Path, clients: int, rate: int, seconds: float) -> dict[str, Any]:
    """One server, and so many clients of it."""
    path = home / f"stream-{clients}.db"
    url = f"sqlite:///{path}"
    run = parts.begun(url)
    with served(home, "serve", "--db-url", url) as server, beside() as here:
        here.writer(url, run, rate)
        shares = [(clients - 1) // CROWDS + (n < (clients - 1) % CROWDS) for n in range(CROWDS)]
        crowds = [here.start(parts.crowd, server.url, server.token, share) for share in shares if share]
        heard = here.start(parts.listen, server.url, server.token)
        polled = here.start(parts.poll, str(path))
        cpu = server.cpu_s
        here.begin()
        time.sleep(seconds)
        cores = (server.cpu_s - cpu) / seconds
        memory = server.rss_mb
        commits = here.enough()
        found: Heard = heard()
        told: list[Crowd] = [one() for one in crowds]
        floor: Seen = polled()
    return {
        "clients": clients,
        **compared(commits, found, floor),
        "gaps": found.gaps,
        "repeats": found.repeats,
        "dropped": sum(one.closed for one in told) + bool(found.closed),
        **behind(commits, told),
        "server_cores": round(cores, 2),
        "server_mb": memory,
        "rate": round(commits[-1][1] / seconds),
    }


def behind(commits: Seen, told: Sequence[Crowd]) -> dict[str, int]:
    return {"missing": sum(max(0, commits[-1][1] - one) for each in told for one in each.events)}


# -- one that never reads ----------------------------------------------------------------------------


def never_reads(home: Path, given: argparse.Namespace) -> dict[str, Any]:
    """A run, its server, a client that reads, and for some minutes one that does not."""
    path = home / "argus.db"
    names = ",".join(rig.symbols(given.symbols))
    with served(home, "run", "--symbols", names, "--feed", "sim", "--speed", given.speed) as server, beside() as here:
        here.writer(f"sqlite:///{path}", run_of(path), given.rate)
        heard = here.start(parts.listen, server.url, server.token)
        polled = here.start(parts.poll, str(path))
        here.begin()
        memory: Sizes = []
        watch(server, memory, given.warm)
        bounds = [time.monotonic_ns()]
        watch(server, memory, given.calm)
        bounds.append(time.monotonic_ns())
        with beside() as stalling:
            connections = stalling.start(parts.stall, server.url, server.token, AGAIN)
            watch(server, memory, given.never_reads * 60)
            bounds.append(time.monotonic_ns())
            stalling.over.set()
            came = connections()
        watch(server, memory, given.calm)
        bounds.append(time.monotonic_ns())
        dropped = server.figure("argus_api_sockets_dropped_total")
        commits = here.enough()
        found: Heard = heard()
        floor: Seen = polled()
    spans = list(zip(("before", "beside", "after"), bounds, bounds[1:], strict=False))
    return {
        "minutes": given.never_reads,
        "rate": round(commits[-1][1] / ((commits[-1][0] - commits[0][0]) / 1e9)),
        "connections": came,
        "cut": dropped,
        "gaps": found.gaps,
        "repeats": found.repeats,
        "closed": found.closed,
        "events": len(found.seen),
        **{name: part(commits, found, floor, memory, since, until) for name, since, until in spans},
    }


def part(commits: Seen, heard: Heard, floor: Seen, memory: Sizes, since: int, until: int) -> dict[str, Any]:
    """What there is to tell of some time."""
    cycles = [took for moment, took in heard.cycles if since <= moment < until]
    sizes = [(moment, size) for moment, size in memory if since <= moment < until]
    slope = line([moment / 60e9 for moment, _ in sizes], [size for _, size in sizes])[0] if len(sizes) > 1 else 0.0
    return {
        **compared(commits, heard, floor, since, until),
        **{f"cycle_{name}": value for name, value in shown(cycles).items()},
        "cycles": len(cycles),
        "server_mb": {"first": sizes[0][1], "most": max(size for _, size in sizes), "last": sizes[-1][1]},
        "server_mb_per_minute": round(slope, 2),
    }


def watch(server: Served, memory: Sizes, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while (left := ends - time.monotonic()) > 0:
        memory.append((time.monotonic_ns(), server.rss_mb))
        time.sleep(min(left, 0.5))


# -- all of it ---------------------------------------------------------------------------------------


def measure(given: argparse.Namespace) -> dict[str, Any]:
    with rig.folder() as home:
        found: dict[str, Any] = {"conditions": rig.conditions()}
        if given.never_reads:
            return found | {"never_reads": never_reads(home, given)}
        found["socket"] = []
        for clients in map(int, given.clients.split(",")):
            rig.progress(f"{clients} clients at {given.rate} events a second")
            found["socket"].append(stream(home, clients, given.rate, given.seconds))
    return found


def report(found: dict[str, Any]) -> str:
    if "never_reads" in found:
        one = found["never_reads"]
        names = list(one["before"])
        rows = [(name, *(str(one[when][name]) for when in ("before", "beside", "after"))) for name in names]
        head = [(name, value) for name, value in one.items() if not isinstance(value, dict)]
        return table(("", ""), head) + "\n\n" + table(("", "before", "beside", "after"), rows)
    rows = found["socket"]
    return table(list(rows[0]), [list(map(str, one.values())) for one in rows])


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", default="1,50,200", help="how many read, one after the other")
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each number of clients")
    parser.add_argument(
        "--never-reads", type=float, default=0.0, metavar="MINUTES", help="beside a client that does not"
    )
    parser.add_argument("--calm", type=float, default=30.0, help="seconds before and after it")
    parser.add_argument("--warm", type=float, default=10.0, help="seconds of the run that are left out")
    parser.add_argument("--symbols", type=int, default=10, help="of the run beside it")
    parser.add_argument("--speed", default="10", help="bars a second of the run beside it, or max")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    if given.rate < parts.COMMITS:
        parser.error(f"--rate is {parts.COMMITS} or more: so many commits a second")
    found = measure(given)
    print(json.dumps(found) if given.json else report(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
