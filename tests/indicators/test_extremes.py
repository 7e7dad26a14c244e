from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from indicators.extremes import donchian, donchian_slots, extreme_slots, highest, lowest
from tests.indicators.recorded import bars_of, both_kinds

Values = NDArray[np.float64]


def extremes(values: list[float] | Values, n: int) -> tuple[list[float], list[float]]:
    states = np.zeros((2, extreme_slots(n) + 2))
    tops = [highest(states[0], 1, value, n, seen) for seen, value in enumerate(values, 1)]
    bottoms = [lowest(states[1], 1, value, n, seen) for seen, value in enumerate(values, 1)]
    assert not states[:, [0, -1]].any()
    return tops, bottoms


def test_by_hand() -> None:
    tops, bottoms = extremes([3.0, 5.0, 4.0, 2.0, 1.0, 1.0, 6.0], 3)

    assert math.isnan(tops[1])
    assert tops[2:] == [5.0, 5.0, 4.0, 2.0, 6.0]
    assert bottoms[2:] == [3.0, 2.0, 1.0, 1.0, 1.0]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=60), st.integers(1, 9))
def test_they_are_the_maximum_and_minimum_of_the_window(whole: list[int], n: int) -> None:
    values = [float(one) for one in whole]
    tops, bottoms = extremes(values, n)

    for last in range(n - 1, len(values)):
        window = values[last - n + 1 : last + 1]
        assert (tops[last], bottoms[last]) == (max(window), min(window))
    assert all(math.isnan(one) for one in tops[: n - 1] + bottoms[: n - 1])


@pytest.mark.parametrize("n", [2, 22, 100])
def test_they_equal_pandas(n: int) -> None:
    values = pd.Series(np.random.default_rng(21).normal(0, 1, 900).cumsum())

    tops, bottoms = extremes(values.to_numpy(), n)

    np.testing.assert_array_equal(tops, values.rolling(n).max())
    np.testing.assert_array_equal(bottoms, values.rolling(n).min())


@pytest.mark.parametrize("n", [2, 22, 100])
def test_they_equal_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    values = np.random.default_rng(22).normal(0, 1, 900).cumsum()

    tops, bottoms = extremes(values, n)

    np.testing.assert_array_equal(tops, talib.MAX(values, n))
    np.testing.assert_array_equal(bottoms, talib.MIN(values, n))


@both_kinds
@pytest.mark.parametrize("n", [1, 20, 55])
def test_the_channel_equals_pandas(kind: str, n: int) -> None:
    frame = bars_of(kind)
    state = np.zeros(donchian_slots(n) + 2)

    pairs = enumerate(zip(frame.high, frame.low, strict=True), 1)
    lower, middle, upper = np.array([donchian(state, 1, high, low, n, seen) for seen, (high, low) in pairs]).T

    np.testing.assert_array_equal(lower, frame.low.rolling(n).min())
    np.testing.assert_array_equal(upper, frame.high.rolling(n).max())
    np.testing.assert_allclose(middle, (lower + upper) / 2, rtol=1e-12)
    assert state[0] == state[-1] == 0.0
