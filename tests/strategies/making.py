"""Markets made by hand, and what a strategy says of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain.market import BAR, Bars
from strategies.base import Strategy, resolve
from strategies.runner import Rows, Steps

MINUTE = 60_000_000_000


def bars_of(*ohlc: tuple[float, float, float, float], volume: float = 1.0, every: int = MINUTE) -> Bars:
    """One bar per (open, high, low, close)."""
    bars = np.zeros(len(ohlc), BAR)
    for place, field in enumerate(("open", "high", "low", "close")):
        bars[field] = [one[place] for one in ohlc]
    bars["ts"] = np.arange(len(ohlc)) * every
    bars["volume"] = volume
    bars["spread"] = np.nan
    return bars


def closing(*closes: float, reach: float = 0.5, every: int = MINUTE) -> Bars:
    """Bars that open at the close before and reach beyond both by ``reach``."""
    ohlc = []
    before = closes[0]
    for close in closes:
        ohlc.append((before, max(before, close) + reach, min(before, close) - reach, close))
        before = close
    return bars_of(*ohlc, every=every)


def told(strategy: Strategy, bars: Bars, **given: Any) -> tuple[Steps, Any]:
    return Rows(strategy, resolve(strategy, given), 1).series(bars)


def reasons(strategy: Strategy, changes: Any) -> list[tuple[int, int, str]]:
    """(bar, stance, reason) of each change."""
    return [(int(one["bar"]), int(one["stance"]), strategy.words[one["reason"]]) for one in changes]


def mirrored(bars: Bars, around: float) -> Bars:
    """The market turned upside down."""
    turned = bars.copy()
    turned["open"], turned["close"] = 2 * around - bars["open"], 2 * around - bars["close"]
    turned["high"], turned["low"] = 2 * around - bars["low"], 2 * around - bars["high"]
    return turned
