"""Bars and quotes, one by one and in batches.

Arrays of bars have the dtype ``BAR``: ``row`` is the symbol's number in the run (its place in the
feed's list of symbols), ``ts`` the bar's open in UTC nanoseconds; volume 0 and spread NaN mean unknown.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

BAR = np.dtype(
    [
        ("row", np.int32),
        ("flags", np.int32),
        ("ts", np.int64),
        ("open", np.float64),
        ("high", np.float64),
        ("low", np.float64),
        ("close", np.float64),
        ("volume", np.float64),
        ("spread", np.float64),
    ]
)

Bars = NDArray[np.void]


class Bar(msgspec.Struct, frozen=True, gc=False):
    """Trading over one closed period. A bar that breaks high >= low cannot be built."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0.0
    spread: float = math.nan

    def __post_init__(self) -> None:
        inside = self.low <= self.open <= self.high and self.low <= self.close <= self.high
        if not (inside and self.low > 0 and self.high < math.inf):
            raise ValueError(f"not a bar: open {self.open} high {self.high} low {self.low} close {self.close}")


class Quote(msgspec.Struct, frozen=True, gc=False):
    """What one can sell at (bid) and buy at (ask), in 1e-9, at a moment."""

    at: int
    bid: int
    ask: int


class BarBatch(msgspec.Struct, frozen=True):
    """All bars that closed at one moment ``at`` (T). ``final`` marks the end of the data (no bars, at = -1).

    ``digest`` is the SHA-256 (hex) of the bars' bytes: what the cycle row records of its input.
    """

    at: int
    bars: Any
    digest: str = ""
    final: bool = False

    @property
    def rows(self) -> Bars:
        return self.bars  # type: ignore[no-any-return]


class FeedInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed says of itself before the first bar. ``start_at`` is its first T, ``end_at`` its last where that
    is known; what closes up to ``warmed_until`` is warm-up, not a counted cycle."""

    name: str
    live: bool
    simulated: bool
    symbols: tuple[str, ...]
    timeframe: str
    decimals: dict[str, int]
    start_at: int
    warmed_until: int
    inputs: dict[str, dict[str, str]]
    end_at: int | None = None


def empty_bars() -> Bars:
    return np.empty(0, BAR)


def end_of_data() -> BarBatch:
    return BarBatch(at=-1, bars=empty_bars(), final=True)
