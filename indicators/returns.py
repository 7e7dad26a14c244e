"""Returns of many symbols over a window of moments: a ring with a row per moment and a column per symbol.

Every sum runs afresh over the window, oldest first, so that a result depends on nothing older than the window.
``end`` is the row that comes after the newest one; ``known`` counts the returns of each column, at most the window.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import compiled

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

FLAT = 1e-12
"""A spread below this multiple of the mean is the rounding of equal numbers."""


@compiled
def turned(row: int, window: int) -> int:
    """A row of the ring that is counted back from its end."""
    return row + window if row < 0 else row


@compiled
def write(logs: Floats, changes: Floats, row: int, previous: Floats, known: Whole, rows: Whole, closes: Floats) -> None:
    """One moment into one row: log returns, and changes as fractions of the close before.

    A column without a close of its own at this moment has return 0, NaN before its first close; a close that is
    no positive number is passed over.
    """
    window = logs.shape[0]
    for column in range(logs.shape[1]):
        began = previous[column] > 0.0
        logs[row, column] = 0.0 if began else math.nan
        changes[row, column] = 0.0 if began else math.nan
        if began and known[column] < window:
            known[column] += 1
    for i in range(len(rows)):
        column, close = rows[i], closes[i]
        ratio = close / previous[column] if previous[column] > 0.0 else 1.0
        if not (0.0 < close < math.inf and 0.0 < ratio < math.inf):
            continue
        if previous[column] > 0.0:
            logs[row, column] = math.log(ratio)
            changes[row, column] = ratio - 1.0
        previous[column] = close


@compiled
def latest(ring: Floats, end: int, count: int, column: int) -> Floats:
    """The newest ``count`` values of a column, oldest first."""
    window = ring.shape[0]
    found = np.empty(count)
    for i in range(count):
        found[i] = ring[turned(end - count + i, window), column]
    return found


@compiled
def deviation(values: Floats) -> float:
    """Sample standard deviation (ddof 1); 0 for values that are all the same, NaN for fewer than two."""
    count = len(values)
    if count < 2:
        return math.nan
    mean = 0.0
    for i in range(count):
        mean += values[i]
    mean /= count
    squares = 0.0
    for i in range(count):
        squares += (values[i] - mean) * (values[i] - mean)
    spread = math.sqrt(squares / (count - 1))
    return spread if spread > FLAT * abs(mean) else 0.0


@compiled
def standardise(ring: Floats, end: int, count: int, column: int, scores: Floats) -> bool:
    """The newest ``count`` values of a column as (value - mean) / length, into the same places of ``scores``.

    Their products sum up to Pearson's correlation. Returns False where the values are all the same.
    """
    window = ring.shape[0]
    mean = 0.0
    for i in range(count):
        mean += ring[turned(end - count + i, window), column]
    mean /= count
    squares = 0.0
    for i in range(count):
        from_mean = ring[turned(end - count + i, window), column] - mean
        squares += from_mean * from_mean
    length = math.sqrt(squares)
    if not length > FLAT * abs(mean) * math.sqrt(count):
        return False
    for i in range(count):
        row = turned(end - count + i, window)
        scores[row, column] = (ring[row, column] - mean) / length
    return True


@compiled
def correlations(
    ring: Floats, scores: Floats, stand: Whole, end: int, known: Whole, least: int, column: int, others: Whole
) -> Floats:
    """Pearson's correlation of a column with others over the moments that both know; NaN where these are fewer than
    ``least`` or one of the two stands still.

    ``stand`` remembers of each column whether ``scores`` holds it at this moment: 0 not yet, 1 yes, 2 it cannot.
    """
    window = ring.shape[0]
    found = np.full(len(others), math.nan)
    count = known[column]
    if count < least:
        return found
    if stand[column] == 0:
        stand[column] = 1 if standardise(ring, end, count, column, scores) else 2
    asked, columns = np.empty(len(others), np.int64), np.empty(len(others), np.int64)
    same = 0
    for k in range(len(others)):
        other = others[k]
        if other < 0 or known[other] < least:
            continue
        if known[other] != count:
            found[k] = of_two(ring, end, min(count, known[other]), column, other)
            continue
        if stand[other] == 0:
            stand[other] = 1 if standardise(ring, end, count, other, scores) else 2
        if stand[column] == 1 and stand[other] == 1:
            asked[same], columns[same] = k, other
            found[k] = 0.0
            same += 1
    for i in range(count):
        row = turned(end - count + i, window)
        score = scores[row, column]
        for k in range(same):
            found[asked[k]] += score * scores[row, columns[k]]
    for k in range(same):
        found[asked[k]] = min(1.0, max(-1.0, found[asked[k]]))
    return found


@compiled
def of_two(ring: Floats, end: int, count: int, one: int, other: int) -> float:
    """Pearson's correlation of two columns over their newest ``count`` moments; NaN where one stands still."""
    window = ring.shape[0]
    mean_one, mean_other = 0.0, 0.0
    for i in range(count):
        row = turned(end - count + i, window)
        mean_one += ring[row, one]
        mean_other += ring[row, other]
    mean_one /= count
    mean_other /= count
    both, square_one, square_other = 0.0, 0.0, 0.0
    for i in range(count):
        row = turned(end - count + i, window)
        a, b = ring[row, one] - mean_one, ring[row, other] - mean_other
        both += a * b
        square_one += a * a
        square_other += b * b
    length_one, length_other = math.sqrt(square_one), math.sqrt(square_other)
    still = FLAT * math.sqrt(count)
    if not (length_one > still * abs(mean_one) and length_other > still * abs(mean_other)):
        return math.nan
    return min(1.0, max(-1.0, both / (length_one * length_other)))


@compiled
def closest(
    ring: Floats,
    scores: Floats,
    stand: Whole,
    end: int,
    known: Whole,
    least: int,
    column: int,
    lows: Floats,
    highs: Floats,
    side: int,
) -> tuple[int, float, int]:
    """Of the columns in which something is held, the one that moves most with ``side`` of ``column``.

    Its correlation counts as it is where it may be held on that side (``highs`` > 0 for 1, ``lows`` < 0 for -1), and
    with the other sign where it may be held on the other. Returns column and value (-1 and -2.0 where there is none),
    and how many columns have no correlation. ``column`` itself does not count.
    """
    count = 0
    for other in range(len(lows)):
        count += other != column and (lows[other] != 0.0 or highs[other] != 0.0)
    others, place = np.empty(count, np.int64), 0
    for other in range(len(lows)):
        if other != column and (lows[other] != 0.0 or highs[other] != 0.0):
            others[place] = other
            place += 1
    found = correlations(ring, scores, stand, end, known, least, column, others)
    nearest, most, unknown = -1, -2.0, 0
    for k in range(count):
        other = others[k]
        if found[k] != found[k]:
            unknown += 1
            continue
        long = found[k] * side if highs[other] > 0.0 else -2.0
        short = -found[k] * side if lows[other] < 0.0 else -2.0
        if max(long, short) > most:
            nearest, most = other, max(long, short)
    return nearest, most, unknown
