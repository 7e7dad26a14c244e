from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from domain import timeframe
from indicators.higher import (
    CLOSE,
    DAY,
    FIELDS,
    HIGHER_SLOTS,
    HOUR,
    NEW_YORK,
    SECOND,
    bucket,
    closed,
    five_in_new_york,
    higher,
)
from indicators.higher import (
    UTC as BY_UTC,
)
from tests.indicators.recorded import made, recorded

MINUTE = 60 * SECOND
MONDAY = 1_704_067_200 * SECOND  # 2024-01-01
NAMES = ["open", "high", "low", "close", "volume"]


def resampled(ts: NDArray[np.int64], frame: pd.DataFrame, multiple: int, anchor: int) -> pd.DataFrame:
    """The higher bars in the order in which they were seen; the index is the base bar that showed them."""
    state = np.zeros(HIGHER_SLOTS + 2)
    state[1:-1] = 7.0  # what the slots held before is forgotten
    rows, seen_at = [], []
    values = frame[NAMES].to_numpy()
    for i in range(len(ts)):
        for which in range(higher(state, 1, ts[i], *values[i], multiple, anchor, i + 1)):
            rows.append(state[closed(1, which) : closed(1, which) + FIELDS].copy())
            seen_at.append(i)
    assert state[0] == state[-1] == 0.0
    return pd.DataFrame(rows, columns=NAMES, index=seen_at)


def by_pandas(ts: NDArray[np.int64], frame: pd.DataFrame, name: str, asset_class: str) -> pd.DataFrame:
    """Complete buckets as ``domain.timeframe`` cuts them, the first one and the one at hand left out."""
    start = [timeframe.bucket(int(one), name, asset_class)[0] for one in ts]
    made_of = frame.groupby(start)
    found = made_of.agg({"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"})
    return found.iloc[1:-1]


def test_a_higher_bar_is_seen_at_its_end() -> None:
    frame = made(300, 41)
    ts = MONDAY + np.arange(300) * 5 * MINUTE

    found = resampled(ts, frame, 12, BY_UTC)

    assert found.index.tolist() == list(range(23, 300, 12))  # the first hour has no second bar before it: dropped
    np.testing.assert_array_equal(found.close, frame.close[23::12])
    np.testing.assert_array_equal(found.open, frame.open[12::12][: len(found)])
    np.testing.assert_allclose(found.volume, frame.volume.rolling(12).sum()[23::12])


def test_a_partial_first_bucket_is_dropped() -> None:
    frame = made(40, 42)
    ts = MONDAY + 25 * MINUTE + np.arange(40) * 5 * MINUTE

    found = resampled(ts, frame, 12, BY_UTC)

    assert found.index[0] == 7 + 11  # bars 0 to 6 belong to the hour that had begun


def test_a_missing_tail_is_noticed_at_the_first_bar_after_it() -> None:
    frame = made(48, 43)
    ts = MONDAY + np.arange(48) * 5 * MINUTE
    without = np.delete(np.arange(48), [34, 35])  # the last ten minutes of the third hour

    found = resampled(ts[without], frame.iloc[without].reset_index(drop=True), 12, BY_UTC)

    assert found.index.tolist() == [23, 34, 45]
    assert found.close[34] == frame.close[33]


def test_one_bar_may_close_two_higher_ones() -> None:
    frame = made(36, 44)
    ts = MONDAY + np.arange(36) * 5 * MINUTE
    without = np.r_[0:22, 35]  # from 01:45 to 02:55 there is nothing but the last bar

    found = resampled(ts[without], frame.iloc[without].reset_index(drop=True), 12, BY_UTC)

    assert found.index.tolist() == [22, 22]
    assert found.close.tolist() == [frame.close[21], frame.close[35]]


def test_base_bars_as_long_as_the_bucket_are_the_higher_bars() -> None:
    frame = made(20, 45)

    found = resampled(MONDAY + np.arange(20) * HOUR, frame, 1, BY_UTC)

    np.testing.assert_array_equal(found.to_numpy(), frame[NAMES].to_numpy()[1:])


def test_the_base_length_is_learnt_where_the_first_bars_were_no_neighbours() -> None:
    frame = made(60, 46)
    ts = MONDAY + np.r_[0, 15, np.arange(20, 310, 5)] * MINUTE

    found = resampled(ts, frame, 12, BY_UTC)

    assert (ts[found.index] + 5 * MINUTE - MONDAY).tolist() == [2 * HOUR, 3 * HOUR, 4 * HOUR, 5 * HOUR]


@pytest.mark.parametrize(("name", "multiple"), [("H1", 1), ("H4", 4), ("D1", 24), ("W1", 168)])
@pytest.mark.parametrize(("asset_class", "anchor"), [("crypto", BY_UTC), ("forex", NEW_YORK)])
def test_made_bars_equal_the_buckets_of_the_domain(name: str, multiple: int, asset_class: str, anchor: int) -> None:
    frame = made(9000, 47)
    ts = MONDAY + np.arange(9000) * HOUR  # a year, over both changes of the clock
    kept = np.random.default_rng(48).random(9000) < 0.98
    kept[:2] = True
    ts, frame = ts[kept], frame[kept].reset_index(drop=True)

    found = resampled(ts, frame, multiple, anchor)

    expected = by_pandas(ts, frame, name, asset_class)
    np.testing.assert_allclose(found.to_numpy()[: len(expected)], expected.to_numpy(), rtol=1e-12)
    assert len(found) - len(expected) in (0, 1)


@pytest.mark.data
@pytest.mark.parametrize(("name", "multiple"), [("H4", 4), ("D1", 24)])
def test_recorded_bars_equal_the_buckets_of_the_domain(name: str, multiple: int) -> None:
    frame = recorded("EURUSD_H1").reset_index(drop=True).assign(volume=0.0)
    ts = frame.ts.astype("int64").to_numpy()

    found = resampled(ts, frame, multiple, NEW_YORK)

    expected = by_pandas(ts, frame, name, "forex")
    assert len(expected) > 200
    np.testing.assert_array_equal(found.to_numpy()[: len(expected)], expected.to_numpy())


@pytest.mark.parametrize("year", [1976, 1986, 1987, 2006, 2007, 2024, 2037])
def test_five_in_new_york_equals_the_zone(year: int) -> None:
    zone = ZoneInfo("America/New_York")
    first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) // 86_400

    for days in range(first, first + 365):
        date = datetime.fromtimestamp(days * 86_400, UTC)
        local = datetime(date.year, date.month, date.day, 17, tzinfo=zone)
        assert five_in_new_york(days) == int(local.timestamp()) * SECOND


@pytest.mark.parametrize("name", ["M5", "H1", "H2", "H4", "H8", "D1", "W1"])
@pytest.mark.parametrize(("asset_class", "anchor"), [("crypto", BY_UTC), ("forex", NEW_YORK)])
def test_buckets_equal_those_of_the_domain(name: str, asset_class: str, anchor: int) -> None:
    size = timeframe.length(name)

    for at in np.random.default_rng(49).integers(200_000_000, 2_000_000_000, 400):
        moment = int(at) * SECOND
        assert tuple(bucket(moment, size, anchor)) == timeframe.bucket(moment, name, asset_class)


def test_a_day_is_as_long_as_the_clock_says() -> None:
    spring = datetime(2024, 3, 9, 12, tzinfo=UTC)
    days = int(spring.timestamp()) // 86_400

    lengths = [(five_in_new_york(days + i + 1) - five_in_new_york(days + i)) // HOUR for i in range(3)]

    assert lengths == [23, 24, 24]
    assert CLOSE == 3
    assert DAY == 24 * HOUR
