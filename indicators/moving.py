"""Moving averages."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled

EMA_SLOTS = 1
"""Slots of the state row that ``ema`` and ``seeded_ema`` use; ``sma`` uses as many as it averages values."""


@compiled
def ema(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """Exponential moving average of ``n`` values: alpha = 2 / (n + 1), seeded with the first value.

    ``seen`` counts the values so far, this one included (1 at the first). Source: the recursive form
    y += alpha * (x - y), as pandas ``ewm(span=n, adjust=False)``; an unchanged value keeps it exactly.
    """
    if seen == 1:
        state[slot] = value
    else:
        state[slot] += 2.0 / (n + 1.0) * (value - state[slot])
    return float(state[slot])


@compiled
def seeded_ema(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """The same, but seeded with the mean of the first ``n`` values; NaN until they are there.

    Values with ``seen`` below 1 are left out. Source: the start and the order of operations of TA-Lib's EMA.
    """
    if seen < 1:
        return math.nan
    if seen == 1:
        state[slot] = value
    elif seen <= n:
        state[slot] += value
    else:
        state[slot] = (value - state[slot]) * (2.0 / (n + 1.0)) + state[slot]
    if seen < n:
        return math.nan
    if seen == n:
        state[slot] /= n
    return float(state[slot])


@compiled
def sma(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """Simple moving average of the last ``n`` values, NaN until they are there; it uses ``n`` slots.

    Each sum is made afresh from the oldest value to the newest, so that no rounding is carried along and the
    same values give the same bits wherever the state began. Source: as TA-Lib's SMA, which keeps a running sum.
    """
    newest = int(seen - 1) % n
    state[slot + newest] = value
    if seen < n:
        return math.nan
    total = 0.0
    for place in range(newest + 1, n):
        total += state[slot + place]
    for place in range(newest + 1):
        total += state[slot + place]
    return total / n
