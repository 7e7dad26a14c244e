"""The arithmetic of the benchmarks: percentiles, straight lines, plain tables."""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` (0 to 1) of them lie, interpolated (as numpy's default). Raises ValueError
    for no values."""
    if not values:
        raise ValueError("no values to take a percentile of")
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float:
    return percentile(values, 0.5)


def line(xs: Sequence[float], ys: Sequence[float]) -> tuple[float, float]:
    """Slope and R² of the least-squares line through the points. R² of a level line is 1.

    Raises ValueError for fewer than two different x.
    """
    count = len(xs)
    if count != len(ys) or len(set(xs)) < 2:
        raise ValueError("a line needs as many y as x, and at least two different x")
    mean_x, mean_y = sum(xs) / count, sum(ys) / count
    spread_x = sum((x - mean_x) ** 2 for x in xs)
    spread_y = sum((y - mean_y) ** 2 for y in ys)
    both = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return both / spread_x, 1.0 if spread_y == 0 else both * both / (spread_x * spread_y)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns of text, aligned to the right except the first."""
    cells = [[str(one) for one in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        first, *others = (one.rjust(width) for one, width in zip(row, widths, strict=True))
        lines.append("  ".join([row[0].ljust(len(first)), *others]).rstrip())
    return "\n".join(lines)
