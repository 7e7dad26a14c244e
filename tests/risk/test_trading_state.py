"""Which trading state a drawdown and a latch make."""

from __future__ import annotations

import pytest

from risk.state import ACTIVE, HALTED, REDUCING, TradingState, assess

LATCH = TradingState(HALTED, "HALT", "news")


@pytest.mark.parametrize(
    ("drawdown", "soft", "hard", "state"),
    [
        (0.0, 0.1, 0.15, TradingState(ACTIVE)),
        (0.0999, 0.1, 0.15, TradingState(ACTIVE)),
        (0.1, 0.1, 0.15, TradingState(REDUCING, "MAX_DRAWDOWN_SOFT", 0.1, 0.1)),
        (0.1499, 0.1, 0.15, TradingState(REDUCING, "MAX_DRAWDOWN_SOFT", 0.1499, 0.1)),
        (0.15, 0.1, 0.15, TradingState(HALTED, "MAX_DRAWDOWN", 0.15, 0.15)),
        (0.15, None, 0.15, TradingState(HALTED, "MAX_DRAWDOWN", 0.15, 0.15)),
        (0.9, 0.1, None, TradingState(REDUCING, "MAX_DRAWDOWN_SOFT", 0.9, 0.1)),
        (0.9, None, None, TradingState(ACTIVE)),
        (-0.1, 0.1, 0.15, TradingState(ACTIVE)),
    ],
)
def test_the_drawdown_reduces_and_halts(
    drawdown: float, soft: float | None, hard: float | None, state: TradingState
) -> None:
    assert assess(drawdown, soft, hard, None) == state


@pytest.mark.parametrize("drawdown", [0.0, 0.1, 0.5])
def test_a_latch_stays_whatever_the_drawdown(drawdown: float) -> None:
    assert assess(drawdown, 0.1, 0.15, LATCH) == LATCH
