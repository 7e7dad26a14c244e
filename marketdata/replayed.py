"""The bars that a live run used, given again: a feed over what was written down, as fast as it is asked."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import numpy as np

from domain.market import BAR, BarBatch, Bars, FeedInfo


class Batches(Protocol):
    """Where the recorded bars are read."""

    def next(self, after: int) -> BarBatch | None:
        """The first recorded T later than ``after``."""
        ...

    def history(self, after: int, until: int, most: int) -> BarBatch:
        """As ``domain.ports.Feed.history``."""
        ...


class ReplayedFeed:
    """``reached`` says up to which T (ns) the market has come by now; nothing later is given before it has."""

    def __init__(self, info: FeedInfo, batches: Batches, reached: Callable[[], int]) -> None:
        self._info, self._batches, self._reached = info, batches, reached

    def info(self) -> FeedInfo:
        return self._info

    def next(self, after: int) -> BarBatch | None:
        if after >= self._reached():
            return None
        found = self._batches.next(after)
        return found if found is not None and found.at <= self._reached() else None

    def history(self, after: int, until: int, most: int) -> BarBatch:
        return self._batches.history(after, until, most)


def packed(bars: Bars) -> bytes:
    """Many bars, compressed to about a quarter."""
    return zlib.compress(bars.tobytes(), 1)


def unpacked(body: bytes) -> Bars:
    """The bars that ``packed`` made these bytes of."""
    return np.frombuffer(zlib.decompress(body), BAR).copy()
