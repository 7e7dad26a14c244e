"""How far prices move: the true range and its average."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled

ATR_SLOTS = 2
"""Slots of the state row that ``atr`` uses: the previous close, and the sum or average so far."""


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
