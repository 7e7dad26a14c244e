from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from indicators.momentum import MACD_SLOTS, RSI_SLOTS, macd, rsi, stoch_rsi, stoch_rsi_slots
from tests.indicators.recorded import bars_of, both_kinds

Values = NDArray[np.float64]


def strengths(values: Values, n: int) -> Values:
    state = np.zeros(1 + RSI_SLOTS)
    return np.array([rsi(state, 1, value, n, seen) for seen, value in enumerate(values, 1)])


def lines(values: Values, fast: int, slow: int, signal: int) -> Values:
    state = np.zeros(1 + MACD_SLOTS)
    return np.array([macd(state, 1, value, fast, slow, signal, seen) for seen, value in enumerate(values, 1)]).T


def walk(count: int, seed: int) -> Values:
    return 100 + np.random.default_rng(seed).normal(0, 0.5, count).cumsum()


def test_rsi_by_hand_on_eight_values() -> None:
    values = np.array([10.0, 11.0, 10.0, 12.0, 12.0, 9.0, 9.0, 13.0])
    # gains 1 0 2 0 0 0 4, losses 0 1 0 0 3 0 0: means of the first two, then (a + this) / 2
    gains, losses = [0.5, 1.25, 0.625, 0.3125, 0.15625, 2.078125], [0.5, 0.25, 0.125, 1.5625, 0.78125, 0.390625]

    found = strengths(values, 2)

    assert np.isnan(found[:2]).all()
    assert found[2:] == pytest.approx([100 * up / (up + down) for up, down in zip(gains, losses, strict=True)])


@pytest.mark.parametrize(("change", "expected"), [(0.5, 100.0), (-0.5, 0.0), (0.0, 50.0)])
def test_rsi_of_a_market_that_only_rises_falls_or_stands_still(change: float, expected: float) -> None:
    assert set(strengths(100 + change * np.arange(40), 14)[14:]) == {expected}


@pytest.mark.parametrize("n", [2, 5, 14, 50])
def test_rsi_equals_wilders_averages_of_pandas(n: int) -> None:
    values = walk(900, 7)
    change = pd.Series(values).diff()
    sides = [change.clip(lower=0), (-change).clip(lower=0)]
    for side in sides:
        side.iloc[n] = side.iloc[1 : n + 1].mean()  # Wilder's start, then alpha = 1 / n
    up, down = (side.iloc[n:].ewm(alpha=1 / n, adjust=False).mean() for side in sides)

    np.testing.assert_allclose(strengths(values, n)[n:], (100 * up / (up + down)).to_numpy(), rtol=1e-10)


@pytest.mark.parametrize("n", [2, 5, 14, 50])
def test_rsi_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    values = walk(900, 8)

    np.testing.assert_allclose(strengths(values, n), talib.RSI(values, n), rtol=1e-10)


@pytest.mark.parametrize(("fast", "slow", "signal"), [(12, 26, 9), (3, 10, 16), (2, 3, 2)])
def test_macd_equals_its_definition_in_pandas(fast: int, slow: int, signal: int) -> None:
    values = walk(600, 9)

    def average(of: pd.Series[float], n: int, first: int) -> pd.Series[float]:
        """EMA of ``n`` whose first value, at ``first``, is the mean of the n before it."""
        seeded = of.iloc[first:].copy()
        seeded.iloc[0] = of.iloc[first - n + 1 : first + 1].mean()
        return seeded.ewm(span=n, adjust=False).mean()

    prices = pd.Series(values)
    line = average(prices, fast, slow - 1) - average(prices, slow, slow - 1)
    smooth = average(line, signal, signal - 1)

    found = lines(values, fast, slow, signal)

    known = slow + signal - 2
    assert np.isnan(found[:, :known]).all()
    np.testing.assert_allclose(found[0][known:], line.loc[known:].to_numpy(), atol=1e-10)
    np.testing.assert_allclose(found[1][known:], smooth.to_numpy(), atol=1e-10)
    np.testing.assert_allclose(found[2], found[0] - found[1], atol=0)


@pytest.mark.parametrize(("fast", "slow", "signal"), [(12, 26, 9), (3, 10, 16), (2, 3, 2)])
def test_macd_equals_talib(fast: int, slow: int, signal: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    values = walk(600, 10)

    np.testing.assert_allclose(lines(values, fast, slow, signal), talib.MACD(values, fast, slow, signal), atol=1e-12)


def test_both_touch_only_their_slots() -> None:
    values = walk(60, 11)
    strength, averages = np.full(RSI_SLOTS + 2, 9.0), np.full(MACD_SLOTS + 2, 9.0)

    for seen, value in enumerate(values, 1):
        rsi(strength, 1, value, 14, seen)
        macd(averages, 1, value, 12, 26, 9, seen)

    assert [strength[0], strength[-1], averages[0], averages[-1]] == [9.0] * 4


def test_both_forget_what_their_slots_held_before() -> None:
    values = walk(60, 12)
    dirty, clean = np.full(RSI_SLOTS + MACD_SLOTS, 7.0), np.zeros(RSI_SLOTS + MACD_SLOTS)

    for seen, value in enumerate(values, 1):
        for state in (dirty, clean):
            rsi(state, 0, value, 14, seen)
            macd(state, RSI_SLOTS, value, 12, 26, 9, seen)

    assert dirty.tolist() == clean.tolist()


def places(values: Values, n: int, window: int, smooth: int) -> Values:
    state = np.zeros(stoch_rsi_slots(window, smooth) + 2)
    found = [stoch_rsi(state, 1, value, n, window, smooth, seen) for seen, value in enumerate(values, 1)]
    assert state[0] == state[-1] == 0.0
    return np.array(found).T


@both_kinds
@pytest.mark.parametrize(("n", "window", "smooth"), [(14, 14, 3), (5, 9, 1), (2, 3, 4)])
def test_stoch_rsi_is_the_place_of_the_index_in_its_range(kind: str, n: int, window: int, smooth: int) -> None:
    close = bars_of(kind).close.to_numpy()
    strength = pd.Series(strengths(close, n))
    low, high = strength.rolling(window).min(), strength.rolling(window).max()
    expected = 100 * (strength - low) / (high - low)

    k, d = places(close, n, window, smooth)

    start = n + window + smooth - 2
    assert np.isnan(k[:start]).all()
    np.testing.assert_allclose(k[start:], expected[start:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(d, expected.rolling(smooth).mean(), rtol=1e-6, atol=1e-6)


@both_kinds
@pytest.mark.parametrize(("n", "window", "smooth"), [(14, 14, 3), (14, 5, 3)])
def test_stoch_rsi_equals_talib(kind: str, n: int, window: int, smooth: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; the definition is the other oracle")
    close = bars_of(kind).close.to_numpy()

    theirs = talib.STOCHRSI(close, n, window, smooth, 0)

    for found, expected in zip(places(close, n, window, smooth), theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-7)


def test_stoch_rsi_of_an_index_without_a_range_is_in_the_middle() -> None:
    k, d = places(100 + 0.5 * np.arange(40), 5, 5, 3)

    assert set(k[12:]) == set(d[12:]) == {50.0}
