"""What research says of a candidate, as the gate takes it: it stops or makes smaller, and never more (G15)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from gate_desk import GateDesk

from domain.candidate import Veto
from domain.money import NANO
from domain.order import SIGNAL
from risk.explain import RESEARCH, explain
from risk.view import Denial
from tests.factories import a_candidate, a_config

NO = Veto("RESEARCH_NO_GO", 0.31, 0.5)
UNITS = {"sizing": "fixed_units", "units": 10_000 * NANO}


def size(desk: GateDesk, **said: Any) -> int:
    answer = desk.enter(**said)
    return answer.order.quantity if answer.order else 0


def test_a_veto_is_a_denial_with_its_numbers() -> None:
    answer = GateDesk().enter(veto=NO)

    assert (answer.order, answer.denial) == (None, Denial("RESEARCH_NO_GO", 0.31, 0.5))


@pytest.mark.parametrize("sizing", [{"sizing": "fixed_fraction"}, UNITS])
def test_a_factor_makes_every_size_smaller(sizing: dict[str, Any]) -> None:
    whole, half = (size(GateDesk(a_config(**sizing)), factor=one) for one in (1.0, 0.5))

    assert 0 < half <= whole // 2


@pytest.mark.parametrize("sizing", [{"sizing": "fixed_fraction"}, UNITS])
@pytest.mark.parametrize("factor", [1.0000001, 3.0, -0.1, math.nan, math.inf])
def test_a_factor_that_is_none_denies(factor: float, sizing: dict[str, Any]) -> None:
    answer = GateDesk(a_config(**sizing)).enter(factor=factor)

    assert (answer.order, answer.denial) == (None, Denial("FACTOR_INVALID", str(factor), "0 to 1"))


@pytest.mark.parametrize(("sizing", "code"), [({"sizing": "fixed_fraction"}, "FACTOR_ZERO"), (UNITS, "SIZE_TOO_SMALL")])
def test_nothing_left_is_no_trade(sizing: dict[str, Any], code: str) -> None:
    answer = GateDesk(a_config(**sizing)).enter(factor=0.0)

    assert answer.order is None
    assert answer.denial is not None
    assert answer.denial.code == code


@pytest.mark.parametrize("sizing", [{"sizing": "fixed_fraction"}, UNITS])
@pytest.mark.parametrize("said", [{"veto": NO}, {"factor": 0.3}, {"factor": 0.0}, {"factor": 2.0}])
def test_the_ladder_says_the_same(sizing: dict[str, Any], said: dict[str, Any]) -> None:
    desk = GateDesk(a_config(**sizing))
    answer = desk.enter(**said)
    fresh = GateDesk(a_config(**sizing))
    fresh._look("EURUSD")
    found = explain(fresh.gate, a_candidate(**said), fresh.view, 0)

    denials = [one for one in found.checks if one.code]
    if "veto" in said:
        assert [(one.rule, one.code, one.value, one.threshold) for one in denials] == [
            (RESEARCH, NO.code, NO.value, NO.threshold)
        ]
    else:
        assert denials == []
        assert found.size is not None
        assert found.size.denial == answer.denial
        assert found.size.quantity == (answer.order.quantity if answer.order else 0)
        assert found.answer.denial == answer.denial


def test_a_veto_on_a_reversal_still_closes_what_is_held() -> None:
    desk = GateDesk(a_config(**UNITS))
    desk.fill(desk.enter().order)
    answer = desk.enter(direction=-1, veto=NO)

    assert answer.denial == Denial("RESEARCH_NO_GO", 0.31, 0.5)
    assert answer.order is not None
    assert (answer.order.purpose, answer.order.quantity, answer.order.opens) == (SIGNAL, 10_000 * NANO, 0)
