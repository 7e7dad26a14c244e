"""What positions would have lost in the moments of a window of returns, and the tail of these losses.

Positions are intervals of value (lowest, highest): each moment counts the worse end, so that orders which may or may
not fill are covered in every combination. All sums go in a fixed order.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled
from indicators.returns import turned

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

STEPS = 100
"""Steps at most in the search for the largest position that a limit allows."""

NEAR = 1e-9
"""So near to its limit, as a share of it, a measure has reached it."""


@compiled
def common(known: Whole, window: int, lows: Floats, highs: Floats, column: int) -> int:
    """How many of the newest moments every column with a position knows, and one more (-1 for none)."""
    count = window if column < 0 else known[column]
    for other in range(len(lows)):
        if (lows[other] != 0.0 or highs[other] != 0.0) and known[other] < count:
            count = known[other]
    return count


@compiled
def of_book(
    changes: Floats, end: int, count: int, order: Whole, lows: Floats, highs: Floats, beside: int
) -> tuple[Floats, Floats]:
    """The loss of all positions but that in column ``beside`` (-1 for none) in each of the newest ``count`` moments,
    oldest first, in the unit of the values, and the changes of that column. Sums go in ``order``."""
    window = changes.shape[0]
    losses, change = np.zeros(count), np.zeros(count)
    for k in range(len(order)):
        column = order[k]
        low, high = lows[column], highs[column]
        if column == beside:
            for i in range(count):
                change[i] = changes[turned(end - count + i, window), column]
        elif low == high:
            for i in range(count if low != 0.0 else 0):
                losses[i] -= low * changes[turned(end - count + i, window), column]
        else:
            for i in range(count):
                moved = changes[turned(end - count + i, window), column]
                losses[i] += max(-low * moved, -high * moved)
    return losses, change


@compiled
def with_one(losses: Floats, change: Floats, low: float, high: float) -> Floats:
    """The losses with one more position."""
    count = len(losses)
    found = np.empty(count)
    for i in range(count):
        found[i] = losses[i] + max(-low * change[i], -high * change[i])
    return found


@compiled
def tail(losses: Floats, beyond: int, share: float) -> tuple[float, float]:
    """Value at risk and the mean loss of the tail.

    ``beyond`` is how many losses may be larger: the whole part of ``share`` = number of losses x (1 - level). The
    value at risk is the next largest; the mean runs over the ``share`` largest, the last one by its part. Sources:
    Hyndman and Fan, Sample quantiles in statistical packages (1996), definition 1; Acerbi and Tasche, On the
    coherence of expected shortfall (2002), definition 2.6.
    """
    count = beyond + 1
    if count > 16:
        largest = np.sort(losses)[::-1][:count].copy()
    else:
        largest = np.full(count, -math.inf)
        for i in range(len(losses)):
            loss = losses[i]
            if loss <= largest[beyond]:
                continue
            place = beyond
            while place > 0 and largest[place - 1] < loss:
                largest[place] = largest[place - 1]
                place -= 1
            largest[place] = loss
    at_risk = largest[beyond]
    total = 0.0
    for i in range(beyond):
        total += largest[i]
    return at_risk, (total + (share - beyond) * at_risk) / share


@compiled
def measured(
    losses: Floats, change: Floats, low: float, high: float, side: int, more: float, beyond: int, share: float
) -> tuple[float, float]:
    """``tail`` with one more position whose end on ``side`` is moved by ``more``: it never falls as ``more`` grows."""
    if side > 0:
        return tail(with_one(losses, change, low, high + more), beyond, share)
    return tail(with_one(losses, change, low - more, high), beyond, share)


@compiled
def room(
    losses: Floats,
    change: Floats,
    low: float,
    high: float,
    side: int,
    unit: float,
    wanted: float,
    limit: float,
    beyond: int,
    share: float,
    which: int,
) -> float:
    """The largest quantity, at most ``wanted``, whose measure (``which``: 0 value at risk, 1 mean of the tail) stays
    within ``limit``; ``unit`` is the value of one. 0 if there is none."""
    most = measured(losses, change, low, high, side, wanted * unit, beyond, share)[which]
    if most <= limit:
        return wanted
    least = here = measured(losses, change, low, high, side, 0.0, beyond, share)[which]
    if least > limit:
        return 0.0
    fits, breaks = 0.0, wanted
    for step in range(STEPS):
        part = 0.5 if step % 2 else (limit - here) / (most - here)  # a straight line between both, or halfway
        middle = math.floor(fits + part * (breaks - fits))
        if middle <= fits or middle >= breaks:
            middle = math.floor((fits + breaks) / 2.0)
        if middle <= fits:
            break
        found = measured(losses, change, low, high, side, middle * unit, beyond, share)[which]
        if found <= limit:
            fits, here = middle, found
        else:
            breaks, most = middle, found
        if here > least and limit - here <= NEAR * abs(limit):
            break
    return fits
