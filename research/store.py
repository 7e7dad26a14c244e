"""A folder of plain JSON under keys, shared between processes, worked by one thread of its own.

The loop never waits for a disk: a question has its seconds, and work that was begun goes on without whoever asked. What
is asked for first is done first.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

NORMAL, FULL = 1, 2
"""What a commit survives: a crash of every process; a crash of the machine too."""

BUSY = 10.0
"""Seconds that work waits for other processes' writes."""

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

T = TypeVar("T")


class BadRecord(Exception):
    """What is under this key is not what was written."""


class StoreFailed(Exception):
    """The store did not do it. ``damaged``: the file itself is at fault, not the moment."""

    def __init__(self, why: str, damaged: bool = False) -> None:
        self.why, self.damaged = why, damaged
        super().__init__(why, damaged)

    def __str__(self) -> str:
        return self.why


class Store:
    """``folder`` is made when it is first used. ``commit`` is NORMAL or FULL."""

    def __init__(self, folder: Path, commit: int = NORMAL) -> None:
        self.folder = Path(folder)
        self._commit = commit
        self._thread = ThreadPoolExecutor(1, "store")
        self._cache: Any = None
        self._database = self.folder
        self._file = 0
        self._closed = False

    async def run(self, work: Callable[[Any], T], within: float) -> T:
        """What ``work`` makes of the cache. Raises TimeoutError after so many seconds (the work goes on), StoreFailed,
        and BadRecord where it has met one."""
        if self._closed:
            raise StoreFailed(f"{self.folder} is closed")
        return await self._hear(partial(self._do, work), within)

    def later(self, work: Callable[[Any], object]) -> None:
        """After all that is under way; nobody hears whether it succeeded."""
        if not self._closed:
            self._thread.submit(self._do, work)

    async def set_aside(self, within: float) -> str:
        """Rename the damaged file, unless another process has: the next work finds a new one. The name it has now, ""
        where it is not for this process to rename or will not be renamed. Raises TimeoutError."""
        return "" if self._closed else await self._hear(self._set_aside, within)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.get_running_loop().run_in_executor(self._thread, self._let_go)
            self._thread.shutdown()

    async def _hear(self, work: Callable[[], T], within: float) -> T:
        under_way = asyncio.get_running_loop().run_in_executor(self._thread, work)
        under_way.add_done_callback(_seen)
        await asyncio.wait({under_way}, timeout=max(0.0, within))
        if not under_way.done():
            raise TimeoutError
        return under_way.result()

    # -- in the thread -----------------------------------------------------------------------------

    def _do(self, work: Callable[[Any], T]) -> T:
        from research.plain_json import Timeout

        try:
            if self._cache is None:
                self._open()
            return work(self._cache)
        except sqlite3.Error as error:
            damaged = (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGED
            raise StoreFailed(f"{self._database}: {error}", damaged) from error
        except Timeout as error:
            raise StoreFailed(f"{self._database}: other processes were writing for {BUSY:g} s") from error
        except OSError as error:
            raise StoreFailed(f"{self.folder}: {error.strerror or error}") from error

    def _open(self) -> None:
        from research.plain_json import DATABASE, opened

        self._database = self.folder / DATABASE
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._database.exists():
            self._file = self._database.stat().st_ino
            _readable(self._database)
        self._cache = opened(self.folder, self._commit, BUSY)
        self._file = self._database.stat().st_ino

    def _let_go(self) -> None:
        if self._cache is not None:
            self._cache.close()
            self._cache = None

    def _set_aside(self) -> str:
        try:
            self._let_go()
            if self._database.stat().st_ino != self._file:
                return ""
            number = 1
            while (aside := self.folder / f"damaged-{number}.db").exists():
                number += 1
            for suffix in ("-wal", "-shm", ""):  # a log keeps its database's name, so that both can be looked into
                part = self.folder / (self._database.name + suffix)
                if part.exists():
                    part.rename(self.folder / (aside.name + suffix))
            return aside.name
        except (OSError, sqlite3.Error):
            return ""


def _readable(database: Path) -> None:
    """Raises sqlite3.Error where this is no database. The cache's own constructor would leave a connection open."""
    connection = sqlite3.connect(database, timeout=BUSY)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    finally:
        connection.close()


def _seen(under_way: asyncio.Future[Any]) -> None:
    """An error of work that nobody waits for any more is nobody's."""
    if not under_way.cancelled():
        under_way.exception()
