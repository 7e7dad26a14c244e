"""News: blackouts on both sides of their edges, announcements by rule, calendars that are empty, late or early."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.registry import load
from domain.timeframe import DAY, HOUR, MINUTE, SECOND, iso
from risk.news import (
    FOREVER,
    IMPACTS,
    Calendar,
    NewsEvent,
    announcements,
    currencies_of,
    merge,
    payrolls,
    sources,
)
from risk.rules import RULES
from risk.view import Denial, View
from tests.factories import T, a_config, a_view
from tests.risk.moments import at
from tests.risk.test_rules import a_wish
from tests.risk.test_sessions import kind

STATIC = Calendar(static=True, until=FOREVER)
NY, FRANKFURT, LONDON = "America/New_York", "Europe/Berlin", "Europe/London"


def rule(**config: Any) -> Any:
    return load(RULES["news"]).build(a_config(**{"news": ("static",)} | config))


def a_calendar(*events: NewsEvent, since: int = T - DAY, until: int = T + DAY) -> Calendar:
    return Calendar(tuple(sorted(events, key=lambda one: one.at)), until, since=since)


def news(moment: int, currency: str = "USD", impact: str = "high", title: str = "CPI", window: int = 0) -> NewsEvent:
    return NewsEvent(moment, currency, impact, title, window)


def view_of(calendar: Calendar | None, now: int = T, asset_class: str = "forex", **changed: Any) -> View:
    return a_view(now=now, calendar=calendar, instrument=kind(asset_class, **changed))


def blackout(calendar: Calendar, now: int, base: str = "EUR", quote: str = "USD", **config: Any) -> bool:
    view = view_of(calendar, now, base=base, quote=quote)
    answer = rule(**config).check(a_wish(), view)
    assert answer is None or answer.code == "NEWS_BLACKOUT"
    return answer is not None


# -- the blackout --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "denied"),
    [(-901, False), (-900, True), (0, True), (899, True), (900, False), (-900.000000001, False)],
)
def test_no_entry_from_before_until_after_news(seconds: float, denied: bool) -> None:
    now = T + round(seconds * SECOND)
    view = view_of(a_calendar(news(T)), now)

    expected = Denial("NEWS_BLACKOUT", f"USD CPI {iso(T)}", iso(T + 900 * SECOND)) if denied else None
    assert rule().check(a_wish(), view) == expected
    assert rule().figures(a_wish(), view) == (expected[1:] if expected else ("none", None))


@pytest.mark.parametrize(
    ("before", "after", "seconds", "denied"),
    [
        (0.0, 60.0, -1, False),
        (0.0, 60.0, 0, True),
        (0.0, 60.0, 59, True),
        (0.0, 60.0, 60, False),
        (60.0, 0.0, -60, True),
        (60.0, 0.0, -1, True),
        (60.0, 0.0, 0, False),
        (0.0, 0.0, 0, False),
        (0.5, 0.0, -0.5, True),
        (604_800.0, 0.0, -604_800, True),
        (604_800.0, 0.0, -604_801, False),
        (0.0, 604_800.0, 604_799, True),
    ],
)
def test_the_window_is_configured(before: float, after: float, seconds: float, denied: bool) -> None:
    calendar = a_calendar(news(T), since=T - 30 * DAY, until=T + 30 * DAY)

    now = T + round(seconds * SECOND)
    assert blackout(calendar, now, news_before=before, news_after=after) == denied


@pytest.mark.parametrize(
    ("configured", "minutes", "denied"), [(900.0, 44, True), (900.0, 45, False), (3600.0, 59, True)]
)
def test_an_event_with_a_wider_window_of_its_own_keeps_it(configured: float, minutes: int, denied: bool) -> None:
    """Announcements by rule carry their own; it never narrows what is configured."""
    release = at("2024-03-08 08:30", NY)  # NFP, 45 minutes
    config = {"news_before": configured, "news_after": configured}

    assert blackout(STATIC, release + minutes * MINUTE, **config) == denied
    assert blackout(STATIC, release - minutes * MINUTE - 1, **config) == denied


@pytest.mark.parametrize(
    ("asset_class", "base", "quote", "concerned"),
    [
        ("forex", "EUR", "USD", {"EUR", "USD"}),
        ("forex", "GBP", "JPY", {"GBP", "JPY"}),
        ("metal", "XAU", "USD", {"XAU", "USD"}),
        ("metal", "XAU", "EUR", {"XAU", "EUR"}),
        ("crypto", "BTC", "USD", {"USD"}),
        ("crypto", "BTC", "USDT", {"USD"}),
        ("crypto", "SOL", "USDC", {"USD"}),
        ("crypto", "BTC", "EURC", {"EUR"}),
        ("crypto", "USD", "EUR", {"EUR"}),
        ("other", "US500", "USD", {"USD"}),
    ],
)
def test_news_concerns_the_currencies_of_a_symbol(asset_class: str, base: str, quote: str, concerned: set[str]) -> None:
    instrument = kind(asset_class, base=base, quote=quote)

    assert currencies_of(instrument) == concerned
    for currency in ("EUR", "USD", "GBP", "JPY", "CHF", "XAU", "BTC"):
        view = a_view(calendar=a_calendar(news(T, currency)), instrument=instrument)
        assert (rule().check(a_wish(), view) is not None) == (currency in concerned)


def test_news_for_everybody_concerns_every_symbol() -> None:
    for asset_class in ("forex", "metal", "crypto", "other"):
        assert rule().check(a_wish(), view_of(a_calendar(news(T, "ALL")), asset_class=asset_class)) is not None


@pytest.mark.parametrize(("configured", "impact"), list(itertools.product(IMPACTS, IMPACTS)))
def test_impact_counts_from_the_configured_one_up(configured: str, impact: str) -> None:
    denied = blackout(a_calendar(news(T, impact=impact)), T, news_impact=configured)

    assert denied == (IMPACTS.index(impact) >= IMPACTS.index(configured))


def test_of_several_the_one_that_ends_last_is_told() -> None:
    calendar = a_calendar(news(T - MINUTE, title="a"), news(T + MINUTE, title="b"), news(T + 5 * MINUTE, "JPY"))

    assert rule().check(a_wish(), view_of(calendar)) == Denial(
        "NEWS_BLACKOUT", f"USD b {iso(T + MINUTE)}", iso(T + 16 * MINUTE)
    )


events = st.builds(
    NewsEvent,
    at=st.integers(-4 * HOUR, 4 * HOUR).map(lambda more: T + more),
    currency=st.sampled_from(["USD", "EUR", "JPY", "ALL"]),
    impact=st.sampled_from(IMPACTS),
    title=st.sampled_from(["a", "b"]),
)


@given(
    st.lists(events, max_size=12),
    st.integers(-4 * HOUR, 4 * HOUR),
    st.sampled_from([0, MINUTE, 2 * HOUR]),
    st.sampled_from([0, MINUTE, 2 * HOUR]),
)
def test_what_is_near_is_what_a_look_at_every_event_finds(
    given_events: list[NewsEvent], more: int, before: int, after: int
) -> None:
    calendar, now, currencies = a_calendar(*given_events), T + more, {"EUR", "USD"}
    found = calendar.near(now, currencies, {"high", "medium"}, before, after)
    ends = [
        one.at + after
        for one in given_events
        if one.currency in (*currencies, "ALL") and one.impact != "low" and one.at - before <= now < one.at + after
    ]

    assert (found[1] if found else None) == max(ends, default=None)


# -- what the calendar does not know -------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "now", "denial"),
    [
        (None, T, Denial("NEWS_CALENDAR_EMPTY", "no calendar")),
        (Calendar(), T, Denial("NEWS_CALENDAR_EMPTY", "no events")),
        (Calendar(until=FOREVER), T, Denial("NEWS_CALENDAR_EMPTY", "no events")),
        (Calendar(static=True), T, Denial("NEWS_CALENDAR_EMPTY", "no events")),
        (a_calendar(news(T + HOUR)), T + DAY - 1, None),
        (a_calendar(news(T + HOUR)), T + DAY, Denial("NEWS_CALENDAR_LATE", iso(T + DAY), iso(T + DAY))),
        (a_calendar(news(T + HOUR)), T + 9 * DAY, Denial("NEWS_CALENDAR_LATE", iso(T + 9 * DAY), iso(T + DAY))),
        (a_calendar(news(T + HOUR)), T - DAY, None),
        (a_calendar(news(T + HOUR)), T - DAY - 1, Denial("NEWS_CALENDAR_EARLY", iso(T - DAY - 1), iso(T - DAY))),
        (STATIC, at("2199-01-02 12:00"), None),
        (STATIC, at("1971-01-02 12:00"), None),
    ],
)
def test_entries_are_denied_where_the_calendar_does_not_reach(
    calendar: Calendar | None, now: int, denial: Denial | None
) -> None:
    for asset_class in ("forex", "metal", "crypto", "other"):
        view = view_of(calendar, now, asset_class)

        assert rule().check(a_wish(), view) == denial
        rule().figures(a_wish(), view)  # explains without raising


def test_news_that_are_not_set_are_no_rule() -> None:
    assert load(RULES["news"]).build(a_config()) is None


# -- announcements by rule -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "quote", "release", "zone", "window"),
    [
        ("CAD", "USD", "2024-03-08 08:30", NY, 45),  # employment, not on the first Friday
        ("CAD", "USD", "2024-07-31 14:00", NY, 60),
        ("CAD", "USD", "2024-03-20 14:00", NY, 60),  # New York has changed its clocks, Europe has not
        ("CAD", "USD", "2024-01-11 08:30", NY, 30),
        ("EUR", "CHF", "2024-04-11 14:15", FRANKFURT, 45),
        ("EUR", "CHF", "2024-03-28 14:15", FRANKFURT, 45),
        ("GBP", "CHF", "2024-08-01 12:00", LONDON, 45),
        ("GBP", "CHF", "2024-03-28 12:00", LONDON, 45),
    ],
)
def test_announcements_keep_the_clock_of_their_city(
    base: str, quote: str, release: str, zone: str, window: int
) -> None:
    moment, own = at(release, zone), window * MINUTE
    near = [moment - own - 1, moment - own, moment, moment + own - 1, moment + own]

    assert [blackout(STATIC, now, base, quote, news_before=0.0, news_after=0.0) for now in near] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("base", ["AUD", "CHF"])
def test_announcements_of_others_concern_nobody_else(base: str) -> None:
    assert not blackout(STATIC, at("2024-03-08 08:30", NY), base, "JPY")


def test_the_older_time_of_the_ecb_lies_in_its_window() -> None:
    assert blackout(STATIC, at("2016-03-10 13:45", FRANKFURT), "EUR", "CHF")
    assert blackout(STATIC, at("2016-03-10 14:30", FRANKFURT), "EUR", "CHF")  # the press conference


PUBLISHED = {
    2015: (
        "01-09",
        "05-08",
        "07-02",
    ),
    2016: (
        "01-08",
        "07-08",
    ),
    2017: ("03-10",),
    2018: (
        "03-09",
        "12-07",
    ),
    2019: ("03-08",),
    2020: (
        "01-10",
        "05-08",
        "07-02",
    ),
    2021: (
        "01-08",
        "04-02",
        "10-08",
    ),
    2022: (
        "07-08",
        "11-04",
    ),
    2023: (
        "03-10",
        "04-07",
        "07-07",
    ),
    2024: (
        "01-05",
        "02-02",
        "03-08",
        "04-05",
        "05-03",
        "06-07",
        "07-05",
        "08-02",
        "09-06",
        "10-04",
        "11-01",
        "12-06",
    ),
    2025: (
        "01-10",
        "02-07",
        "03-07",
        "04-04",
        "05-02",
        "06-06",
        "07-03",
        "08-01",
    ),
}


@pytest.mark.parametrize("year", PUBLISHED)
def test_the_employment_report_comes_on_the_day_it_came(year: int) -> None:
    days = PUBLISHED[year]

    assert [payrolls(year, int(day[:2])).isoformat() for day in days] == [f"{year}-{day}" for day in days]


def test_inflation_is_waited_for_on_the_weekdays_from_the_tenth_to_the_fifteenth() -> None:
    days = [f"2024-05-{day:02}" for day in range(1, 32)]
    waits = [day for day in days if blackout(STATIC, at(f"{day} 08:30", NY), "CAD", news_before=0.0, news_after=0.0)]

    assert waits == ["2024-05-03", "2024-05-10", "2024-05-13", "2024-05-14", "2024-05-15"]


@given(st.integers(-2, 600))
def test_announcements_of_a_stretch_overlap_with_those_of_its_neighbours(block: int) -> None:
    one, other = announcements(block), announcements(block + 1)
    border = (block + 1) * 128 * DAY

    assert list(one) == sorted(one, key=lambda event: event.at)
    assert [e for e in one if abs(e.at - border) < 7 * DAY] == [e for e in other if abs(e.at - border) < 7 * DAY]


def test_a_week_of_waiting_reaches_over_the_border_of_a_stretch() -> None:
    border = at("2024-02-29") // (128 * DAY) * 128 * DAY
    for now in range(border - 7 * DAY, border + 7 * DAY, 5 * HOUR):
        near = STATIC.near(now, {"USD"}, {"high"}, 7 * DAY, 7 * DAY)
        assert near is not None
        assert near[1] > now + 7 * DAY - DAY * 2


# -- several calendars ---------------------------------------------------------------------------


def test_merged_calendars_know_no_more_time_than_each_of_them() -> None:
    week = a_calendar(news(T), since=T - DAY, until=T + 5 * DAY)
    year = a_calendar(news(T + DAY, "EUR"), news(T), since=T - 9 * DAY, until=T + 300 * DAY)

    both = merge([year, week, STATIC])

    assert (both.since, both.until, both.static) == (T - DAY, T + 5 * DAY, True)
    assert both.events == (news(T), news(T + DAY, "EUR"))
    assert merge([week, year, STATIC]) == both == merge([both, week])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [Calendar()],
        [STATIC, Calendar()],
        [a_calendar(news(T)), Calendar()],
        [a_calendar(news(T)), Calendar(until=FOREVER)],
        [a_calendar(news(T), until=T + DAY), a_calendar(news(T), since=T + DAY, until=T + 2 * DAY)],  # nothing common
    ],
)
def test_a_calendar_that_knows_nothing_makes_the_whole_know_nothing(parts: list[Calendar]) -> None:
    merged = merge(parts)

    assert merged.empty
    answer = rule().check(a_wish(), view_of(merged))
    assert answer is not None
    assert answer.code == "NEWS_CALENDAR_EMPTY"


@given(st.lists(st.lists(events, max_size=4).map(lambda some: a_calendar(*some)), max_size=4))
def test_the_order_of_sources_changes_nothing(parts: list[Calendar]) -> None:
    assert merge(parts) == merge(reversed(parts)) == merge([*parts, *parts])


def test_a_calendar_survives_being_written_down() -> None:
    calendar = merge([a_calendar(news(T, title="Größe"), news(T + 1, window=5)), STATIC])

    assert msgspec.json.decode(msgspec.json.encode(calendar), type=Calendar) == calendar
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(STATIC), type=Calendar) == STATIC


# -- the key -------------------------------------------------------------------------------------


def test_sources_are_static_files_and_https_addresses() -> None:
    given_texts = ["static", "news.json", " ~/a b/news.CSV ", "https://example.org/ff_calendar_thisweek.json?v=1"]

    assert sources(given_texts) == tuple(text.strip() for text in given_texts)


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["http://example.org/a.xml"], "allowed: static, a file .*, or an address .https"),
        (["ftp://example.org/a.txt"], "allowed: static"),
        (["https://user:secret@example.org/"], "allowed: static"),
        (["https://"], "allowed: static"),
        (["Static"], "allowed: static"),
        (["news.txt"], "allowed: static"),
        ([""], "allowed: static"),
        (["static", "static"], "twice"),
        ([f"{n}.json" for n in range(17)], "17 calendars; at most 16"),
    ],
)
def test_a_source_that_is_none_says_what_is_allowed(texts: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        sources(texts)
