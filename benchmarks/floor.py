"""The bare Ray floor of a cycle: what no engine of this shape on this machine could do without.

A fan-out, awaited from an async actor, to as many sync actors as the run has hosts, each returning one
report row per symbol; then three calls to a sync actor (paper, snapshot, reserve), one after another;
then two commits (open, close) of the run's own bytes. The commits are plain ``sqlite3``, one INSERT of a
blob each, with the run's PRAGMAs (write-ahead log, ``synchronous=FULL``): the barest that is durable.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ray

from domain.candidate import REPORT

PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "cache_size=-64000", "wal_autocheckpoint=4000")
WITHIN = 600.0


class Sizes(NamedTuple):
    """Bytes of the two commits of a cycle: cycle row with SCAN_START, and SCAN_SUMMARY."""

    opened: int
    closed: int


class Lap(NamedTuple):
    """One floor cycle in milliseconds: all of it, and its three parts."""

    total: float
    fan_out: float
    calls: float
    commits: float


class Rows:
    """In place of a host: a row per symbol, always the same bytes."""

    def __init__(self, symbols: int) -> None:
        self._rows = bytes(REPORT.itemsize * symbols)

    def rows(self) -> bytes:
        return self._rows


class Bare:
    """In place of gate and venue."""

    def call(self) -> None:
        return None


class FloorDriver:
    """In place of the driver."""

    def __init__(self, hosts: Sequence[Any], bare: Any, database: str) -> None:
        self._hosts, self._bare = list(hosts), bare
        self._database = sqlite3.connect(database, isolation_level=None)
        for one in PRAGMAS:
            self._database.execute(f"PRAGMA {one}")
        self._database.execute("CREATE TABLE IF NOT EXISTS floor (id INTEGER PRIMARY KEY, body BLOB)")

    async def measure(self, cycles: int, sizes: Sizes) -> list[Lap]:
        opened, closed = bytes(sizes.opened), bytes(sizes.closed)
        return [await self._lap(opened, closed) for _ in range(cycles)]

    async def _lap(self, opened: bytes, closed: bytes) -> Lap:
        begun = time.perf_counter()
        await asyncio.gather(*(one.rows.remote() for one in self._hosts))
        fanned = time.perf_counter()
        for _ in ("paper", "snapshot", "reserve"):
            await self._bare.call.remote()
        called = time.perf_counter()
        self._commit(opened)
        self._commit(closed)
        ended = time.perf_counter()
        parts = (ended - begun, fanned - begun, called - fanned, ended - called)
        return Lap(*(one * 1e3 for one in parts))

    def _commit(self, body: bytes) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._database.execute("INSERT INTO floor (body) VALUES (?)", (body,))
        self._database.execute("COMMIT")


class Floor:
    """The floor's actors in the Ray cluster that runs, for as long as the block lasts."""

    def __init__(self, symbols_of_hosts: Sequence[int], database: Path) -> None:
        options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": 0}
        self._hosts = [ray.remote(Rows).options(**options).remote(count) for count in symbols_of_hosts]
        self._bare = ray.remote(Bare).options(**options).remote()
        self._driver = ray.remote(FloorDriver).options(num_cpus=0).remote(self._hosts, self._bare, str(database))

    def measure(self, cycles: int, sizes: Sizes) -> list[Lap]:
        laps: list[Lap] = ray.get(self._driver.measure.remote(cycles, sizes), timeout=WITHIN)
        return laps

    def stop(self) -> None:
        for one in (self._driver, self._bare, *self._hosts):
            with contextlib.suppress(ValueError):
                ray.kill(one)
