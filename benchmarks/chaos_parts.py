"""Actors that stand in for others in a chaos run: a host that always has something to say."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from actors.base import Health, health_of
from actors.snapshot import GateSnapshot
from actors.specs import HostSpec
from domain.candidate import CODE, REPORT, Candidate, Exit, HostReport
from domain.market import BarBatch
from domain.money import from_float
from domain.order import SIGNAL
from domain.ports import Meter, Peers

HALF = "TP1"
"""The purpose of an exit that closes a half."""


class ScriptedHost:
    """What it proposes depends on the seed, the symbol, T and the position it is shown, and on nothing else,
    so it is never behind and a repeated question gets the same answer."""

    def __init__(self, spec: HostSpec) -> None:
        self.spec = spec
        self._seed = spec.parameters["seed"]
        self._mine = dict(zip(spec.rows, spec.symbols, strict=True))
        self._at = -1

    def load(self, after: int, batch: BarBatch) -> int:
        self._at = batch.at
        return batch.at

    def health(self) -> Health:
        return health_of(self.spec.name, at=self._at)

    def scan(self, cycle: int, after: int, batch: BarBatch, snapshot: GateSnapshot | None) -> HostReport:
        if snapshot is None:
            return HostReport(at=self._at, rows=b"", behind=True)
        self._at = batch.at
        rows = np.zeros(len(self._mine), REPORT)
        rows["code"] = CODE["NO_NEW_BAR"]
        places = {row: place for place, row in enumerate(self.spec.rows)}
        said: list[Candidate | Exit] = []
        for bar in batch.rows:
            row = int(bar["row"])
            if row not in self._mine:
                continue
            wish = self._wish(self._mine[row], batch.at, float(bar["close"]), snapshot)
            code = "NO_SIGNAL" if wish is None else "CANDIDATE" if isinstance(wish, Candidate) else "EXIT"
            rows["code"][places[row]], rows["close"][places[row]] = CODE[code], bar["close"]
            said += [] if wish is None else [wish]
        return HostReport(
            at=batch.at,
            rows=rows.tobytes(),
            candidates=tuple(one for one in said if isinstance(one, Candidate)),
            exits=tuple(one for one in said if isinstance(one, Exit)),
        )

    def _wish(self, symbol: str, at: int, close: float, snapshot: GateSnapshot) -> Candidate | Exit | None:
        rng = random.Random(f"{self._seed}|{symbol}|{at}")
        chance, held = rng.random(), snapshot.held.get(symbol)
        if held is None:
            return self._enter(rng, symbol, at, close, rng.choice((1, -1))) if chance < 0.7 else None
        direction = 1 if held.quantity > 0 else -1
        if chance < 0.35 and abs(held.quantity) > held.closing:
            full = chance < 0.2
            purpose, fraction = (SIGNAL, 1.0) if full else (HALF, 0.5)
            return Exit(symbol, self.spec.strategy, purpose, at, from_float(close), fraction)
        if chance < 0.6:
            return self._enter(rng, symbol, at, close, -direction)
        return self._enter(rng, symbol, at, close, direction) if chance < 0.75 else None

    def _enter(self, rng: random.Random, symbol: str, at: int, close: float, direction: int) -> Candidate:
        """Stops and targets near enough to be hit within minutes; one entry in three rests at a limit."""
        resting = rng.random() < 0.33
        away = close * rng.uniform(-0.0002, 0.0004) * direction
        return Candidate(
            symbol=symbol,
            strategy=self.spec.strategy,
            direction=direction,
            at=at,
            price=from_float(close),
            stop=from_float(close * rng.uniform(0.0003, 0.003)),
            target=from_float(close * rng.uniform(0.0003, 0.003)),
            score=round(rng.random(), 3),
            probability=round(rng.random(), 3),
            expires_at=at + rng.randint(1, 4) * self.spec.timeframe_ns,
            limit=from_float(close - away) if resting else 0,
        )


def scripted_host(spec: HostSpec, peers: Peers, meter: Meter) -> Any:
    return ScriptedHost(spec)
