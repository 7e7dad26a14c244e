"""How far prices move: the true range and its average, and bands around prices."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled
from indicators.extremes import extreme_slots, highest, lowest
from indicators.rolling import deviation

ATR_SLOTS = 2
"""Slots of the state row that ``atr`` uses: the previous close, and the sum or average so far; ``bollinger`` uses n."""


@compiled
def chandelier_slots(n: int) -> int:
    """Slots of ``chandelier``: the highs, the lows, the average true range."""
    return 2 * extreme_slots(n) + ATR_SLOTS


@compiled
def true_range(high: float, low: float, previous_close: float) -> float:
    """The largest of high - low, |previous close - high| and |previous close - low|, in price units.

    Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978).
    """
    return max(high - low, abs(previous_close - high), abs(previous_close - low))


@compiled
def atr(state: NDArray[np.float64], slot: int, high: float, low: float, close: float, n: int, seen: float) -> float:
    """Wilder's average true range over ``n`` bars, in price units; 0 until it is known (``seen`` > n).

    The first bar has no previous close and only gives one. The average starts as the simple mean of the
    first ``n`` true ranges and then is (previous * (n - 1) + true range) / n; ``seen`` counts the bars so
    far, this one included. Source: Wilder (1978), with the start and the order of operations of TA-Lib.
    """
    previous_close = state[slot]
    state[slot] = close
    if seen == 1:
        state[slot + 1] = 0.0
        return 0.0
    this = true_range(high, low, previous_close)
    if seen <= n:
        state[slot + 1] += this
        return 0.0
    if seen == n + 1:
        state[slot + 1] = (state[slot + 1] + this) / n
    else:
        state[slot + 1] = (state[slot + 1] * (n - 1) + this) / n
    return float(state[slot + 1])


@compiled
def bollinger(
    state: NDArray[np.float64], slot: int, value: float, n: int, width: float, seen: float
) -> tuple[float, float, float]:
    """(lower, middle, upper): the mean of the last ``n`` values and ``width`` standard deviations around it.

    The deviation is the population's (ddof 0); NaN until the values are there. Source: J. Bollinger, Bollinger on
    Bollinger Bands (2001); as TA-Lib's BBANDS.
    """
    middle, spread = deviation(state, slot, value, n, seen)
    return middle - width * spread, middle, middle + width * spread


@compiled
def chandelier(
    state: NDArray[np.float64],
    slot: int,
    high: float,
    low: float,
    close: float,
    n: int,
    length: int,
    width: float,
    seen: float,
) -> tuple[float, float]:
    """(stop of a long, stop of a short): highest high of ``n`` bars - ``width`` x ATR, lowest low + ``width`` x ATR.

    ``length`` is that of the average true range; NaN until both are known. Source: C. Le Beau's chandelier exit.
    """
    top = highest(state, slot, high, n, seen)
    bottom = lowest(state, slot + extreme_slots(n), low, n, seen)
    reach = width * atr(state, slot + 2 * extreme_slots(n), high, low, close, length, seen)
    if seen <= length:
        return math.nan, math.nan
    return top - reach, bottom + reach
