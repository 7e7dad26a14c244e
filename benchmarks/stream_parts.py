"""The processes of the stream benchmark: who writes, who listens to a hub, who listens to a socket.

Every process tells what it saw as [moment, number] pairs; moments are of the machine's monotonic clock (ns), which all
processes share.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from typing import Any, NamedTuple

Seen = list[tuple[int, int]]
"""When, and up to which number."""


class Told(NamedTuple):
    """What one process of listeners has to say: what each saw, and how many were dropped."""

    seen: list[Seen]
    lost: int


RUN = "stream-benchmark"


def write(url: str, rate: int, seconds: float, begin: Event, answer: Any) -> None:
    """``rate`` events a second, a hundredth of them in each commit; when each commit was through."""
    from domain.events import CANDIDATE, Draft
    from journal.schema import runs
    from journal.store import Store

    store, each = Store(url, 1), max(1, rate // 100)
    texts = dict.fromkeys(("config", "inputs"), "{}") | dict.fromkeys(("symbols", "codes"), "[]")
    numbers = {"epoch": 1, "started_at": 1, "warmed_until": 0}
    with store.transaction() as tx:
        tx.insert(runs, [{"run_id": RUN, "account": "paper", "live": False, "simulated": True, **numbers, **texts}])
    data = {"direction": "BUY", "strategy": "ema_cross", "score": 0.5, "probability": 0.5, "price": 1.1}
    begin.wait()
    told: Seen = []
    number, due = 0, time.monotonic()
    ends = due + seconds
    while due < ends:
        with store.transaction() as tx:
            drafts = [Draft(CANDIDATE, time.monotonic_ns(), f"{number + n}", data, "EURUSD") for n in range(each)]
            last = tx.emit(RUN, drafts) + each - 1
        told.append((time.monotonic_ns(), last))
        number, due = number + each, due + each / rate
        time.sleep(max(0.0, due - time.monotonic()))
    store.close()
    answer.put(Told([told], 0))


def hear(url: str, clients: int, ready: Event, over: Event, answer: Any) -> None:
    """Subscriptions of one hub, in one loop, as a server has them."""
    from api.hub import Hub

    async def one(subscription: Any, seen: Seen) -> None:
        while batch := await subscription.batch():
            seen.append((time.monotonic_ns(), batch[-1]["seq"]))

    async def all_of_them() -> Told:
        hub = Hub(url)
        several = [hub.subscribe(None, hub.newest()) for _ in range(clients)]
        seen: list[Seen] = [[] for _ in several]
        tasks = [asyncio.create_task(one(each, mine)) for each, mine in zip(several, seen, strict=True)]
        await _until(lambda: all(each.live for each in several))
        ready.set()
        await _until(over.is_set)
        lost = sum(each.lost for each in several)
        await asyncio.to_thread(hub.close)
        await asyncio.gather(*tasks)
        return Told(seen, lost)

    answer.put(asyncio.run(all_of_them()))


def serve(url: str, ready: Event, over: Event, answer: Any) -> None:
    """A server beside nothing else; its address and token, and at the end how its memory went (MB)."""
    import psutil

    from api.server import Server
    from orchestration.serving import Serving

    def silent(text: str) -> None:
        return None

    server = Server(Serving(), url, silent)
    if not server.start():
        raise SystemExit("the server did not start")
    answer.put((server.bound.url, server.security.tokens.operator))
    ready.set()
    here, memory = psutil.Process(), []
    while not over.wait(0.25):
        memory.append(round(here.memory_info().rss / (1 << 20), 1))
    server.stop()
    answer.put(memory)


def listen(url: str, token: str, clients: int, ready: Event, over: Event, answer: Any) -> None:
    """Clients of a server's socket, in one loop."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed

    async def one(seen: Seen, standing: list[int], lost: list[int]) -> None:
        async with connect(f"ws{url.removeprefix('http')}/ws", proxy=None, max_size=None, open_timeout=30) as socket:
            await socket.send(f'{{"type":"auth","token":"{token}"}}')
            await socket.recv()
            standing.append(1)
            try:
                while not over.is_set():
                    text = await socket.recv()
                    seen.append((time.monotonic_ns(), number_of(text)))
            except ConnectionClosed as closed:
                lost.append(closed.rcvd.code if closed.rcvd else 0)

    async def all_of_them() -> Told:
        seen: list[Seen] = [[] for _ in range(clients)]
        standing: list[int] = []
        lost: list[int] = []
        tasks = [asyncio.create_task(one(mine, standing, lost)) for mine in seen]
        await _until(lambda: len(standing) == clients or any(each.done() for each in tasks))
        ready.set()
        await _until(over.is_set)
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return Told(seen, len(lost))

    answer.put(asyncio.run(all_of_them()))


def stall(url: str, token: str, ready: Event, over: Event) -> None:
    """One client that proves its role and never reads again."""
    import base64
    import os
    import socket
    from urllib.parse import urlsplit

    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0)) as line:
        key = base64.b64encode(os.urandom(16)).decode()
        head = f"GET /ws HTTP/1.1\r\nHost: {place.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        line.sendall(f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        line.recv(4096)
        line.sendall(_frame(f'{{"type":"auth","token":"{token}"}}'.encode()))
        ready.set()
        over.wait()


def number_of(text: str | bytes) -> int:
    """The ``seq`` of an envelope, without reading the rest of it."""
    head = (text.decode() if isinstance(text, bytes) else text).partition('"seq":')[2]
    return int(head[: len(head) - len(head.lstrip("0123456789"))] or 0)


def _frame(text: bytes) -> bytes:
    """A masked text frame, as a client sends it."""
    size = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2, "big")
    return b"\x81" + size + b"\0\0\0\0" + text


async def _until(true: Callable[[], bool]) -> None:
    while not true():  # noqa: ASYNC110 - what is waited for is in another process
        await asyncio.sleep(0.02)
