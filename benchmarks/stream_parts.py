"""The processes of the stream's benchmarks: who writes, who reads, who only counts, and who never reads.

Moments are of the machine's monotonic clock (ns), which all processes share; what a process saw is a list of moments,
each with the number of the last event it had seen by then. Each process says when it is ready, and what it found when
all is over.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import selectors
import socket
import sqlite3
import time
from contextlib import closing
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple
from urllib.parse import urlsplit

Seen = list[tuple[int, int]]
"""When, and up to which number."""

EVERY = 0.02
"""Seconds between two looks of who polls: as often as the hub looks."""
COMMITS = 100
"""Commits a second of who writes."""
NEEDLE = b'"seq":'
PING = b"\x89\x04"
"""A ping of the protocol with the four bytes that the server sends: JSON in ASCII cannot hold the first."""


# -- who writes --------------------------------------------------------------------------------------


def write(url: str, run: tuple[str, int], rate: int, begin: Event, enough: Event, answer: Any) -> None:
    """``rate`` events a second under a run and its epoch, until it is enough; when each commit was through."""
    from domain.events import CANDIDATE, Draft
    from journal.store import Store

    run_id, epoch = run
    store, each = Store(url, epoch), max(1, rate // COMMITS)
    data = {"direction": "BUY", "strategy": "ema_cross", "score": 0.5, "probability": 0.5, "price": 1.1}
    begin.wait()
    told: Seen = []
    number, due = 0, time.monotonic()
    while not enough.is_set():
        with store.transaction() as tx:
            made = (f"stream-{number + n}" for n in range(each))
            drafts = [Draft(CANDIDATE, time.time_ns(), key, data, "EURUSD") for key in made]
            last = tx.emit(run_id, drafts) + each - 1
        told.append((time.monotonic_ns(), last))
        number, due = number + each, due + each / rate
        time.sleep(max(0.0, due - time.monotonic()))
    store.close()
    answer.put(told)


def begun(url: str) -> tuple[str, int]:
    """A run to write under, where none was started."""
    from journal import database
    from journal.schema import runs
    from journal.store import Store

    database.prepare(url)
    store, name = Store(url, 1), "stream-benchmark"
    texts = dict.fromkeys(("config", "inputs"), "{}") | dict.fromkeys(("symbols", "codes"), "[]")
    numbers = {"epoch": 1, "started_at": 1, "warmed_until": 0}
    with store.transaction() as tx:
        tx.insert(runs, [{"run_id": name, "account": "paper", "live": False, "simulated": True, **numbers, **texts}])
    store.close()
    return name, 1


# -- who reads ---------------------------------------------------------------------------------------


def poll(path: str, ready: Event, over: Event, answer: Any) -> None:
    """The floor: the rows of the event table by plain ``sqlite3``, as they are."""
    seen: Seen = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        [last] = database.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        ready.set()
        while not over.is_set():
            rows = database.execute("SELECT * FROM events WHERE seq > ? ORDER BY seq LIMIT 1000", (last,)).fetchall()
            if rows:
                last = rows[-1][0]
                seen.append((time.monotonic_ns(), last))
            time.sleep(EVERY)
    answer.put(seen)


class Heard(NamedTuple):
    """What one client that reads has to say."""

    seen: Seen
    cycles: list[tuple[int, float]]
    """When it was told of a cycle, and how long the one before that took (ms)."""
    gaps: int
    repeats: int
    closed: int
    """The code with which it was closed; 0 if it was not."""


def listen(url: str, token: str, ready: Event, over: Event, answer: Any) -> None:
    """One client that reads everything as soon as it comes and looks at every number."""
    answer.put(asyncio.run(_listen(url, token, ready, over)))


async def _listen(url: str, token: str, ready: Event, over: Event) -> Heard:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    seen: Seen = []
    cycles: list[tuple[int, float]] = []
    gaps = repeats = closed = 0
    address, headers = f"ws{url.removeprefix('http')}/ws", {"Authorization": f"Bearer {token}"}
    async with connect(address, additional_headers=headers, proxy=None, max_size=None, open_timeout=30) as line:
        last = json.loads(await line.recv())["seq"]
        ready.set()
        while not over.is_set():
            try:
                text = str(await asyncio.wait_for(line.recv(), 0.5))
            except TimeoutError:
                continue
            except ConnectionClosed as error:
                closed = error.rcvd.code if error.rcvd else 1006
                break
            moment, number = time.monotonic_ns(), number_of(text)
            gaps, repeats, last = gaps + (number > last + 1), repeats + (number <= last), number
            seen.append((moment, number))
            if '"SCAN_SUMMARY"' in text and (took := json.loads(text)["data"]["last_cycle_ms"]) is not None:
                cycles.append((moment, took))
    return Heard(seen, cycles, gaps, repeats, closed)


def number_of(text: str) -> int:
    """The ``seq`` of an envelope, without reading the rest of it."""
    head = text.partition('"seq":')[2]
    return int(head[: len(head) - len(head.lstrip("0123456789"))] or 0)


# -- who only counts ---------------------------------------------------------------------------------


class Crowd(NamedTuple):
    """Of each client of a crowd: how many events it was sent; and how many were closed."""

    events: list[int]
    closed: int


class Counting:
    """A client that takes whatever is there and counts events in it: a Python client that reads every message takes
    more time for it than the server does for all of them."""

    def __init__(self, line: socket.socket) -> None:
        self.line, self.events, self.closed = line, 0, False
        self._rest = b""

    def read(self, into: bytearray) -> None:
        try:
            size = self.line.recv_into(into)
        except BlockingIOError:
            return
        except ConnectionError:
            size = 0
        if not size:
            self.closed = True
            return
        found = self._rest + memoryview(into)[:size]
        self.events += found.count(NEEDLE)
        at = found.find(PING)
        if 0 <= at <= len(found) - 6:
            self.line.send(b"\x8a\x84\0\0\0\0" + found[at + 2 : at + 6])
        self._rest = found[-(len(NEEDLE) - 1) :]


def crowd(url: str, token: str, clients: int, ready: Event, over: Event, answer: Any) -> None:
    """Many clients of one process."""
    several = [Counting(connected(url, token)) for _ in range(clients)]
    into = bytearray(1 << 18)
    with selectors.DefaultSelector() as waiting:
        for one in several:
            snapshot(one.line)
            one.line.setblocking(False)
            waiting.register(one.line, selectors.EVENT_READ, one)
        ready.set()
        while not over.is_set():
            for key, _ in waiting.select(0.2):
                key.data.read(into)
                if key.data.closed:
                    waiting.unregister(key.fileobj)
    for one in several:
        one.line.close()
    answer.put(Crowd([one.events for one in several], sum(one.closed for one in several)))


def connected(url: str, token: str) -> socket.socket:
    """A socket whose handshake was answered, with its role proved. Raises SystemExit if it was refused."""
    place = urlsplit(url)
    line = socket.create_connection((place.hostname or "", place.port or 0), 30)
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET /ws HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    head += f"Authorization: Bearer {token}\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    line.sendall(head.encode())
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        said += line.recv(1)
    if b" 101 " not in said:
        raise SystemExit(f"refused: {said.decode()}")
    return line


def snapshot(line: socket.socket) -> bytes:
    """The first message of the server, whole."""
    size = _exactly(line, 2)[1]
    if size >= 126:
        size = int.from_bytes(_exactly(line, 2 if size == 126 else 8))
    return _exactly(line, size)


def _exactly(line: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = line.recv(size - len(found))
        if not more:
            raise SystemExit("closed before the first message was whole")
        found += more
    return found


# -- who never reads ---------------------------------------------------------------------------------


def stall(url: str, token: str, again: float, ready: Event, over: Event, answer: Any) -> None:
    """One client that never reads. Every ``again`` seconds it gives up its connection, cut by then, for a new one."""
    count = 0
    while not over.is_set():
        with connected(url, token):
            count += 1
            ready.set()
            over.wait(again)
    answer.put(count)
