"""Reads the calendars of a live run again while it goes on. What has changed reaches the gate as a command, so that it
takes effect between two steps, and is recorded and replayed like one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from domain.errors import ConfigError
from domain.ports import Clock
from journal import commands
from journal.store import Store
from risk.news import STATIC, Calendar

EVERY = 4 * 3600.0
"""Seconds between two readings."""
AGAIN = 300.0
"""Seconds after one that failed."""


class NewsDesk:
    """``read`` makes one calendar of the sources and may take its time: it runs beside. Without a source that can
    change nothing is read."""

    def __init__(
        self,
        sources: Sequence[str],
        known: Calendar | None,
        store: Store,
        clock: Clock,
        ticks: Callable[[], float],
        failed: Callable[[str], Any],
        read: Callable[[Sequence[str]], Calendar],
    ) -> None:
        self._sources = tuple(sources) if set(sources) - {STATIC} else ()
        self._known, self._store, self._clock = known, store, clock
        self._ticks, self._failed, self._read = ticks, failed, read
        self._thread = ThreadPoolExecutor(1, "news")
        self._reading: Future[Calendar] | None = None
        self._due = ticks() + EVERY

    def look(self) -> None:
        """Start a reading that is due, or pass on what one has brought. Raises DatabaseAway."""
        if self._reading is None and self._sources and self._ticks() >= self._due:
            self._reading = self._thread.submit(self._read, self._sources)
        if self._reading is None or not self._reading.done():
            return
        reading, self._reading = self._reading, None
        self._due = self._ticks() + EVERY
        try:
            found = reading.result()
        except ConfigError as error:
            self._due = self._ticks() + AGAIN
            self._failed(str(error))
            return
        if found != self._known:
            arguments = {"calendar": msgspec.to_builtins(found)}
            commands.add(self._store.engine, "calendar", arguments, "news", "read again", self._clock.now())
            self._known = found

    def stop(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
