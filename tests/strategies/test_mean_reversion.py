from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from strategies.mean_reversion import mean_reversion
from tests.strategies.making import closing, mirrored, reasons, told

QUIET = [100.0, 100.4] * 20
FALL = [99.0, 97.0, 95.0]  # the first low, with a weak RSI
REST = [97.0, 98.0, 98.2, 98.4, 98.6, 98.8, 99.0, 99.2]
AGAIN = [97.0, 94.8, 97.2]  # a lower low, and back inside the band


def market(*closes: float) -> Bars:
    return closing(*QUIET, *FALL, *REST, *(closes or AGAIN), reach=0.1)


def entries(bars: Bars, **given: Any) -> list[tuple[int, int, str]]:
    asked = {"bands": 10, "width": 1.5, **given}
    return [one for one in reasons(mean_reversion, told(mean_reversion, bars, **asked)[1]) if one[1] != 0]


def test_a_lower_low_with_a_higher_rsi_is_bought_once_back_inside_the_band() -> None:
    bars = market()

    found = entries(bars)

    assert found == [(len(bars) - 1, 1, "BACK_ABOVE_LOWER_BAND")]
    _, changes = told(mean_reversion, bars, bands=10, width=1.5)
    low = bars["low"][-2:].min()
    assert changes["stop"][0] == pytest.approx((bars["close"][-1] - low) * 1.1)
    assert changes["target"][0] == pytest.approx(1.5 * changes["stop"][0])


def test_without_a_divergence_it_is_not_bought_unless_none_is_asked_for() -> None:
    first = closing(*QUIET, 99.0, 97.0, 95.0, 97.5, reach=0.1)  # the first low is confirmed by its RSI

    assert entries(first) == []
    assert [stance for _, stance, _ in entries(first, divergence="no")] == [1]


def test_a_higher_low_is_no_divergence() -> None:
    assert entries(market(97.0, 96.0, 98.0)) == []


def test_a_close_still_below_the_band_is_not_bought() -> None:
    assert entries(market(97.0, 94.8)) == []


def test_a_divergence_smaller_than_the_gap_is_not_bought() -> None:
    assert len(entries(market(), gap=2.0)) == 1
    assert entries(market(), gap=49.0) == []


def test_the_stop_is_at_least_so_many_average_true_ranges() -> None:
    _, near = told(mean_reversion, market(), bands=10, width=1.5)
    _, far = told(mean_reversion, market(), bands=10, width=1.5, stop_atr=20.0)

    assert far["stop"][0] > near["stop"][0]


def test_it_leaves_at_the_middle_band_where_asked_to() -> None:
    bars = market(*AGAIN, 97.6, 98.4, 98.8)

    _, changes = told(mean_reversion, bars, bands=10, width=1.5, leave="mean", target_r=50.0)

    assert [stance for _, stance, _ in reasons(mean_reversion, changes)] == [1, 0]
    assert reasons(mean_reversion, changes)[1][2] == "MEAN_REACHED"


def test_shorts_mirror_longs() -> None:
    bars = market(*AGAIN, 97.6, 98.4, 98.8, 99.5, 101.0)

    up, _ = told(mean_reversion, bars, bands=10, width=1.5)
    down, _ = told(mean_reversion, mirrored(bars, 100.0), bands=10, width=1.5)

    assert 1 in up.stances
    np.testing.assert_array_equal(up.stances, -down.stances)
