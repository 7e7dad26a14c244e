from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from indicators.moving import ema, seeded_ema, sma


def averages(values: list[float], n: int) -> list[float]:
    state = np.zeros(2)
    return [ema(state, 1, value, n, seen + 1) for seen, value in enumerate(values)]


def test_ema_by_hand_on_ten_values() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 4.0, 3.0, 2.0]

    assert averages(values, 3) == [  # alpha is a half: each step goes half of the way
        1.0, 1.5, 2.25, 3.125, 4.0625, 4.53125, 4.765625, 4.3828125, 3.69140625, 2.845703125,
    ]  # fmt: skip


@pytest.mark.parametrize("n", [1, 2, 10, 30, 200])
def test_ema_equals_pandas(n: int) -> None:
    values = (100 + np.random.default_rng(5).normal(0, 0.3, 3000).cumsum()).tolist()

    theirs = pd.Series(values).ewm(span=n, adjust=False).mean().to_numpy()

    np.testing.assert_allclose(averages(values, n), theirs, rtol=1e-12)


def test_ema_equals_talib_but_for_its_other_seed() -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    values = 100 + np.random.default_rng(6).normal(0, 0.3, 3000).cumsum()

    theirs = talib.EMA(values, 10)  # seeded with a simple average: the seeds are forgotten after a while

    np.testing.assert_allclose(averages(values.tolist(), 10)[300:], theirs[300:], rtol=1e-12)


def test_an_unchanged_value_keeps_the_average_exactly() -> None:
    assert set(averages([1.1] * 50, 7)) == {1.1}


def test_ema_touches_only_its_slot() -> None:
    state = np.full(3, 9.0)

    ema(state, 1, 5.0, 3, 1)

    assert state.tolist() == [9.0, 5.0, 9.0]


def simple(values: list[float], n: int) -> list[float]:
    state = np.zeros(n + 2)
    found = [sma(state, 1, value, n, seen) for seen, value in enumerate(values, 1)]
    assert not state[[0, -1]].any()
    return found


def test_sma_by_hand() -> None:
    found = simple([1.0, 2.0, 6.0, 4.0, 5.0], 3)

    assert np.isnan(found[:2]).all()
    assert found[2:] == [3.0, 4.0, 5.0]


@pytest.mark.parametrize("n", [1, 2, 20, 100])
def test_sma_equals_pandas(n: int) -> None:
    values = 100 + np.random.default_rng(15).normal(0, 0.3, 900).cumsum()

    np.testing.assert_allclose(simple(values.tolist(), n), pd.Series(values).rolling(n).mean(), rtol=1e-12)


@pytest.mark.parametrize("n", [2, 20, 100])
def test_sma_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; pandas is the other oracle")
    values = 100 + np.random.default_rng(16).normal(0, 0.3, 900).cumsum()

    np.testing.assert_allclose(simple(values.tolist(), n), talib.SMA(values, n), rtol=1e-12)


def test_sma_carries_no_rounding_along_and_does_not_depend_on_where_it_began() -> None:
    values = (1.1 + 1e-5 * np.random.default_rng(17).integers(-9, 9, 400)).tolist()
    burst = [1e17, -1e17, *values]

    assert simple(burst, 7)[-300:] == simple(values, 7)[-300:]


@pytest.mark.parametrize("n", [2, 10, 30])
def test_seeded_ema_equals_talib(n: int) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; the mean of the start is tested by hand")
    values = 100 + np.random.default_rng(18).normal(0, 0.3, 300).cumsum()
    state = np.zeros(2)

    found = [seeded_ema(state, 1, value, n, seen) for seen, value in enumerate(values, 1)]

    np.testing.assert_allclose(found, talib.EMA(values, n), rtol=1e-12)
    assert state[0] == 0.0


def test_seeded_ema_by_hand_leaves_out_what_came_too_early() -> None:
    state = np.zeros(1)

    found = [seeded_ema(state, 0, value, 3, seen) for seen, value in enumerate([9.0, 9.0, 1.0, 2.0, 6.0, 5.0], -1)]

    assert np.isnan(found[:4]).all()
    assert found[4:] == [3.0, 4.0]
