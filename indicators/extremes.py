"""The highest and the lowest of the last n values."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled


@compiled
def extreme_slots(n: int) -> int:
    """Slots of the state row that ``highest`` or ``lowest`` uses: when the extreme came, and the values."""
    return n + 1


@compiled
def donchian_slots(n: int) -> int:
    """Slots of ``donchian``: the lows and the highs."""
    return 2 * extreme_slots(n)


@compiled
def highest(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """The highest of the last ``n`` values, NaN until they are there; ``seen`` counts them, this one included.

    The values are looked through only when the highest one has left the window. Source: as TA-Lib's MAX.
    """
    newest = int(seen - 1) % n
    ring = slot + 1
    state[ring + newest] = value
    if seen == 1:
        state[slot] = seen
    elif seen - state[slot] >= n:
        best, since = newest, seen
        for age in range(1, n):
            place = (newest - age + n) % n
            if state[ring + place] > state[ring + best]:
                best, since = place, seen - age
        state[slot] = since
    elif value >= state[ring + int(state[slot] - 1) % n]:
        state[slot] = seen
    return math.nan if seen < n else float(state[ring + int(state[slot] - 1) % n])


@compiled
def lowest(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """The lowest of the last ``n`` values, NaN until they are there; its slots hold them negated."""
    return -highest(state, slot, -value, n, seen)


@compiled
def donchian(
    state: NDArray[np.float64], slot: int, high: float, low: float, n: int, seen: float
) -> tuple[float, float, float]:
    """(lower, middle, upper): the lowest low and the highest high of the last ``n`` bars, this one included, and the
    mean of both; NaN until they are there. Source: R. Donchian's channel."""
    lower = lowest(state, slot, low, n, seen)
    upper = highest(state, slot + extreme_slots(n), high, n, seen)
    return lower, 0.5 * (lower + upper), upper
