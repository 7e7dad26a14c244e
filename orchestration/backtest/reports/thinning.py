"""Fewer points than there are, with nothing lost that a screen would show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import Bars

Places = NDArray[np.intp]


def extremes(values: NDArray[np.float64], most: int) -> Places:
    """Places of the first and the last value and of the lowest and highest of each of ``most`` / 2 equal shares,
    ascending; every place where there are no more than ``most``."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    starts = np.linspace(0, count, max(1, most // 2 - 1), endpoint=False).astype(np.intp)
    kept = [0, count - 1]
    for start, end in zip(starts, [*starts[1:], count], strict=True):
        share = values[start:end]
        if not np.isnan(share).all():
            kept += [start + int(np.nanargmin(share)), start + int(np.nanargmax(share))]
    return np.unique(np.array(kept, np.intp))


def evenly(count: int, most: int) -> Places:
    """At most ``most`` places of ``count``, the first and the last among them."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).round().astype(np.intp)


class Candles(NamedTuple):
    """Bars, ``per`` of the file's in each (the last may have fewer)."""

    ts: NDArray[np.int64]
    open: NDArray[np.float64]
    high: NDArray[np.float64]
    low: NDArray[np.float64]
    close: NDArray[np.float64]
    per: int


def candles(bars: Bars, most: int) -> Candles:
    """At most ``most`` candles that together hold every bar."""
    count = len(bars)
    per = max(1, -(-count // most))
    starts = np.arange(0, count, per)
    ends = np.minimum(starts + per, count) - 1
    if not count:
        return Candles(bars["ts"], bars["open"], bars["high"], bars["low"], bars["close"], per)
    return Candles(
        bars["ts"][starts],
        bars["open"][starts],
        np.maximum.reduceat(bars["high"], starts),
        np.minimum.reduceat(bars["low"], starts),
        bars["close"][ends],
        per,
    )
