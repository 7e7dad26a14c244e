"""What is held, on its way and leaving: nothing is bought twice, and exits always pass."""

from __future__ import annotations

from typing import Any

import pytest
from gate_desk import GateDesk

from domain.money import NANO
from domain.order import BUY, SELL, order_id
from domain.timeframe import MINUTE
from risk.config import RiskConfig
from risk.rules import RULES
from risk.state import TradingState
from tests.factories import T, a_config, a_fill, nano

UNITS = 10_000 * NANO
FIXED: dict[str, Any] = {"sizing": "fixed_units", "units": UNITS, "require_stop": False}


def a_desk(**limits: Any) -> GateDesk:
    return GateDesk(RiskConfig(**FIXED | limits))


def code(desk: GateDesk, **candidate: Any) -> str | None:
    denial = desk.enter(**candidate).denial
    return denial.code if denial else None


# -- twice ---------------------------------------------------------------------------------------


def test_two_bars_before_the_first_fill_do_not_buy_twice() -> None:
    desk = a_desk()
    first = desk.enter(at=T)
    second = desk.enter(at=T + MINUTE, expires_at=T + 2 * MINUTE)

    assert first.order is not None
    assert second.order is None
    assert second.denial is not None
    assert second.denial.code == "IN_FLIGHT"
    desk.fill(first.order)
    assert desk.book.quantity("EURUSD") == UNITS


@pytest.mark.parametrize("name", ["max_open_positions", "max_positions_per_symbol"])
def test_positions_that_are_only_on_their_way_count(name: str) -> None:
    """Without the rule for what is in flight the limits alone must hold."""
    desk = a_desk(**{name: 1})
    desk.gate.rules.checks = [one for one in desk.gate.rules.checks if one[0] == name]
    desk.enter()
    second = {"symbol": "BTC"} if name == "max_open_positions" else {"at": T + MINUTE}

    assert code(desk, **second) == name.upper()
    assert desk.book.exposure("EURUSD") == UNITS


def test_several_candidates_of_one_cycle_share_the_slots() -> None:
    desk = a_desk(max_open_positions=1)

    assert [code(desk, symbol=symbol) for symbol in ("EURUSD", "BTC", "EURUSD")] == [
        None,
        "MAX_OPEN_POSITIONS",
        "IN_FLIGHT",
    ]


def test_a_partly_filled_entry_is_still_on_its_way() -> None:
    desk = a_desk(max_positions_per_symbol=2)
    order = desk.enter().order
    desk.fill(order, 0.5)

    assert code(desk, at=T + 1) == "IN_FLIGHT"


def test_a_working_exit_makes_no_room_for_another_entry() -> None:
    desk = a_desk(max_open_positions=1)
    desk.hold(10_000, "BTC")
    exit = desk.leave(symbol="BTC")

    assert code(desk) == "MAX_OPEN_POSITIONS"
    desk.fill(exit)
    assert code(desk) is None


def test_release_gives_the_room_back() -> None:
    desk = a_desk(max_open_positions=1)
    order = desk.enter().order
    assert order is not None
    assert code(desk, symbol="BTC") == "MAX_OPEN_POSITIONS"

    desk.book.release(order.id)
    assert code(desk, symbol="BTC") is None


# -- reversals -----------------------------------------------------------------------------------


def test_a_reversal_is_one_order_for_the_difference() -> None:
    desk = a_desk()
    desk.hold(30_000)
    answer = desk.enter(direction=-1)

    assert answer.order is not None
    assert (answer.order.side, answer.order.quantity, answer.order.reduces) == (SELL, 40_000 * NANO, 30_000 * NANO)
    assert answer.size == answer.order.opens == UNITS
    assert desk.leave() is None  # what is held is on its way out already
    desk.fill(answer.order)
    assert desk.book.quantity("EURUSD") == -UNITS


def test_a_reversal_keeps_its_own_slot() -> None:
    desk = a_desk(max_open_positions=1, max_positions_per_symbol=1)
    desk.hold(10_000)

    assert code(desk, symbol="BTC") == "MAX_OPEN_POSITIONS"
    assert code(desk, at=T + 1) == "MAX_POSITIONS_PER_SYMBOL"
    assert code(desk, direction=-1) is None


def test_a_reversal_closes_only_what_is_not_leaving_already() -> None:
    desk = a_desk()
    desk.hold(10_000)
    desk.leave(fraction=0.4)
    order = desk.enter(direction=-1).order

    assert order is not None
    assert (order.quantity, order.reduces) == (16_000 * NANO, 6_000 * NANO)


@pytest.mark.parametrize(
    ("limits", "view", "denied"),
    [
        ({"max_order_notional": nano(5_000)}, {}, "MAX_ORDER_NOTIONAL"),
        ({}, {"engine_paused": True}, "ENGINE_PAUSED"),
        ({}, {"state": TradingState("REDUCING", "MAX_DRAWDOWN_SOFT", 0.1, 0.1)}, "MAX_DRAWDOWN_SOFT"),
        ({}, {"state": TradingState("HALTED", "HALT", "news")}, "KILL_SWITCH"),
        ({}, {"price": 0}, "NO_PRICE"),
        ({"require_stop": True}, {}, "STOP_REQUIRED"),
    ],
)
@pytest.mark.parametrize("held", [10_000, -10_000])
def test_the_closing_part_of_a_denied_reversal_passes_alone(
    limits: dict[str, Any], view: dict[str, Any], denied: str, held: int
) -> None:
    desk = a_desk(**limits)
    desk.hold(held)
    for name, value in view.items():
        setattr(desk.view, name, value)
    side = SELL if held > 0 else BUY
    answer = desk.enter(direction=side, stop=0)
    order = answer.order

    assert answer.denial is not None
    assert answer.denial.code == denied
    assert answer.id == order_id("run-1", "ema_cross", "EURUSD", T, "ENTRY", 0)
    assert order is not None
    assert (order.purpose, order.side, order.quantity, order.opens) == ("SIGNAL", side, UNITS, 0)
    assert order.id == order_id("run-1", "ema_cross", "EURUSD", T, "SIGNAL", 0)
    desk.fill(order)
    assert desk.book.exposed() == []


def test_a_denied_reversal_closes_nothing_that_is_leaving_already() -> None:
    desk = a_desk()
    desk.hold(10_000)
    desk.leave()
    desk.view.engine_paused = True
    answer = desk.enter(direction=-1)

    assert answer.order is None
    assert answer.denial is not None


def test_a_denied_entry_on_the_side_that_is_held_closes_nothing() -> None:
    desk = a_desk(max_positions_per_symbol=1)
    desk.hold(10_000)
    answer = desk.enter()

    assert answer.order is None
    assert answer.denial is not None


# -- exits ---------------------------------------------------------------------------------------

HARDSHIP: list[dict[str, Any]] = [
    {},
    {"state": TradingState("REDUCING", "MAX_DRAWDOWN_SOFT", 0.1, 0.1)},
    {"state": TradingState("HALTED", "HALT", "news")},
    {"engine_paused": True},
    {"price": 0, "bar_at": 0},
    {"equity": -NANO},
    {"unresolved": {"EURUSD"}},
]


@pytest.mark.parametrize("hardship", HARDSHIP)
@pytest.mark.parametrize("held", [10_000, -10_000])
def test_an_exit_passes_whatever_the_state(held: int, hardship: dict[str, Any]) -> None:
    desk = a_desk(max_open_positions=1, max_order_notional=NANO, max_trades_per_day=1)
    desk.hold(held)
    for name, value in hardship.items():
        setattr(desk.view, name, value)
    before = desk.book.exposure("EURUSD")
    order = desk.leave()

    assert order is not None
    assert (order.side, order.quantity, order.reduces) == (SELL if held > 0 else BUY, UNITS, UNITS)
    assert (order.kind, order.opens, order.stop, order.target) == ("MARKET", 0, 0, 0)
    assert desk.book.exposure("EURUSD") == before


def test_an_exit_of_a_symbol_nobody_knows_any_more_passes() -> None:
    desk = GateDesk(a_config(), instruments={})
    desk.hold(10_000)
    half = desk.leave(fraction=0.5)
    rest = desk.leave()

    assert half is not None
    assert rest is not None
    assert half.quantity == rest.quantity == UNITS // 2


def test_an_exit_passes_when_every_rule_raises() -> None:
    class Broken:
        def check(self, *args: Any) -> None:
            raise ZeroDivisionError

    desk = a_desk()
    desk.hold(10_000)
    desk.gate.rules.checks = [(name, Broken()) for name in RULES]  # type: ignore[misc]

    assert desk.leave() is not None


def test_with_nothing_left_to_close_there_is_no_order() -> None:
    desk = a_desk()
    assert desk.leave() is None

    desk.hold(10_000)
    assert desk.leave() is not None
    assert desk.leave() is None


@pytest.mark.parametrize(
    ("fraction", "held", "closed"),
    [
        (1.0, 10_000, 10_000),
        (2.0, 10_000, 10_000),
        (0.5, 10_000, 5_000),
        (0.55, 10_000, 5_000),  # down to the lot step
        (0.29, 100_000, 29_000),  # and not one step too far, as a product of floats would go
        (0.57, 100_000, 57_000),
        (0.05, 10_000, None),
        (0.0, 10_000, None),
        (-0.5, 10_000, None),
        (1.0, 500, 500),  # less than the minimum can still be closed whole
    ],
)
def test_a_part_is_closed_down_to_the_lot_step(fraction: float, held: int, closed: int | None) -> None:
    desk = a_desk()
    desk.hold(held)
    order = desk.leave(fraction=fraction)

    assert (order.quantity if order else None) == (closed and closed * NANO)


def test_exits_in_parts_never_close_more_than_is_held() -> None:
    desk = a_desk()
    desk.hold(10_000)
    parts = [desk.leave(purpose=f"OPERATOR:{i}", fraction=0.6) for i in range(1, 6)]

    assert [one.quantity // NANO if one else None for one in parts] == [6_000, 2_000, 1_000, None, None]
    assert desk.book.exposure("EURUSD") == UNITS


def test_a_target_closes_its_part_of_what_was_held_first() -> None:
    desk = a_desk()
    desk.hold(10_000)
    parts = [desk.leave(purpose=f"TP{i}", fraction=0.4) for i in range(1, 5)]

    assert [one.quantity // NANO if one else None for one in parts] == [4_000, 4_000, 2_000, None]


def test_an_exit_tells_its_purpose_attempt_and_cause() -> None:
    desk = a_desk()
    entry = desk.enter().order
    assert entry is not None
    desk.book.apply(a_fill(order_id=entry.id, correlation_id=entry.correlation_id))
    desk.book.release(entry.id)
    order = desk.leave(purpose="close-42", attempt=2, at=T + 1, price=nano("1.2"))

    assert order is not None
    assert order.id == order_id("run-1", "ema_cross", "EURUSD", T + 1, "close-42", 2)
    assert (order.purpose, order.attempt, order.correlation_id) == ("close-42", 2, entry.correlation_id)
    assert (order.entry, order.at, order.expires_at) == (nano("1.2"), T + 1, 0)  # an exit never expires
