"""Moving averages."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled

EMA_SLOTS = 1
"""Slots of the state row that ``ema`` uses."""


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
