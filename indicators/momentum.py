"""Momentum: the relative strength index, where it stands in its own range, and the convergence of two averages."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled
from indicators.extremes import extreme_slots, highest, lowest
from indicators.moving import EMA_SLOTS, seeded_ema, sma

RSI_SLOTS = 3
"""Slots of the state row that ``rsi`` uses: the previous value, the average gain, the average loss."""
MACD_SLOTS = 3 * EMA_SLOTS
"""Slots of the state row that ``macd`` uses: the fast average, the slow one, the signal."""


@compiled
def stoch_rsi_slots(window: int, smooth: int) -> int:
    """Slots of ``stoch_rsi``: the index, its highs, its lows, and the values of K."""
    return RSI_SLOTS + 2 * extreme_slots(window) + smooth


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
def stoch_rsi(
    state: NDArray[np.float64], slot: int, value: float, n: int, window: int, smooth: int, seen: float
) -> tuple[float, float]:
    """(K, D), each 0 to 100: where the RSI of ``n`` changes stands in its range of ``window`` values, and its mean.

    K = 100 * (RSI - lowest) / (highest - lowest), 50 where the RSI has no range (TA-Lib says 0); D is the simple mean
    of ``smooth`` K. Both are NaN until D is known (``seen`` is n + window + smooth - 1). Source: Chande and Kroll, The
    New Technical Trader (1994); as TA-Lib's STOCHRSI.
    """
    strength = rsi(state, slot, value, n, seen)
    known = seen - n
    if known < 1:
        return math.nan, math.nan
    ranges = slot + RSI_SLOTS
    top = highest(state, ranges, strength, window, known)
    bottom = lowest(state, ranges + extreme_slots(window), strength, window, known)
    full = known - (window - 1)
    if full < 1:
        return math.nan, math.nan
    k = 100.0 * ((strength - bottom) / (top - bottom)) if top > bottom else 50.0
    d = sma(state, ranges + 2 * extreme_slots(window), k, smooth, full)
    return (math.nan, math.nan) if full < smooth else (k, d)


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
