from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from indicators.bands import atr, true_range

Prices = NDArray[np.float64]


def ranges(high: Prices, low: Prices, close: Prices, n: int) -> Prices:
    state = np.zeros(3)
    return np.array([atr(state, 1, high[i], low[i], close[i], n, i + 1) for i in range(len(close))])


def made(count: int, seed: int) -> tuple[Prices, Prices, Prices]:
    random = np.random.default_rng(seed)
    close = 100 + random.normal(0, 0.5, count).cumsum()
    gap = close + random.normal(0, 0.4, count)  # the open, so that some bars leave the close before
    return np.maximum(close, gap) + random.random(count), np.minimum(close, gap) - random.random(count), close


@pytest.mark.parametrize(
    ("high", "low", "previous_close", "expected"),
    [
        (12.0, 10.0, 11.0, 2.0),  # inside: the bar itself
        (12.0, 10.0, 7.0, 5.0),  # gap up: from the close before to the high
        (12.0, 10.0, 15.0, 5.0),  # gap down: from the close before to the low
        (10.0, 10.0, 10.0, 0.0),
    ],
)
def test_true_range(high: float, low: float, previous_close: float, expected: float) -> None:
    assert true_range(high, low, previous_close) == expected


def test_atr_by_hand_on_ten_bars() -> None:
    close = np.array([10.0, 11.0, 12.0, 11.0, 13.0, 13.0, 9.0, 10.0, 10.0, 11.0])
    high, low = close + 1, close - 1
    # true ranges from the second bar:  2, 2, 2, 3, 2, 5, 2, 2, 2; mean of the first three, then (a * 2 + range) / 3
    a = [2.0]
    for this in (3.0, 2.0, 5.0, 2.0, 2.0, 2.0):
        a.append((a[-1] * 2 + this) / 3)

    assert ranges(high, low, close, 3).tolist() == [0.0, 0.0, 0.0, *a]


@pytest.mark.parametrize("n", [1, 2, 5, 14, 50])
def test_atr_equals_wilders_formula_written_as_sums(n: int) -> None:
    high, low, close = made(600, 3)
    true = np.maximum(high, np.roll(close, 1))[1:] - np.minimum(low, np.roll(close, 1))[1:]
    expected = [float(np.mean(true[:n]))]
    for this in true[n:]:
        expected.append(expected[-1] + (this - expected[-1]) / n)

    np.testing.assert_allclose(ranges(high, low, close, n)[n:], expected, rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 14, 50])
def test_atr_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; the formula is also tested as sums")
    high, low, close = made(600, 4)

    theirs = talib.ATR(high, low, close, n)

    assert np.isnan(theirs[:n]).all()
    assert (ranges(high, low, close, n)[:n] == 0).all()
    np.testing.assert_allclose(ranges(high, low, close, n)[n:], theirs[n:], rtol=1e-12)
