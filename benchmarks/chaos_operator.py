"""A person at the command line while everything breaks: closes, cancels, pauses and resumes, as the seed says."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from journal import commands
from journal import schema as s

_WORKING = sa.select(s.reservations.c.order_id)

EVERY = 6
"""Cycles between two commands, on average."""


class Operator:
    """Writes commands into the table that the running engine reads."""

    def __init__(self, engine: sa.Engine, seed: int, symbols: Sequence[str], account: str) -> None:
        self._engine, self._symbols, self._account = engine, symbols, account
        self._random = random.Random(f"operator|{seed}")
        self._paused = False

    def turn(self, at: int) -> None:
        if self._paused:
            self._paused = False
            self._say("resume", {}, at)
        elif self._random.random() < 1 / EVERY:
            self._something(at)

    def _something(self, at: int) -> None:
        chance = self._random.random()
        if chance < 0.1:
            self._paused = True
            self._say("pause", {}, at)
        elif chance < 0.5:
            half = {"fraction": 0.5} if self._random.random() < 0.5 else {}
            self._say("close", {"symbol": self._random.choice(self._symbols), **half}, at)
        else:
            with self._engine.connect() as c:
                working = sorted(c.execute(_WORKING.where(s.reservations.c.account == self._account)).scalars())
            if working:
                self._say("cancel", {"order_id": self._random.choice(working)}, at)

    def _say(self, verb: str, arguments: dict[str, Any], at: int) -> None:
        commands.add(self._engine, verb, arguments, "chaos", "chaos", at)
