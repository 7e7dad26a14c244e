from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from indicators.bands import atr, bollinger, chandelier, chandelier_slots, true_range
from tests.indicators.recorded import bars_of, both_kinds

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


def around(values: Prices, n: int, width: float) -> Prices:
    state = np.zeros(n + 2)
    found = np.array([bollinger(state, 1, value, n, width, i + 1) for i, value in enumerate(values)])
    assert state[0] == state[-1] == 0.0
    return found.T


def test_bollinger_by_hand() -> None:
    lower, middle, upper = around(np.array([1.0, 2.0, 3.0, 6.0]), 3, 2.0)

    spread = np.sqrt([2 / 3, 26 / 9])
    assert middle[2:] == pytest.approx([2.0, 11 / 3])
    assert upper[2:] - middle[2:] == pytest.approx(2 * spread)
    assert middle[2:] - lower[2:] == pytest.approx(2 * spread)
    assert np.isnan(np.array([lower, middle, upper])[:, :2]).all()


@both_kinds
@pytest.mark.parametrize("n", [2, 20, 100])
def test_bollinger_equals_pandas(kind: str, n: int) -> None:
    close = bars_of(kind).close

    found = around(close.to_numpy(), n, 2.5)

    reach = 2.5 * close.rolling(n).std(ddof=0)
    for side, band in zip((-1, 0, 1), found, strict=True):
        np.testing.assert_allclose(band, close.rolling(n).mean() + side * reach, rtol=1e-9)


@pytest.mark.parametrize("n", [2, 20, 100])
def test_bollinger_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    _, _, close = made(600, 5)

    upper, middle, lower = talib.BBANDS(close, n, 2.5, 2.5)

    np.testing.assert_allclose(around(close, n, 2.5), [lower, middle, upper], rtol=1e-9)


def hung(frame: pd.DataFrame, n: int, length: int, width: float) -> Prices:
    state = np.zeros(chandelier_slots(n) + 2)
    found = [
        chandelier(state, 1, high, low, close, n, length, width, i + 1)
        for i, (high, low, close) in enumerate(zip(frame.high, frame.low, frame.close, strict=True))
    ]
    assert state[0] == state[-1] == 0.0
    return np.array(found).T


@both_kinds
@pytest.mark.parametrize(("n", "length"), [(22, 22), (5, 14), (14, 5)])
def test_chandelier_hangs_from_the_extremes(kind: str, n: int, length: int) -> None:
    frame = bars_of(kind)
    high, low, close = (frame[name].to_numpy() for name in ("high", "low", "close"))
    reach = 3 * ranges(high, low, close, length)
    reach[:length] = np.nan

    longs, shorts = hung(frame, n, length, 3.0)

    np.testing.assert_allclose(longs, frame.high.rolling(n).max() - reach, rtol=1e-12)
    np.testing.assert_allclose(shorts, frame.low.rolling(n).min() + reach, rtol=1e-12)
