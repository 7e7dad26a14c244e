"""Momentum: the relative strength index, and the convergence of two averages."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled
from indicators.moving import EMA_SLOTS, seeded_ema

RSI_SLOTS = 3
"""Slots of the state row that ``rsi`` uses: the previous value, the average gain, the average loss."""
MACD_SLOTS = 3 * EMA_SLOTS
"""Slots of the state row that ``macd`` uses: the fast average, the slow one, the signal."""


@compiled
def rsi(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """Wilder's relative strength index over ``n`` changes, 0 to 100; NaN until it is known (``seen`` > n).

    100 * average gain / (average gain + average loss); the averages start as simple means of the first ``n``
    changes and then are (previous * (n - 1) + change) / n. Where nothing has moved at all it is 50 (TA-Lib
    says 0). Source: Wilder, New Concepts in Technical Trading Systems (1978), with the start and the order of
    operations of TA-Lib.
    """
    change = value - state[slot]
    state[slot] = value
    if seen == 1:
        state[slot + 1] = state[slot + 2] = 0.0
        return math.nan
    gain, loss = max(change, 0.0), max(-change, 0.0)
    if seen <= n + 1:
        state[slot + 1] += gain
        state[slot + 2] += loss
        if seen <= n:
            return math.nan
        state[slot + 1] /= n
        state[slot + 2] /= n
    else:
        state[slot + 1] = (state[slot + 1] * (n - 1) + gain) / n
        state[slot + 2] = (state[slot + 2] * (n - 1) + loss) / n
    moved = state[slot + 1] + state[slot + 2]
    return 100.0 * (state[slot + 1] / moved) if moved > 0.0 else 50.0


@compiled
def macd(
    state: NDArray[np.float64], slot: int, value: float, fast: int, slow: int, signal: int, seen: float
) -> tuple[float, float, float]:
    """(MACD, its signal, histogram) in units of the value; all NaN until ``seen`` is slow + signal - 1.

    MACD is the fast EMA minus the slow one (``fast`` < ``slow``), the signal its own EMA, the histogram MACD
    minus signal. Both EMAs start at value ``slow`` with the means of their last values, the signal with
    the mean of its first ones. Source: G. Appel, with the start and the order of operations of TA-Lib.
    """
    quick = seeded_ema(state, slot, value, fast, seen - (slow - fast))
    steady = seeded_ema(state, slot + EMA_SLOTS, value, slow, seen)
    line = quick - steady
    average = seeded_ema(state, slot + 2 * EMA_SLOTS, line, signal, seen - (slow - 1))
    if seen < slow + signal - 1:
        return math.nan, math.nan, math.nan
    return line, average, line - average
