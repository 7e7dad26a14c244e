from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from domain.market import BAR, Bars
from indicators.bands import ATR_SLOTS, atr
from indicators.measures import LENGTH, MEAN_BARS, RANGE_BARS, SLOW, SWING, measure
from indicators.regime import REGIMES, TRENDING
from tests.indicators.recorded import bars_of


def window(prices: pd.DataFrame) -> Bars:
    bars = np.zeros(len(prices), BAR)
    bars["ts"] = np.arange(len(prices))
    bars["spread"] = math.nan
    for name in ("open", "high", "low", "close", "volume"):
        bars[name] = prices[name]
    return bars


@pytest.mark.parametrize("kind", ["made", pytest.param("recorded", marks=pytest.mark.data)])
def test_the_measures_of_a_window_are_those_of_its_bars(kind: str) -> None:
    prices = bars_of(kind).iloc[:300]
    seen = measure(window(prices))
    close = prices["close"].to_numpy()
    state = np.zeros(ATR_SLOTS)
    ranges = [
        atr(state, 0, prices["high"].iloc[i], prices["low"].iloc[i], close[i], LENGTH, i + 1.0) for i in range(300)
    ]

    assert seen.close == close[-1]
    assert seen.atr == ranges[-1]
    assert seen.mean_atr == pytest.approx(np.mean(ranges[-MEAN_BARS:]))
    assert seen.short == close[-1] - close[-6]
    assert seen.long == close[-1] - close[-21]
    assert seen.volume == pytest.approx(prices["volume"].iloc[-1] / prices["volume"].iloc[-20:].mean())
    assert seen.upper - seen.lower == pytest.approx(4 * prices["close"].iloc[-20:].std(ddof=0))
    assert seen.bars == 300
    assert all(math.isfinite(one) for one in (seen.slow, seen.adx, seen.rsi, seen.histogram, seen.regime))


@pytest.mark.parametrize("count", range(RANGE_BARS, 300, 7))
def test_the_range_is_that_of_its_bars(count: int) -> None:
    prices = bars_of("made").iloc[:count]
    seen = measure(window(prices))

    assert seen.top == prices["high"].iloc[-RANGE_BARS:].max()
    assert seen.bottom == prices["low"].iloc[-RANGE_BARS:].min()


@pytest.mark.parametrize("count", range(60, 300, 17))
def test_support_and_resistance_are_the_nearest_swings_that_nothing_has_gone_through(count: int) -> None:
    prices = bars_of("made").iloc[:count]
    seen = measure(window(prices))
    highs, lows = prices["high"].to_numpy(), prices["low"].to_numpy()
    above, below = [], []
    for i in range(SWING, count - SWING):
        left, right, after = slice(i - SWING, i), slice(i + 1, i + SWING + 1), slice(i + SWING + 1, count)
        if highs[i] > highs[left].max() and highs[i] >= highs[right].max() and highs[i] > highs[after].max(initial=0):
            above.append(highs[i])
        if lows[i] < lows[left].min() and lows[i] <= lows[right].min() and lows[i] < lows[after].min(initial=math.inf):
            below.append(lows[i])

    assert seen.resistance == pytest.approx(min(above, default=math.nan), nan_ok=True)
    assert seen.support == pytest.approx(max(below, default=math.nan), nan_ok=True)


def test_what_a_short_window_cannot_say_is_not_known() -> None:
    prices = bars_of("made")

    assert math.isnan(measure(window(prices.iloc[:0])).close)
    assert math.isnan(measure(window(prices.iloc[:LENGTH])).atr)
    assert math.isfinite(measure(window(prices.iloc[: LENGTH + 1])).atr)
    assert math.isnan(measure(window(prices.iloc[: SLOW - 1])).slow)
    assert measure(window(prices.iloc[:20])).regime == 0


def test_a_steady_rise_is_a_trend() -> None:
    rise = np.linspace(100, 130, 200)
    prices = pd.DataFrame({"open": rise, "close": rise, "high": rise + 0.1, "low": rise - 0.1, "volume": 0.0})
    seen = measure(window(prices))

    assert REGIMES[int(seen.regime)] == REGIMES[TRENDING]
    assert seen.fast > seen.middle
    assert seen.rsi > 99
    assert math.isnan(seen.volume), "volume 0 is unknown"
    assert math.isnan(seen.resistance)
