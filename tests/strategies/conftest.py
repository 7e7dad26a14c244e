from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from domain.market import BAR, Bars

Market = Callable[[int, int], Bars]


def _bars(closes: NDArray[np.float64], random: np.random.Generator) -> Bars:
    """Bars of a minute around these closes."""
    count = len(closes)
    bars = np.zeros(count, BAR)
    bars["ts"] = np.arange(count) * 60_000_000_000
    bars["close"] = np.round(closes, 5)
    bars["open"] = np.round(bars["close"] + random.normal(0, 0.0003, count), 5)
    bars["high"] = np.round(np.maximum(bars["open"], bars["close"]) + random.random(count) * 0.0004, 5)
    bars["low"] = np.round(np.minimum(bars["open"], bars["close"]) - random.random(count) * 0.0004, 5)
    bars["volume"] = random.integers(0, 50, count)
    bars["spread"] = np.where(random.random(count) < 0.5, np.nan, 0.00012)
    return bars


def _market(count: int, seed: int) -> Bars:
    random = np.random.default_rng(seed)
    bars = _bars(1.1 + random.normal(0, 0.0005, count).cumsum(), random)
    quiet = count // 2
    bars[quiet : quiet + 80]["close"] = bars["close"][quiet]  # a market that stands still: averages meet
    for price in ("open", "high", "low", "close"):
        bars[price][quiet : quiet + 80] = bars["close"][quiet]
    return bars


def _kinds(count: int, seed: int) -> dict[str, Bars]:
    random = np.random.default_rng(seed)
    time = np.arange(count)
    calm = np.exp(0.8 * np.sin(time / 150))  # quiet and wild hours take turns, with now and then a large step
    noise = 0.0003 * calm * random.standard_t(4, count)
    turning = np.where(time // 400 % 2, -1.0, 1.0).cumsum()
    return {
        "random": _trading(1.1 + noise.cumsum(), random),
        "rising and falling": _trading(1.1 + 0.0002 * turning + noise.cumsum(), random),
        "ranging": _trading(1.1 + 0.006 * np.sin(time / 40) + noise, random),
    }


def _trading(closes: NDArray[np.float64], random: np.random.Generator) -> Bars:
    """Bars that open where the one before closed."""
    bars = _bars(closes, random)
    bars["open"][1:] = bars["close"][:-1]
    reach = 0.0001 * random.random((2, len(bars)))
    bars["high"] = np.round(np.maximum(bars["open"], bars["close"]) + reach[0], 5)
    bars["low"] = np.round(np.minimum(bars["open"], bars["close"]) - reach[1], 5)
    return bars


@pytest.fixture
def kinds() -> Callable[[int, int], dict[str, Bars]]:
    """Makes (count, seed) bars of markets that wander, that trend one way and the other, and that range."""
    return _kinds


@pytest.fixture
def market() -> Market:
    """Makes (count, seed) bars of a random walk on the minute, with a stretch that stands still."""
    return _market
