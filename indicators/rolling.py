"""Statistics of the last n values, each made afresh over its window, oldest first: no rounding is carried along.

A window is a ring of ``n`` slots; ``seen`` counts the values so far, this one included (1 at the first).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled

EWMA_SLOTS = 1
"""Slots of ``ewma_variance``; ``deviation``, ``z_score``, ``slope`` and ``volume_ratio`` use n."""


def median_slots(n: int) -> int:
    """Slots of ``median``: the values as they came, and the same in order."""
    return 2 * n


def vwap_slots(n: int) -> int:
    """Slots of ``vwap_bands``: prices and volumes."""
    return 2 * n


@compiled
def remember(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> None:
    """Put a value into a ring of ``n`` slots."""
    state[slot + int(seen - 1) % n] = value


@compiled
def back(state: NDArray[np.float64], slot: int, n: int, seen: float, age: int) -> float:
    """The value that came ``age`` values ago, 0 the newest; ``age`` below both ``n`` and ``seen``."""
    return float(state[slot + (int(seen - 1) - age) % n])


@compiled
def deviation(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> tuple[float, float]:
    """(mean, standard deviation) of the last ``n`` values, NaN until they are there; n slots.

    The deviation is the population's: sqrt(sum of (x - mean)^2 / n). Source: as pandas ``rolling(n).std(ddof=0)``.
    """
    remember(state, slot, value, n, seen)
    if seen < n:
        return math.nan, math.nan
    total = 0.0
    for age in range(n - 1, -1, -1):
        total += back(state, slot, n, seen, age)
    mean = total / n
    squares = 0.0
    for age in range(n - 1, -1, -1):
        away = back(state, slot, n, seen, age) - mean
        squares += away * away
    return mean, math.sqrt(squares / n)


@compiled
def z_score(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """How many standard deviations the value is above the mean of the last ``n`` (itself included); n slots.

    (value - mean) / deviation, 0 where nothing deviates, NaN until the window is full.
    """
    mean, spread = deviation(state, slot, value, n, seen)
    if spread == 0.0:
        return 0.0
    return (value - mean) / spread


@compiled
def median(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """The median of the last ``n`` values, the mean of the middle two where n is even; NaN until they are there.

    The window is kept in order: the oldest value leaves its place and the new one is inserted. Source: as pandas
    ``rolling(n).median()``.
    """
    held = int(min(seen - 1, n))
    ordered = slot + n
    if held == n:
        oldest = state[slot + int(seen - 1) % n]
        place = 0
        while state[ordered + place] != oldest:
            place += 1
        for at in range(place, n - 1):
            state[ordered + at] = state[ordered + at + 1]
        held = n - 1
    place = held
    while place > 0 and state[ordered + place - 1] > value:
        state[ordered + place] = state[ordered + place - 1]
        place -= 1
    state[ordered + place] = value
    remember(state, slot, value, n, seen)
    if seen < n:
        return math.nan
    return float(0.5 * (state[ordered + (n - 1) // 2] + state[ordered + n // 2]))


@compiled
def ranked(state: NDArray[np.float64], slot: int, n: int, share: float) -> float:
    """Of the ``n`` values that ``median`` holds at ``slot``: the smallest one that ``share`` of them do not exceed.

    Source: the inverted empirical distribution, as numpy ``quantile(method="inverted_cdf")``.
    """
    place = math.ceil(share * n) - 1
    return float(state[slot + n + min(max(place, 0), n - 1)])


@compiled
def slope(state: NDArray[np.float64], slot: int, value: float, n: int, seen: float) -> float:
    """The slope per step of the straight line through the last ``n`` values (n >= 2); n slots, NaN until full.

    Least squares: sum of (i - (n - 1) / 2) x_i / (n (n^2 - 1) / 12). Source: as TA-Lib's LINEARREG_SLOPE.
    """
    remember(state, slot, value, n, seen)
    if seen < n:
        return math.nan
    total = 0.0
    for age in range(n - 1, -1, -1):
        total += (0.5 * (n - 1) - age) * back(state, slot, n, seen, age)
    return total / (n * (n * n - 1.0) / 12.0)


@compiled
def ewma_variance(state: NDArray[np.float64], slot: int, change: float, decay: float, seen: float) -> float:
    """Exponentially weighted mean of squared changes: v = decay * v + (1 - decay) * change^2, first v = change^2.

    Source: RiskMetrics, Technical Document (1996), with its mean of zero (decay 0.94 for days).
    """
    square = change * change
    state[slot] = square if seen == 1 else decay * state[slot] + (1.0 - decay) * square
    return float(state[slot])


@compiled
def volume_ratio(state: NDArray[np.float64], slot: int, volume: float, n: int, seen: float) -> float:
    """This volume over the mean of the last ``n`` (itself included); n slots.

    NaN until the window is full, and where no volume is known (all of them 0).
    """
    mean, _ = deviation(state, slot, volume, n, seen)
    return volume / mean if mean > 0.0 else math.nan


@compiled
def vwap_bands(
    state: NDArray[np.float64], slot: int, price: float, volume: float, n: int, width: float, seen: float
) -> tuple[float, float, float]:
    """(lower, middle, upper): the volume-weighted mean price of the last ``n`` bars and ``width`` deviations around it.

    Middle = sum of p v / sum of v; deviation = sqrt(sum of v (p - middle)^2 / sum of v), with p the typical price
    (high + low + close) / 3. Where no volume is known all bars weigh the same. NaN until the window is full.
    """
    remember(state, slot, price, n, seen)
    remember(state, slot + n, volume, n, seen)
    if seen < n:
        return math.nan, math.nan, math.nan
    weights = 0.0
    for age in range(n - 1, -1, -1):
        weights += back(state, slot + n, n, seen, age)
    known = weights > 0.0
    if not known:
        weights = float(n)
    total = 0.0
    for age in range(n - 1, -1, -1):
        total += back(state, slot, n, seen, age) * (back(state, slot + n, n, seen, age) if known else 1.0)
    middle = total / weights
    squares = 0.0
    for age in range(n - 1, -1, -1):
        away = back(state, slot, n, seen, age) - middle
        squares += away * away * (back(state, slot + n, n, seen, age) if known else 1.0)
    reach = width * math.sqrt(squares / weights)
    return middle - reach, middle, middle + reach
