"""What is told to many at once, made once."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import anyio.to_thread
import msgspec

from api.pages import Told
from api.wire import frame

FRESH = 0.25
"""Seconds for which a snapshot is good for others: a storm of clients costs one."""

PIECE = 128 * 1024
"""Bytes that are given to a connection at once."""

_JSON = msgspec.json.Encoder()


class Snapshots:
    """The state, made once for all who ask at the same time. ``beside`` as in ``Hub.snapshot``."""

    def __init__(self, hub: Any, beside: bool = False) -> None:
        self._hub, self._beside = hub, beside
        self._lock = asyncio.Lock()
        self._made: tuple[float, int, bytes] | None = None

    async def get(self) -> tuple[int, bytes]:
        """The number of its last event, and the snapshot as a frame. Raises DatabaseAway or DatabaseBroken."""
        async with self._lock:
            if self._made is None or time.monotonic() - self._made[0] > FRESH:
                seq, text = await anyio.to_thread.run_sync(self._make)
                self._made = time.monotonic(), seq, frame(text)
            return self._made[1:]

    def _make(self) -> tuple[int, bytes]:
        found = self._hub.snapshot(beside=self._beside)
        return found["seq"], _JSON.encode(found)


def pieces(batch: list[Told]) -> Iterator[list[Told]]:
    """The events in pieces of about ``PIECE`` bytes, one event at least: so much may wait in one connection."""
    piece: list[Told] = []
    size = 0
    for one in batch:
        if piece and size + len(one.text) > PIECE:
            yield piece
            piece, size = [], 0
        piece.append(one)
        size += len(one.text)
    if piece:
        yield piece


class Joined:
    """Batches of events as the bytes of their frames: most clients are told the same ones."""

    def __init__(self, kept: int = 32) -> None:
        self._kept = kept
        self._made: OrderedDict[tuple[int, int, int], tuple[list[Told], bytes]] = OrderedDict()

    def get(self, batch: list[Told]) -> bytes:
        key = (id(batch[0]), id(batch[-1]), len(batch))
        known = self._made.get(key)
        if known is not None and all(one is other for one, other in zip(known[0], batch, strict=True)):
            return known[1]
        found = b"".join(frame(one.text.encode()) for one in batch)
        self._made[key] = (batch, found)
        while len(self._made) > self._kept:
            self._made.popitem(last=False)
        return found
