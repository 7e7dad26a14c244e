"""The actors of ``benchmarks.orders``: who sends orders down the shipped path, and the same path bare."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import ray

from benchmarks.floor import PRAGMAS
from domain.candidate import Candidate
from domain.market import BarBatch, empty_bars
from domain.money import from_float

PRICE = 1.1


class Sent(NamedTuple):
    """One round: how many orders filled, and its time in milliseconds."""

    fills: int
    ms: float


class Sender:
    """In place of the driver: bars at T, then candidates through gate and executor to the recorded fill."""

    def __init__(self, symbols: Sequence[str], rows: int, epoch: int, timeframe_ns: int, start: int) -> None:
        from orchestration.cluster import RayPeers

        self._peers: Any = RayPeers()
        self._symbols, self._rows = tuple(symbols), rows
        self._epoch, self._step, self._at = epoch, timeframe_ns, start
        self._side = dict.fromkeys(self._symbols, 1)

    async def begin(self) -> None:
        await self._ask("Executor", "start", self._at)

    async def send(self, rounds: int, at_once: int) -> list[Sent]:
        """So many rounds of ``at_once`` orders, each of another symbol; from the candidate to the settled fill."""
        done = []
        for number in range(rounds):
            self._at += self._step
            batch = self._bars()
            matched = await self._ask("VenueGateway:paper", "advance", self._epoch, batch)
            await self._ask("RiskManager", "snapshot", batch, matched)
            first = number * at_once % len(self._symbols)
            names = [self._symbols[(first + place) % len(self._symbols)] for place in range(at_once)]
            candidates = [self._candidate(one) for one in names]
            begun = time.perf_counter()
            answer = await self._ask("RiskManager", "reserve", [], candidates, self._at, False)
            found = await self._ask("Executor", "submit", answer)
            await self._ask("RiskManager", "settle")
            done.append(Sent(sum(one == "FILLED" for one in found.values()), (time.perf_counter() - begun) * 1e3))
        return done

    async def _ask(self, name: str, method: str, *args: Any) -> Any:
        return await self._peers.get(name, self._peers.ask(name, method, *args), 60.0)

    def _bars(self) -> BarBatch:
        bars = np.resize(empty_bars(), self._rows)
        bars["row"] = np.arange(self._rows)
        bars["flags"], bars["volume"], bars["spread"] = 0, 0.0, 0.0
        bars["ts"] = self._at - self._step
        for name in ("open", "high", "low", "close"):
            bars[name] = PRICE
        return BarBatch(at=self._at, bars=bars)

    def _candidate(self, symbol: str) -> Candidate:
        side = self._side[symbol]
        self._side[symbol] = -side
        return Candidate(
            symbol=symbol,
            strategy="ema_cross",
            direction=side,
            at=self._at,
            price=from_float(PRICE),
            stop=0,
            target=0,
            score=1.0,
            probability=0.5,
            expires_at=self._at + self._step,
        )


class Commits:
    """One durable commit of so many bytes, as bare as the database allows."""

    def __init__(self, url: str, table: str) -> None:
        self._sqlite = url.startswith("sqlite")
        body = "BLOB" if self._sqlite else "BYTEA"
        key = "INTEGER PRIMARY KEY" if self._sqlite else "BIGSERIAL PRIMARY KEY"
        self._insert = f"INSERT INTO {table} (body) VALUES ({'?' if self._sqlite else '%s'})"
        self._connection: Any
        if self._sqlite:
            self._connection = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=30)
            for one in PRAGMAS:
                self._connection.execute(f"PRAGMA {one}")
        else:
            import psycopg

            self._connection = psycopg.connect(url.replace("+psycopg", ""), autocommit=True)
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (id {key}, body {body})")

    def write(self, body: bytes) -> None:
        self._connection.execute("BEGIN IMMEDIATE" if self._sqlite else "BEGIN")
        self._connection.execute(self._insert, (body,))
        self._connection.execute("COMMIT")


class BareGate:
    """In place of gate and gateway: a call, and one commit in its process."""

    def __init__(self, url: str, size: int) -> None:
        self._commits, self._body = Commits(url, "floor"), bytes(size)

    def call(self) -> None:
        self._commits.write(self._body)


class BareExecutor:
    """In place of the executor: a commit, the call to the venue, a commit."""

    def __init__(self, url: str, size: int, gateway: Any) -> None:
        self._commits, self._body, self._gateway = Commits(url, "floor"), bytes(size), gateway

    async def call(self) -> None:
        self._commits.write(self._body)
        await self._gateway.call.remote()
        self._commits.write(self._body)


class BareSender:
    """In place of the driver: gate, executor (and through it the venue), gate."""

    def __init__(self, gate: Any, executor: Any) -> None:
        self._gate, self._executor = gate, executor

    async def send(self, rounds: int) -> list[float]:
        done = []
        for _ in range(rounds):
            begun = time.perf_counter()
            await self._gate.call.remote()
            await self._executor.call.remote()
            await self._gate.call.remote()
            done.append((time.perf_counter() - begun) * 1e3)
        return done


def bare(url: str, size: int) -> tuple[Any, list[Any]]:
    """The bare path in the Ray cluster that runs: its sender, and all its actors."""
    options = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": 0}
    gate = ray.remote(BareGate).options(**options).remote(url, size)
    gateway = ray.remote(BareGate).options(**options).remote(url, size)
    executor = ray.remote(BareExecutor).options(**options).remote(url, size, gateway)
    sender = ray.remote(BareSender).options(num_cpus=0).remote(gate, executor)
    return sender, [sender, executor, gateway, gate]
