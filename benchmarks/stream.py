"""The event stream: from the commit of an event to whoever listens, beside what a run's cycle takes with listeners.

``python -m benchmarks.stream [--clients 1,50,200] [--rate R] [--seconds S] [--stall S] [--cycles C] [--rounds N]
[--json]``

``hub``: subscribers in the process of the hub. ``socket``: clients of a server's ``/ws`` in two processes of their own.
Milliseconds from when the commit was through; every event counts for every client. ``dropped`` were too slow.
``stalled``: a client that never reads for ``--stall`` seconds beside one that does: what the other one sees, and the
server's memory from its start on. ``cycle``: the driver's own time of a cycle of a run of ten symbols, with its server
and so many clients and without, in turns.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

from benchmarks import stream_parts as parts
from benchmarks.figures import median, percentile, table
from benchmarks.stream_parts import Seen, Told

SPAWN = multiprocessing.get_context("spawn")
PROCESSES = 2
"""Processes among which the clients of the socket are shared out."""


def latencies(written: Seen, seen: Seen) -> list[float]:
    """Milliseconds from commit to sight, one for every event. A client that was dropped has those that it saw."""
    found: list[float] = []
    commits = iter(written)
    before, place = 0, next(commits, None)
    for moment, until in seen:
        while place is not None and place[1] <= until:
            committed, last = place
            found += [(moment - committed) / 1e6] * (last - before if before else 1)
            before, place = last, next(commits, None)
    return found


def summary(written: Seen, told: Sequence[Told]) -> dict[str, Any]:
    every = [one for each in told for seen in each.seen for one in latencies(written, seen)]
    clients = sum(len(one.seen) for one in told)
    shown = {"p50_ms": round(median(every), 2), "p99_ms": round(percentile(every, 0.99), 2)} if every else {}
    last = written[-1][1]
    behind = sum(not seen or seen[-1][1] < last for each in told for seen in each.seen)
    return {"clients": clients} | shown | {"dropped": sum(one.lost for one in told), "behind_at_the_end": behind}


class Round:
    """A database, who writes to it, and who listens."""

    def __init__(self, home: Path, rate: int, seconds: float) -> None:
        from journal import database

        self.url = f"sqlite:///{home / f'stream-{time.monotonic_ns()}.db'}"
        database.prepare(self.url)
        self.rate, self.seconds = rate, seconds
        self._begin, self._over = SPAWN.Event(), SPAWN.Event()
        self._written: Any = SPAWN.SimpleQueue()
        arguments = (self.url, rate, seconds, self._begin, self._written)
        self._writer = SPAWN.Process(target=parts.write, args=arguments)
        self._writer.start()
        self._others: list[Any] = []

    def beside(self, target: Any, *given: Any, answers: bool = True) -> Any:
        """A process that is ready when this returns; where it answers, the queue of its answers."""
        ready, answer = SPAWN.Event(), SPAWN.SimpleQueue()
        more = (ready, self._over, answer) if answers else (ready, self._over)
        one = SPAWN.Process(target=target, args=(*given, *more))
        one.start()
        self._others.append(one)
        if not ready.wait(60.0):
            raise SystemExit(f"{target.__name__} did not get ready")
        return answer

    def write(self) -> Seen:
        """Everything, and a second for whoever is behind."""
        self._begin.set()
        written: Told = self._written.get()
        self._writer.join()
        time.sleep(1.0)
        self._over.set()
        return written.seen[0]

    def end(self) -> None:
        for one in self._others:
            one.join(30.0)


def hub(home: Path, clients: int, rate: int, seconds: float) -> dict[str, Any]:
    one = Round(home, rate, seconds)
    heard = one.beside(parts.hear, one.url, clients)
    written = one.write()
    told = [heard.get()]
    one.end()
    return summary(written, told)


def socket(home: Path, clients: int, rate: int, seconds: float, stalled: bool = False) -> dict[str, Any]:
    one = Round(home, rate, seconds)
    served = one.beside(parts.serve, one.url)
    address, token = served.get()
    shares = [clients // PROCESSES + (n < clients % PROCESSES) for n in range(PROCESSES)]
    heard = [one.beside(parts.listen, address, token, share) for share in shares if share]
    if stalled:
        one.beside(parts.stall, address, token, answers=False)
    written = one.write()
    told = [each.get() for each in heard]
    memory = served.get()
    one.end()
    return summary(written, told) | {"server_mb": {"first": memory[0], "most": max(memory), "last": memory[-1]}}


# -- beside a run ------------------------------------------------------------------------------------


@contextmanager
def served(url: str, clients: int) -> Iterator[None]:
    """The server of this process, as a run has it, and its clients."""
    from api.server import Server
    from orchestration.serving import Serving

    server = Server(Serving(), url, lambda text: None, beside=True)
    if not server.start():
        raise SystemExit("the server did not start")
    ready, over, answer = SPAWN.Event(), SPAWN.Event(), SPAWN.SimpleQueue()
    given = (server.bound.url, server.security.tokens.operator, clients, ready, over, answer)
    listening = SPAWN.Process(target=parts.listen, args=given)
    listening.start()
    ready.wait(60.0)
    try:
        yield
    finally:
        over.set()
        answer.get()
        listening.join(30.0)
        server.stop()


def cycles(home: Path, clients: Sequence[int], count: int, rounds: int) -> dict[str, Any]:
    """Milliseconds of a cycle, by the number of listeners; 0 is a run without a server."""
    from contextlib import ExitStack

    from benchmarks import rig
    from journal.codec import facts

    class Cycles(rig.Watcher):
        def __init__(self, listeners: int) -> None:
            self.listeners, self.times, self._beside = listeners, list[float](), ExitStack()

        def started(self, info: Any) -> None:
            if self.listeners:
                self._beside.enter_context(served(f"sqlite:///{home / 'argus.db'}", self.listeners))

        def row(self, row: Any) -> None:
            if rig.is_summary(row):
                self.times.append(facts(row["body"])["last_cycle_ms"])

        def ended(self, code: int) -> None:
            self._beside.close()

    found: dict[int, list[float]] = {one: [] for one in (0, *clients)}
    for number in range(rounds):
        for listeners in found if number % 2 == 0 else reversed(found):
            rig.progress(f"round {number + 1} of {rounds}: a run with {listeners} listeners")
            watcher = Cycles(listeners)
            if rig.run(watcher, home / "argus.db", rig.symbols(10), count + 20):
                raise SystemExit("the run failed")
            found[listeners] += watcher.times[20:]
    return {
        str(one): {"p50_ms": round(median(times), 3), "p99_ms": round(percentile(times, 0.99), 3), "n": len(times)}
        for one, times in found.items()
    }


# -- all of it ---------------------------------------------------------------------------------------


def measure(given: argparse.Namespace) -> dict[str, Any]:
    from benchmarks import rig

    clients = [int(one) for one in given.clients.split(",")]
    with rig.folder() as home:
        found: dict[str, Any] = {"rate": given.rate, "seconds": given.seconds, "conditions": rig.conditions()}
        for name, part in (("hub", hub), ("socket", socket)):
            found[name] = []
            for count in clients:
                rig.progress(f"{name}: {count} clients at {given.rate} events a second")
                found[name].append(part(home, count, given.rate, given.seconds))
        if given.stall:
            rig.progress(f"a client that never reads for {given.stall:g} s")
            found["stalled"] = socket(home, 1, given.rate, given.stall, stalled=True)
        if given.cycles:
            found["cycle"] = cycles(home, clients, given.cycles, given.rounds)
    return found


def report(found: dict[str, Any]) -> str:
    rows = []
    for name in ("hub", "socket"):
        for one in found[name]:
            rows.append((f"{name}, {one['clients']} clients", one.get("p50_ms"), one.get("p99_ms"), one["dropped"]))
    if "stalled" in found:
        one = found["stalled"]
        memory = "{first} MB, {most} at most, {last} at the end".format(**one["server_mb"])
        rows.append((f"beside one that never reads ({memory})", one.get("p50_ms"), one.get("p99_ms"), one["dropped"]))
    for listeners, one in found.get("cycle", {}).items():
        rows.append((f"a cycle with {listeners} listeners", one["p50_ms"], one["p99_ms"], ""))
    return table(("", "p50 ms", "p99 ms", "dropped"), rows)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stream", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--clients", default="1,50,200", help="how many listen, one after the other")
    parser.add_argument("--rate", type=int, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=10.0, help="for each")
    parser.add_argument("--stall", type=float, default=30.0, help="seconds without reading; 0 for none")
    parser.add_argument("--cycles", type=int, default=300, help="cycles of each run; 0 for no runs")
    parser.add_argument("--rounds", type=int, default=2, help="runs with each number of listeners")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    given = parser.parse_args(argv)
    found = measure(given)
    print(json.dumps(found) if given.json else report(found), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
