"""Every rule on both sides of its threshold: a rule alone, a view, an answer."""

from __future__ import annotations

from typing import Any

import pytest

from domain.book import Book
from domain.money import NANO
from domain.order import BUY, SELL
from domain.registry import load
from domain.timeframe import MINUTE, iso
from risk.rules import ALWAYS, RULES
from risk.state import TradingState
from risk.view import Denial, Lock, View, Wish
from tests.factories import CASH, T, a_config, a_fill, a_view, an_order, nano

UNITS = 10_000 * NANO


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
        "expires_at": T + MINUTE,
        "reference": nano("1.1"),
    }
    return Wish(**usual | changed)


def a_book(*held: str, working: tuple[str, ...] = ()) -> Book:
    """Positions ("EURUSD", or "-EURUSD" for a short one) and entries on their way."""
    book = Book(CASH)
    for i, name in enumerate(held):
        side = SELL if name.startswith("-") else BUY
        book.apply(a_fill(name.removeprefix("-"), id=f"f{i}", order_id=f"h{i}", side=side))
    for i, name in enumerate(working):
        side = SELL if name.startswith("-") else BUY
        book.reserve(an_order(name.removeprefix("-"), id=f"w{i}", side=side))
    return book


def says(one: Any, view: View, **wish: Any) -> Denial | None:
    answer: Denial | None = one.check(a_wish(**wish), view)
    return answer


# -- 1: trading state ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "paused", "denial"),
    [
        (TradingState(), False, None),
        (TradingState(), True, Denial("ENGINE_PAUSED", "PAUSED", "RUNNING")),
        (TradingState("REDUCING", "MAX_DRAWDOWN_SOFT", 0.1, 0.1), False, Denial("MAX_DRAWDOWN_SOFT", 0.1, 0.1)),
        (TradingState("HALTED", "MAX_DRAWDOWN", 0.2, 0.15), False, Denial("KILL_SWITCH", 0.2, 0.15)),
        (TradingState("HALTED", "HALT", "news"), False, Denial("KILL_SWITCH", "news")),
        (TradingState("HALTED", "HALT_FILE"), False, Denial("KILL_SWITCH", "HALT_FILE")),
        (TradingState("HALTED", "HALT"), True, Denial("KILL_SWITCH", "HALT")),  # the graver one is told
        (TradingState("REDUCING", "MAX_DRAWDOWN_SOFT", 0.1, 0.1), True, Denial("ENGINE_PAUSED", "PAUSED", "RUNNING")),
    ],
)
def test_entries_need_active_trading_and_a_running_engine(
    state: TradingState, paused: bool, denial: Denial | None
) -> None:
    assert says(rule("trading_state"), a_view(state=state, engine_paused=paused)) == denial


# -- 2: instrument -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "denial"),
    [
        ({}, None),
        ({"instrument": None}, Denial("INSTRUMENT_UNKNOWN", "EURUSD")),
        ({"rate": None}, Denial("CONVERSION_UNKNOWN", "USD")),
        ({"instrument": None, "rate": None}, Denial("INSTRUMENT_UNKNOWN", "EURUSD")),
    ],
)
def test_the_symbol_is_known_and_converts(changed: dict[str, Any], denial: Denial | None) -> None:
    assert says(rule("instrument"), a_view(**changed)) == denial


# -- 3: data -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "denial"),
    [
        ({"bar_at": T}, None),
        ({"bar_at": T - 3 * MINUTE}, None),
        ({"bar_at": T - 3 * MINUTE - 1_000_000_000}, Denial("DATA_STALE", 181.0, 180.0)),
        ({"bar_at": 0}, Denial("DATA_STALE", T / 1e9, 180.0)),
        ({"bar_at": 0, "age_limit": 0}, None),  # not checked
        ({"price": 1}, None),
        ({"price": 0}, Denial("NO_PRICE", "EURUSD")),
        ({"price": -1}, Denial("NO_PRICE", "EURUSD")),
    ],
)
def test_there_is_a_price_and_it_is_not_old(changed: dict[str, Any], denial: Denial | None) -> None:
    assert says(rule("data_fresh"), a_view(**changed)) == denial


# -- 4: not expired, nothing in flight -----------------------------------------------------------


@pytest.mark.parametrize(("expires_at", "denied"), [(T + 1, False), (T, False), (T - 1, True), (0, False), (-1, True)])
def test_a_plan_that_has_expired_is_never_sent(expires_at: int, denied: bool) -> None:
    expected = Denial("EXPIRED", iso(T), iso(expires_at)) if denied else None

    assert says(rule("not_expired"), a_view(), expires_at=expires_at) == expected


def closing(side: int) -> Any:
    return an_order(id="exit", side=side, purpose="SIGNAL", quantity=UNITS, reduces=UNITS)


@pytest.mark.parametrize(
    ("held", "working", "direction", "denied"),
    [
        ((), None, 1, False),
        ((), an_order(), 1, True),
        ((), an_order(side=SELL), 1, True),
        ((), an_order("BTC"), 1, False),
        (("EURUSD",), None, 1, False),
        (("EURUSD",), closing(SELL), 1, True),  # it is leaving: no more of it
        (("EURUSD",), closing(SELL), -1, False),  # a reversal, whose closing part is on its way
        (("-EURUSD",), closing(BUY), 1, False),
        (("EURUSD",), an_order(side=SELL, quantity=2 * UNITS, reduces=UNITS), -1, True),  # reverses already
        (("EURUSD",), an_order(), -1, True),  # more of the old side may still come
    ],
)
def test_nothing_is_in_flight_but_what_a_reversal_closes(
    held: tuple[str, ...], working: Any, direction: int, denied: bool
) -> None:
    book = a_book(*held)
    if working is not None:
        book.reserve(working)
    answer = says(rule("in_flight"), a_view(book=book), direction=direction)

    assert (answer is not None) == denied
    if answer is not None:
        assert answer == Denial("IN_FLIGHT", working.purpose, "INTENT")


@pytest.mark.parametrize(("unresolved", "denied"), [(set(), False), ({"BTC"}, False), ({"BTC", "EURUSD"}, True)])
def test_an_unknown_order_stops_its_symbol(unresolved: set[str], denied: bool) -> None:
    view = a_view(unresolved=unresolved, book=a_book("-EURUSD"))

    assert says(rule("in_flight"), view) == (Denial("UNKNOWN_ORDER", "EURUSD") if denied else None)


# -- 5: locks ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("symbol", "side", "until_at", "denied"),
    [
        ("EURUSD", None, T + 1, True),
        ("EURUSD", None, T, False),
        ("EURUSD", 1, T + 1, True),
        ("EURUSD", -1, T + 1, False),
        ("BTC", None, T + 1, False),
        (None, None, T + 1, True),
        (None, -1, T + 1, False),
    ],
)
def test_a_lock_covers_a_symbol_a_side_or_all_until_a_time(
    symbol: str | None, side: int | None, until_at: int, denied: bool
) -> None:
    view = a_view(locks=[Lock("l1", "COOLDOWN", symbol, side, until_at, "a loss")])

    assert says(rule("locks"), view) == (Denial("LOCKED", "COOLDOWN", iso(until_at)) if denied else None)


# -- 6: the day and the drawdown -----------------------------------------------------------------


@pytest.mark.parametrize(("trades", "denied"), [(0, False), (2, False), (3, True), (4, True)])
def test_so_many_entries_a_day(trades: int, denied: bool) -> None:
    answer = says(rule("max_trades_per_day", max_trades_per_day=3), a_view(trades_today=trades))

    assert answer == (Denial("MAX_TRADES_PER_DAY", trades, 3) if denied else None)


@pytest.mark.parametrize(
    ("equity", "denied"),
    [("100000", False), ("120000", False), ("99800.000000001", False), ("99800", True), ("-5", True)],
)
def test_so_much_loss_a_day(equity: str, denied: bool) -> None:
    answer = says(rule("max_daily_loss", max_daily_loss=nano(200)), a_view(equity=nano(equity)))

    assert answer == (Denial("MAX_DAILY_LOSS", 100_000 - float(equity), 200.0) if denied else None)


@pytest.mark.parametrize(
    ("equity", "soft", "hard", "denial"),
    [
        (90_001, 0.1, 0.15, None),
        (90_000, 0.1, 0.15, Denial("MAX_DRAWDOWN_SOFT", 0.1, 0.1)),
        (85_001, 0.1, 0.15, Denial("MAX_DRAWDOWN_SOFT", 0.14999, 0.1)),
        (85_000, 0.1, 0.15, Denial("MAX_DRAWDOWN", 0.15, 0.15)),
        (85_001, None, 0.15, None),
        (85_000, None, 0.15, Denial("MAX_DRAWDOWN", 0.15, 0.15)),
        (50_000, 0.1, None, Denial("MAX_DRAWDOWN_SOFT", 0.5, 0.1)),
        (110_000, 0.1, 0.15, None),
    ],
)
def test_so_much_below_the_peak(equity: int, soft: float | None, hard: float | None, denial: Denial | None) -> None:
    one = rule("max_drawdown", max_drawdown_soft=soft, max_drawdown=hard)

    assert says(one, a_view(equity=equity * NANO)) == denial


def test_an_account_without_a_peak_has_no_drawdown() -> None:
    assert says(rule("max_drawdown", max_drawdown=0.1), a_view(equity=0, peak=0)) is None


# -- 7: a stop -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "direction", "denied"),
    [
        ("0.002", 1, False),
        ("0.000000001", 1, False),
        ("0", 1, True),
        ("-0.002", 1, True),
        ("1.099999999", 1, False),
        ("1.1", 1, True),  # would be a stop at zero
        ("2", 1, True),
        ("2", -1, False),
        ("0", -1, True),
    ],
)
def test_an_entry_carries_a_stop_that_can_be_placed(stop: str, direction: int, denied: bool) -> None:
    answer = says(rule("require_stop"), a_view(), stop=nano(stop), direction=direction)

    assert answer == (Denial("STOP_REQUIRED", float(stop), 0) if denied else None)


def test_a_stop_that_is_not_required_is_not_looked_for() -> None:
    assert rule("require_stop", require_stop=False) is None


# -- 8: rooms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "working", "denied"),
    [
        ((), (), False),
        (("BTC",), (), False),
        (("BTC", "-XAUUSD"), (), True),
        (("BTC",), ("ETH",), True),  # what is on its way counts
        ((), ("ETH", "-SOL"), True),
        (("BTC", "EURUSD"), (), False),  # its own slot is kept
        (("BTC", "-EURUSD"), (), False),  # also by a reversal
        (("BTC",), ("EURUSD",), False),
        (("BTC", "ETH", "XAUUSD"), (), True),
        (("BTC",), ("BTC",), False),  # one symbol, one slot
    ],
)
def test_so_many_symbols_hold_a_position_or_may_come_to(
    held: tuple[str, ...], working: tuple[str, ...], denied: bool
) -> None:
    answer = says(rule("max_open_positions", max_open_positions=2), a_view(book=a_book(*held, working=working)))
    count = len({one.removeprefix("-") for one in (*held, *working)})

    assert answer == (Denial("MAX_OPEN_POSITIONS", count, 2) if denied else None)


def test_a_working_exit_keeps_its_slot() -> None:
    book = a_book("BTC")
    book.reserve(an_order("BTC", id="exit", side=SELL, purpose="SIGNAL", reduces=UNITS))

    answer = says(rule("max_open_positions", max_open_positions=1), a_view(book=book))

    assert answer == Denial("MAX_OPEN_POSITIONS", 1, 1)


@pytest.mark.parametrize(
    ("most", "entries", "working", "direction", "denied"),
    [
        (1, 0, (), 1, False),
        (1, 1, (), 1, True),
        (1, 1, (), -1, False),  # a reversal keeps its own slot
        (2, 1, (), 1, False),
        (2, 2, (), 1, True),
        (2, 1, ("EURUSD",), 1, True),  # what is on its way counts
        (1, 0, ("EURUSD",), 1, True),
        (1, 0, ("BTC",), 1, False),
    ],
)
def test_so_many_positions_in_one_symbol(
    most: int, entries: int, working: tuple[str, ...], direction: int, denied: bool
) -> None:
    book = a_book(*["EURUSD"] * entries, working=working)
    one = rule("max_positions_per_symbol", max_positions_per_symbol=most)

    assert says(one, a_view(book=book), direction=direction) == (
        Denial("MAX_POSITIONS_PER_SYMBOL", most, most) if denied else None
    )


def test_a_working_exit_is_no_position() -> None:
    book = a_book("EURUSD")
    book.reserve(an_order(id="exit", side=SELL, purpose="SIGNAL", reduces=UNITS))

    assert says(rule("max_positions_per_symbol", max_positions_per_symbol=1), a_view(book=book), direction=-1) is None


@pytest.mark.parametrize(
    ("units", "rate", "exceeded"),
    [
        ("10000", (1, 1), None),
        ("10000.000000001", (1, 1), Denial("MAX_ORDER_NOTIONAL", 11000.000000001, 11_000.0)),
        ("20000", (1, 2), None),
        ("20000.000000002", (1, 2), Denial("MAX_ORDER_NOTIONAL", 11000.000000001, 11_000.0)),
        ("6666.666666666", (3, 2), None),
        ("6667", (3, 2), Denial("MAX_ORDER_NOTIONAL", 11000.55, 11_000.0)),
        ("0", (1, 1), None),
    ],
)
def test_an_entry_is_worth_so_much_at_most(units: str, rate: tuple[int, int], exceeded: Denial | None) -> None:
    one = rule("max_order_notional", max_order_notional=nano(11_000))
    wish, view = a_wish(), a_view(rate=rate)

    assert one.exceeded(wish, view, nano(units)) == exceeded
    assert (nano(units) <= one.room(wish, view, nano(units))) == (exceeded is None)


# -- the registry --------------------------------------------------------------------------------

LIMITS = {
    "max_trades_per_day": 1,
    "max_daily_loss": NANO,
    "max_drawdown": 0.1,
    "max_open_positions": 1,
    "max_positions_per_symbol": 1,
    "max_order_notional": NANO,
    "max_orders_in_flight": 1,
    "max_currency_exposure": 1.0,
    "max_symbol_exposure": 1.0,
    "max_class_exposure": {"default": 1.0},
    "max_venue_exposure": 1.0,
    "max_exposure": NANO,
    "max_leverage": 1.0,
    "max_margin": 0.5,
    "min_free_balance": NANO,
    "max_var": 0.1,
    "max_cvar": 0.1,
    "max_stress_loss": 0.1,
    "max_risk": 0.1,
    "max_risk_money": {"default": NANO},
    "max_depth": 0.1,
    "max_orders_per_minute": 1,
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_that_is_not_set_is_no_rule(name: str) -> None:
    assert rule(name) is None
    assert rule(name, **{name: LIMITS[name]}) is not None


def test_rules_stand_in_the_order_of_their_stages() -> None:
    stages = [load(reference).stage for reference in RULES.values()]

    assert stages == sorted(stages)
    assert {load(RULES[name]).stage for name in ALWAYS} == {1, 4}
