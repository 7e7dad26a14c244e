"""Bad prints, cooldown, entries per hour, equity, and losses of the day and of the account."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from domain.book import Book
from domain.money import NANO
from domain.registry import load
from domain.timeframe import HOUR, SECOND, iso
from risk.config import RiskConfig
from risk.gate import enabled
from risk.rules import RULES
from risk.state import TradingState
from risk.view import Denial, Figures, Lock, View
from tests.factories import CASH, T, a_config, a_fill, a_view, an_instrument, an_order, nano
from tests.risk.test_rules import a_wish


def rule(name: str, **config: Any) -> Any:
    return load(RULES[name]).build(a_config(**config))


# -- bad prints ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "denied"), [((), False), (("BTC",), False), (("BTC", "EURUSD"), True), ({"EURUSD"}, True)]
)
def test_a_symbol_whose_bar_was_held_back_takes_no_entry(bad: Any, denied: bool) -> None:
    one, view = rule("bad_print"), a_view(bad_prints=bad)

    assert one.check(a_wish(), view) == (Denial("BAD_PRINT", "EURUSD") if denied else None)
    assert one.figures(a_wish(), view) == Figures("EURUSD" if denied else "none")


# -- cooldown ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cooldown", "passed", "denied"),
    [
        (120.0, 0, True),
        (120.0, 119.999999999, True),
        (120.0, 120, False),
        (120.0, 900, False),
        (120.0, -5, True),  # a clock that went back
        (0.5, 0.499999999, True),
        (0.5, 0.5, False),
        (31_622_400.0, 31_622_399, True),
    ],
)
def test_time_lies_between_two_entries_of_a_symbol(cooldown: float, passed: float, denied: bool) -> None:
    one = rule("cooldown", cooldown=cooldown)
    view = a_view(last_entry={"EURUSD": T - round(passed * SECOND), "BTC": T})

    assert one.check(a_wish(), view) == (Denial("COOLDOWN", passed, cooldown) if denied else None)
    assert one.figures(a_wish(), view) == Figures(passed, cooldown)


def test_a_symbol_without_an_entry_does_not_wait() -> None:
    one, view = rule("cooldown", cooldown=120.0), a_view(last_entry={"BTC": T})

    assert one.check(a_wish(), view) is None
    assert one.figures(a_wish(), view) == Figures(None, 120.0)


def test_known_fault_a_second_interval_overrides_the_cooldown_in_silence() -> None:
    """One rule, one key: 120 seconds are 120 seconds, whatever else is configured."""
    asking = [name for name, reference in RULES.items() if "last_entry" in inspect.getsource(load(reference))]
    others = a_config(cooldown=120.0, cooldown_after_close=900.0, max_trades_per_hour=1, max_orders_per_minute=1)
    view = a_view(last_entry={"EURUSD": T - 120 * SECOND})

    assert asking == ["cooldown"]
    assert load(RULES["cooldown"]).build(others).check(a_wish(), view) is None


# -- entries per hour ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "denied"),
    [
        ((), False),
        ((T - 2 * HOUR, T - HOUR, T - HOUR), False),  # an hour ago is no more in the last hour
        ((T - HOUR + 1, T - 1), False),
        ((T - HOUR, T - HOUR + 1, T - 1), False),
        ((T - HOUR + 1, T - 1, T), True),
        ((T - 3, T - 2, T - 1, T), True),
    ],
)
def test_so_many_entries_an_hour(entries: tuple[int, ...], denied: bool) -> None:
    one, view = rule("max_trades_per_hour", max_trades_per_hour=3), a_view(entries=entries)
    count = sum(1 for at in entries if at > T - HOUR)

    assert one.check(a_wish(), view) == (Denial("MAX_TRADES_PER_HOUR", count, 3) if denied else None)
    assert one.figures(a_wish(), view) == Figures(count, 3)


def test_known_fault_two_daily_counters_that_disagree() -> None:
    """The day's entries are one number of the view, and one rule reads it; the hour is counted from times."""
    reading = [name for name, reference in RULES.items() if "trades_today" in inspect.getsource(load(reference))]
    hourly = rule("max_trades_per_hour", max_trades_per_hour=1)

    assert reading == ["max_trades_per_day"]
    assert hourly.check(a_wish(), a_view(trades_today=99)) is None
    assert rule("max_trades_per_day", max_trades_per_day=1).check(a_wish(), a_view(entries=(T, T, T))) is None


# -- equity --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equity", "balance", "value"),
    [
        (1, 0, None),
        (1, 1, None),
        (CASH, CASH, None),
        (0, CASH, 0.0),
        (-1, CASH, -1e-9),
        (CASH, -1, -1e-9),
        (CASH, -5 * NANO, -5.0),
        (-3 * NANO, -5 * NANO, -5.0),
    ],
)
def test_without_equity_or_with_a_negative_balance_there_is_no_entry(
    equity: int, balance: int, value: float | None
) -> None:
    one, view = rule("equity"), a_view(equity=equity, book=Book(balance))

    assert one.check(a_wish(), view) == (None if value is None else Denial("NO_EQUITY", value, 0.0))
    assert one.figures(a_wish(), view).threshold == 0.0


@pytest.mark.parametrize(
    ("config", "holds"),
    [
        ({}, True),
        ({"stages_off": (6,)}, False),  # as the preset yardstick
        ({"stages_off": (6,), "explicit": frozenset({"max_drawdown"})}, True),
        ({"stages_off": (6,), "explicit": frozenset({"max_daily_loss_share"})}, True),
        ({"stages_off": (6,), "explicit": frozenset({"max_trades_per_day"})}, False),
    ],
)
def test_equity_is_asked_for_unless_no_equity_rule_holds(config: dict[str, Any], holds: bool) -> None:
    assert enabled(rule("equity", **config), RiskConfig(**config)) == holds


def test_known_fault_equity_that_cannot_be_read_becomes_a_hundred_thousand() -> None:
    """Nothing is invented: without equity, a day's start or first cash every rule that needs it denies."""
    for name, missing in (
        ("equity", "equity"),
        ("max_daily_loss_share", "day_equity"),
        ("max_total_loss", "first_cash"),
    ):
        one = rule(name, max_daily_loss_share=0.03, max_total_loss=0.1)
        for number in (0, -NANO):
            view = a_view(**{"first_cash": CASH, missing: number})

            assert one.check(a_wish(), view) == Denial("NO_EQUITY", number / NANO, 0.0)
            one.figures(a_wish(), view)  # explains without raising


# -- losses --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "equity", "denial"),
    [
        ("100000", "100000", None),
        ("100000", "120000", None),
        ("100000", "97000.000000001", None),
        ("100000", "97000", Denial("MAX_DAILY_LOSS_SHARE", 0.03, 0.03)),
        ("50000", "48500", Denial("MAX_DAILY_LOSS_SHARE", 0.03, 0.03)),
        ("50000", "48500.01", None),
        ("100000", "-1", Denial("MAX_DAILY_LOSS_SHARE", 1.00001, 0.03)),
        ("0.3", "0.291", Denial("MAX_DAILY_LOSS_SHARE", 0.03, 0.03)),
        ("0.3", "0.291000001", None),
    ],
)
def test_so_much_of_the_days_start_may_be_lost(start: str, equity: str, denial: Denial | None) -> None:
    one = rule("max_daily_loss_share", max_daily_loss_share=0.03)
    view = a_view(day_equity=nano(start), equity=nano(equity))

    assert one.check(a_wish(), view) == denial
    if denial is not None:
        assert one.figures(a_wish(), view) == denial[1:]


@pytest.mark.parametrize(
    ("equity", "denial"),
    [
        ("100000", None),
        ("90000.000000001", None),
        ("90000", Denial("MAX_TOTAL_LOSS", 0.1, 0.1)),
        ("0", Denial("MAX_TOTAL_LOSS", 1.0, 0.1)),
    ],
)
def test_so_much_of_the_first_cash_may_be_lost(equity: str, denial: Denial | None) -> None:
    one = rule("max_total_loss", max_total_loss=0.1)
    view = a_view(first_cash=CASH, equity=nano(equity), peak=2 * CASH, day_equity=nano(1))

    assert one.check(a_wish(), view) == denial
    if denial is not None:
        assert one.figures(a_wish(), view) == denial[1:]


EQUITIES = ["100000", "115000", "98000", "120000", "97000.01", "97000"]


def test_known_fault_the_days_baseline_moves_when_equity_does() -> None:
    """Neither a rise, nor a move of more than ten percent, nor a new peak moves what the day began with."""
    share, money = (
        rule("max_daily_loss_share", max_daily_loss_share=0.03),
        rule("max_daily_loss", max_daily_loss=3000 * NANO),
    )
    peak, denied = CASH, []
    for equity in map(nano, EQUITIES):
        peak = max(peak, equity)
        view = a_view(equity=equity, peak=peak)  # the day began with 100,000
        denied.append(tuple(one.check(a_wish(), view) is not None for one in (share, money)))

    assert denied == [(False, False)] * 5 + [(True, True)]


def test_known_fault_the_drawdown_is_measured_from_the_days_start() -> None:
    one = rule("max_drawdown", max_drawdown=0.15)

    assert one.check(a_wish(), a_view(peak=nano(120_000), day_equity=nano(103_000), equity=nano(102_000))) == Denial(
        "MAX_DRAWDOWN", 0.15, 0.15
    )
    assert one.check(a_wish(), a_view(peak=nano(110_000), day_equity=nano(130_000), equity=nano(102_000))) is None


def test_known_fault_floating_profit_taken_for_the_days() -> None:
    """The day's loss is equity then and now, not equity and balance: what floated in yesterday is not today's."""
    book = Book(CASH)
    book.apply(a_fill(id="f", quantity=1_000_000 * NANO, price=nano("1.1")))
    book.mark("EURUSD", nano("1.09"), (1, 1))
    one, floating = rule("max_daily_loss", max_daily_loss=3000 * NANO), book.equity()

    assert (book.balance - floating) == 10_000 * NANO
    assert one.check(a_wish(), a_view(book=book, equity=floating, day_equity=floating)) is None
    assert one.check(a_wish(), a_view(book=book, equity=floating, day_equity=floating + 3000 * NANO)) is not None


# -- the symbol ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("largest", "smallest", "denial"),
    [
        (1_000, 1_000, None),
        (1_001, 1_000, None),
        (999, 1_000, Denial("NOT_TRADABLE", 999.0, 1_000.0)),
        (0, 1_000, Denial("NOT_TRADABLE", 0.0, 1_000.0)),
    ],
)
def test_a_symbol_that_takes_no_size_cannot_be_traded(largest: int, smallest: int, denial: Denial | None) -> None:
    instrument = an_instrument(max_quantity=largest * NANO, min_quantity=smallest * NANO)

    assert rule("instrument").check(a_wish(), a_view(instrument=instrument)) == denial


@pytest.mark.parametrize("symbol", ["EURUSD", "GBPUSD", "USDJPY", "BTCUSD", "XAUUSD", "ETHUSD", "EURUSDm"])
def test_known_fault_a_list_of_symbols_skips_the_kill_switch(symbol: str) -> None:
    view = a_view(state=TradingState("HALTED", "MAX_DRAWDOWN", 0.2, 0.15))

    assert rule("trading_state").check(a_wish(symbol=symbol), view) == Denial("KILL_SWITCH", 0.2, 0.15)


# -- figures -------------------------------------------------------------------------------------


def working(status: str) -> Book:
    book = Book(CASH)
    book.reserve(an_order())
    book.working["order-1"].status = status
    return book


DENIED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("trading_state", {}, {"state": TradingState("HALTED", "MAX_DRAWDOWN", 0.2, 0.15)}),
    ("trading_state", {}, {"state": TradingState("REDUCING", "MAX_DRAWDOWN_SOFT", 0.1, 0.1)}),
    ("trading_state", {}, {"engine_paused": True}),
    ("instrument", {}, {"instrument": an_instrument(max_quantity=0)}),
    ("data_fresh", {}, {"bar_at": 0}),
    ("not_expired", {}, {"now": T + HOUR}),
    ("in_flight", {}, {"book": working("ACCEPTED")}),
    ("in_flight", {}, {"unresolved": {"EURUSD"}}),
    ("locks", {}, {"locks": [Lock("1", "COOLDOWN", None, None, T + 1, "")]}),
    ("max_trades_per_day", {"max_trades_per_day": 1}, {"trades_today": 1}),
    ("max_daily_loss", {"max_daily_loss": NANO}, {"equity": 0}),
    ("max_drawdown", {"max_drawdown": 0.2}, {"equity": 0}),
    ("max_drawdown", {"max_drawdown_soft": 0.2, "max_drawdown": 0.3}, {"equity": 75_000 * NANO}),
    ("max_drawdown", {"max_drawdown_soft": 0.2, "max_drawdown": 0.3}, {"equity": 70_000 * NANO}),
    ("max_drawdown", {"max_drawdown_soft": 0.2}, {"equity": 70_000 * NANO}),
    ("max_open_positions", {"max_open_positions": 1}, {"book": working("UNKNOWN"), "_symbol": "BTC"}),
    ("max_positions_per_symbol", {"max_positions_per_symbol": 1}, {"book": working("ACCEPTED")}),
    ("require_stop", {}, {"_stop": 0}),
]


@pytest.mark.parametrize(("name", "config", "changed"), DENIED)
def test_what_a_rule_explains_is_what_it_compares(name: str, config: dict[str, Any], changed: dict[str, Any]) -> None:
    one = rule(name, **config)
    wish = a_wish(**{key[1:]: value for key, value in changed.items() if key.startswith("_")})
    view = a_view(**{key: value for key, value in changed.items() if not key.startswith("_")})
    denial = one.check(wish, view)

    assert denial is not None
    assert one.figures(wish, view) == denial[1:]


CHECKS = [name for name, reference in RULES.items() if load(reference).stage <= 7]
EVERYTHING: dict[str, Any] = {
    "sessions": ("london",),
    "holidays": ("forex",),
    "news": ("static",),
    "cooldown": 60.0,
    "max_trades_per_day": 5,
    "max_trades_per_hour": 5,
    "max_daily_loss": NANO,
    "max_daily_loss_share": 0.1,
    "max_drawdown": 0.1,
    "max_total_loss": 0.1,
    "max_payoff_ratio": 2.0,
    "max_spread_bps": {"default": 1.0},
    "max_cost_ratio": 0.5,
    "min_reward_to_risk": 1.0,
}


def bare_view() -> View:
    """Nothing is known at all."""
    return View(a_config(), Book())


@pytest.mark.parametrize("name", CHECKS)
def test_every_check_explains_itself_also_where_nothing_is_known(name: str) -> None:
    one = rule(name, **EVERYTHING)

    assert one is not None
    for view in (a_view(first_cash=CASH), bare_view()):
        for wish in (a_wish(), a_wish(stop=0, reference=0, price=0, expires_at=0)):
            assert isinstance(one.figures(wish, view), Figures)


@pytest.mark.parametrize(
    "name",
    [
        *("instrument", "market_hours", "sessions", "holidays", "news", "data_fresh", "equity"),
        *("max_daily_loss_share", "max_total_loss", "max_spread", "max_cost_ratio"),
    ],
)
def test_known_fault_checks_that_fail_open(name: str) -> None:
    """A view in which nothing is known allows nothing, and says so with a code instead of raising."""
    denial = rule(name, **EVERYTHING).check(a_wish(), bare_view())

    assert denial is not None
    assert denial.code in (
        *("INSTRUMENT_UNKNOWN", "NO_PRICE", "NO_EQUITY", "COST_UNKNOWN"),
        *("NEWS_CALENDAR_EMPTY", "MARKET_CLOSED", "OUT_OF_SESSION"),
    )


def test_an_expiry_is_told_as_a_time() -> None:
    assert rule("not_expired").figures(a_wish(expires_at=T), a_view()) == Figures(iso(T), iso(T))
    assert rule("not_expired").figures(a_wish(expires_at=0), a_view()) == Figures(iso(T), "none")
