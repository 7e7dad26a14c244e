"""Trading states: ACTIVE, REDUCING on the soft limit, HALTED by a hard limit or a person (design section 7)."""

from __future__ import annotations

import msgspec

ACTIVE, REDUCING, HALTED = "ACTIVE", "REDUCING", "HALTED"
REBASED = frozenset({"MAX_DRAWDOWN"})
"""Limits that count from the present equity once a person has reset their latch."""


class TradingState(msgspec.Struct, frozen=True):
    """The state and what caused it: a code with its value and threshold."""

    name: str = ACTIVE
    code: str = ""
    value: float | str | None = None
    threshold: float | str | None = None


class Standing(msgspec.Struct, frozen=True, gc=False):
    """Equity, its peak and the cash the account began with, in 1e-9 money."""

    equity: int
    peak: int
    first_cash: int = 0

    @property
    def drawdown(self) -> float:
        """Fall from the peak, as a fraction of it."""
        return (self.peak - self.equity) / self.peak if self.peak > 0 else 0.0

    @property
    def total_loss(self) -> float:
        """Fall from the first cash, as a fraction of it."""
        return (self.first_cash - self.equity) / self.first_cash if self.first_cash > 0 else 0.0


class Limits(msgspec.Struct, frozen=True):
    """Fractions that make a state: soft and hard drawdown, and the loss of first cash. None is off."""

    soft: float | None = None
    hard: float | None = None
    total: float | None = None


def assess(standing: Standing, limits: Limits, latch: TradingState | None) -> TradingState:
    """The state that a standing and the latched kill switch make.

    A latch stays until a person resets it; REDUCING is left by recovery.
    """
    if latch is not None:
        return latch
    lost, drawdown = standing.total_loss, standing.drawdown
    if limits.total is not None and lost >= limits.total:
        return TradingState(HALTED, "MAX_TOTAL_LOSS", lost, limits.total)
    if limits.hard is not None and drawdown >= limits.hard:
        return TradingState(HALTED, "MAX_DRAWDOWN", drawdown, limits.hard)
    if limits.soft is not None and drawdown >= limits.soft:
        return TradingState(REDUCING, "MAX_DRAWDOWN_SOFT", drawdown, limits.soft)
    return TradingState()
