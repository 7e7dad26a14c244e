"""Every role is asked over the wire with its own prompt, schema and check, in every mode."""

from __future__ import annotations

from typing import Any

import pytest

from domain.research import BEAR, BULL, LLM, OK, ROLES, Argument, Claim, Headline
from research.answers import SHAPES, checking
from research.inputs import (
    CriticInput,
    JudgeInput,
    Knob,
    PlannerInput,
    ReaderInput,
    RebuttalInput,
    Results,
    SideInput,
    SingleInput,
    ViewInput,
)
from research.port import Task
from research.prompting import request
from tests.research.asking_desk import a_config, a_model, asked
from tests.research.debating import FACTS, T, a_case, a_trade
from tests.research.wire import Wire

CASE = a_case()
UP, DOWN = (Argument(side, 0.5, (Claim("E1", "so it is"),), LLM) for side in (BULL, BEAR))
HEADLINES = tuple(
    Headline(id=f"{one:012x}", source="a", trust=0.5, published_at=1, seen_at=2, title=f"Rates rise again {one}")
    for one in range(3)
)
RESULTS = Results(trades=20, win_rate=0.4, mean_r=-0.1, stopped=0.5, reached=0.2, best_of_losers=0.8, given_back=0.6)
KNOBS = (Knob(key="fast", type="int", now=10, low=8, high=12),)
GIVEN: dict[str, Any] = {
    "analyst": ViewInput(symbol="EURUSD", at=T, facts=FACTS),
    "bull": SideInput(case=CASE, side=BULL),
    "bear": SideInput(case=CASE, side=BEAR),
    "rebuttal": RebuttalInput(case=CASE, side=BULL, own=UP, other=DOWN),
    "judge": JudgeInput(case=CASE, bull=UP, bear=DOWN),
    "single": SingleInput(case=CASE),
    "reader": ReaderInput(headlines=HEADLINES),
    "critic": CriticInput(closed=a_trade(), case=CASE, facts=FACTS),
    "planner": PlannerInput(strategy="ema_cross", at=T, parameters=KNOBS, results=RESULTS, facts=FACTS),
}


def a_task(role: str, wire: Wire) -> Task:
    given = GIVEN[role]
    return Task(
        role=role,
        subject="EURUSD",
        at=T,
        given=given,
        request=request(role, given, a_config(wire)),
        check=checking(role, given),
    )


@pytest.mark.parametrize("fault", ["ok", "no-schema", "no-json", "malformed-once", "fenced", "think"])
@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_its_answer(wire: Wire, role: str, fault: str) -> None:
    wire.rule(fault)

    (answer,) = asked(a_model(wire), a_task(role, wire))

    assert answer.outcome == OK, (answer.detail, answer.text)
    assert isinstance(answer.value, SHAPES[role])
    assert wire.errors == []


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"analyst"}))
def test_no_number_that_is_none_gets_through(wire: Wire, role: str) -> None:
    """NaN, infinity and "high" where a number belongs; the analyst says none."""
    outcomes = set()
    for fault in ("nan", "high", "infinity"):
        wire.clear()
        wire.answers = {"plan": {"changes": [{"key": "fast", "proposed": 11, "evidence": ["E1"]}]}}
        wire.rule(fault)
        outcomes |= {one.outcome for one in asked(a_model(wire), a_task(role, wire))}

    assert outcomes <= {"NOT_JSON", "INVALID"}


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"reader"}))
def test_evidence_that_was_not_shown_is_found_out(wire: Wire, role: str) -> None:
    wire.answers = {"plan": {"changes": [{"key": "fast", "proposed": 11, "evidence": ["E1"]}]}}
    wire.rule("unknown-evidence")

    (answer,) = asked(a_model(wire), a_task(role, wire))

    assert (answer.outcome, answer.repaired) == ("UNKNOWN_EVIDENCE", True)


@pytest.mark.parametrize("role", ROLES)
def test_a_name_that_only_one_schema_has_tells_which_it_is(wire: Wire, role: str) -> None:
    """What the wire goes by in the modes without a schema is true of every role."""
    wire.rule("no-json")
    asked(a_model(wire), a_task(role, wire))

    assert len({one.schema_name for one in wire.seen}) == 1
    assert wire.seen[-1].mode == "text"
