"""Sessions and market hours: both sides of each boundary, daylight saving in both directions, leap days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.registry import load
from domain.timeframe import DAY, HOUR, MINUTE, SECOND, iso, nanos, utc
from risk.gate import Rules
from risk.rules import RULES
from risk.sessions import (
    LONDON,
    NAMED,
    LocalClock,
    market_closes_at,
    market_opens_at,
    market_state,
    session_of,
    time_of_day,
    windows,
)
from risk.view import Denial, Figures, View
from tests.factories import T, a_config, a_view, an_instrument
from tests.risk.moments import at
from tests.risk.test_rules import a_wish

NY = "America/New_York"
ZONES = [NY, "Europe/London", "Asia/Tokyo", "Australia/Sydney", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]
moments = st.integers(at("1990-01-01"), at("2100-01-01"))
around_changes = st.builds(
    lambda day, more: at(day) + more,
    st.sampled_from(["2024-03-10", "2024-03-31", "2024-10-27", "2024-11-03", "2024-04-07", "2024-02-29", "2023-12-31"]),
    st.integers(-2 * DAY, 2 * DAY),
)
some_moments = st.one_of(moments, around_changes)
minutes = st.integers(0, 1439)


def rule(name: str, **config: Any) -> Any:
    return load(RULES[name]).build(a_config(**config))


def kind(asset_class: str, **changed: Any) -> Any:
    usual = an_instrument("BTC" if asset_class == "crypto" else "EURUSD")
    return replace(usual, asset_class=asset_class, **changed)


def view_at(now: int, asset_class: str = "forex", timeframe: int = MINUTE) -> View:
    return a_view(now=now, instrument=kind(asset_class), timeframe=timeframe)


# -- local time ----------------------------------------------------------------------------------


@given(st.sampled_from(ZONES), some_moments)
def test_local_time_is_what_the_wall_clock_shows(zone: str, moment: int) -> None:
    wall = utc(moment).astimezone(ZoneInfo(zone)).replace(tzinfo=ZoneInfo("UTC"))

    assert LocalClock(zone).of(moment // 1000 * 1000) == nanos(wall)


@given(st.sampled_from(ZONES), st.lists(around_changes, min_size=2, max_size=8))
def test_what_a_clock_remembers_changes_nothing(zone: str, asked: list[int]) -> None:
    clock = LocalClock(zone)

    assert [clock.of(one) for one in asked] == [LocalClock(zone).of(one) for one in asked]


@pytest.mark.parametrize("zone", ["Europe/Lundon", "", "../etc/passwd", "America", "\0", "/etc/localtime"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        LocalClock(zone)


# -- windows -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment", "inside"),
    [
        ("london", at("2024-01-10 07:59:59"), False),
        ("london", at("2024-01-10 08:00"), True),
        ("london", at("2024-01-10 16:59:59"), True),
        ("london", at("2024-01-10 17:00"), False),
        ("london", at("2024-07-10 07:00"), True),  # summer time
        ("london", at("2024-07-10 16:00"), False),
        ("london", at("2024-01-13 12:00"), False),  # Saturday
        ("London", at("2024-01-10 12:00"), True),
        ("new_york", at("2024-01-10 12:59:59"), False),
        ("new_york", at("2024-01-10 13:00"), True),
        ("new_york", at("2024-01-10 22:00"), False),
        ("tokyo", at("2024-01-10 00:00"), True),
        ("tokyo", at("2024-01-09 23:59:59"), False),
        ("tokyo", at("2024-01-10 09:00"), False),
        ("sydney", at("2024-01-09 20:00"), True),  # 07:00 of the 10th
        ("sydney", at("2024-07-09 20:59:59"), False),  # their winter
        ("sydney", at("2024-07-09 21:00"), True),
        ("sydney", at("2024-01-07 20:00"), True),  # Sunday in UTC, Monday there
        ("08:00-16:30 Europe/London", at("2024-01-10 16:29:59"), True),
        ("08:00-16:30 Europe/London", at("2024-01-10 16:30"), False),
        ("08:00-16:30 Europe/London", at("2024-01-13 12:00"), True),  # written windows are of every day
        ("22:00-02:00 UTC", at("2024-01-10 21:59:59"), False),
        ("22:00-02:00 UTC", at("2024-01-10 22:00"), True),
        ("22:00-02:00 UTC", at("2024-01-11 00:00"), True),
        ("22:00-02:00 UTC", at("2024-01-11 01:59:59"), True),
        ("22:00-02:00 UTC", at("2024-01-11 02:00"), False),
        ("22:00-02:00 UTC", at("2024-02-29 23:59:59"), True),  # over a leap day's end
        ("22:00-24:00 UTC", at("2024-02-29 23:59:59"), True),
        ("22:00-24:00 UTC", at("2024-03-01 00:00"), False),
        ("00:00-24:00 UTC", at("2024-02-29 12:00"), True),
    ],
)
def test_a_window_holds_its_start_and_not_its_end(text: str, moment: int, inside: bool) -> None:
    (window,) = windows([text])

    assert window.holds(moment) == inside


@pytest.mark.parametrize(
    ("day", "first", "last"),
    [  # hours of UTC in which London and New York are both open
        ("2024-03-08", 13, 17),
        ("2024-03-11", 12, 17),  # New York has changed, London has not
        ("2024-03-28", 12, 17),
        ("2024-04-01", 12, 16),
        ("2024-10-25", 12, 16),
        ("2024-10-28", 12, 17),  # London has changed, New York has not
        ("2024-11-01", 12, 17),
        ("2024-11-04", 13, 17),
    ],
)
def test_the_overlap_moves_when_london_and_new_york_change_on_different_sundays(
    day: str, first: int, last: int
) -> None:
    start = at(day)

    assert [h for h in range(24) if NAMED["overlap"].holds(start + h * HOUR)] == list(range(first, last))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        (at("2024-03-10 06:59:59"), False),  # 01:59:59 EST, the next second is 03:00 EDT
        (at("2024-03-10 07:00"), True),
        (at("2024-11-03 05:29:59"), False),  # 01:29:59 EDT
        (at("2024-11-03 05:30"), True),  # 01:30 EDT
        (at("2024-11-03 06:00"), False),  # 01:00 EST: the clock shows less again
        (at("2024-11-03 06:30"), True),  # 01:30 EST
    ],
)
def test_in_the_hour_of_a_change_a_window_follows_what_the_clock_shows(moment: int, inside: bool) -> None:
    (window,) = windows([f"{'03:00' if moment < at('2024-06-01') else '01:30'}-04:00 {NY}"])

    assert window.holds(moment) == inside


@given(
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.integers(0, 1439),
    some_moments,
    st.booleans(),
)
def test_a_window_is_a_comparison_of_local_times(zone: str, first: int, last: int, moment: int, swap: bool) -> None:
    if first == last:
        last = (first + 1) % 1440
    local = utc(moment).astimezone(ZoneInfo(zone))
    time = local.hour * 60 + local.minute
    expected = first <= time < last if first < last else time >= first or time < last
    (window,) = windows([f"{first // 60:02}:{first % 60:02}-{last // 60:02}:{last % 60:02} {zone}"])

    assert window.holds(moment) == expected


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        ([], "no window"),
        (["lundon"], "allowed: london, new_york, tokyo, sydney, overlap, or a window like"),
        ([""], "allowed: london"),
        (["08:00-16:30"], "allowed: london"),
        (["8:00-16:30 Europe/London"], "allowed: london"),
        (["08:00-16:30 Europe/Lundon"], "no time zone"),
        (["24:00-16:30 UTC"], "no such time of day"),
        (["08:60-16:30 UTC"], "no such time of day"),
        (["08:00-24:01 UTC"], "no such time of day"),
        (["08:00-25:00 UTC"], "no such time of day"),
        (["08:00-08:00 UTC"], "ends when it starts"),
        (["london", "08:00-16:30 Europe/London Europe/London"], "allowed: london"),
        (["0\u0668:00-16:30 UTC"], "allowed: london"),
    ],
)
def test_a_window_that_is_none_says_what_is_allowed(texts: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        windows(texts)


# -- a time of the day ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("2024-01-10 21:54:59", "2024-01-10 21:55"),
        ("2024-01-10 21:55", "2024-01-11 21:55"),  # later than, never the same moment
        ("2024-03-09 22:00", "2024-03-10 20:55"),  # the change lies between
        ("2024-11-02 21:00", "2024-11-03 21:55"),
        ("2024-02-28 21:55", "2024-02-29 21:55"),
        ("2023-12-31 23:00", "2024-01-01 21:55"),
    ],
)
def test_the_next_time_of_day(after: str, expected: str) -> None:
    assert iso(time_of_day(f"16:55 {NY}").after(at(after))) == iso(at(expected))


@given(st.sampled_from(ZONES), st.integers(0, 1439), st.lists(some_moments, min_size=1, max_size=5))
def test_the_next_time_of_day_is_later_and_within_a_day_and_a_change(zone: str, minute: int, asked: list[int]) -> None:
    one = time_of_day(f"{minute // 60:02}:{minute % 60:02} {zone}")
    for moment in asked:
        found = one.after(moment)
        local = utc(found).astimezone(ZoneInfo(zone))

        assert moment < found <= moment + 26 * HOUR
        gap = local - local.replace(hour=minute // 60, minute=minute % 60)
        assert gap in (timedelta(0), timedelta(hours=1), timedelta(minutes=30), -timedelta(hours=23))
        assert one.after(moment) == time_of_day(one.text).after(moment) == found


@pytest.mark.parametrize("text", ["16:55", "25:00 UTC", "16:60 UTC", "24:00 UTC", "16:55 Mars/Olympus", "", "now UTC"])
def test_a_time_of_day_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"allowed|no such time|no time zone"):
        time_of_day(text)


# -- market hours --------------------------------------------------------------------------------


@pytest.mark.parametrize("day", ["2024-01-12", "2024-03-08", "2024-03-29", "2024-07-12", "2024-11-01"])
@pytest.mark.parametrize(
    ("days", "time", "forex", "metal"),
    [
        (0, "16:59:59", "OPEN", "OPEN"),
        (0, "17:00", "WEEKEND", "WEEKEND"),
        (1, "12:00", "WEEKEND", "WEEKEND"),
        (2, "16:59:59", "WEEKEND", "WEEKEND"),
        (2, "17:00", "OPEN", "BREAK"),
        (2, "17:59:59", "OPEN", "BREAK"),
        (2, "18:00", "OPEN", "OPEN"),
        (3, "16:59:59", "OPEN", "OPEN"),
        (3, "17:00", "OPEN", "BREAK"),
        (3, "18:00", "OPEN", "OPEN"),
    ],
)
def test_forex_and_metals_close_by_the_clock_of_new_york(
    day: str, days: int, time: str, forex: str, metal: str
) -> None:
    date = iso(at(day) + days * DAY)[:10]
    moment = at(f"{date} {time}", NY)

    assert market_state("forex", moment) == forex
    assert market_state("metal", moment) == metal
    assert market_state("crypto", moment) == market_state("other", moment) == "OPEN"
    assert market_state("metal", moment, breaks=False) == forex


@given(st.sampled_from(["forex", "metal", "crypto", "other"]), some_moments, st.booleans())
def test_a_closed_market_opens_at_the_first_moment_it_is_open(asset_class: str, moment: int, breaks: bool) -> None:
    opens = market_opens_at(asset_class, moment, breaks)

    assert market_state(asset_class, opens, breaks) == "OPEN"
    if opens != moment:
        assert market_state(asset_class, opens - 1, breaks) != "OPEN"
        assert market_state(asset_class, (moment + opens) // 2, breaks) != "OPEN"


@given(st.lists(some_moments, min_size=1, max_size=5))
def test_the_next_weekly_close_is_the_last_moment_of_the_open_week(asked: list[int]) -> None:
    for moment in asked:
        closes = market_closes_at("forex", moment)

        assert closes is not None
        assert moment < closes <= moment + 7 * DAY + HOUR
        assert (market_state("forex", closes - 1), market_state("forex", closes)) == ("OPEN", "WEEKEND")
        assert market_closes_at("metal", moment) == closes
        later = market_closes_at("forex", closes)  # while it closes, the next one is a week away
        assert later is not None
        assert 7 * DAY - HOUR <= later - closes <= 7 * DAY + HOUR
        assert market_closes_at("crypto", moment) is None
        assert market_closes_at("other", moment) is None


@pytest.mark.parametrize(
    ("asset_class", "moment", "denial"),
    [
        ("forex", at("2024-01-12 21:59:59"), None),
        ("forex", at("2024-01-12 22:00"), Denial("MARKET_CLOSED", "WEEKEND", "2024-01-14T22:00:00Z")),
        ("metal", at("2024-01-13 12:00"), Denial("MARKET_CLOSED", "WEEKEND", "2024-01-14T23:00:00Z")),
        ("metal", at("2024-01-10 22:30"), Denial("MARKET_CLOSED", "BREAK", "2024-01-10T23:00:00Z")),
        ("forex", at("2024-03-09 12:00"), Denial("MARKET_CLOSED", "WEEKEND", "2024-03-10T21:00:00Z")),
        ("crypto", at("2024-01-13 12:00"), None),
        ("other", at("2024-01-13 12:00"), None),
    ],
)
def test_no_entry_while_the_market_is_closed(asset_class: str, moment: int, denial: Denial | None) -> None:
    one, view = rule("market_hours"), view_at(moment, asset_class)

    assert one.check(a_wish(), view) == denial
    assert one.figures(a_wish(), view) == (("OPEN", "OPEN") if denial is None else denial[1:])


@pytest.mark.parametrize(("timeframe", "denied"), [(MINUTE, True), (2 * HOUR, True), (4 * HOUR, False), (DAY, False)])
def test_a_daily_bar_of_gold_that_closes_at_the_break_may_still_be_traded(timeframe: int, denied: bool) -> None:
    view = view_at(at("2024-01-10 17:00", NY), "metal", timeframe)

    assert (rule("market_hours").check(a_wish(), view) is not None) == denied


def test_market_hours_that_are_switched_off_are_no_rule() -> None:
    assert rule("market_hours", market_hours=False) is None


# -- the rule of sessions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asset_class", "moment", "denial"),
    [
        ("forex", at("2024-01-10 07:59:59"), Denial("OUT_OF_SESSION", "TOKYO", "london, new_york")),
        ("forex", at("2024-01-10 08:00"), None),
        ("forex", at("2024-01-10 21:59:59"), None),
        ("forex", at("2024-01-10 22:00"), Denial("OUT_OF_SESSION", "SYDNEY", "london, new_york")),
        ("metal", at("2024-01-10 19:00"), None),
        ("metal", at("2024-01-10 07:00"), Denial("OUT_OF_SESSION", "TOKYO", "london, new_york")),
        ("other", at("2024-01-13 12:00"), Denial("OUT_OF_SESSION", "OFF", "london, new_york")),
        ("crypto", at("2024-01-13 03:00"), None),
    ],
)
def test_entries_keep_to_the_sessions(asset_class: str, moment: int, denial: Denial | None) -> None:
    one, view = rule("sessions", sessions=("london", "new_york")), view_at(moment, asset_class)

    assert one.check(a_wish(), view) == denial
    if denial is not None:
        assert one.figures(a_wish(), view) == denial[1:]


def test_sessions_that_are_not_set_are_no_rule() -> None:
    assert rule("sessions") is None


@pytest.mark.parametrize("symbol", ["BTC", "DOGE", "PEPE2", "SHIBUSD"])
def test_known_fault_crypto_exempt_by_a_list_of_names(symbol: str) -> None:
    """Crypto is exempt because of its asset class, whatever it is called; a name alone exempts nothing."""
    sunday = at("2024-01-14 03:00")
    one, hours = rule("sessions", sessions=("london",)), rule("market_hours")
    for name, asset_class, free in ((symbol, "crypto", True), (symbol, "forex", False), ("EURUSD", "crypto", True)):
        view = a_view(now=sunday, instrument=kind(asset_class, symbol=name))

        assert (one.check(a_wish(symbol=name), view) is None) == free
        assert (hours.check(a_wish(symbol=name), view) is None) == free


def test_known_fault_session_gate_applied_twice() -> None:
    """One rule asks for the session, with one exemption: what it lets pass, no second gate stops."""
    config = a_config(sessions=("london",))
    view = view_at(at("2024-01-14 03:00"), "crypto")
    asking = [name for name, reference in RULES.items() if "sessions" in load(reference).keys]
    when = [one for _, one in Rules(config).checks if one.stage == 2]

    assert asking == ["sessions"]
    assert [one.check(a_wish(symbol="BTC"), view) for one in when] == [None] * len(when)


def test_crypto_that_is_told_to_keep_sessions_keeps_them() -> None:
    one = rule("sessions", sessions=("london",), sessions_for=("crypto",))

    assert one.check(a_wish(), view_at(at("2024-01-10 03:00"), "crypto")) is not None
    assert one.check(a_wish(), view_at(at("2024-01-10 03:00"), "forex")) is None


@pytest.mark.parametrize("name", ["sessions", "market_hours", "holidays", "news", "max_spread"])
def test_without_an_instrument_nothing_is_allowed(name: str) -> None:
    one = rule(name, sessions=("london",), holidays=("forex",), news=("static",), max_spread_bps={"default": 1.0})
    view = a_view(instrument=None)

    assert one.check(a_wish(), view) == Denial("INSTRUMENT_UNKNOWN", "EURUSD")
    assert isinstance(one.figures(a_wish(), view), Figures)


# -- the session of a moment ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "session"),
    [
        (T, "LONDON"),
        (at("2024-01-10 12:59:59"), "LONDON"),
        (at("2024-01-10 13:00"), "OVERLAP"),
        (at("2024-01-10 17:00"), "NEW_YORK"),
        (at("2024-01-10 20:30"), "NEW_YORK"),  # Sydney is open too
        (at("2024-01-10 22:00"), "SYDNEY"),
        (at("2024-01-11 00:00"), "TOKYO"),
        (at("2024-01-11 08:00"), "LONDON"),
        (at("2024-01-13 12:00"), "OFF"),
        (at("2024-07-10 19:30"), "NEW_YORK"),
        (at("2024-03-31 06:59:59"), "OFF"),
        (at("2024-04-01 07:00"), "LONDON"),
    ],
)
def test_every_moment_has_one_session(moment: int, session: str) -> None:
    assert session_of(moment) == session


@given(some_moments)
def test_a_session_is_the_window_of_its_name(moment: int) -> None:
    found = session_of(moment)

    if found == "OFF":
        assert not any(one.holds(moment) for one in NAMED.values())
    else:
        assert NAMED[found.lower()].holds(moment)
    assert (found in ("LONDON", "OVERLAP")) == LONDON.holds(moment)
    assert session_of(moment // SECOND * SECOND) == found
