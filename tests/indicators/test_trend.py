from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from indicators.bands import atr
from indicators.moving import sma
from indicators.regime import REGIMES, regime, trend
from indicators.trend import ADX_SLOTS, adx

Prices = NDArray[np.float64]
DATA = Path(__file__).parents[2].parent / "shared/data"


def directions(high: Prices, low: Prices, close: Prices, n: int) -> Prices:
    """Rows ADX, +DI, -DI."""
    state = np.zeros(1 + ADX_SLOTS)
    return np.array([adx(state, 1, high[i], low[i], close[i], n, i + 1) for i in range(len(close))]).T


def made(count: int, seed: int) -> tuple[Prices, Prices, Prices]:
    random = np.random.default_rng(seed)
    close = 100 + random.normal(0, 0.5, count).cumsum()
    gap = close + random.normal(0, 0.4, count)
    return np.maximum(close, gap) + random.random(count), np.minimum(close, gap) - random.random(count), close


def test_directional_movement_by_hand() -> None:
    high = np.array([10.0, 12.0, 12.0, 11.0, 15.0])
    low = np.array([8.0, 9.0, 7.0, 6.0, 10.0])
    close = np.array([9.0, 11.0, 8.0, 7.0, 14.0])
    # up:    2, 0 (down by 2), 0 (down by 1), 4; true range: 3, 5, 5, 8
    # n = 2: sums of the first bar, then sum - sum / 2 + this
    plus, minus, true = [1.0, 0.5, 4.25], [2.0, 2.0, 1.0], [6.5, 8.25, 12.125]
    index = [100 * abs(m - p) / (m + p) for p, m in zip(plus, minus, strict=True)]

    found = directions(high, low, close, 2)

    assert np.isnan(found[:, :2]).all()
    assert found[1][2:] == pytest.approx([100 * p / t for p, t in zip(plus, true, strict=True)])
    assert found[2][2:] == pytest.approx([100 * m / t for m, t in zip(minus, true, strict=True)])
    assert math.isnan(found[0][2])
    start = (index[0] + index[1]) / 2
    assert found[0][3:] == pytest.approx([start, (start + index[2]) / 2])


@pytest.mark.parametrize("n", [2, 5, 14, 50])
def test_directional_movement_equals_its_definition_in_pandas(n: int) -> None:
    high, low, close = made(700, 13)
    frame = pd.DataFrame({"high": high, "low": low, "close": close})
    up, down = frame.high.diff(), -frame.low.diff()
    before = frame.close.shift()
    true = pd.concat([frame.high, before], axis=1).max(axis=1) - pd.concat([frame.low, before], axis=1).min(axis=1)
    sums = [up.where((up > down) & (up > 0), 0.0), down.where((down > up) & (down > 0), 0.0), true]
    smooth = []
    for one in sums:
        mean = one.iloc[n:].copy() * n  # alpha = 1 / n of n times the value is Wilder's sum
        mean.iloc[0] = one.iloc[1:n].sum() * (1 - 1 / n) + one.iloc[n]
        smooth.append(mean.ewm(alpha=1 / n, adjust=False).mean())
    plus, minus = (100 * one / smooth[2] for one in smooth[:2])
    index = (100 * (plus - minus).abs() / (plus + minus)).iloc[n - 1 :].copy()
    index.iloc[0] = (100 * (plus - minus).abs() / (plus + minus)).iloc[:n].mean()

    found = directions(high, low, close, n)

    np.testing.assert_allclose(found[1][n:], plus.to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(found[2][n:], minus.to_numpy(), rtol=1e-9)
    np.testing.assert_allclose(found[0][2 * n - 1 :], index.ewm(alpha=1 / n, adjust=False).mean().to_numpy(), rtol=1e-9)


@pytest.mark.parametrize("n", [2, 5, 14, 50])
def test_directional_movement_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    high, low, close = made(700, 14)

    found = directions(high, low, close, n)

    np.testing.assert_allclose(found[0], talib.ADX(high, low, close, n), rtol=1e-10)
    np.testing.assert_allclose(found[1], talib.PLUS_DI(high, low, close, n), rtol=1e-10)
    np.testing.assert_allclose(found[2], talib.MINUS_DI(high, low, close, n), rtol=1e-10)


def test_directional_movement_equals_talib_on_recorded_bars() -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    file = DATA / "EURUSD_H1__kernc.parquet"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside this checkout (shared/data)")
    frame = pd.read_parquet(file)
    high, low, close = (frame[name].to_numpy(float) for name in ("high", "low", "close"))

    found = directions(high, low, close, 14)

    np.testing.assert_allclose(found[0], talib.ADX(high, low, close, 14), rtol=1e-8)


def test_a_mirrored_market_swaps_the_directions() -> None:
    high, low, close = made(200, 15)

    strength, plus, minus = directions(high, low, close, 14)
    mirrored = directions(200 - low, 200 - high, 200 - close, 14)

    np.testing.assert_allclose(mirrored, [strength, minus, plus], rtol=1e-9)


def test_a_market_that_stands_still_has_no_direction() -> None:
    flat = np.full(60, 1.1)

    found = directions(flat, flat, flat, 14)[:, 30:]

    assert set(found.ravel()) == {0.0}


def test_directional_movement_touches_only_its_slots_and_forgets_what_they_held() -> None:
    high, low, close = made(60, 16)
    dirty, clean = np.full(ADX_SLOTS + 2, 9.0), np.zeros(ADX_SLOTS + 2)

    for state in (dirty, clean):
        for i in range(60):
            adx(state, 1, high[i], low[i], close[i], 14, i + 1)

    assert dirty[1:-1].tolist() == clean[1:-1].tolist()
    assert [dirty[0], dirty[-1]] == [9.0, 9.0]


@pytest.mark.parametrize(
    ("strength", "range_", "mean", "expected"),
    [
        (25.1, 1.0, 1.0, "TRENDING"),
        (25.0, 1.0, 1.0, "NORMAL"),
        (20.0, 1.0, 1.0, "NORMAL"),
        (19.9, 1.0, 1.0, "RANGING"),
        (19.9, 1.5, 1.0, "RANGING"),
        (30.0, 1.6, 1.0, "VOLATILE"),
        (10.0, 1.6, 1.0, "VOLATILE"),
        (math.nan, 1.0, 1.0, ""),
        (30.0, math.nan, 1.0, ""),
        (30.0, 1.0, math.nan, ""),
    ],
)
def test_regime(strength: float, range_: float, mean: float, expected: str) -> None:
    assert REGIMES[regime(strength, range_, mean)] == expected


@pytest.mark.parametrize(
    ("strength", "plus", "minus", "expected"),
    [
        (25.1, 30.0, 20.0, 1),
        (25.1, 20.0, 30.0, -1),
        (25.1, 20.0, 20.0, 0),
        (25.0, 30.0, 20.0, 0),
        (math.nan, 30.0, 20.0, 0),
    ],
)
def test_trend(strength: float, plus: float, minus: float, expected: int) -> None:
    assert trend(strength, plus, minus) == expected


def test_a_steady_climb_is_a_rising_trend_and_a_burst_is_volatile() -> None:
    close = np.concatenate([100 + 0.5 * np.arange(150), 175 + 20.0 * np.arange(20) * (-1.0) ** np.arange(20)])
    high, low = close + 0.2, close - 0.2
    ranges, means = np.zeros(2), np.zeros(100)
    strength, plus, minus = directions(high, low, close, 14)

    said = []
    for i in range(len(close)):
        range_ = atr(ranges, 0, high[i], low[i], close[i], 14, i + 1)
        mean = sma(means, 0, range_, 100, i - 13) if i >= 14 else math.nan
        said.append((REGIMES[regime(strength[i], range_, mean)], trend(strength[i], plus[i], minus[i])))

    assert said[112] == ("", 1)
    assert said[113] == ("TRENDING", 1)
    assert said[-1][0] == "VOLATILE"
