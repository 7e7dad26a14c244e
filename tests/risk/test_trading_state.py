"""Which trading state a drawdown and a latch make."""

from __future__ import annotations

import pytest

from risk.state import ACTIVE, HALTED, REDUCING, Limits, Standing, TradingState, assess

LATCH = TradingState(HALTED, "HALT", "news")


def at(drawdown: float) -> Standing:
    return Standing(round(10_000 * (1 - drawdown)), 10_000)


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
    assert assess(at(drawdown), Limits(soft, hard), None) == state


@pytest.mark.parametrize("drawdown", [0.0, 0.1, 0.5])
def test_a_latch_stays_whatever_the_drawdown(drawdown: float) -> None:
    assert assess(at(drawdown), Limits(0.1, 0.15, 0.2), LATCH) == LATCH


@pytest.mark.parametrize(
    ("equity", "state"),
    [
        (9_001, TradingState(ACTIVE)),
        (9_000, TradingState(HALTED, "MAX_TOTAL_LOSS", 0.1, 0.1)),
        (-1, TradingState(HALTED, "MAX_TOTAL_LOSS", 1.0001, 0.1)),
    ],
)
def test_the_loss_of_first_cash_halts_however_high_the_peak(equity: int, state: TradingState) -> None:
    assert assess(Standing(equity, 100_000, 10_000), Limits(total=0.1), None) == state


def test_without_first_cash_or_peak_nothing_is_lost() -> None:
    assert assess(Standing(-5, 0, 0), Limits(0.1, 0.15, 0.2), None) == TradingState(ACTIVE)
