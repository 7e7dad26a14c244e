"""What a trade costs: spread, cost gate, reward to risk, and a target outside the spread."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import NANO
from domain.registry import load
from risk.costs import Costs
from risk.rules import RULES
from risk.view import Denial, Figures
from tests.factories import a_config, a_view, nano
from tests.risk.gate_desk import GateDesk
from tests.risk.test_rules import a_wish
from tests.risk.test_sessions import kind

BP = NANO // 10_000
NAN: Any = math.nan
INF: Any = math.inf


def rule(name: str, **config: Any) -> Any:
    return load(RULES[name]).build(a_config(**config))


def says(one: Any, wish: Any, view: Any) -> Denial | None:
    """The rule's answer; what it explains must be what it compares."""
    answer: Denial | None = one.check(wish, view)
    figures = one.figures(wish, view)
    assert isinstance(figures, Figures)
    if answer is not None and answer.code.startswith(("MAX_", "COST_TOO", "REWARD", "TARGET_INSIDE")):
        assert figures == answer[1:]
    return answer


# -- spread --------------------------------------------------------------------------------------

LIMITS = {"forex": 2.0, "metal": 3.0, "crypto": 10.0}


@pytest.mark.parametrize(
    ("asset_class", "price", "spread", "denied"),
    [
        ("forex", "1.1", "0.00022", None),
        ("forex", "1.1", "0.000220001", 2.0),
        ("forex", "150", "0.03", None),  # a pair in yen, the same rule
        ("forex", "150", "0.030000001", 2.0),
        ("metal", "2000", "0.6", None),
        ("metal", "2000", "0.600000001", 3.0),
        ("crypto", "40000", "40", None),
        ("crypto", "40000", "40.000000001", 10.0),
        ("other", "5000", "4999", None),  # no limit for it, and no default
        ("forex", "1.1", "0", None),
    ],
)
def test_the_spread_is_so_many_basis_points_of_the_price(
    asset_class: str, price: str, spread: str, denied: float | None
) -> None:
    wish = a_wish(reference=nano(price), spread=nano(spread))
    answer = says(rule("max_spread", max_spread_bps=LIMITS), wish, a_view(instrument=kind(asset_class)))

    assert (answer is not None) == (denied is not None)
    if answer is not None:
        assert answer.code == "MAX_SPREAD"
        assert answer.value == pytest.approx(denied, rel=1e-5)
        assert answer.threshold == denied


@pytest.mark.parametrize(("asset_class", "denied"), [("forex", False), ("other", True)])
def test_a_class_without_a_limit_of_its_own_has_the_default(asset_class: str, denied: bool) -> None:
    one = rule("max_spread", max_spread_bps={"forex": 100.0, "default": 1.0})
    wish = a_wish(spread=nano("0.001"))

    assert (says(one, wish, a_view(instrument=kind(asset_class))) is not None) == denied


@pytest.mark.parametrize(("bps", "spread", "denied"), [(0.0, 0, False), (0.0, 1, True)])
def test_a_limit_of_nothing_lets_nothing_through(bps: float, spread: int, denied: bool) -> None:
    wish = a_wish(spread=spread)

    assert (says(rule("max_spread", max_spread_bps={"default": bps}), wish, a_view()) is not None) == denied


@given(st.integers(1, 10**15), st.integers(0, 10**13), st.integers(1, 10**6))
def test_known_fault_points_and_pips_of_forex_used_for_gold_and_crypto(price: int, spread: int, scale: int) -> None:
    """The same market quoted in other units, or with another tick and lot, gets the same answer."""
    one = rule("max_spread", max_spread_bps={"default": 7.5})
    answers = [
        one.check(a_wish(reference=price * times, spread=spread * times), a_view(instrument=instrument))
        for times in (1, scale)
        for instrument in (kind("forex"), kind("metal", tick=nano("0.01"), contract=100 * NANO), kind("crypto"))
    ]

    assert len({answer is None for answer in answers}) == 1
    assert (answers[0] is None) == (spread * 10_000 * 2 <= 15 * price)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"spread": -1}, "SPREAD_INVALID"),
        ({"spread": NAN}, "SPREAD_INVALID"),
        ({"spread": INF}, "SPREAD_INVALID"),
        ({"reference": 0}, "PRICE_INVALID"),
        ({"reference": -1}, "PRICE_INVALID"),
        ({"reference": NAN}, "PRICE_INVALID"),
        ({"reference": INF}, "PRICE_INVALID"),
    ],
)
def test_known_fault_no_tick_and_the_spread_is_fine(changed: dict[str, Any], code: str) -> None:
    """What cannot be measured is denied, also for a class without a limit."""
    one = rule("max_spread", max_spread_bps=LIMITS)
    for asset_class in ("forex", "other"):
        answer = says(one, a_wish(**changed), a_view(instrument=kind(asset_class)))

        assert answer is not None
        assert answer.code == code


def test_a_missing_tick_is_told_before_its_spread() -> None:
    desk = GateDesk(a_config(max_spread_bps={"default": 1.0}))
    desk.view.price = 0

    assert desk.enter().denial == Denial("NO_PRICE", "EURUSD")


# -- the cost gate -------------------------------------------------------------------------------


def costs(**changed: int) -> dict[str, Costs]:
    return {"EURUSD": Costs(**changed)}


@pytest.mark.parametrize(
    ("charged", "wish", "ratio", "denied"),
    [
        # target 0.01 at 1.1: one basis point of the value is 0.00011, 1.1 % of the distance
        (costs(), {"spread": nano("0.003")}, 0.3, None),
        (costs(), {"spread": nano("0.003000001")}, 0.3, 0.3000001),
        (costs(commission=BP), {}, 0.022, None),  # there and back
        (costs(commission=BP), {}, 0.021999, 0.022),
        (costs(slippage=BP), {}, 0.022, None),
        (costs(slippage=BP), {}, 0.021999, 0.022),
        (costs(financing_long=BP), {}, 0.011, None),  # one night
        (costs(financing_long=BP), {}, 0.010999, 0.011),
        (costs(financing_short=BP), {}, 0.000001, None),  # of the other side
        (costs(financing_short=BP), {"direction": -1}, 0.010999, 0.011),
        (costs(financing_long=BP), {"direction": -1}, 0.000001, None),
        (costs(financing_long=-50 * BP, commission=BP), {}, 0.021999, 0.022),  # what is received does not pay for it
        (costs(commission=BP, slippage=BP, financing_long=BP), {"spread": nano("0.00011")}, 0.066, None),
        (costs(commission=BP, slippage=BP, financing_long=BP), {"spread": nano("0.00011")}, 0.065999, 0.066),
        (costs(commission=BP), {"target": 0, "stop": nano("0.005")}, 0.044, None),  # over the stop without a target
        (costs(commission=BP), {"target": 0, "stop": nano("0.005")}, 0.043999, 0.044),
        (costs(), {}, 0.000001, None),
    ],
)
def test_costs_are_a_part_of_what_can_be_won(
    charged: dict[str, Costs], wish: dict[str, Any], ratio: float, denied: float | None
) -> None:
    usual = {"target": nano("0.01"), "reference": nano("1.1")}
    answer = says(rule("max_cost_ratio", max_cost_ratio=ratio), a_wish(**usual | wish), a_view(costs=charged))

    assert (answer is not None) == (denied is not None)
    if answer is not None:
        assert answer.code == "COST_TOO_HIGH"
        assert answer.value == pytest.approx(denied)
        assert answer.threshold == ratio


@pytest.mark.parametrize(
    ("charged", "changed", "value"),
    [
        (costs(), {"target": 0, "stop": 0}, "no target, no stop"),
        (costs(), {"target": -1}, "no target, no stop"),
        (costs(), {"target": NAN}, "no target, no stop"),
        (costs(), {"target": INF}, "no target, no stop"),
        (costs(), {"spread": NAN}, "no price"),
        (costs(), {"spread": -1}, "no price"),
        (costs(), {"reference": 0}, "no price"),
        (costs(), {"reference": NAN}, "no price"),
        ({}, {}, "no costs of EURUSD"),
        ({"BTC": Costs()}, {}, "no costs of EURUSD"),
    ],
)
def test_known_fault_an_error_in_the_profitability_gate_allows(
    charged: dict[str, Costs], changed: dict[str, Any], value: str
) -> None:
    wish = a_wish(**{"target": nano("0.01")} | changed)

    answer = says(rule("max_cost_ratio", max_cost_ratio=1.0), wish, a_view(costs=charged))

    assert answer == Denial("COST_UNKNOWN", value)


@given(
    st.integers(10**6, 10**14),
    st.integers(1, 10**13),
    st.integers(0, 10**11),
    st.integers(0, 100 * BP),
    st.integers(2, 10**5),
)
def test_known_fault_pips_over_price_and_points_for_pips(
    price: int, target: int, spread: int, commission: int, scale: int
) -> None:
    """A ratio has no unit: prices in other units (yen, cents, gold, satoshis) change nothing."""
    one, view = rule("max_cost_ratio", max_cost_ratio=0.3), a_view(costs=costs(commission=commission))
    plain, scaled = (
        one.check(a_wish(reference=price * times, spread=spread * times, target=target * times), view)
        for times in (1, scale)
    )

    assert (plain is None) == (scaled is None)
    if plain is not None:
        assert plain.value == pytest.approx(scaled.value)
    assert (plain is None) == (10 * (spread * NANO + 2 * price * commission) <= 3 * target * NANO)


# -- reward to risk ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "stop", "denial"),
    [
        ("0.003", "0.002", None),
        ("0.002999999", "0.002", ("REWARD_TO_RISK", 1.4999995, 1.5)),
        ("0.006", "0.002", None),
        ("0.001", "0.002", ("REWARD_TO_RISK", 0.5, 1.5)),
        ("0", "0.002", ("TARGET_REQUIRED", 0.0, 0)),
        ("-0.003", "0.002", ("TARGET_REQUIRED", -0.003, 0)),
        ("0.003", "0", ("STOP_REQUIRED", 0.0, 0)),
        ("0.003", "-0.002", ("STOP_REQUIRED", -0.002, 0)),
        ("0", "0", ("STOP_REQUIRED", 0.0, 0)),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_the_target_is_so_many_times_as_far_as_the_stop(
    target: str, stop: str, denial: tuple[Any, ...] | None, direction: int
) -> None:
    wish = a_wish(target=nano(target), stop=nano(stop), direction=direction, spread=nano("0.0005"))

    answer = says(rule("min_reward_to_risk", min_reward_to_risk=1.5), wish, a_view())

    assert answer == (None if denial is None else Denial(*denial))


@pytest.mark.parametrize("changed", [{"target": NAN}, {"stop": NAN}])
def test_a_distance_that_is_no_number_is_no_reward(changed: dict[str, Any]) -> None:
    answer = says(rule("min_reward_to_risk", min_reward_to_risk=1.5), a_wish(**{"target": 1} | changed), a_view())

    assert answer is not None
    assert answer.code in ("TARGET_REQUIRED", "STOP_REQUIRED")


@given(st.integers(1, 10**13), st.integers(1, 10**13), st.integers(0, 10**9))
def test_distances_are_from_the_price_that_is_paid(target: int, stop: int, spread: int) -> None:
    """A wider spread moves both, so it changes nothing: it is not counted twice."""
    one = rule("min_reward_to_risk", min_reward_to_risk=2.0)

    answers = [one.check(a_wish(target=target, stop=stop, spread=each), a_view()) for each in (0, spread)]
    assert answers[0] == answers[1]
    assert (answers[0] is None) == (target >= 2 * stop)


# -- a target outside the spread -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "spread", "denied"),
    [
        ("0", "0.0005", False),  # none is given
        ("0.0005", "0.0005", True),
        ("0.000500001", "0.0005", False),
        ("0.0001", "0.0005", True),
        ("0.000000001", "0", False),
        ("-0.001", "0", True),
    ],
)
def test_a_target_lies_outside_the_spread(target: str, spread: str, denied: bool) -> None:
    answer = says(rule("target_outside_spread"), a_wish(target=nano(target), spread=nano(spread)), a_view())

    assert answer == (Denial("TARGET_INSIDE_SPREAD", float(target), float(spread)) if denied else None)


def test_a_target_or_spread_that_is_no_number_is_inside() -> None:
    for changed in ({"target": NAN}, {"target": 1, "spread": NAN}):
        answer = rule("target_outside_spread").check(a_wish(**changed), a_view())

        assert answer is not None
        assert answer.code == "TARGET_INSIDE_SPREAD"


def test_the_gate_denies_a_target_inside_the_spread() -> None:
    desk = GateDesk(a_config(market_hours=False))

    assert desk.enter(spread=nano("0.003")).denial == Denial("TARGET_INSIDE_SPREAD", 0.003, 0.003)
    assert desk.enter(spread=nano("0.002")).denial is None


# -- all of them ---------------------------------------------------------------------------------

ALL = {"max_spread_bps": {"default": 5.0}, "max_cost_ratio": 0.3, "min_reward_to_risk": 1.0}
FAULTY = [0, -1, NAN, INF, -INF]


def test_no_number_raises_and_only_sound_ones_pass() -> None:
    names = ("max_spread", "max_cost_ratio", "min_reward_to_risk", "target_outside_spread")
    built = [rule(name, **ALL) for name in names]
    passed = []
    for numbers in itertools.product(
        [nano("1.1"), *FAULTY], [0, nano("0.0001"), *FAULTY], [nano("0.002"), *FAULTY], [nano("0.003"), 1000, *FAULTY]
    ):
        reference, spread, stop, target = numbers
        for known in (costs(commission=BP), {}):
            wish = a_wish(reference=reference, spread=spread, stop=stop, target=target)
            view = a_view(costs=known)
            [one.figures(wish, view) for one in built]
            if all(one.check(wish, view) is None for one in built):
                passed.append((*numbers, bool(known)))

    assert set(passed) == {(nano("1.1"), spread, nano("0.002"), nano("0.003"), True) for spread in (0, nano("0.0001"))}


@pytest.mark.parametrize("name", ["max_spread", "max_cost_ratio", "min_reward_to_risk"])
def test_a_limit_that_is_not_set_is_no_rule(name: str) -> None:
    assert rule(name) is None
    assert rule(name, **ALL) is not None
