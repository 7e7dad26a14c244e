"""Holidays of forex, of exchanges, and dates that somebody names."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from domain.registry import load
from domain.timeframe import iso
from risk.holidays import EXCHANGES, closed, days
from risk.rules import RULES
from risk.rules.holidays import Holidays
from risk.view import Denial
from tests.factories import a_config, a_view
from tests.risk.moments import at
from tests.risk.test_rules import a_wish
from tests.risk.test_sessions import kind

CLASSES = ("forex", "metal", "other")


def rule(*names: str) -> Holidays:
    found: Holidays = load(RULES["holidays"]).build(a_config(holidays=names))
    return found


@pytest.mark.parametrize(
    ("names", "asset_class", "moment", "value", "until"),
    [
        (("forex",), "forex", at("2024-12-24 21:59:59"), "", ""),  # 16:59:59 New York
        (("forex",), "forex", at("2024-12-24 22:00"), "forex 2024-12-25", "2024-12-25T22:00:00Z"),
        (("forex",), "forex", at("2024-12-25 21:59:59"), "forex 2024-12-25", "2024-12-25T22:00:00Z"),
        (("forex",), "forex", at("2024-12-25 22:00"), "", ""),
        (("forex",), "metal", at("2024-01-01 12:00"), "forex 2024-01-01", "2024-01-01T22:00:00Z"),
        (("forex",), "crypto", at("2024-12-25 12:00"), "", ""),
        (("forex",), "other", at("2024-12-25 12:00"), "", ""),
        (("XNYS",), "forex", at("2024-07-04 03:59:59"), "", ""),  # still the third in New York
        (("XNYS",), "forex", at("2024-07-04 04:00"), "XNYS 2024-07-04", "2024-07-05T04:00:00Z"),
        (("XNYS",), "other", at("2024-07-05 03:59:59"), "XNYS 2024-07-04", "2024-07-05T04:00:00Z"),
        (("XNYS",), "other", at("2024-07-05 04:00"), "", ""),
        (("XNYS",), "crypto", at("2024-07-04 12:00"), "", ""),
        (("XNYS",), "other", at("2024-11-29 20:00"), "", ""),  # an early close is no holiday
        (("XLON",), "forex", at("2024-08-26 12:00"), "XLON 2024-08-26", "2024-08-26T23:00:00Z"),
        (("XLON",), "forex", at("2024-05-27 12:00"), "XLON 2024-05-27", "2024-05-27T23:00:00Z"),
        (("XJPX",), "forex", at("2024-02-11 15:00"), "XJPX 2024-02-12", "2024-02-12T15:00:00Z"),
        (("XNYS", "XLON"), "forex", at("2024-05-27 12:00"), "XNYS 2024-05-27", "2024-05-28T04:00:00Z"),
        (("2024-02-29",), "forex", at("2024-02-28 23:59:59"), "", ""),
        (("2024-02-29",), "forex", at("2024-02-29 00:00"), "configured 2024-02-29", "2024-03-01T00:00:00Z"),
        (("2024-02-29",), "crypto", at("2024-02-29 23:59:59"), "configured 2024-02-29", "2024-03-01T00:00:00Z"),
        (("2024-02-29",), "crypto", at("2024-03-01 00:00"), "", ""),
    ],
)
def test_no_entry_on_a_holiday(names: tuple[str, ...], asset_class: str, moment: int, value: str, until: str) -> None:
    one, view = rule(*names), a_view(now=moment, instrument=kind(asset_class))

    expected = Denial("HOLIDAY", value, until) if value else None
    assert one.check(a_wish(), view) == expected
    assert one.check(a_wish(), view) == expected  # what it remembers of the day changes nothing
    assert one.figures(a_wish(), view) == ((value, until) if value else ("none", None))


def test_what_is_remembered_of_one_asset_class_and_day_is_not_used_for_another() -> None:
    one = rule("XNYS", "2024-07-05")
    asked = [
        (asset_class, at(f"2024-07-{day:02} {hour:02}:00"))
        for day in (3, 4, 5, 6, 4)
        for hour in (0, 5, 23)
        for asset_class in ("crypto", "forex")
    ]
    views = [a_view(now=moment, instrument=kind(asset_class)) for asset_class, moment in asked]

    assert [one.check(a_wish(), view) for view in views] == [
        rule("XNYS", "2024-07-05").check(a_wish(), view) for view in views
    ]


def test_years_whose_holidays_are_not_known_are_denied() -> None:
    forex = rule("forex")
    (xetr,) = closed(["XETR"], CLASSES)
    first = date.fromordinal(min(xetr.days) + date(1970, 1, 1).toordinal()).year  # 2016 at present

    assert forex.check(a_wish(), a_view(now=at("2100-03-01 12:00"))) == Denial(
        "HOLIDAYS_UNKNOWN", "2100-03-01", "forex 1970-2099"
    )
    assert rule("XETR").check(a_wish(), a_view(now=at(f"{first - 1}-06-01"))) == Denial(
        "HOLIDAYS_UNKNOWN", f"{first - 1}-06-01", f"XETR {first}-2099"
    )
    assert rule("XETR").check(a_wish(), a_view(now=at(f"{first}-06-01"))) is None


def test_holidays_that_are_not_set_are_no_rule() -> None:
    assert load(RULES["holidays"]).build(a_config()) is None


@pytest.mark.parametrize("code", EXCHANGES)
def test_every_exchange_is_known_and_keeps_the_first_of_january_or_another_day(code: str) -> None:
    (one,) = closed([code], CLASSES)

    in_2027 = [day for day in one.days if date.fromordinal(date(1970, 1, 1).toordinal() + day).year == 2027]
    assert 1 <= len(in_2027) <= 40  # whole days, not every day
    assert one.known[0] <= 2026


@pytest.mark.parametrize(
    ("code", "day"),
    [
        ("XNYS", "2022-06-20"),  # Juneteenth, observed on a Monday
        ("XNYS", "2024-03-29"),  # Good Friday
        ("XNYS", "2025-01-09"),  # a day of mourning
        ("XLON", "2022-09-19"),
        ("XLON", "2021-12-28"),  # two holidays on a weekend
        ("XETR", "2024-05-01"),
        ("XECB", "2024-12-26"),
        ("XASX", "2024-01-26"),
        ("XJPX", "2024-11-04"),
    ],
)
def test_days_on_which_an_exchange_was_closed(code: str, day: str) -> None:
    (one,) = closed([code], CLASSES)

    assert one.day(at(f"{day} 12:00", EXCHANGES[code])) in one.days


@pytest.mark.parametrize("day", ["2024-07-05", "2024-11-29", "2024-12-24", "2024-10-14", "2024-11-11"])
def test_days_on_which_new_york_was_open(day: str) -> None:
    (one,) = closed(["XNYS"], CLASSES)

    assert one.day(at(f"{day} 12:00", EXCHANGES["XNYS"])) not in one.days


def test_names_are_compared_without_regard_to_case() -> None:
    assert days(["Forex", "xnys", " 2024-12-24 "]) == ("forex", "XNYS", "2024-12-24")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("NYSE", "allowed: forex, a date .YYYY-MM-DD., or an exchange: XNYS,"),
        ("", "allowed: forex"),
        ("2024-02-30", "no such day"),
        ("2023-02-29", "no such day"),
        ("2024-2-1", "allowed: forex"),
        ("20240201", "allowed: forex"),
        ("1969-12-31", "years 1970 to 2099"),
        ("2100-01-01", "years 1970 to 2099"),
        ("XNYS,XLON", "allowed: forex"),
        ("\u0662024-01-01", "allowed: forex"),
    ],
)
def test_a_name_that_is_none_says_what_is_allowed(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        days([text])


def test_the_package_is_imported_only_for_an_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "holidays", None)

    assert rule("forex", "2024-12-24").check(a_wish(), a_view()) is None
    assert days(["XNYS"]) == ("XNYS",)
    with pytest.raises(ImportError):
        rule("XNYS")


def test_a_holiday_ends_with_the_local_day_also_when_clocks_change() -> None:
    (one,) = closed(["2024-03-31"], CLASSES)
    (london,) = (each._replace(days=one.days) for each in closed(["XLON"], CLASSES))

    assert iso(london.end(at("2024-03-31 12:00"))) == "2024-03-31T23:00:00Z"
    assert iso(london.end(at("2024-03-30 12:00"))) == "2024-03-31T00:00:00Z"
