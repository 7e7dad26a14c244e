from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from domain.errors import ConfigError
from domain.timeframe import iso, nanos
from marketdata.importing.zones import to_utc, zone


def local(*texts: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([nanos(datetime.fromisoformat(f"{one}+00:00")) for one in texts], np.int64)


def converted(name: str, *texts: str) -> list[str]:
    return [iso(int(one)) for one in to_utc(local(*texts), zone(name), "f.csv")]


@pytest.mark.parametrize(
    ("name", "clock", "utc"),
    [
        ("UTC", "2024-01-05T12:00", "2024-01-05T12:00:00Z"),
        ("EST", "2024-01-05T12:00", "2024-01-05T17:00:00Z"),
        ("EST", "2024-07-05T12:00", "2024-07-05T17:00:00Z"),
        ("America/New_York", "2024-07-05T12:00", "2024-07-05T16:00:00Z"),
        ("Europe/Athens", "2024-01-05T12:00", "2024-01-05T10:00:00Z"),
        ("Europe/Athens", "2024-07-05T12:00", "2024-07-05T09:00:00Z"),
        ("America/New_York+7", "2024-01-08T00:00", "2024-01-07T22:00:00Z"),
        ("America/New_York+7", "2024-07-08T00:00", "2024-07-07T21:00:00Z"),
        # the weeks when America has changed its clocks and Europe has not
        ("America/New_York+7", "2024-03-18T00:00", "2024-03-17T21:00:00Z"),
        ("Europe/Athens", "2024-03-18T00:00", "2024-03-17T22:00:00Z"),
        ("UTC+2", "2024-01-05T12:00", "2024-01-05T10:00:00Z"),
        ("UTC-5", "2024-07-05T12:00", "2024-07-05T17:00:00Z"),
        ("Etc/GMT+5", "2024-07-05T12:00", "2024-07-05T17:00:00Z"),
        ("Asia/Kolkata", "2024-07-05T12:00", "2024-07-05T06:30:00Z"),
    ],
)
def test_a_local_time_is_one_moment(name: str, clock: str, utc: str) -> None:
    assert converted(name, clock) == [utc]


def test_the_clock_springs_forward_between_two_rows() -> None:
    assert converted("America/New_York", "2024-03-10T01:59", "2024-03-10T03:00", "2024-03-10T03:01") == [
        "2024-03-10T06:59:00Z",
        "2024-03-10T07:00:00Z",
        "2024-03-10T07:01:00Z",
    ]


def test_a_time_that_the_clock_skipped_is_refused_with_its_row() -> None:
    with pytest.raises(ConfigError, match=r"f\.csv: row 2: 2024-03-10T02:00:00 was skipped .*\(2 such rows\)"):
        converted("America/New_York", "2024-03-10T01:00", "2024-03-10T02:00", "2024-03-10T02:30", "2024-03-10T03:00")


def test_the_hour_that_came_twice_is_told_apart_by_the_step_back() -> None:
    clocks = ["2024-11-03T00:30", "2024-11-03T01:00", "2024-11-03T01:30", "2024-11-03T01:00", "2024-11-03T01:30"]

    assert converted("America/New_York", *clocks, "2024-11-03T02:00") == [
        "2024-11-03T04:30:00Z",
        "2024-11-03T05:00:00Z",
        "2024-11-03T05:30:00Z",
        "2024-11-03T06:00:00Z",
        "2024-11-03T06:30:00Z",
        "2024-11-03T07:00:00Z",
    ]


def test_hourly_bars_of_the_hour_that_came_twice() -> None:
    assert converted("America/New_York", "2024-11-03T01:00", "2024-11-03T01:00", "2024-11-03T02:00") == [
        "2024-11-03T05:00:00Z",
        "2024-11-03T06:00:00Z",
        "2024-11-03T07:00:00Z",
    ]


@pytest.mark.parametrize("clocks", [["2024-11-03T01:30"], ["2024-11-03T01:00", "2024-11-03T01:30"]])
def test_an_hour_that_came_twice_and_is_there_once_is_refused(clocks: list[str]) -> None:
    with pytest.raises(ConfigError, match=r"f\.csv: row 2: 2024-11-03T01:\d0:00 came twice"):
        converted("America/New_York", "2024-11-03T00:30", *clocks, "2024-11-03T02:00")


def test_two_autumns_are_two_hours() -> None:
    clocks = [f"{day}T01:{minute}" for day in ("2023-11-05", "2024-11-03") for minute in ("00", "30", "00", "30")]

    found = [one[11:16] for one in converted("America/New_York", *clocks)]

    assert found == ["05:00", "05:30", "06:00", "06:30"] * 2


def test_a_shifted_zone_changes_at_the_shifted_hour() -> None:
    assert converted("America/New_York+7", "2024-11-03T08:00", "2024-11-03T08:00") == [
        "2024-11-03T05:00:00Z",
        "2024-11-03T06:00:00Z",
    ]


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "+3", "UTC+99", "../etc/passwd", "Europe/Athens+x", "broker"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="is not known; give UTC, EST"):
        zone(name)
