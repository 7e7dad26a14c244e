"""Trading states: ACTIVE, REDUCING on the soft limit, HALTED by a hard limit or a person (design section 7)."""

from __future__ import annotations

import msgspec

ACTIVE, REDUCING, HALTED = "ACTIVE", "REDUCING", "HALTED"


class TradingState(msgspec.Struct, frozen=True):
    """The state and what caused it: a code with its value and threshold."""

    name: str = ACTIVE
    code: str = ""
    value: float | str | None = None
    threshold: float | str | None = None


def assess(drawdown: float, soft: float | None, hard: float | None, latch: TradingState | None) -> TradingState:
    """The state from the drawdown (fraction of the equity peak) and the latched kill switch, if any.

    A latch stays until a person resets it; REDUCING is left by recovery.
    """
    if latch is not None:
        return latch
    if hard is not None and drawdown >= hard:
        return TradingState(HALTED, "MAX_DRAWDOWN", drawdown, hard)
    if soft is not None and drawdown >= soft:
        return TradingState(REDUCING, "MAX_DRAWDOWN_SOFT", drawdown, soft)
    return TradingState()
