"""How strong a trend is and which way it goes: Wilder's directional movement."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.bands import true_range
from indicators.compiled import compiled

ADX_SLOTS = 7
"""Slots of the state row that ``adx`` uses: the previous high, low and close, the smoothed upward movement,
downward movement and true range, and the sum or average of the index."""


@compiled
def adx(
    state: NDArray[np.float64], slot: int, high: float, low: float, close: float, n: int, seen: float
) -> tuple[float, float, float]:
    """(ADX, +DI, -DI) over ``n`` bars, each 0 to 100; the DIs are NaN until ``seen`` > n, ADX until 2n bars.

    A bar moves up by high - previous high or down by previous low - low, the larger one if it is positive.
    Movements and true ranges are summed over the first n - 1 bars with a previous one, then each sum is
    sum - sum / n + this. DI is 100 * movement / range, the index 100 * |+DI - -DI| / (+DI + -DI); ADX starts as
    the mean of its first ``n`` values and then is (previous * (n - 1) + this) / n. Without any range or movement
    the DIs are 0 and ADX stays. Source: Wilder (1978), with the start and the order of operations of TA-Lib.
    """
    up, down = high - state[slot], state[slot + 1] - low
    this = true_range(high, low, state[slot + 2])
    state[slot], state[slot + 1], state[slot + 2] = high, low, close
    if seen == 1:
        state[slot + 3 : slot + ADX_SLOTS] = 0.0
        return math.nan, math.nan, math.nan
    if seen > n:
        for place in range(slot + 3, slot + 6):
            state[place] -= state[place] / n
    if down > 0.0 and up < down:
        state[slot + 4] += down
    elif up > 0.0 and up > down:
        state[slot + 3] += up
    state[slot + 5] += this
    if seen <= n:
        return math.nan, math.nan, math.nan
    plus = minus = 0.0
    if state[slot + 5] > 0.0:
        plus = 100.0 * (state[slot + 3] / state[slot + 5])
        minus = 100.0 * (state[slot + 4] / state[slot + 5])
    if plus + minus > 0.0:
        index = 100.0 * (abs(minus - plus) / (plus + minus))
        if seen <= 2 * n:
            state[slot + 6] += index
        else:
            state[slot + 6] = (state[slot + 6] * (n - 1) + index) / n
    if seen < 2 * n:
        return math.nan, plus, minus
    if seen == 2 * n:
        state[slot + 6] /= n
    return float(state[slot + 6]), plus, minus
