from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from domain.market import BAR, Bars

Market = Callable[[int, int], Bars]


def _market(count: int, seed: int) -> Bars:
    random = np.random.default_rng(seed)
    bars = np.zeros(count, BAR)
    bars["ts"] = np.arange(count) * 60_000_000_000
    bars["close"] = np.round(1.1 + random.normal(0, 0.0005, count).cumsum(), 5)
    bars["open"] = np.round(bars["close"] + random.normal(0, 0.0003, count), 5)
    bars["high"] = np.round(np.maximum(bars["open"], bars["close"]) + random.random(count) * 0.0004, 5)
    bars["low"] = np.round(np.minimum(bars["open"], bars["close"]) - random.random(count) * 0.0004, 5)
    bars["volume"] = random.integers(0, 50, count)
    bars["spread"] = np.where(random.random(count) < 0.5, np.nan, 0.00012)
    quiet = count // 2
    bars[quiet : quiet + 80]["close"] = bars["close"][quiet]  # a market that stands still: averages meet
    for price in ("open", "high", "low", "close"):
        bars[price][quiet : quiet + 80] = bars["close"][quiet]
    return bars


@pytest.fixture
def market() -> Market:
    """Makes (count, seed) bars of a random walk on the minute, with a stretch that stands still."""
    return _market
