"""A database that is written to while somebody listens."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from domain.events import ALERT, SCAN_START, Draft
from domain.timeframe import HOUR
from journal import schema
from journal.retention import compact
from journal.store import Store

SYMBOLS = ("EURUSD", "BTC", None)
KINDS = (SCAN_START, "CANDIDATE", ALERT)
NOW = 1_000 * HOUR


def a_run(run_id: str, live: bool = True, epoch: int = 1) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "epoch": epoch,
        "account": "paper",
        "live": live,
        "simulated": False,
        "started_at": epoch,
        "config": "{}",
        "symbols": '["EURUSD", "BTC"]',
        "codes": "[]",
        "inputs": "{}",
        "warmed_until": 0,
    }


class Desk:
    """Writes events with the journal's own transactions, as the actors of an engine do."""

    def __init__(self, url: str, *runs: str) -> None:
        self.url, self.store = url, Store(url, 1)
        with self.store.transaction() as tx:
            tx.insert(schema.runs, [a_run(one, epoch=number) for number, one in enumerate(runs, 1)])

    def write(
        self, run_id: str = "run", count: int = 1, kind: str = ALERT, symbol: str | None = None, size: int = 0
    ) -> int:
        """So many events in one transaction, each larger by ``size`` bytes; the number of the last one."""
        more = {"text": "x" * size} if size else {}
        with self.store.transaction() as tx:
            first = tx.emit(run_id, [])
            numbers = range(first, first + count)
            tx.emit(run_id, [Draft(kind, NOW - 90 * HOUR, f"{one}", {"n": one} | more, symbol) for one in numbers])
        return first + count - 1

    def drop(self, kind: str = SCAN_START) -> int:
        with self.store.transaction() as tx:
            return compact(tx.connection, {kind: 1.0}, NOW)

    def numbers(self, run_id: str | None = None, types: Iterable[str] = (), symbols: Iterable[str] = ()) -> list[int]:
        """What the database has."""
        of = schema.events.c
        query = sa.select(of.seq).order_by(of.seq)
        query = query if run_id is None else query.where(of.run_id == run_id)
        query = query.where(of.type.in_(list(types))) if types else query
        query = query.where(of.symbol.in_(list(symbols))) if symbols else query
        with self.store.read() as c:
            return list(c.execute(query).scalars())

    def close(self) -> None:
        self.store.close()


class Writers:
    """Threads that write at once, each with a connection of its own, until they have written so much."""

    def __init__(self, desk: Desk, runs: Sequence[str], each: int, seed: int, threads: int = 3) -> None:
        self._desk, self._runs, self._each = desk, runs, each
        self._threads = [threading.Thread(target=self._write, args=(seed * 31 + one,)) for one in range(threads)]

    def __enter__(self) -> Writers:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._threads:
            one.join()

    @property
    def busy(self) -> bool:
        return any(one.is_alive() for one in self._threads)

    def _write(self, seed: int) -> None:
        dice, left = random.Random(seed), self._each
        while left > 0:
            count = min(left, dice.randint(1, 7))
            self._desk.write(dice.choice(self._runs), count, dice.choice(KINDS), dice.choice(SYMBOLS))
            left -= count
            time.sleep(dice.random() * 0.004)


def soon(true: Callable[[], Any], within: float = 10.0) -> None:
    """Wait until it is true."""
    ends = time.monotonic() + within
    while not true():
        assert time.monotonic() < ends, "it never came true"
        time.sleep(0.002)
