"""The last closed bars of every symbol of the run, from the batches of the feed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.market import BAR, Bars

LOOKBACK = 300
"""Bars of one symbol that are looked at, at most."""


class Windows:
    """The newest ``lookback`` bars of each of ``rows`` symbols.

    A bar that is not later than its row's newest is passed over (a bar told twice counts once), and so is one whose
    prices are no positive numbers. What a window holds does not depend on how the bars were cut into batches.
    """

    def __init__(self, rows: int, lookback: int = LOOKBACK) -> None:
        if rows < 0 or lookback < 1:
            raise ValueError(f"{rows} rows of {lookback} bars")
        self.lookback = lookback
        self._ring = np.zeros((rows, lookback), BAR)
        self._seen: NDArray[np.int64] = np.zeros(rows, np.int64)
        self._newest: NDArray[np.int64] = np.full(rows, np.iinfo(np.int64).min)

    def take(self, bars: Bars) -> None:
        """Closed bars (dtype ``BAR``), those of a row in the order of their time. Raises IndexError for a row that
        there is not."""
        if not len(bars):
            return
        numbers = bars["row"]
        if not 0 <= numbers.min() <= numbers.max() < len(self._seen):
            raise IndexError(f"rows {numbers.min()} to {numbers.max()}, but there are {len(self._seen)}")
        bars = bars[_sound(bars)]
        if not len(bars):
            return
        order = np.argsort(bars["row"], kind="stable")
        ends = np.flatnonzero(np.diff(bars["row"][order])) + 1
        if len(ends) + 1 == len(order):
            self._one_each(bars)
            return
        for mine in np.split(order, ends):
            self._of_one(bars[mine])

    def _one_each(self, bars: Bars) -> None:
        """At most one bar of a row: all rows at once."""
        fresh = bars[bars["ts"] > self._newest[bars["row"]]]
        rows = fresh["row"]
        self._ring[rows, self._seen[rows] % self.lookback] = fresh
        self._seen[rows] += 1
        self._newest[rows] = fresh["ts"]

    def _of_one(self, bars: Bars) -> None:
        """Bars of one row, at least one."""
        row = int(bars["row"][0])
        before = np.concatenate(([self._newest[row]], np.maximum.accumulate(bars["ts"])[:-1]))
        fresh = bars[bars["ts"] > np.maximum(before, self._newest[row])]
        if not len(fresh):
            return
        seen = int(self._seen[row]) + len(fresh)
        kept = fresh[-self.lookback :]
        self._ring[row, np.arange(seen - len(kept), seen) % self.lookback] = kept
        self._seen[row] = seen
        self._newest[row] = fresh["ts"][-1]

    def of(self, row: int) -> Bars:
        """A copy of the row's bars, oldest first."""
        seen = int(self._seen[row])
        ring = self._ring[row]
        if seen <= self.lookback:
            return np.array(ring[:seen])
        oldest = seen % self.lookback
        return np.concatenate((ring[oldest:], ring[:oldest]))

    def known(self, row: int) -> int:
        """How many bars the row's window holds."""
        return min(int(self._seen[row]), self.lookback)


def _sound(bars: Bars) -> NDArray[np.bool_]:
    """Which bars have prices: low > 0 and high finite, with open and close between them."""
    low, high = bars["low"], bars["high"]
    inside = (low <= bars["open"]) & (bars["open"] <= high) & (low <= bars["close"]) & (bars["close"] <= high)
    sound: NDArray[np.bool_] = inside & (low > 0.0) & (high < np.inf)
    return sound
