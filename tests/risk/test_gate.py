"""What the gate says to a candidate: stages, sizes, prices, denials, decisions."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from gate_desk import GateDesk

from domain.candidate import Exit
from domain.decision import decisions_hash
from domain.money import NANO
from domain.order import order_id
from domain.registry import load
from domain.timeframe import MINUTE
from risk.config import STAGES_THAT_CAN_BE_OFF, RiskConfig
from risk.gate import Answer, Rules, decision_of
from risk.rules import ALWAYS, RULES
from risk.state import TradingState
from risk.view import Denial, Lock
from tests.factories import EVERY_LIMIT, T, a_candidate, a_config, an_instrument, nano

UNITS = {"sizing": "fixed_units", "units": 10_000 * NANO}


def code(desk: GateDesk, **candidate: Any) -> str | None:
    denial = desk.enter(**candidate).denial
    return denial.code if denial else None


# -- an approval ---------------------------------------------------------------------------------


def test_an_approved_candidate_becomes_an_order_with_its_room_kept() -> None:
    desk = GateDesk(a_config(max_order_notional=nano(500_000)))
    answer = desk.enter()
    order = answer.order

    assert order is not None
    assert answer.denial is None
    assert (order.side, order.quantity, order.reduces, order.kind, order.price) == (1, 250_000 * NANO, 0, "MARKET", 0)
    assert (order.entry, order.stop, order.target) == (nano("1.1"), nano("1.098"), nano("1.103"))
    assert (order.at, order.expires_at, order.purpose) == (T, T + MINUTE, "ENTRY")
    assert (order.account, order.venue, order.strategy) == ("paper:test", "paper", "ema_cross")
    assert order.id == order.correlation_id == answer.id == order_id("run-1", "ema_cross", "EURUSD", T, "ENTRY", 0)
    assert (answer.size, answer.stop, answer.target) == (order.quantity, order.stop, order.target)
    assert desk.book.exposure("EURUSD") == 250_000 * NANO


@pytest.mark.parametrize(
    ("direction", "spread", "entry", "stop", "target"),
    [
        (1, "0", "1.1", "1.098", "1.103"),
        (1, "0.0001", "1.1001", "1.0981", "1.1031"),  # from the ask that a buy pays
        (-1, "0.0001", "1.1", "1.102", "1.097"),  # a sale gets the bid
        (1, "0.000003", "1.100003", "1.09801", "1.103"),  # the stop on the tick with the smaller risk
    ],
)
def test_stop_and_target_stand_off_the_price_it_would_get_now(
    direction: int, spread: str, entry: str, stop: str, target: str
) -> None:
    order = GateDesk().enter(direction=direction, spread=nano(spread)).order

    assert order is not None
    assert (order.entry, order.stop, order.target) == (nano(entry), nano(stop), nano(target))


def test_a_short_stop_is_rounded_to_the_smaller_risk() -> None:
    order = GateDesk().enter(direction=-1, price=nano("1.100007")).order

    assert order is not None
    assert (order.stop, order.target) == (nano("1.102"), nano("1.09701"))


@pytest.mark.parametrize("direction", [1, -1])
def test_a_limit_is_set_on_the_tick_and_pays_no_spread(direction: int) -> None:
    order = GateDesk().enter(direction=direction, limit=nano("1.090004"), spread=nano("0.0001")).order

    assert order is not None
    assert (order.kind, order.price, order.entry) == ("LIMIT", nano("1.09"), nano("1.09"))
    assert order.stop == nano("1.09") - direction * nano("0.002")


def test_a_stop_that_was_asked_for_and_cannot_be_placed_denies_also_where_none_is_required() -> None:
    assert code(GateDesk(a_config(require_stop=False, **UNITS)), stop=nano(2)) == "STOP_INVALID"


def test_without_distances_there_is_neither_stop_nor_target() -> None:
    order = GateDesk(a_config(require_stop=False, **UNITS)).enter(stop=0, target=0).order

    assert order is not None
    assert (order.stop, order.target) == (0, 0)


# -- what no strategy may ask --------------------------------------------------------------------

NOT_A_NUMBER: Any = math.nan
BOUNDLESS: Any = math.inf


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"direction": 0}, "DIRECTION_INVALID"),
        ({"direction": 2}, "DIRECTION_INVALID"),
        ({"price": 0}, "PRICE_INVALID"),
        ({"price": -1}, "PRICE_INVALID"),
        ({"price": NOT_A_NUMBER}, "PRICE_INVALID"),
        ({"price": BOUNDLESS}, "PRICE_INVALID"),
        ({"limit": -1}, "PRICE_INVALID"),
        ({"limit": NOT_A_NUMBER}, "PRICE_INVALID"),
        ({"limit": 1, "direction": -1}, "PRICE_INVALID"),  # below half a tick: would be a market order
        ({"stop": -1}, "STOP_INVALID"),
        ({"stop": NOT_A_NUMBER}, "STOP_INVALID"),
        ({"stop": BOUNDLESS}, "STOP_INVALID"),
        ({"stop": 0}, "STOP_REQUIRED"),
        ({"stop": nano(2)}, "STOP_REQUIRED"),
        ({"target": -1}, "TARGET_INVALID"),
        ({"target": NOT_A_NUMBER}, "TARGET_INVALID"),
        ({"target": nano(2), "direction": -1}, "TARGET_INVALID"),
        ({"score": NOT_A_NUMBER}, "SCORE_INVALID"),
        ({"score": -BOUNDLESS}, "SCORE_INVALID"),
        ({"probability": NOT_A_NUMBER}, "SCORE_INVALID"),
        ({"expires_at": T - 1}, "EXPIRED"),
        ({"symbol": "NOTHING"}, "INSTRUMENT_UNKNOWN"),
    ],
)
@pytest.mark.parametrize("sizing", ["fixed_units", "fixed_fraction"])
def test_what_is_no_number_is_denied_with_its_own_code(changed: dict[str, Any], expected: str, sizing: str) -> None:
    desk = GateDesk(a_config(sizing=sizing, max_order_notional=nano(200_000)))

    assert code(desk, **changed) == expected
    assert desk.book.exposed() == []


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"price": nano("1.100004"), "stop": nano("0.000001")}, "STOP_INVALID"),  # 1.100003 becomes 1.10001
        ({"price": nano("1.100006"), "stop": nano("0.000001"), "direction": -1}, "STOP_INVALID"),
        ({"price": nano("1.1"), "stop": nano("0.000001")}, "STOP_INVALID"),  # the entry itself
        ({"price": nano("1.1"), "stop": nano("0.00001")}, None),
        ({"price": nano("0.000008"), "stop": nano("0.000001"), "direction": -1}, "STOP_INVALID"),  # would be 0: none
        ({"price": nano("1.100003"), "target": nano("0.000001")}, "TARGET_INVALID"),  # 1.100004 becomes 1.1
        ({"price": nano("1.100006"), "target": nano("0.000001"), "direction": -1}, "TARGET_INVALID"),
        ({"price": nano("1.1"), "target": nano("0.00001")}, None),
    ],
)
def test_a_price_on_the_wrong_side_of_the_entry_is_denied(changed: dict[str, Any], expected: str | None) -> None:
    assert code(GateDesk(a_config(max_order_notional=nano(200_000))), **changed) == expected


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ({"equity": 0, "peak": 0, "day_equity": 0}, "NO_EQUITY"),
        ({"equity": -NANO, "peak": 0, "day_equity": 0}, "NO_EQUITY"),
        ({"price": 0}, "NO_PRICE"),
        ({"bar_at": T - 4 * MINUTE}, "DATA_STALE"),
        ({"equity": NANO, "peak": NANO, "day_equity": NANO}, "SIZE_TOO_SMALL"),
        ({"engine_paused": True}, "ENGINE_PAUSED"),
        ({"state": TradingState("REDUCING", "MAX_DRAWDOWN_SOFT", 0.1, 0.1)}, "MAX_DRAWDOWN_SOFT"),
        ({"state": TradingState("HALTED", "HALT", "news")}, "KILL_SWITCH"),
        ({"locks": [Lock("l", "COOLDOWN", None, None, T + 1, "")]}, "LOCKED"),
        ({"unresolved": {"EURUSD"}}, "UNKNOWN_ORDER"),
        ({"trades_today": 100}, "MAX_TRADES_PER_DAY"),
        ({"day_equity": nano(103_000)}, "MAX_DAILY_LOSS"),
        ({"peak": nano(120_000)}, "MAX_DRAWDOWN"),
        ({"peak": nano(112_000)}, "MAX_DRAWDOWN_SOFT"),
    ],
)
def test_the_first_limit_that_is_broken_is_told(view: dict[str, Any], expected: str) -> None:
    limits = a_config(
        max_trades_per_day=100,
        max_daily_loss=nano(3_000),
        max_drawdown=0.15,
        max_drawdown_soft=0.1,
        max_open_positions=5,
    )
    desk = GateDesk(limits)
    for name, value in view.items():
        setattr(desk.view, name, value)

    assert code(desk) == expected
    assert desk.book.exposed() == []


def test_without_a_conversion_there_is_no_entry() -> None:
    desk = GateDesk()
    desk.rates["EURUSD"] = None

    assert desk.enter().denial == Denial("CONVERSION_UNKNOWN", "USD")


@pytest.mark.parametrize(
    ("rate", "expected"), [((0, 1), "RULE_FAILED"), ((1, 0), "SIZE_TOO_SMALL"), ((-1, 1), "SIZE_TOO_SMALL")]
)
def test_a_conversion_that_is_none_denies(rate: tuple[int, int], expected: str) -> None:
    desk = GateDesk()
    desk.rates["EURUSD"] = rate

    assert code(desk) == expected


# -- rules that fail -----------------------------------------------------------------------------


class Broken:
    """Raises wherever it is asked."""

    stage = 6
    keys: tuple[str, ...] = ()
    code = "BROKEN"
    shrinks = True

    def check(self, *args: Any) -> Any:
        raise ZeroDivisionError("division by zero")

    room = exceeded = size = check


def test_a_rule_that_raises_denies() -> None:
    desk = GateDesk()
    desk.gate.rules.checks.append(("broken", Broken()))

    assert desk.enter().denial == Denial("RULE_FAILED", "broken: ZeroDivisionError: division by zero")
    assert desk.book.exposed() == []


@pytest.mark.parametrize("part", ["room", "sizing"])
def test_a_size_that_raises_denies(part: str) -> None:
    desk = GateDesk()
    if part == "room":
        desk.gate.rules.rooms.append(("broken", Broken()))
    else:
        desk.gate.rules.sizing = Broken()

    assert desk.enter().denial == Denial("RULE_FAILED", "size: ZeroDivisionError: division by zero")


def test_a_denial_before_it_spares_the_rule_that_raises() -> None:
    desk = GateDesk()
    desk.gate.rules.checks.append(("broken", Broken()))
    desk.view.engine_paused = True

    assert code(desk) == "ENGINE_PAUSED"


# -- sizes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cap", "units"),
    [(200_000, 181_000), (275_000, 250_000), (1_000_000, 250_000), (1_100, 1_000), (1_099, None)],
)
def test_a_risk_based_size_shrinks_to_the_room(cap: int, units: int | None) -> None:
    answer = GateDesk(a_config(max_order_notional=nano(cap))).enter()

    assert (answer.order.quantity if answer.order else None) == (units and units * NANO)
    if units is None:
        assert answer.denial == Denial("MAX_ORDER_NOTIONAL", 1_100.0, float(cap))


@pytest.mark.parametrize(("cap", "denied"), [("11000", False), ("10999.99", True), ("1", True)])
def test_fixed_units_are_denied_not_shrunk(cap: str, denied: bool) -> None:
    answer = GateDesk(a_config(max_order_notional=nano(cap), **UNITS)).enter()

    assert answer.denial == (Denial("MAX_ORDER_NOTIONAL", 11_000.0, float(cap)) if denied else None)
    assert (answer.order is None) == denied


@pytest.mark.parametrize(
    ("sizing", "denial"),
    [("fixed_units", Denial("SIZE_TOO_LARGE", 10_000.0, 5_000.0)), ("fixed_fraction", None)],
)
def test_the_most_that_an_instrument_takes_shrinks_or_denies_likewise(sizing: str, denial: Denial | None) -> None:
    desk = GateDesk(a_config(sizing=sizing), {"EURUSD": an_instrument(max_quantity=5_000 * NANO)})
    answer = desk.enter()

    assert answer.denial == denial
    assert (answer.order.quantity if answer.order else None) == (None if denial else 5_000 * NANO)


@pytest.mark.parametrize(("units", "denied"), [(999, True), (1_000, False)])
def test_less_than_the_minimum_is_no_trade(units: int, denied: bool) -> None:
    answer = GateDesk(a_config(sizing="fixed_units", units=units * NANO)).enter()

    assert answer.denial == (Denial("SIZE_TOO_SMALL", float(units), 1_000.0) if denied else None)


def test_every_room_is_asserted_again_on_the_result() -> None:
    class Narrow(Broken):
        def room(self, *args: Any) -> Any:
            return 10**18

        def exceeded(self, *args: Any) -> Any:
            return Denial("NARROW", 1, 0)

    desk = GateDesk()
    desk.gate.rules.rooms.append(("narrow", Narrow()))

    assert code(desk) == "NARROW"


# -- stages --------------------------------------------------------------------------------------


ALL_RULES = {name: load(reference) for name, reference in RULES.items()}
CAN_BE_OFF = [name for name, rule in ALL_RULES.items() if rule.stage in STAGES_THAT_CAN_BE_OFF]
NEVER_OFF = {*RULES} - {*CAN_BE_OFF}


def test_all_rules_hold_when_nothing_is_said() -> None:
    assert set(Rules(RiskConfig(**EVERY_LIMIT)).names) == set(RULES)
    assert {"trading_state", "data_fresh", "not_expired", "in_flight", "max_risk"} <= NEVER_OFF


@pytest.mark.parametrize("stage", [2, 5, 6, 7, 8, 10])
def test_a_stage_that_is_off_takes_its_rules_along(stage: int) -> None:
    gone = {name for name in CAN_BE_OFF if ALL_RULES[name].stage == stage}

    assert gone
    assert set(Rules(RiskConfig(**EVERY_LIMIT, stages_off=(stage,))).names) == set(RULES) - gone


@pytest.mark.parametrize("stage", [1, 3, 4, 9])
def test_state_data_duplicates_and_size_cannot_be_switched_off(stage: int) -> None:
    assert set(Rules(RiskConfig(**EVERY_LIMIT, stages_off=(stage,))).names) == set(RULES)


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in CAN_BE_OFF for key in ALL_RULES[name].keys])
def test_a_key_that_somebody_set_holds_in_a_stage_that_is_off(name: str, key: str) -> None:
    config = RiskConfig(**EVERY_LIMIT, stages_off=STAGES_THAT_CAN_BE_OFF, explicit=frozenset({key}))
    same = {other for other in CAN_BE_OFF if key in ALL_RULES[other].keys}

    assert set(Rules(config).names) == {*NEVER_OFF, *same}
    assert name in same


def test_a_list_of_rules_is_what_holds_beside_what_always_does() -> None:
    config = RiskConfig(**EVERY_LIMIT, rules=("max_daily_loss", "instrument"))

    assert Rules(config).names == ("trading_state", "instrument", "in_flight", "not_expired", "max_daily_loss")
    assert set(ALWAYS) <= set(Rules(config).names)
    assert "locks" not in Rules(config)


def test_with_every_stage_off_an_unknown_instrument_or_conversion_still_denies() -> None:
    desk = GateDesk(a_config(stages_off=(2, 5, 6, 7, 8, 10), **UNITS))
    desk.rates["BTC"] = None

    assert desk.enter(symbol="NOTHING").denial == Denial("INSTRUMENT_UNKNOWN", "NOTHING")
    assert desk.enter(symbol="BTC").denial == Denial("CONVERSION_UNKNOWN", "BTC")


@pytest.mark.parametrize(
    ("view", "held", "candidate", "expected"),
    [
        ({}, 0, {}, None),
        ({"engine_paused": True}, 0, {}, "ENGINE_PAUSED"),
        ({"locks": [Lock("l", "COOLDOWN", None, None, T + 1, "")]}, 0, {}, "LOCKED"),
        ({}, 0, {"price": 0}, "PRICE_INVALID"),
        ({}, 0, {"stop": 0}, "STOP_REQUIRED"),
        ({"equity": nano(1)}, 0, {}, None),  # what it costs is the full gate's question
        ({"engine_paused": True}, -10_000, {}, None),  # a reversal's closing part must reach the full gate
        ({"engine_paused": True}, 10_000, {}, "ENGINE_PAUSED"),
    ],
)
def test_precheck_asks_the_cheap_stages_and_reserves_nothing(
    view: dict[str, Any], held: int, candidate: dict[str, Any], expected: str | None
) -> None:
    desk = GateDesk(a_config(max_open_positions=1))
    desk.hold(10_000, "BTC")  # the rooms are full
    if held:
        desk.hold(held)
    for name, value in view.items():
        setattr(desk.view, name, value)
    answer = desk.gate.precheck(a_candidate(**candidate), desk.view, 0)

    assert (answer.denial.code if answer and answer.denial else None) == expected
    if answer is not None:
        assert (answer.order, answer.size) == (None, 0)
        assert answer.id == order_id("run-1", "ema_cross", "EURUSD", T, "ENTRY", 0)
    assert desk.book.working == {}


def test_precheck_says_what_the_full_gate_would() -> None:
    desk = GateDesk()
    desk.view.engine_paused = True
    candidate = a_candidate()
    cheap, full = desk.gate.precheck(candidate, desk.view, 0), desk.enter(candidate)

    assert cheap == full
    assert cheap is not None
    assert decision_of(candidate, cheap) == decision_of(candidate, full)


# -- decisions -----------------------------------------------------------------------------------


def test_an_approval_is_decided_in_canonical_form() -> None:
    candidate = a_candidate()

    assert decision_of(candidate, GateDesk(a_config(max_order_notional=nano(200_000))).enter(candidate)) == (
        b'{"T":"2024-01-02T12:00:00Z","answer":"APPROVED","code":"","entry":"1.1","purpose":"ENTRY",'
        b'"quantity":"181000","side":1,"stop":"1.098","strategy":"ema_cross","symbol":"EURUSD","target":"1.103",'
        b'"threshold":null,"value":null}'
    )


def test_a_denial_is_decided_in_canonical_form() -> None:
    desk = GateDesk(a_config(max_open_positions=1))
    desk.hold(10_000, "BTC")
    candidate = a_candidate(direction=-1)

    assert decision_of(candidate, desk.enter(candidate)) == (
        b'{"T":"2024-01-02T12:00:00Z","answer":"DENIED","code":"MAX_OPEN_POSITIONS","entry":"1.1","purpose":"ENTRY",'
        b'"quantity":"0","side":-1,"stop":"1.102","strategy":"ema_cross","symbol":"EURUSD","target":"1.097",'
        b'"threshold":1,"value":1}'
    )


def every_answer(scope: str) -> list[bytes]:
    """One decision of each kind, in a run of its own."""
    desk = GateDesk(a_config(max_open_positions=2, max_order_notional=nano(200_000)))
    desk.gate.scope = scope
    desk.gate.account = f"paper:{scope}"
    asked: list[Any] = [a_candidate(), a_candidate(at=T + 1), a_candidate("BTC"), a_candidate("NOTHING")]
    decided = [decision_of(one, desk.enter(one)) for one in asked]
    desk.view.unresolved = {"BTC"}
    decided.append(decision_of(asked[2], desk.enter(asked[2])))
    for name in ("EURUSD", "BTC"):
        desk.fill(next(iter(desk.book.in_flight(name))).order)
    wish = a_candidate(direction=-1, at=T + 2)
    desk.view.engine_paused = True
    decided.append(decision_of(wish, desk.enter(wish)))
    exit = Exit("BTC", "ema_cross", "SIGNAL", T + 3, nano("1.1"))
    order = desk.leave(exit)
    assert order is not None
    return [*decided, decision_of(exit, Answer(order.id, order, None, order.quantity))]


def test_two_runs_that_decide_alike_have_the_same_decisions() -> None:
    first, second = every_answer("run-1"), every_answer("run-2")
    codes = [msgspec.json.decode(one)["code"] for one in first]

    assert codes == ["", "IN_FLIGHT", "", "INSTRUMENT_UNKNOWN", "UNKNOWN_ORDER", "ENGINE_PAUSED", ""]
    assert first == second
    assert decisions_hash(first) == decisions_hash(second) != decisions_hash(reversed(first))


def test_a_decision_holds_no_id() -> None:
    desk = GateDesk(a_config(**UNITS))
    first = desk.enter()
    candidate = a_candidate(at=T + 1)
    said = decision_of(candidate, desk.enter(candidate))

    assert first.order is not None
    for secret in (first.order.id, "run-1", "paper:test"):
        assert secret.encode() not in said
