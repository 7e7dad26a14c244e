from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from bar_making import MONDAY, bars, recorded_file, walk
from hypothesis import given
from hypothesis import strategies as some

from domain.errors import ConfigError
from domain.market import Bars
from domain.timeframe import DAY, HOUR, MINUTE, bucket, iso, nanos
from marketdata.bars import Resampler, buckets, closes, resample
from marketdata.files import read_bars


def at(text: str) -> int:
    return nanos(datetime.fromisoformat(text + "+00:00"))


def opens(made: Bars) -> list[str]:
    return [iso(int(ts)) for ts in made["ts"]]


def test_a_higher_bar_is_first_highest_lowest_last_and_sum() -> None:
    base = bars(5, 9, 2, 6, 7, 7)
    base["spread"] = [1, 2, 3, 4, 5, 6]

    higher = resample(base, "M1", "M3", "crypto")

    assert [tuple(bar)[2:] for bar in higher.tolist()] == [
        (MONDAY, 5, 9, 2, 2, 6, 3),
        (MONDAY + 3 * MINUTE, 2, 7, 2, 7, 15, 6),
    ]


@pytest.mark.parametrize(
    ("minutes", "higher"),
    [
        ([0, 1, 2, 3, 4], [0]),
        ([0, 1, 2, 3], []),
        ([1, 2, 3, 4, 5, 6, 7, 8, 9], [5]),
        ([0, 4], [0]),
        ([0, 3, 5], [0]),
        ([0, 3, 27, 29], [0, 25]),
        ([3, 11, 22], [10]),
    ],
)
def test_a_bar_is_complete_at_its_end_or_when_a_later_one_comes(minutes: list[int], higher: list[int]) -> None:
    base = bars(*[1.0] * len(minutes))
    base["ts"] = MONDAY + MINUTE * np.array(minutes)
    assert ((resample(base, "M1", "M5", "forex")["ts"] - MONDAY) // MINUTE).tolist() == higher


@pytest.mark.parametrize(
    ("timeframe", "asset_class", "first"),
    [
        ("H1", "forex", "2024-03-08T00:00:00Z"),
        ("H4", "crypto", "2024-03-08T00:00:00Z"),
        ("H4", "forex", "2024-03-08T02:00:00Z"),
        ("D1", "crypto", "2024-03-08T00:00:00Z"),
        ("D1", "metal", "2024-03-08T22:00:00Z"),
        ("W1", "forex", "2024-03-10T21:00:00Z"),
        ("W1", "crypto", "2024-03-11T00:00:00Z"),
    ],
)
def test_high_buckets_of_forex_and_metals_start_at_17_new_york(timeframe: str, asset_class: str, first: str) -> None:
    base = walk(24 * 20, start=at("2024-03-08T00:00:00"), step=HOUR)
    assert opens(resample(base, "H1", timeframe, asset_class))[0] == first


def test_the_forex_day_moves_with_daylight_saving() -> None:
    base = walk(24 * 6, start=at("2024-03-07T22:00:00"), step=HOUR)
    assert opens(resample(base, "H1", "D1", "forex")) == [
        "2024-03-07T22:00:00Z",
        "2024-03-08T22:00:00Z",
        "2024-03-09T22:00:00Z",  # 23 hours: the clocks go forward
        "2024-03-10T21:00:00Z",
        "2024-03-11T21:00:00Z",
        "2024-03-12T21:00:00Z",
    ]


@pytest.mark.parametrize("asset_class", ["forex", "crypto"])
@pytest.mark.parametrize("timeframe", ["M5", "H1", "H4", "H8", "D1", "W1"])
def test_buckets_of_arrays_are_those_of_the_domain(timeframe: str, asset_class: str) -> None:
    ts = at("2023-01-01T00:30:00") + np.sort(np.random.default_rng(3).integers(0, 700, 300)) * DAY // 2 + 17 * MINUTE
    starts, ends = buckets(ts, timeframe, asset_class)
    assert list(zip(starts.tolist(), ends.tolist(), strict=True)) == [
        bucket(int(one), timeframe, asset_class) for one in ts
    ]


@given(
    some.lists(some.integers(1, 200), min_size=1, max_size=120),
    some.lists(some.integers(1, 30), max_size=120),
    some.sampled_from(["M5", "H1", "H4", "D1"]),
    some.sampled_from(["forex", "crypto"]),
)
def test_streaming_and_whole_arrays_make_the_same_bars(
    steps: list[int], cuts: list[int], timeframe: str, asset_class: str
) -> None:
    base = walk(len(steps), start=at("2024-03-09T20:00:00"), step=0)
    base["ts"] += 5 * MINUTE * np.cumsum(steps)
    base["volume"] = np.linspace(0.1, 0.7, len(steps))
    stream, made, place = Resampler("M5", timeframe, asset_class), [], 0

    for cut in [*cuts, len(steps)]:
        made.append(stream.add(base[place : place + cut]))
        place += cut

    assert np.concatenate(made).tobytes() == resample(base, "M5", timeframe, asset_class).tobytes()


@given(some.lists(some.integers(1, 9), min_size=2, max_size=60))
def test_later_bars_change_no_higher_bar(steps: list[int]) -> None:
    base = walk(len(steps), step=0)
    base["ts"] += MINUTE * np.cumsum(steps)
    whole = resample(base, "M1", "M15", "forex")
    for count in range(1, len(base)):
        part = resample(base[:count], "M1", "M15", "forex")
        assert part.tobytes() == whole[: len(part)].tobytes()


def test_closes_are_opens_plus_the_timeframe_and_never_before_the_buckets_end() -> None:
    week = bars(1, 1, start=at("2024-10-27T21:00:00"), step=7 * DAY + HOUR)
    assert opens(week) == ["2024-10-27T21:00:00Z", "2024-11-03T22:00:00Z"]
    assert closes(week, "W1", "forex").tolist() == [at("2024-11-03T22:00:00"), at("2024-11-10T22:00:00")]
    assert closes(week, "H1", "forex").tolist() == (week["ts"] + HOUR).tolist()


@pytest.mark.parametrize(("lower", "higher", "says"), [("H1", "M5", "below the data's H1"), ("M2", "M5", "multiple")])
def test_a_timeframe_that_the_data_cannot_make_is_refused(lower: str, higher: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        Resampler(lower, higher, "forex")


def test_base_bars_that_cross_a_bucket_are_refused() -> None:
    with pytest.raises(ConfigError, match="crosses the end of its D1 bar"):
        resample(walk(30, step=4 * HOUR), "H4", "D1", "forex")


@pytest.mark.data
@pytest.mark.parametrize("timeframe", ["H1", "D1"])
def test_real_minutes_make_the_same_hours_by_hand(timeframe: str) -> None:
    base = read_bars(recorded_file("EURUSD_M1.parquet")).bars[:20_000]
    made = resample(base, "M1", timeframe, "forex")
    groups: dict[int, list[int]] = {}
    for place, ts in enumerate(base["ts"].tolist()):
        groups.setdefault(bucket(ts, timeframe, "forex")[0], []).append(place)
    for bar in made:
        part = base[groups[int(bar["ts"])]]
        assert bar["open"] == part["open"][0]
        assert bar["close"] == part["close"][-1]
        assert (bar["high"], bar["low"]) == (part["high"].max(), part["low"].min())
    assert len(made) >= len(groups) - 2
