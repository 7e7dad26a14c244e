"""The bars of all symbols in the order of their close, moment by moment."""

from __future__ import annotations

import numpy as np

from domain.market import BarBatch, Bars
from marketdata.bars import Stamps, digest


def batch(at: int, bars: Bars) -> BarBatch:
    """The bars that closed at ``at``, sorted by row, with their digest."""
    return BarBatch(at=at, bars=bars, digest=digest(bars))


class Timeline:
    """Every moment T at which bars closed, and those bars; later moments may be added at the end."""

    def __init__(self, bars: list[Bars], closes: list[Stamps]) -> None:
        """One array per symbol, in row order, each sorted by its closes."""
        merged, ends = np.concatenate(bars), np.concatenate(closes)
        if len(bars) > 1:
            order = np.argsort(ends, kind="stable")
            merged, ends = merged[order], ends[order]
        firsts = np.flatnonzero(np.diff(ends, prepend=ends[0] - 1))
        self._bars: Bars = merged
        self._moments: Stamps = ends[firsts]
        self._bounds: list[int] = [*firsts.tolist(), len(merged)]
        self._added: list[tuple[int, Bars]] = []
        self._place = 0

    @property
    def first(self) -> int:
        return int(self._moments[0])

    @property
    def last(self) -> int:
        return self._added[-1][0] if self._added else int(self._moments[-1])

    def add(self, at: int, bars: Bars) -> None:
        """A moment later than all before."""
        self._added.append((at, bars))

    def next(self, after: int) -> BarBatch | None:
        """The first moment later than ``after``; None when there is none."""
        place = self._find(after)
        if place < len(self._moments):
            self._place = place + 1
            rows = self._bars[self._bounds[place] : self._bounds[place + 1]].copy()
            return batch(int(self._moments[place]), rows)
        place -= len(self._moments)
        if place < len(self._added):
            at, bars = self._added[place]
            return batch(at, bars.copy())
        return None

    def history(self, after: int, until: int, most: int) -> BarBatch:
        """Bars with after < close <= until of at most ``most`` moments; ``at`` is the close reached."""
        start, end = self._find(after), self._find(until)
        if end <= start or most <= 0:
            return BarBatch(at=max(after, until) if most > 0 else after, bars=self._bars[:0].copy())
        stop = min(end, start + most)
        at = until if stop == end else self._at(stop - 1)
        return BarBatch(at=at, bars=self._cut(start, stop))

    def _cut(self, start: int, stop: int) -> Bars:
        known = len(self._moments)
        parts = []
        if start < known:
            parts.append(self._bars[self._bounds[start] : self._bounds[min(stop, known)]])
        parts += [bars for _, bars in self._added[max(start - known, 0) : max(stop - known, 0)]]
        return np.concatenate(parts)

    def _at(self, place: int) -> int:
        known = len(self._moments)
        return int(self._moments[place]) if place < known else self._added[place - known][0]

    def _find(self, after: int) -> int:
        """The place of the first moment later than ``after``."""
        place, known = self._place, len(self._moments)
        if 0 < place <= known and self._moments[place - 1] == after:
            return place
        if not self._added or after < self._moments[-1]:
            return int(np.searchsorted(self._moments, after, "right"))
        low, high = 0, len(self._added)
        while low < high:
            middle = (low + high) // 2
            if self._added[middle][0] > after:
                high = middle
            else:
                low = middle + 1
        return known + low
