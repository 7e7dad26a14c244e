"""The bars of a market as a backtest walks over them: every moment, and each symbol's newest bar at it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import Bars, FeedInfo
from domain.ports import Feed
from marketdata.bars import closes

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

EVERYTHING = 2**62


class Series(NamedTuple):
    """One symbol: its bars, their closes (ns), and the moment at which each of them closed, by number."""

    bars: Bars
    ends: Places
    at: Places
    close: Floats
    high: Floats
    low: Floats


class Grid:
    """Bars (dtype ``BAR``) sorted by close, then row, and the moments at which they closed.

    ``merged[bounds[m]:bounds[m + 1]]`` are the bars of moment ``m``. ``place[m, row]`` is each symbol's newest bar
    there, as a place in its series, -1 before its first counted one. Moments before ``begin`` are warm-up: strategies
    see them, nothing is decided.
    """

    def __init__(self, merged: Bars, ends: Places, count: int, warmed_until: int) -> None:
        self._ends, self.warmed_until = ends, warmed_until
        self.merged: Bars = merged
        firsts = np.flatnonzero(np.diff(ends, prepend=ends[0] - 1)) if len(ends) else np.zeros(0, np.int64)
        self.moments: Places = ends[firsts]
        self.bounds: list[int] = [*firsts.tolist(), len(merged)]
        self.begin = int(np.searchsorted(self.moments, warmed_until, "right"))
        number = np.searchsorted(self.moments, ends)
        self.series = [self._series(row, count, number) for row in range(count)]
        self.place: Places = np.empty((len(self.moments), count), np.int64)
        everywhere = np.arange(len(self.moments))
        for row, one in enumerate(self.series):
            found = np.searchsorted(one.at, everywhere, "right") - 1
            found[found < np.searchsorted(one.at, self.begin)] = -1
            self.place[:, row] = found

    def _series(self, row: int, count: int, number: Places) -> Series:
        mine = slice(None) if count == 1 else np.flatnonzero(self.merged["row"] == row)
        bars = self.merged[mine]
        columns = (np.ascontiguousarray(bars[name]) for name in ("close", "high", "low"))
        return Series(bars, self._ends[mine], np.ascontiguousarray(number[mine]), *columns)

    def __len__(self) -> int:
        return len(self.moments)

    def counted(self, rows: int, end: int) -> int:
        """Bars of the first ``rows`` symbols that are no warm-up, before moment ``end``."""
        return int(np.count_nonzero(self.merged["row"][self.bounds[self.begin] : self.bounds[end]] < rows))

    def between(self, start: int, end: int, warm_up: int) -> Grid:
        """A copy of the moments T with start < T <= end, and before them so many moments of warm-up."""
        low, high = (int(one) for one in np.searchsorted(self.moments, (start, end), "right"))
        first = max(0, low - warm_up)
        part = slice(self.bounds[first], self.bounds[high])
        warmed = int(self.moments[low - 1]) if low > 0 else start
        return Grid(self.merged[part].copy(), self._ends[part].copy(), len(self.series), warmed)


def gather(feed: Feed, info: FeedInfo, asset_classes: list[str]) -> Grid:
    """All bars of a feed that ends. ``asset_classes`` by row."""
    merged = feed.history(-1, EVERYTHING if info.end_at is None else info.end_at, EVERYTHING).bars
    ends = np.empty(len(merged), np.int64)
    if len(asset_classes) == 1:
        ends[:] = closes(merged, info.timeframe, asset_classes[0])
    else:
        for row, asset_class in enumerate(asset_classes):
            mine = np.flatnonzero(merged["row"] == row)
            ends[mine] = closes(merged[mine], info.timeframe, asset_class)
    return Grid(merged, ends, len(asset_classes), info.warmed_until)
