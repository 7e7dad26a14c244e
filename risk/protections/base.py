"""What a protection is, what it looks at, and how it makes a lock."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from domain.timeframe import SECOND
from risk.protections.equity import EquityWindow
from risk.statistics import Statistics, Trade
from risk.view import Lock


class Past(NamedTuple):
    """What a protection sees: ``now`` is market time; ``closed`` the round trip that has just ended, the newest of the
    statistics, None at the look of each cycle."""

    statistics: Statistics
    equity: EquityWindow
    now: int
    closed: Trade | None


class Protection(Protocol):
    """``keys`` are the settings it has; the first turns it on."""

    keys: tuple[str, ...]

    def lock(self, past: Past) -> Lock | None: ...


def nanos(seconds: float) -> int:
    return round(seconds * SECOND)


def locked(code: str, symbol: str | None, at: int, length: int, reason: str) -> Lock:
    """A lock of both sides from ``at`` on, ``length`` ns long; it gets its id from whoever keeps it."""
    return Lock(id="", code=code, symbol=symbol, side=None, until_at=at + length, reason=reason, from_at=at)
