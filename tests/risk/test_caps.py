"""Caps on the planned loss and on the share of a bar's volume, factors of the size, and how often one may enter."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from domain.book import Book
from domain.money import NANO, ONE, Rate
from domain.order import INTENT, SUBMITTED, UNKNOWN
from domain.registry import load
from domain.timeframe import MINUTE, SECOND
from risk.multipliers import factor
from risk.rules import RULES
from risk.view import Denial, Wish
from tests.factories import BTC, CASH, EURUSD, T, a_config, a_view, an_order, nano


def rule(name: str, **config: Any) -> Any:
    return load(RULES[name]).build(a_config(**config))


def a_wish(**changed: Any) -> Wish:
    usual: dict[str, Any] = {
        "symbol": "EURUSD",
        "direction": 1,
        "at": T,
        "price": nano("1.1"),
        "stop": nano("0.002"),
        "target": 0,
        "expires_at": 0,
        "reference": nano("1.1"),
    }
    return Wish(**usual | changed)


# -- planned loss --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "stop", "rate", "fits"),
    [
        (0.01, "0.002", ONE, "500000"),  # 1,000 over 0.002
        (0.01, "0.003", ONE, "333333.333333333"),
        (0.01, "2", (1, 150), "75000"),
        (0.01, "0.002", (3, 2), "333333.333333333"),
        (1.0, "0.002", ONE, "50000000"),
    ],
)
def test_the_planned_loss_is_at_most_a_share_of_equity(most: float, stop: str, rate: Rate, fits: str) -> None:
    one, wish, view = rule("max_risk", max_risk=most), a_wish(stop=nano(stop)), a_view(rate=rate)

    assert one.room(wish, view, nano(10**9)) == nano(fits)
    assert one.room(wish, view, NANO) == NANO
    assert one.exceeded(wish, view, nano(fits)) is None
    denial = one.exceeded(wish, view, nano(fits) + 1)
    assert denial == Denial("MAX_RISK", pytest.approx(most), most)
    assert one.figures(wish, view, nano(fits) + 1) == (denial.value, most)


@pytest.mark.parametrize(
    ("instrument", "config", "fits"),
    [
        (EURUSD, {"forex": nano(30)}, "15000"),
        (EURUSD, {"default": nano(30)}, "15000"),
        (EURUSD, {"forex": nano(60), "default": nano(30)}, "30000"),
        (EURUSD, {"crypto": nano(30)}, None),
        (BTC, {"crypto": nano(30)}, "15000"),
    ],
)
def test_the_planned_loss_is_at_most_so_much_money_by_asset_class(
    instrument: Any, config: dict[str, int], fits: str | None
) -> None:
    one, wish, view = rule("max_risk_money", max_risk_money=config), a_wish(), a_view(instrument=instrument)

    assert one.room(wish, view, nano(10**9)) == (nano(10**9) if fits is None else nano(fits))
    assert one.exceeded(wish, view, nano(fits or 10**9)) is None
    if fits is not None:
        limit = 60.0 if fits == "30000" else 30.0
        assert one.exceeded(wish, view, nano(fits) + NANO) == Denial("MAX_RISK_MONEY", limit + 0.002, limit)


@pytest.mark.parametrize("suffix", ["", "m", "c", "z", ".pro"])
def test_the_tail_risk_cap_is_by_class_so_a_suffix_changes_nothing(suffix: str) -> None:
    """Known fault: the list of tail-risk symbols had no suffixes, XAUUSDm was not clamped."""
    gold = replace(EURUSD, symbol="XAUUSD" + suffix, asset_class="metal", base="XAU")
    one = rule("max_risk_money", max_risk_money={"metal": nano(30)})

    assert one.room(a_wish(symbol=gold.symbol, stop=nano(5)), a_view(instrument=gold), nano(1_000)) == nano(6)


@pytest.mark.parametrize(("name", "config"), [("max_risk", 0.01), ("max_risk_money", {"default": NANO})])
def test_a_cap_on_the_planned_loss_needs_a_stop_a_rate_and_equity(name: str, config: Any) -> None:
    one = rule(name, **{name: config})

    for stop in (0, -1):
        assert one.room(a_wish(stop=stop), a_view(), NANO) == 0
        assert one.exceeded(a_wish(stop=stop), a_view(), NANO) == Denial("STOP_REQUIRED", stop / 1e9, 0)
    assert one.room(a_wish(), a_view(rate=None), NANO) == 0
    assert one.exceeded(a_wish(), a_view(rate=None), NANO) == Denial("CONVERSION_UNKNOWN", "EURUSD")
    if name == "max_risk":
        assert one.room(a_wish(), a_view(equity=0), NANO) == 0
        assert one.exceeded(a_wish(), a_view(equity=-NANO), NANO) == Denial("NO_EQUITY", -1.0, 0)


# -- depth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("volume", "fits", "code"),
    [
        (1_000.0, "250", "MAX_DEPTH"),
        (0.5, "0.125", "MAX_DEPTH"),
        (3e12, "1000000000", None),
        (0.0, "1000000000", None),  # unknown
        (-1.0, "0", "VOLUME_INVALID"),
        (math.nan, "0", "VOLUME_INVALID"),
        (math.inf, "0", "VOLUME_INVALID"),
    ],
)
def test_an_entry_is_a_share_of_the_volume_where_that_is_known(volume: float, fits: str, code: str | None) -> None:
    one, view = rule("max_depth", max_depth=0.25), a_view(volume=volume)
    room = one.room(a_wish(), view, nano(10**9))

    assert room == nano(fits)
    assert not room or one.exceeded(a_wish(), view, room) is None
    denial = one.exceeded(a_wish(), view, room + nano("0.001"))
    assert (denial.code if denial else None) == code


# -- how often -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ago", "denied"),
    [
        ((), False),
        ((0, 0), False),
        ((0, 0, 0), True),
        ((59, 30, 0), True),
        ((60, 30, 0), False),  # a minute ago is not within it
        ((600, 500, 400, 300, 1, 0), False),
    ],
)
def test_so_many_entries_a_minute(ago: tuple[int, ...], denied: bool) -> None:
    view = a_view(entries=[T - one * SECOND for one in ago])
    one = rule("max_orders_per_minute", max_orders_per_minute=3)
    answer = one.check(a_wish(), view)

    assert answer == (Denial("MAX_ORDERS_PER_MINUTE", 3, 3) if denied else None)
    assert one.figures(a_wish(), view) == (sum(second < 60 for second in ago), 3)
    assert MINUTE == 60 * SECOND


@pytest.mark.parametrize(
    ("orders", "denied"),
    [
        ([], False),
        ([(SUBMITTED, 0)], False),
        ([(SUBMITTED, 0), (UNKNOWN, 0)], True),
        ([(SUBMITTED, 0), (INTENT, 0), (INTENT, 0)], False),  # what is approved waits for a permit
        ([(SUBMITTED, 0), (SUBMITTED, 1)], False),  # an exit is no entry
    ],
)
def test_so_many_entries_are_sent_and_have_not_ended(orders: list[tuple[str, int]], denied: bool) -> None:
    book = Book(CASH)
    for number, (status, closes) in enumerate(orders):
        order = an_order("BTC", id=f"w{number}")
        book.reserve(an_order("BTC", id=f"w{number}", reduces=order.quantity) if closes else order)
        book.working[f"w{number}"].status = status
    one = rule("max_orders_in_flight", max_orders_in_flight=2)

    assert one.check(a_wish(), a_view(book=book)) == (Denial("MAX_ORDERS_IN_FLIGHT", 2, 2) if denied else None)
    assert one.figures(a_wish(), a_view(book=book)).threshold == 2


# -- factors of the size -------------------------------------------------------------------------

SCORES = {"0.5": 0.8, "0.8": 1.5, "0.95": 3.0}


@pytest.mark.parametrize(
    ("score", "expected"),
    [(0.0, "1"), (0.499, "1"), (0.5, "0.8"), (0.799, "0.8"), (0.8, "1.5"), (0.949, "1.5"), (0.95, "3"), (1.0, "3")],
)
def test_the_score_chooses_a_factor(score: float, expected: str) -> None:
    assert factor(a_wish(score=score), a_view(a_config(score_factors=SCORES))) == nano(expected)


REGIMES = {"TRENDING": 1.2, "VOLATILE": 0.5, "RANGING": 0.0}


@pytest.mark.parametrize(
    ("regime", "expected"),
    [
        ("TRENDING", nano("1.2")),
        ("VOLATILE", nano("0.5")),
        ("NORMAL", NANO),
        ("RANGING", Denial("FACTOR_ZERO", 0.0, 0)),
        ("", Denial("FACTOR_ZERO", 0.0, 0)),  # an unknown regime may be the worst one
    ],
)
def test_the_regime_chooses_a_factor(regime: str, expected: Any) -> None:
    assert factor(a_wish(regime=regime), a_view(a_config(regime_factors=REGIMES))) == expected
    if regime == "":
        assert factor(a_wish(), a_view(a_config(regime_factors={"TRENDING": 1.2}))) == NANO
        assert factor(a_wish(), a_view(a_config(regime_factors={"TRENDING": 1.2, "VOLATILE": 0.5}))) == NANO // 2


@pytest.mark.parametrize(
    ("research", "expected"),
    [
        (1.0, NANO),
        (0.25, NANO // 4),
        (0.0, Denial("FACTOR_ZERO", 0.0, 0)),
        (1.000001, Denial("FACTOR_INVALID", "1.000001", "0 to 1")),  # research never enlarges
        (-0.1, Denial("FACTOR_INVALID", "-0.1", "0 to 1")),
        (math.nan, Denial("FACTOR_INVALID", "nan", "0 to 1")),
        (math.inf, Denial("FACTOR_INVALID", "inf", "0 to 1")),
    ],
)
def test_research_only_makes_smaller(research: float, expected: Any) -> None:
    assert factor(a_wish(factor=research), a_view()) == expected


def test_a_score_that_is_no_number_has_no_factor() -> None:
    view = a_view(a_config(score_factors=SCORES))

    assert factor(a_wish(score=math.nan), view) == Denial("SCORE_INVALID", "nan")


@pytest.mark.parametrize(
    ("limit", "view", "halved"),
    [
        ({"max_daily_loss": nano(1_000)}, {"equity": nano("99200.000000001")}, False),
        ({"max_daily_loss": nano(1_000)}, {"equity": nano(99_200)}, True),
        ({"max_daily_loss_share": 0.01}, {"equity": nano("99200.000000001")}, False),
        ({"max_daily_loss_share": 0.01}, {"equity": nano(99_200)}, True),
        ({"max_drawdown": 0.1}, {"equity": nano("92000.000000001")}, False),
        ({"max_drawdown": 0.1}, {"equity": nano(92_000)}, True),
        ({"max_drawdown": 0.1, "max_drawdown_soft": 0.05}, {"equity": nano(96_000)}, True),
        ({"max_drawdown": 0.1}, {"equity": nano(92_000), "peak": nano(95_000)}, False),
        ({"max_total_loss": 0.1}, {"equity": nano(92_000), "first_cash": nano(100_000)}, True),
        ({"max_total_loss": 0.1}, {"equity": nano(92_001), "first_cash": nano(100_000)}, False),
        ({}, {"equity": nano(50_000)}, False),
    ],
)
def test_near_a_limit_half_the_size(limit: dict[str, Any], view: dict[str, int], halved: bool) -> None:
    assert factor(a_wish(), a_view(a_config(near_limit=0.8, **limit), **view)) == (NANO // 2 if halved else NANO)
    assert factor(a_wish(), a_view(a_config(**limit), **view)) == NANO


def test_factors_multiply_and_round_down() -> None:
    config = a_config(
        score_factors={"0": 0.333333333}, regime_factors={"NORMAL": 0.1}, near_limit=0.1, max_drawdown=0.1
    )
    wish = a_wish(regime="NORMAL", factor=0.7)

    # 0.7 x 0.333333333 = 0.2333333331; x 0.1; halved
    assert factor(wish, a_view(config, equity=nano(90_000))) == 11_666_666
