"""Compiled searches over the bars between two moments. They may stop too early, never too late: what they find is
decided by the exact code."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import called

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

ROUNDED = 2e-9
"""Prices are integers of 1e-9 where it counts: so near is reached."""


@called
def first_touch(
    high: Floats, low: Floats, spread: Floats, start: int, end: int, side: int, stop: float, target: float
) -> int:
    """The first bar of [start, end) in which a position's stop or target (prices, 0 for none) may be reached; ``end``
    if there is none. A short is bought back at the ask."""
    for i in range(start, end):
        if side > 0:
            if (stop > 0.0 and low[i] <= stop + ROUNDED) or (target > 0.0 and high[i] >= target - ROUNDED):
                return i
        elif (stop > 0.0 and high[i] + spread[i] >= stop - ROUNDED) or (
            target > 0.0 and low[i] + spread[i] <= target + ROUNDED
        ):
            return i
    return end


@called
def first_loss(
    closes: Floats,
    rates: Floats,
    rows: Whole,
    currencies: Whole,
    quantities: Floats,
    costs: Floats,
    balance: float,
    start: int,
    end: int,
    peak: float,
    drawdown: float,
    soft: float,
    reduced: bool,
    floor: float,
    near: float,
) -> tuple[int, float]:
    """The first moment of [start, end) at which equity may have fallen by ``drawdown`` (a fraction; 0 for no limit)
    from its peak or to ``floor``, or by ``soft`` (``reduced``: less than that), ``end`` if there is none; and the
    highest equity before it.

    ``closes`` (rows, moments) and ``rates`` (currencies, moments: account currency per quote) stand at each moment;
    what is held has its place in both, signed units, and cost in the quote currency. ``near`` is what floats may be
    wrong by.
    """
    best = -np.inf
    for k in range(start, end):
        equity = balance
        for j in range(len(rows)):
            equity += (quantities[j] * closes[rows[j], k] - costs[j]) * rates[currencies[j], k]
        if equity > best:
            best = equity
        top = max(best, peak)
        if equity <= floor + near or (drawdown > 0.0 and equity <= top * (1.0 - drawdown) + near):
            return k, best
        if soft > 0.0:
            above = equity - top * (1.0 - soft)
            if above >= -near if reduced else above <= near:
                return k, best
    return end, best


@called
def at_least(
    closes: Floats,
    rates: Floats,
    rows: Whole,
    currencies: Whole,
    quantities: Floats,
    costs: Floats,
    balance: float,
    start: int,
    end: int,
    least: float,
    found: Whole,
) -> int:
    """Fills ``found`` with the moments of [start, end) at which equity is at least that; how many there are."""
    count = 0
    for k in range(start, end):
        equity = balance
        for j in range(len(rows)):
            equity += (quantities[j] * closes[rows[j], k] - costs[j]) * rates[currencies[j], k]
        if equity >= least and count < len(found):
            found[count] = k
            count += 1
    return count


def compile_kernels() -> None:
    """Compile them, or load them from the cache."""
    floats, whole, grid = np.zeros(0), np.zeros(0, np.int64), np.zeros((0, 0))
    first_touch(floats, floats, floats, 0, 0, 1, 0.0, 0.0)
    first_loss(grid, grid, whole, whole, floats, floats, 0.0, 0, 0, 0.0, 0.0, 0.0, False, 0.0, 0.0)
    at_least(grid, grid, whole, whole, floats, floats, 0.0, 0, 0, 0.0, whole)
