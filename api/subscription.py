"""One reader of a stream of events: what has been told to it, what waits for it, and whether it was too slow."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING

from api.pages import Told, Wish, begins, complete

if TYPE_CHECKING:
    from api.hub import Hub

MOST = 500
"""Events handed over at once."""


class Subscription:
    """Events from a number on, first from the database, then as they are written; read by one task or one thread.

    ``seq`` is the last one handed over: whoever was ``lost`` resumes from there. Reading ends when it is closed or
    lost. Where numbers are missing a reader of everything gets a COMPACTED event in their place.
    """

    def __init__(self, hub: Hub, wanted: Wish, after: int, size: int, heaviest: int) -> None:
        self.wanted, self.size, self.heaviest, self.seq = wanted, size, heaviest, after
        self.lost = False
        self.closed = False
        self.live = False
        self.position = after
        """Up to here everything that is wanted was handed over or waits."""
        self.filling = threading.Lock()
        self._told = after
        self._hub = hub
        self._waiting: deque[Told] = deque()
        self.weight = 0
        """What waits, in bytes of the database."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._here: asyncio.Event | threading.Event | None = None

    # -- reading ---------------------------------------------------------------------------------

    async def batch(self, most: int = MOST) -> list[Told]:
        """The next events, one at least, as soon as there are any; none when the stream has ended."""
        self._loop = asyncio.get_running_loop()
        if not isinstance(self._here, asyncio.Event):
            self._here = asyncio.Event()
        while not self.ended:
            self._here.clear()
            found = self._next(most)
            if found:
                return found
            if self.live:
                await self._here.wait()
            elif not await self._hub.filled(self):
                await asyncio.sleep(self._hub.again)
        return []

    def take(self, within: float | None = None, most: int = MOST) -> list[Told]:
        """As ``batch``, for a thread; none also when nothing has come ``within`` so many seconds."""
        if not isinstance(self._here, threading.Event):
            self._here = threading.Event()
        ends = None if within is None else time.monotonic() + within
        while not self.ended:
            self._here.clear()
            found = self._next(most)
            if found:
                return found
            if not self.live and self._hub.fill(self):
                continue
            left = None if ends is None else ends - time.monotonic()
            if left is not None and left <= 0:
                break
            pauses = [one for one in (left, None if self.live else self._hub.again) if one is not None]
            self._here.wait(min(pauses, default=None))
        return []

    async def __aiter__(self) -> AsyncIterator[Told]:
        while found := await self.batch():
            for one in found:
                yield one

    def __iter__(self) -> Iterator[Told]:
        while found := self.take():
            yield from found

    def close(self) -> None:
        """No more events; whoever waits is told."""
        self.closed = True
        self._hub.leave(self)
        self.wake()

    @property
    def waiting(self) -> int:
        """How many events wait to be read."""
        return len(self._waiting)

    @property
    def ended(self) -> bool:
        return self.closed or self.lost

    def _next(self, most: int) -> list[Told]:
        with self._lock:
            waiting = self._waiting
            if len(waiting) <= most:
                found = list(waiting)
                waiting.clear()
                self.weight = 0
            else:
                found = [waiting.popleft() for _ in range(most)]
                self.weight -= sum(one.weight for one in found)
        if found:
            self.seq = found[-1]["seq"]
        return found

    # -- what the hub does -----------------------------------------------------------------------

    def back_to(self, newest: int) -> None:
        """The database has not come to the number that was asked for: what it has next is new."""
        self.position = self._told = newest

    def offer(self, found: Sequence[Told], until: int) -> bool:
        """Events that are wanted, in order; whether there was room for them. Those handed over before are left out."""
        if found and found[0]["seq"] <= self.position:
            found = [one for one in found if one["seq"] > self.position]
        if found and self.wanted.whole and self._told and begins(found[0]) > self._told + 1:
            found = complete(found, self._told, self.wanted.run_id)
        weight = sum(one.weight for one in found)
        with self._lock:
            full = len(self._waiting) + len(found) > self.size
            heavy = bool(self._waiting) and self.weight + weight > self.heaviest
            if (full or heavy) and self.live:
                self._waiting.clear()
                self.weight = 0
                self.lost = True
                return False
            self._waiting.extend(found)
            self.weight += weight
        if found:
            self._told = found[-1]["seq"]
        self.position = max(self.position, until)
        return True

    def wake(self) -> None:
        """Tell whoever waits, in its own thread or loop."""
        if isinstance(self._here, threading.Event):
            self._here.set()
        elif self._here is not None and self._loop is not None:
            wake_all(self._loop, [self])

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop of a task that waits; None for a thread."""
        return self._loop if isinstance(self._here, asyncio.Event) else None


def wake_all(loop: asyncio.AbstractEventLoop, several: Sequence[Subscription]) -> None:
    """Tell several that wait in one loop, with one call into it. Those of a loop that has ended are closed."""
    try:
        loop.call_soon_threadsafe(_set, several)
    except RuntimeError:  # the loop is closed, and whoever waited in it is gone
        for one in several:
            one.closed = True


def _set(several: Sequence[Subscription]) -> None:
    for one in several:
        if one._here is not None:
            one._here.set()
