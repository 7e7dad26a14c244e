"""Actors that stand in for others in a chaos run: a host that always has something to say."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from actors.base import Health, health_of
from actors.snapshot import GateSnapshot
from actors.specs import HostSpec
from domain.candidate import CODE, REPORT, Amend, Candidate, Exit, HostReport
from domain.market import BarBatch
from domain.money import from_float
from domain.order import SIGNAL
from domain.ports import Meter, Peers

PARTS = {"TP1": 0.5, "TP2": 0.25}
"""The purposes of exits that close a part, each once, and how large it is."""


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
        amends: list[Amend] = []
        for bar in batch.rows:
            row = int(bar["row"])
            if row not in self._mine:
                continue
            wish = self._wish(self._mine[row], batch.at, float(bar["close"]), snapshot)
            code = "NO_SIGNAL" if wish is None else "CANDIDATE" if isinstance(wish, Candidate) else "EXIT"
            rows["code"][places[row]], rows["close"][places[row]] = CODE[code], bar["close"]
            said += [] if wish is None else [wish]
            amends += self._move(self._mine[row], batch.at, float(bar["close"]), snapshot)
        return HostReport(
            at=batch.at,
            rows=rows.tobytes(),
            candidates=tuple(one for one in said if isinstance(one, Candidate)),
            exits=tuple(one for one in said if isinstance(one, Exit)),
            amends=tuple(amends),
        )

    def _wish(self, symbol: str, at: int, close: float, snapshot: GateSnapshot) -> Candidate | Exit | None:
        rng = random.Random(f"{self._seed}|{symbol}|{at}")
        chance, held = rng.random(), snapshot.held.get(symbol)
        if held is None:
            return self._enter(rng, symbol, at, close, rng.choice((1, -1))) if chance < 0.7 else None
        direction = 1 if held.quantity > 0 else -1
        if chance < 0.35 and abs(held.quantity) > held.closing:
            left = [one for one in PARTS if one not in held.flags and not held.closing]
            purpose = SIGNAL if chance < 0.1 or not left else left[0]
            fraction = PARTS.get(purpose, 1.0)
            return Exit(symbol, self.spec.strategy, purpose, at, from_float(close), fraction)
        if chance < 0.6:
            return self._enter(rng, symbol, at, close, -direction)
        return self._enter(rng, symbol, at, close, direction) if chance < 0.75 else None

    def _move(self, symbol: str, at: int, close: float, snapshot: GateSnapshot) -> list[Amend]:
        """Often a stop that is nearer to the price, by a part of the way; the first time for breakeven."""
        rng = random.Random(f"{self._seed}|{symbol}|{at}|stop")
        held = snapshot.held.get(symbol)
        if held is None or rng.random() < 0.3:
            return []
        purpose = "TRAILING" if "BREAKEVEN" in held.flags else "BREAKEVEN"
        stop = held.stop + int((from_float(close) - held.stop) * rng.uniform(-0.1, 0.6))
        flag = purpose if purpose == "BREAKEVEN" else ""
        return [Amend(symbol, self.spec.strategy, purpose, at, from_float(close), stop, flag, held.entry_order)]

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
