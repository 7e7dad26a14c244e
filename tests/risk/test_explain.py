"""The ladder tells what the gate answers, step by step, whatever is asked."""

from __future__ import annotations

import math
from typing import Any

from exposure_desk import ExposureDesk
from gate_desk import GateDesk
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.money import NANO
from risk.config import RiskConfig
from risk.explain import CANDIDATE, PRICES, Explaining, Ladder, explain
from risk.gate import Gate
from risk.view import Denial, View, Wish
from tests.factories import T, a_candidate, a_config, a_view, full_config, nano


def told(desk: GateDesk, spread: int = 0, **changed: Any) -> Ladder:
    candidate = a_candidate(**changed)
    desk._look(candidate.symbol)
    return explain(desk.gate, candidate, desk.view, spread)


def agrees(found: Ladder) -> None:
    """The steps lead to the answer: the first that denies is its denial, and without one the size is its size."""
    answer, denied = found.answer, [one for one in found.checks if one.code]
    if answer.denial is None:
        assert not denied
        assert found.size is not None
        assert found.size.denial is None
        assert not any(one.code for one in found.size.caps)
        assert answer.size == found.size.quantity > 0
        assert found.size.quantity <= found.size.fits <= found.size.multiplied
        return
    if denied:
        first = denied[0]
        assert same((first.code, first.value, first.threshold), answer.denial)
        return
    assert found.size is not None
    assert found.size.denial is not None
    assert same(found.size.denial, answer.denial)


def same(one: Any, other: Any) -> bool:
    return [str(part) for part in one] == [str(part) for part in other]


LARGE = some.integers(-(10**30), 10**30)
ODD = LARGE | some.sampled_from([0, 1, -1, math.nan, math.inf, -math.inf])
SOUND = some.fixed_dictionaries(
    {},
    optional={
        "symbol": some.sampled_from(["EURUSD", "BTC", "NONE"]),
        "direction": some.sampled_from([1, -1]),
        "stop": some.integers(0, nano("0.5")),
        "target": some.integers(0, nano("0.5")),
        "limit": some.sampled_from([0, nano("1.09")]),
        "score": some.floats(0, 1),
        "factor": some.floats(-0.1, 1.1),
        "regime": some.sampled_from(["", "TRENDING", "RANGING"]),
        "expires_at": some.sampled_from([0, T - 1, T + 1]),
    },
)
UNSOUND = some.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("price", "stop", "target", "limit", "expires_at"), ODD)
    | {"direction": some.integers(-3, 3), "score": some.floats(), "factor": some.floats()},
)
USUAL = some.fixed_dictionaries(
    {}, optional={"equity": some.integers(NANO, 10**7 * NANO), "volume": some.sampled_from([0.0, 10.0, 10_000.0])}
)
MOMENTS = USUAL | some.fixed_dictionaries(
    {}, optional=dict.fromkeys(("equity", "peak", "day_equity", "price", "bar_at"), LARGE)
)
METHODS = some.sampled_from(["fixed_units", "fixed_fraction", "kelly", "volatility_target"])
LIMITS = some.fixed_dictionaries(
    {},
    optional={
        "max_order_notional": some.sampled_from([nano(500), nano(20_000), nano(10**6)]),
        "max_exposure": some.sampled_from([nano(500), nano(20_000)]),
        "max_leverage": some.sampled_from([0.001, 0.2, 50.0]),
        "max_risk": some.sampled_from([0.00001, 0.002, 0.5]),
        "max_depth": some.sampled_from([0.1, 1.0]),
        "max_open_positions": some.sampled_from([1, 3]),
        "score_factors": some.sampled_from([{}, {"0.5": 2.0}, {"0.1": 0.0}]),
        "regime_factors": some.sampled_from([{}, {"TRENDING": 1.5, "RANGING": 0.3}]),
        "near_limit": some.sampled_from([None, 0.5]),
        "max_daily_loss": some.sampled_from([None, nano(3_000)]),
        "max_positions_per_symbol": some.sampled_from([None, 1]),
        "units": some.sampled_from([NANO // 1000, 10_000 * NANO, 10**12 * NANO]),
        "market_hours": some.booleans(),
        "require_stop": some.booleans(),
    },
)


@given(SOUND | UNSOUND, MOMENTS, METHODS, LIMITS, some.integers(-20_000, 20_000), some.integers(0, nano("0.01")))
@settings(max_examples=1500)
def test_the_ladder_agrees_with_the_gate(
    wish: dict[str, Any], moment: dict[str, Any], sizing: str, limits: dict[str, Any], held: int, spread: int
) -> None:
    desk = GateDesk(RiskConfig(sizing=sizing, **limits))
    if held:
        desk.hold(held)
    for name, value in moment.items():
        setattr(desk.view, name, value)
    before = desk.gate.enter(a_candidate(**wish), looked(desk, wish), "paper", 0, spread)

    found = told(desk, spread, **wish)

    assert str(found.answer) == str(before)  # a NaN is not equal to itself
    agrees(found)


def looked(desk: GateDesk, wish: dict[str, Any]) -> View:
    desk._look(wish.get("symbol", "EURUSD"))
    return desk.view


@given(SOUND, some.integers(-20_000, 20_000), some.floats(0.001, 0.1))
@settings(max_examples=300)
def test_the_ladder_agrees_with_the_gate_with_every_rule_on(wish: dict[str, Any], held: int, share: float) -> None:
    config = full_config(max_leverage=share * 10, max_symbol_exposure=share * 5, max_risk=share / 10)
    desk = ExposureDesk().hold("BTC", 1)
    if held:
        desk.hold("EURUSD", held)
    view = desk.view(config=config)
    candidate = a_candidate(**{**wish, "symbol": "EURUSD"})

    agrees(explain(Gate(config, "run-1", "paper:test"), candidate, view, nano("0.00008")))


# -- what it tells -----------------------------------------------------------------------------------


def test_every_rule_is_shown_in_the_gates_order_also_after_the_first_denial() -> None:
    desk = GateDesk(a_config(max_open_positions=1, max_trades_per_day=3, max_daily_loss=nano(100)))
    desk.hold(1_000, "BTC")
    desk.view.trades_today, desk.view.day_equity = 3, desk.view.equity + nano(250)

    found = told(desk)

    rules = [one.rule for one in found.checks]
    assert rules[0] == CANDIDATE
    assert rules[-1] == PRICES
    assert rules[1:-1] == [name for name, _ in desk.gate.rules.checks]
    by_rule = {one.rule: one for one in found.checks}
    assert [one.rule for one in found.checks if one.code] == [
        "max_trades_per_day",
        "max_daily_loss",
        "max_open_positions",
    ]
    assert (by_rule["max_daily_loss"].value, by_rule["max_daily_loss"].threshold) == (250.0, 100.0)
    assert (by_rule["trading_state"].value, by_rule["trading_state"].code) == ("ACTIVE", "")
    assert found.answer.denial is not None
    assert found.answer.denial.code == "MAX_TRADES_PER_DAY"
    assert found.size is not None
    assert found.size.quantity > 0  # what it would have been
    assert found.loss is None
    assert "max_leverage" in found.off
    assert "max_daily_loss" not in found.off


def test_every_step_of_the_size_is_shown() -> None:
    config = a_config(
        score_factors={"0.5": 1.5},
        regime_factors={"TRENDING": 1.2, "RANGING": 0.5},
        near_limit=0.5,
        max_daily_loss=nano(1_000),
        max_risk=0.01,
        max_order_notional=nano(50_000),
    )
    desk = GateDesk(config)
    desk.view.day_equity = desk.view.equity + nano(600)

    found = told(desk, regime="RANGING", factor=0.8)

    size = found.size
    assert size is not None
    assert (size.method, size.wanted) == ("fixed_fraction", 250_000 * NANO)
    assert [(one.name, one.times) for one in size.factors] == [
        ("research", nano("0.8")),
        ("score", nano("1.5")),
        ("regime", nano("0.5")),
        ("near limit", nano("0.5")),
    ]
    assert size.factor == nano("0.3")
    assert size.multiplied == 75_000 * NANO
    caps = {one.rule: one for one in size.caps}
    assert caps["max_order_notional"].binds
    assert caps["max_order_notional"].fits == 45_454_545_454_545
    assert not caps["max_risk"].binds
    assert (size.fits, size.quantity) == (45_454_545_454_545, 45_000 * NANO)
    assert (caps["max_order_notional"].value, caps["max_order_notional"].threshold) == (49_500.0, 50_000.0)
    assert found.loss == nano(90)
    assert size.step == 1_000 * NANO
    assert found.answer.size == 45_000 * NANO


def test_the_limit_that_leaves_no_size_is_the_one_that_denies() -> None:
    desk = GateDesk(a_config(max_order_notional=nano(500), max_risk=0.01))

    found = told(desk)

    size = found.size
    assert size is not None
    assert size.quantity == 0
    assert [(one.rule, one.code) for one in size.caps] == [
        ("max_order_notional", "MAX_ORDER_NOTIONAL"),
        ("max_risk", ""),
    ]
    agrees(found)


def test_of_several_limits_that_shrink_the_last_denies() -> None:
    desk = GateDesk(a_config(max_order_notional=nano(20_000), max_risk=0.000001))

    found = told(desk)

    size = found.size
    assert size is not None
    assert [(one.rule, one.binds, one.code) for one in size.caps] == [
        ("max_order_notional", True, ""),
        ("max_risk", True, "MAX_RISK"),
    ]
    agrees(found)


def test_a_size_that_is_more_than_the_instrument_takes_is_denied() -> None:
    found = told(GateDesk(a_config(sizing="fixed_units", units=10**9 * NANO)))

    assert found.size is not None
    assert found.size.denial == Denial("SIZE_TOO_LARGE", 10.0**9, 50_000_000.0)
    agrees(found)


def test_a_size_that_does_not_shrink_is_taken_or_denied() -> None:
    desk = GateDesk(a_config(sizing="fixed_units", units=10_000 * NANO, max_order_notional=nano(500), near_limit=0.5))

    found = told(desk)

    size = found.size
    assert size is not None
    assert not size.shrinks
    assert size.factors == ()
    assert [(one.rule, one.fits, one.binds, one.code) for one in size.caps] == [
        ("max_order_notional", None, False, "MAX_ORDER_NOTIONAL")
    ]
    agrees(found)


def test_a_wish_that_is_not_sound_has_no_size() -> None:
    found = told(GateDesk(), stop=math.nan)

    assert (found.size, found.loss) == (None, None)
    assert (found.checks[0].rule, found.checks[0].code, found.checks[0].value) == (CANDIDATE, "STOP_INVALID", "nan")
    agrees(found)


def test_a_stop_on_the_wrong_side_is_told_after_the_rules() -> None:
    found = told(GateDesk(), stop=nano(2))

    assert (found.checks[-1].rule, found.checks[-1].code) == (PRICES, "STOP_INVALID")
    agrees(found)


def test_what_cannot_be_sized_still_shows_where_the_limits_stand() -> None:
    desk = GateDesk(a_config(require_stop=False, max_order_notional=nano(500), max_risk=0.01))

    found = told(desk, stop=0)

    size = found.size
    assert size is not None
    assert size.denial == Denial("STOP_REQUIRED", 0.0, 0)
    assert [(one.rule, one.fits, one.threshold) for one in size.caps] == [
        ("max_order_notional", None, 500.0),
        ("max_risk", None, 0.01),
    ]
    agrees(found)


def test_an_unknown_symbol_or_currency_is_told() -> None:
    desk = GateDesk(a_config(max_risk=0.01))
    unknown = told(desk, symbol="NONE")
    desk.rates["EURUSD"] = None
    unconverted = told(desk)

    for found, code in ((unknown, "INSTRUMENT_UNKNOWN"), (unconverted, "CONVERSION_UNKNOWN")):
        assert found.size is not None
        assert found.size.denial is not None
        assert found.size.denial.code == code
        agrees(found)


def test_a_rule_that_raises_is_one_step_and_the_others_go_on() -> None:
    desk = GateDesk(a_config(max_open_positions=1, max_order_notional=nano(500_000), max_risk=0.01))

    class Raising:
        stage = 2
        keys = ("none",)

        def check(self, wish: Wish, view: View) -> None:
            raise ZeroDivisionError("nothing")

    class RaisingRoom:
        stage, keys, code = 8, ("none",), "NONE"

        def room(self, wish: Wish, view: View, wanted: int) -> int:
            raise KeyError("nothing")

        exceeded = figures = room

    checks = desk.gate.rules.checks
    checks.insert(1, ("raising", Raising()))  # type: ignore[arg-type]
    found = told(desk)
    assert found.checks[2].code == "RULE_FAILED"
    assert found.checks[2].value == "raising: ZeroDivisionError: nothing"
    assert len(found.checks) == len(checks) + 2
    agrees(found)

    checks.pop(1)
    desk.gate.rules.rooms.insert(1, ("raising_room", RaisingRoom()))  # type: ignore[arg-type]
    found = told(desk)
    assert found.size is not None
    assert [(one.rule, one.code) for one in found.size.caps] == [
        ("max_order_notional", ""),
        ("raising_room", "RULE_FAILED"),
        ("max_risk", ""),
    ]
    agrees(found)


def test_a_reversal_says_what_it_closes_first() -> None:
    desk = GateDesk()
    desk.hold(-7_000)

    found = told(desk)

    assert found.closing == 7_000 * NANO
    assert found.answer.order is not None
    assert found.answer.order.quantity == found.answer.size + 7_000 * NANO


def test_a_gate_notes_the_wish_it_was_told_to_and_answers_as_ever() -> None:
    config, view = a_config(max_daily_loss=nano(100)), a_view(a_config())
    plain = Gate(config, "run-1", "paper:test")
    one, other = a_candidate(), a_candidate(strategy="other")
    wanted = plain.enter(other, view, "paper", 0, 0)
    noting = Explaining(config, "run-1", "paper:test", wanted.id)

    assert noting.enter(one, view, "paper", 0, 0) == plain.enter(one, view, "paper", 0, 0)
    assert noting.ladder is None
    assert noting.enter(other, view, "paper", 1, 0) == plain.enter(other, view, "paper", 1, 0)
    assert noting.ladder is not None
    assert noting.ladder.answer.id == wanted.id
    noting.enter(one, view, "paper", 2, 0)
    assert noting.ladder.candidate is other


def test_a_cheap_denial_is_noted_too() -> None:
    view = a_view(a_config(), now=T + 10**15)
    noting = Explaining(a_config(), "run-1", "paper:test")

    assert noting.precheck(a_candidate(), view, 0) is not None
    assert noting.ladder is not None
    assert noting.ladder.answer.denial is not None


def test_the_price_it_would_enter_at_and_the_planned_loss_follow_the_tick() -> None:
    desk = GateDesk()

    found = told(desk, spread=nano("0.00008"), stop=nano("0.0020049"))

    order = found.answer.order
    assert order is not None
    assert found.reference == order.entry == nano("1.10008")
    assert found.loss == (order.entry - order.stop) * order.quantity // NANO
    assert found.loses(order.quantity) == found.loss <= nano(500)
