"""The structure of a market: swings, order blocks, fair value gaps and sweeps of liquidity, by closed bars only.

Nothing here looks ahead: a swing is told when the bars after it have closed, and everything else by this bar and those
before it. All of it is mirror-symmetric: a market turned upside down swaps the bullish side with the bearish one.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled
from indicators.extremes import donchian, donchian_slots
from indicators.moving import sma
from indicators.rolling import back, remember

GAP_SLOTS = 6
"""Slots of ``fair_value_gaps``: the two highs and two lows before, the bullish and the bearish level."""


@compiled
def swing_slots(left: int, right: int) -> int:
    """Slots of ``swing_high`` or ``swing_low``: the bars around the swing."""
    return left + right + 1


@compiled
def block_slots(n: int) -> int:
    """Slots of ``order_blocks``: the bar before (open, high, low, close), both zones, and the bodies."""
    return 6 + n


@compiled
def sweep_slots(n: int) -> int:
    """Slots of ``liquidity_sweep``: the channel of the bars before, and the last bars' lows and highs."""
    return 2 + donchian_slots(n)


@compiled
def swing_high(state: NDArray[np.float64], slot: int, high: float, left: int, right: int, seen: float) -> float:
    """The high of the bar ``right`` bars ago if this bar confirms it as a swing, else NaN.

    It is a swing when it is above the ``left`` highs before it and not below the ``right`` highs after it, so that of
    equal highs the first one counts. It is told ``right`` bars late and never changes afterwards.
    """
    n = swing_slots(left, right)
    remember(state, slot, high, n, seen)
    if seen < n:
        return math.nan
    top = back(state, slot, n, seen, right)
    for age in range(right):
        if back(state, slot, n, seen, age) > top:
            return math.nan
    for age in range(right + 1, n):
        if back(state, slot, n, seen, age) >= top:
            return math.nan
    return top


@compiled
def swing_low(state: NDArray[np.float64], slot: int, low: float, left: int, right: int, seen: float) -> float:
    """The same for lows; its slots hold them negated."""
    return -swing_high(state, slot, -low, left, right, seen)


@compiled
def order_blocks(
    state: NDArray[np.float64],
    slot: int,
    open_: float,
    high: float,
    low: float,
    close: float,
    n: int,
    times: float,
    seen: float,
) -> tuple[float, float]:
    """(bullish zone, bearish zone): the prices of the latest order blocks that still hold, NaN for none.

    Bullish: a falling bar, then a rising one whose body is above ``times`` the mean body of ``n`` bars (itself
    included); the zone is the low of the falling bar. It is carried forward until a close below it. Bearish is the
    mirror image: the high of a rising bar before a large falling one, until a close above it.
    """
    body = close - open_
    mean = sma(state, slot + 6, abs(body), n, seen)
    if seen == 1:
        state[slot + 4] = state[slot + 5] = math.nan
    else:
        before = state[slot + 3] - state[slot]
        if close < state[slot + 4]:
            state[slot + 4] = math.nan
        if close > state[slot + 5]:
            state[slot + 5] = math.nan
        if before < 0.0 and body > times * mean:
            state[slot + 4] = state[slot + 2]
        if before > 0.0 and -body > times * mean:
            state[slot + 5] = state[slot + 1]
    state[slot], state[slot + 1], state[slot + 2], state[slot + 3] = open_, high, low, close
    return float(state[slot + 4]), float(state[slot + 5])


@compiled
def fair_value_gaps(
    state: NDArray[np.float64], slot: int, high: float, low: float, close: float, seen: float
) -> tuple[float, float]:
    """(bullish level, bearish level) of the latest gaps that are still open, NaN for none.

    Bullish: this low is above the high of two bars ago, which is the level; it is carried forward until a close below
    it. Bearish: this high is below the low of two bars ago, until a close above it.
    """
    if seen == 1:
        state[slot + 4] = state[slot + 5] = math.nan
    if close < state[slot + 4]:
        state[slot + 4] = math.nan
    if close > state[slot + 5]:
        state[slot + 5] = math.nan
    if seen > 2:
        if low > state[slot + 1]:
            state[slot + 4] = state[slot + 1]
        if high < state[slot + 3]:
            state[slot + 5] = state[slot + 3]
    state[slot + 1], state[slot] = state[slot], high
    state[slot + 3], state[slot + 2] = state[slot + 2], low
    return float(state[slot + 4]), float(state[slot + 5])


@compiled
def liquidity_sweep(
    state: NDArray[np.float64], slot: int, high: float, low: float, close: float, n: int, seen: float
) -> int:
    """1 where this bar went below the lowest low of the ``n`` bars before it and closed back above, -1 for the mirror.

    0 without a sweep, with one on both sides, and until the ``n`` bars are there.
    """
    lower, upper = state[slot], state[slot + 1]
    state[slot], _, state[slot + 1] = donchian(state, slot + 2, high, low, n, seen)
    if seen <= n:
        return 0
    return int(low < lower < close) - int(high > upper > close)
