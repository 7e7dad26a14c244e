"""Buckets, risk days and moments, across changes of daylight saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from domain.timeframe import (
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    TIMEFRAMES,
    DayStart,
    bucket,
    default_day_start,
    forex_anchored,
    iso,
    length,
    nanos,
    utc,
)


def at(text: str) -> int:
    return nanos(datetime.fromisoformat(text).replace(tzinfo=UTC))


YEARS = some.integers(at("2000-01-01"), at("2040-01-01"))
SPRING = at("2024-03-10T07:00")  # New York: 02:00 becomes 03:00
AUTUMN = at("2024-11-03T06:00")  # New York: 02:00 becomes 01:00 again


@pytest.mark.parametrize(
    ("timeframe", "moment", "start", "end"),
    [
        ("M1", "2024-01-02T12:34:56", "2024-01-02T12:34", "2024-01-02T12:35"),
        ("M15", "2024-01-02T12:15", "2024-01-02T12:15", "2024-01-02T12:30"),
        ("H1", "2024-01-02T12:59:59", "2024-01-02T12:00", "2024-01-02T13:00"),
        ("H4", "2024-01-02T13:00", "2024-01-02T12:00", "2024-01-02T16:00"),
        ("D1", "2024-01-02T13:00", "2024-01-02", "2024-01-03"),
        ("W1", "2024-01-07T23:59", "2024-01-01", "2024-01-08"),  # Monday to Monday
        ("W1", "2024-01-08T00:00", "2024-01-08", "2024-01-15"),
    ],
)
def test_buckets_are_by_utc(timeframe: str, moment: str, start: str, end: str) -> None:
    assert bucket(at(moment), timeframe, "crypto") == (at(start), at(end))


@pytest.mark.parametrize(
    ("timeframe", "moment", "start", "end"),
    [
        # winter: 17:00 New York is 22:00 UTC
        ("H4", "2024-01-02T12:00", "2024-01-02T10:00", "2024-01-02T14:00"),
        ("H4", "2024-01-02T22:00", "2024-01-02T22:00", "2024-01-03T02:00"),
        ("D1", "2024-01-02T21:59", "2024-01-01T22:00", "2024-01-02T22:00"),
        ("D1", "2024-01-02T22:00", "2024-01-02T22:00", "2024-01-03T22:00"),
        ("W1", "2024-01-07T21:59", "2023-12-31T22:00", "2024-01-07T22:00"),  # Sunday to Sunday
        # summer: 21:00 UTC
        ("H4", "2024-07-02T12:00", "2024-07-02T09:00", "2024-07-02T13:00"),
        ("D1", "2024-07-02T21:00", "2024-07-02T21:00", "2024-07-03T21:00"),
        # spring: a day of 23 hours, a week of 167
        ("D1", "2024-03-10T12:00", "2024-03-09T22:00", "2024-03-10T21:00"),
        ("H4", "2024-03-10T20:59", "2024-03-10T18:00", "2024-03-10T21:00"),
        ("H4", "2024-03-10T21:00", "2024-03-10T21:00", "2024-03-11T01:00"),
        ("W1", "2024-03-10T20:00", "2024-03-03T22:00", "2024-03-10T21:00"),
        ("W1", "2024-03-10T21:00", "2024-03-10T21:00", "2024-03-17T21:00"),
        # autumn: a day of 25 hours, a week of 169
        ("D1", "2024-11-03T12:00", "2024-11-02T21:00", "2024-11-03T22:00"),
        ("H4", "2024-11-03T21:30", "2024-11-03T21:00", "2024-11-03T22:00"),
        ("H4", "2024-11-03T22:00", "2024-11-03T22:00", "2024-11-04T02:00"),
        ("W1", "2024-11-03T21:59", "2024-10-27T21:00", "2024-11-03T22:00"),
        # below four hours nothing follows New York
        ("H2", "2024-01-02T13:00", "2024-01-02T12:00", "2024-01-02T14:00"),
    ],
)
def test_long_buckets_of_forex_begin_at_five_in_new_york(timeframe: str, moment: str, start: str, end: str) -> None:
    assert bucket(at(moment), timeframe, "forex") == (at(start), at(end))
    assert bucket(at(moment), timeframe, "metal") == (at(start), at(end))


@given(YEARS, some.sampled_from(sorted(TIMEFRAMES)), some.sampled_from(["forex", "crypto"]))
@example(SPRING, "H4", "forex")
@example(AUTUMN, "D1", "forex")
@example(AUTUMN, "W1", "forex")
def test_buckets_follow_each_other_without_gap_or_overlap(moment: int, timeframe: str, asset_class: str) -> None:
    start, end = bucket(moment, timeframe, asset_class)

    assert start <= moment < end
    assert bucket(start, timeframe, asset_class) == bucket(end - 1, timeframe, asset_class) == (start, end)
    assert bucket(end, timeframe, asset_class)[0] == end
    assert abs(end - start - length(timeframe)) <= (3 * HOUR if asset_class == "forex" else 0)


DAYS = [
    ("17:00 America/New_York", "2024-03-10T20:59:59", "2024-03-09T22:00"),  # 23 hours
    ("17:00 America/New_York", "2024-03-10T21:00", "2024-03-10T21:00"),
    ("17:00 America/New_York", "2024-11-03T21:59:59", "2024-11-02T21:00"),  # 25 hours
    ("17:00 America/New_York", "2024-11-03T22:00", "2024-11-03T22:00"),
    ("00:00 UTC", "2024-03-10T23:59:59", "2024-03-10"),
    ("00:00 Europe/London", "2024-03-31T22:59", "2024-03-31"),
    ("00:00 Europe/London", "2024-03-31T23:00", "2024-03-31T23:00"),
    ("02:30 America/New_York", "2024-03-10T07:29", "2024-03-09T07:30"),  # 02:30 does not exist: 03:30 is meant
    ("02:30 America/New_York", "2024-03-10T07:30", "2024-03-10T07:30"),
    ("01:30 America/New_York", "2024-11-03T05:29", "2024-11-02T05:30"),  # 01:30 comes twice: the first is meant
    ("01:30 America/New_York", "2024-11-03T06:15", "2024-11-03T05:30"),
    ("01:30 America/New_York", "2024-11-03T06:45", "2024-11-03T05:30"),
]


@pytest.mark.parametrize(("text", "moment", "start"), DAYS)
def test_a_risk_day_begins_at_a_local_time(text: str, moment: str, start: str) -> None:
    assert DayStart(text).of(at(moment)) == at(start)


@given(YEARS, some.sampled_from(sorted({text for text, _, _ in DAYS} | {"00:00 Africa/Cairo", "00:30 Europe/London"})))
@example(AUTUMN + 15 * MINUTE, "01:30 America/New_York")
@example(AUTUMN + 45 * MINUTE, "01:30 America/New_York")
@example(at("2024-10-27T01:15"), "01:30 Europe/London")
def test_a_risk_day_is_the_same_whoever_asked_before(moment: int, text: str) -> None:
    fresh, used = DayStart(text), DayStart(text)
    start = fresh.of(moment)
    after = [used.of(moment - step) for step in (DAY, 2 * HOUR, HOUR, MINUTE)]

    assert start <= moment < start + 26 * HOUR
    assert used.of(moment) == start == DayStart(text).of(start)
    assert all(one <= start for one in after)
    assert DayStart(text).of(start - 1) < start


@pytest.mark.parametrize(
    "text",
    ["17:00", "17:00 Nowhere/City", "25:00 UTC", "12:60 UTC", "noon UTC", "", "1:2:3 UTC", "-1:00 UTC", "0:0 ../x"],
)
def test_a_day_start_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not like '17:00 America/New_York'|no such time of day"):
        DayStart(text)


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        ({"forex", "crypto"}, "17:00 America/New_York"),
        ({"metal"}, "17:00 America/New_York"),
        ({"crypto"}, "00:00 UTC"),
        (set(), "00:00 UTC"),
    ],
)
def test_accounts_with_forex_have_the_forex_day(classes: set[str], text: str) -> None:
    assert default_day_start(classes) == text


@given(some.integers(0, at("2100-01-01") // 1000), some.integers(-12, 14))
def test_a_moment_comes_back_as_it_was(micros: int, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)).astimezone(zone)

    assert nanos(moment) == micros * 1000
    assert utc(nanos(moment)) == moment


@given(some.integers(0, at("2100-01-01")))
def test_nanoseconds_come_back_to_the_microsecond(moment: int) -> None:
    assert nanos(utc(moment)) == moment - moment % 1000


@given(some.integers(0, at("2100-01-01")))
def test_iso_text_holds_every_nanosecond(moment: int) -> None:
    text = iso(moment)
    whole, _, fraction = text.removesuffix("Z").partition(".")

    assert text.endswith("Z")
    assert at(whole) + int(fraction.ljust(9, "0") or 0) == moment
    assert fraction == fraction.rstrip("0")


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (SECOND // 2, "1970-01-01T00:00:00.5Z"),
        (at("2024-02-29T23:59:59"), "2024-02-29T23:59:59Z"),
    ],
)
def test_iso_has_fractions_only_where_there_are_any(moment: int, text: str) -> None:
    assert iso(moment) == text


def test_a_time_of_another_zone_becomes_utc() -> None:
    assert nanos(datetime(2024, 1, 2, 13, tzinfo=timezone(timedelta(hours=1)))) == at("2024-01-02T12:00")


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        nanos(datetime(2024, 1, 1))  # noqa: DTZ001


def test_an_unknown_timeframe_has_no_length() -> None:
    with pytest.raises(KeyError):
        length("M7")
    assert [one for one in TIMEFRAMES if forex_anchored(one, "forex")] == ["H4", "H6", "H8", "H12", "D1", "W1"]
