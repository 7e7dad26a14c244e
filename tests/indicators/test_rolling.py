from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indicators.rolling import (
    EWMA_SLOTS,
    deviation,
    ewma_variance,
    median,
    median_slots,
    ranked,
    slope,
    volume_ratio,
    vwap_bands,
    vwap_slots,
    z_score,
)
from tests.indicators.recorded import bars_of, both_kinds

LENGTHS = pytest.mark.parametrize("n", [2, 5, 20, 101])


def over(values: pd.Series, slots: int, step: Callable[..., float | tuple[float, ...]]) -> np.ndarray:
    """The indicator bar by bar, in slots between two that must stay untouched."""
    state = np.zeros(slots + 2)
    found = np.array([step(state, 1, value, seen) for seen, value in enumerate(values.tolist(), 1)])
    assert state[0] == state[-1] == 0.0
    return found.T


@both_kinds
@LENGTHS
def test_mean_and_deviation_equal_pandas(kind: str, n: int) -> None:
    close = bars_of(kind).close

    mean, spread = over(close, n, lambda state, slot, x, seen: deviation(state, slot, x, n, seen))

    np.testing.assert_allclose(mean, close.rolling(n).mean(), rtol=1e-11)
    np.testing.assert_allclose(spread, close.rolling(n).apply(np.std, raw=True), rtol=1e-9)


@LENGTHS
def test_the_deviation_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    close = bars_of("made").close

    _, spread = over(close, n, lambda state, slot, x, seen: deviation(state, slot, x, n, seen))

    np.testing.assert_allclose(spread, talib.STDDEV(close.to_numpy(), n), rtol=1e-6)


@both_kinds
@LENGTHS
def test_the_z_score_equals_pandas(kind: str, n: int) -> None:
    close = bars_of(kind).close
    window = close.rolling(n)

    found = over(close, n, lambda state, slot, x, seen: z_score(state, slot, x, n, seen))

    expected = (close - window.mean()) / window.apply(np.std, raw=True)
    np.testing.assert_allclose(found[n - 1 :], expected[n - 1 :].fillna(0.0), rtol=1e-5, atol=1e-6)
    assert np.isnan(found[: n - 1]).all()


def test_equal_values_have_no_deviation_and_no_z_score() -> None:
    flat = pd.Series(np.full(30, 1.2345678))

    found = over(flat, 9, lambda state, slot, x, seen: deviation(state, slot, x, 9, seen))
    assert (found[1][8:] < 1e-15).all()
    assert set(over(pd.Series(np.full(30, 2.0)), 9, lambda s, slot, x, seen: z_score(s, slot, x, 9, seen))[8:]) == {0.0}


@both_kinds
@LENGTHS
def test_the_median_equals_pandas(kind: str, n: int) -> None:
    values = bars_of(kind).volume

    found = over(values, median_slots(n), lambda state, slot, x, seen: median(state, slot, x, n, seen))

    np.testing.assert_allclose(found, values.rolling(n).median(), rtol=1e-12)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=60), st.integers(1, 9))
def test_the_median_is_the_middle_of_the_window_with_repeated_values(whole: list[int], n: int) -> None:
    found = over(pd.Series(map(float, whole)), median_slots(n), lambda s, slot, x, seen: median(s, slot, x, n, seen))

    for last in range(n - 1, len(whole)):
        assert found[last] == np.median(whole[last - n + 1 : last + 1])
    assert all(math.isnan(one) for one in found[: n - 1])


@both_kinds
@LENGTHS
def test_the_slope_equals_least_squares(kind: str, n: int) -> None:
    close = bars_of(kind).close

    found = over(close, n, lambda state, slot, x, seen: slope(state, slot, x, n, seen))

    steps = np.arange(n)
    fitted = close.rolling(n).apply(lambda window: float(np.polyfit(steps, window, 1)[0]), raw=True)
    np.testing.assert_allclose(found, fitted, rtol=1e-6, atol=1e-9 * close.max())


@LENGTHS
def test_the_slope_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; numpy is the other oracle")
    close = bars_of("made").close

    found = over(close, n, lambda state, slot, x, seen: slope(state, slot, x, n, seen))

    np.testing.assert_allclose(found, talib.LINEARREG_SLOPE(close.to_numpy(), n), rtol=1e-6, atol=1e-10)


@both_kinds
def test_the_weighted_variance_equals_pandas(kind: str) -> None:
    changes = bars_of(kind).close.pct_change().dropna()

    found = over(changes, EWMA_SLOTS, lambda state, slot, x, seen: ewma_variance(state, slot, x, 0.94, seen))

    np.testing.assert_allclose(found, (changes**2).ewm(alpha=0.06, adjust=False).mean(), rtol=1e-9)


@both_kinds
@LENGTHS
def test_the_volume_ratio_equals_pandas(kind: str, n: int) -> None:
    volume = bars_of(kind).volume

    found = over(volume, n, lambda state, slot, x, seen: volume_ratio(state, slot, x, n, seen))

    np.testing.assert_allclose(found, volume / volume.rolling(n).mean(), rtol=1e-9)


def test_unknown_volumes_have_no_ratio() -> None:
    nothing = pd.Series(np.zeros(30))

    assert np.isnan(over(nothing, 5, lambda s, slot, x, seen: volume_ratio(s, slot, x, 5, seen))).all()


def bands(frame: pd.DataFrame, n: int, width: float) -> np.ndarray:
    price = (frame.high + frame.low + frame.close) / 3
    state = np.zeros(vwap_slots(n) + 2)
    found = [vwap_bands(state, 1, price.iloc[i], frame.volume.iloc[i], n, width, i + 1.0) for i in range(len(frame))]
    assert state[0] == state[-1] == 0.0
    return np.array(found).T


@both_kinds
@LENGTHS
def test_volume_weighted_bands_equal_their_definition_in_pandas(kind: str, n: int) -> None:
    frame = bars_of(kind)
    price = (frame.high + frame.low + frame.close) / 3
    weights = frame.volume.rolling(n).sum()
    middle = (price * frame.volume).rolling(n).sum() / weights

    found = bands(frame, n, 2.0)

    np.testing.assert_allclose(found[1], middle, rtol=1e-9)
    spread = [
        math.sqrt(np.average((price[i - n + 1 : i + 1] - m) ** 2, weights=frame.volume[i - n + 1 : i + 1]))
        for i, m in enumerate(found[1])
        if i >= n - 1
    ]
    np.testing.assert_allclose((found[2] - found[1])[n - 1 :], 2.0 * np.array(spread), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(found[1] - found[0], found[2] - found[1], rtol=1e-6, atol=1e-9)


def test_bands_without_known_volumes_weigh_every_bar_the_same() -> None:
    frame = bars_of("made")
    silent, even = frame.assign(volume=0.0), frame.assign(volume=1.0)

    np.testing.assert_array_equal(bands(silent, 20, 2.0), bands(even, 20, 2.0))


@both_kinds
@pytest.mark.parametrize("share", [0.0, 0.15, 0.5, 0.85, 1.0])
@pytest.mark.parametrize("n", [1, 2, 19, 20])
def test_the_value_that_a_share_does_not_exceed_equals_numpy(kind: str, n: int, share: float) -> None:
    close = bars_of(kind).close.to_numpy()[:400]
    state = np.zeros(median_slots(n) + 1)

    for seen, value in enumerate(close.tolist(), 1):
        median(state, 1, value, n, float(seen))
        if seen >= n:
            window = close[seen - n : seen]
            assert ranked(state, 1, n, share) == np.quantile(window, share, method="inverted_cdf")
