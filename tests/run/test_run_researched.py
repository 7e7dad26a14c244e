"""A run on Ray whose research asks an endpoint that speaks chat completions: all that may come of it, in events and in
``research show``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.research.wire import Wire, a_wire
from tests.research.wire_shapes import filled
from tests.run.place import ROLES, Place, lines

pytestmark = pytest.mark.ray

KEY = "sk-proj-4f6b1e0d9c8a7f6e5d4c3b2a19081716"
ACT = ("NO_GO", "HALF", "GO")
"""What the judge says of one case after another."""


class Judge:
    """Answers verdicts by their number."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, asked: Any) -> Any:
        made = filled(asked)
        if asked.schema_name != "verdict":
            return made
        act = ACT[self.asked % len(ACT)]
        self.asked += 1
        if act == "NO_GO":
            return made | {"verdict": "NO_GO", "p_win": 0.2, "size_factor": 0.0, "reason": "<b>the trend</b> is over"}
        return made | {"verdict": "GO", "p_win": 0.7, "size_factor": 0.5 if act == "HALF" else 1.0}


@pytest.fixture
def wire() -> Iterator[Wire]:
    with a_wire(Judge(), key=KEY) as server:
        yield server


def run(place: Place, wire: Wire, *sets: str, cycles: int = 260) -> list[dict[str, Any]]:
    """The events of a run to its end."""
    given = (
        *("research.researcher=veto", "research.critic=advisory", "research.planner=advisory", "research.arm=single"),
        *(f"research.base_url={wire.url}", "research.rate_per_minute=null", "research.retries=0"),
        *("strategy.fast=2", "strategy.slow=5", "ray.agents_per_host=8", "ray.dashboard=false", *sets),
    )
    options = [one for text in given for one in ("--set", text)]
    said = place.verb(
        *("run", "--symbols", "EURUSD", "--preset", "yardstick", "--speed", "max", "--cycles", str(cycles)),
        "--no-api",
        *options,
        ARGUS__RESEARCH__API_KEY=KEY,
    )
    assert said.code == 0, said
    assert said.err.count("research asks gpt-4o-mini") == 1
    assert KEY not in said.out + said.err
    return lines(place.verb("events", "--json").out)


def of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in events if one["type"] == kind]


def test_vetoed_and_shrunk(place: Place, wire: Wire) -> None:
    events = run(place, wire)
    results = {one["correlation_id"]: one["data"] for one in of(events, "RESEARCH_RESULT")}

    assert {one["effect"] for one in results.values()} == {"VETO", "SHRINK", "NONE"}
    assert {one["source"] for one in results.values()} == {"llm"}
    denied = {one["correlation_id"]: one["data"]["code"] for one in of(events, "RISK_DENIED")}
    vetoed = next(id for id, one in results.items() if one["effect"] == "VETO")
    shrunk = next(id for id, one in results.items() if one["effect"] == "SHRINK")
    assert denied[vetoed] == "RESEARCH_NO_GO"
    assert all(one["source"] in ("llm", "rules") for one in (event["data"] for event in of(events, "CRITIC_REVIEW")))
    assert of(events, "CRITIC_REVIEW")

    told = place.ask("research", "show", vetoed)
    assert "<b>the trend</b> is over" in json.dumps(told)
    assert KEY not in json.dumps(told)
    assert place.ask("research", "show", shrunk)["effect"] == "SHRINK"
    said = place.verb("research", "show", vetoed)
    assert said.code == 0
    assert "NO_GO" in said.out
    assert place.verb("replay").code == 0


@pytest.mark.parametrize("on_abstain", ["rules", "deny"])
def test_abstained_and_recovered(place: Place, wire: Wire, on_abstain: str) -> None:
    wire.rule("500", times=4)
    quick = ("research.breaker_failures=2", "research.breaker_seconds=0.01")
    events = run(place, wire, *quick, f"research.on_abstain={on_abstain}", cycles=200)
    results = [one["data"] for one in of(events, "RESEARCH_RESULT")]

    assert results[0]["verdict"] == "ABSTAIN"
    assert results[0]["code"] == "SERVER_ERROR"
    assert "BREAKER_OPEN" in {one["code"] for one in results} or wire.hits > 4
    assert results[-1]["code"] == "OK"
    abstained = {one["correlation_id"] for one in of(events, "RESEARCH_RESULT") if one["data"]["verdict"] == "ABSTAIN"}
    codes = {one["data"]["code"] for one in of(events, "RISK_DENIED") if one["correlation_id"] in abstained}
    assert codes == {"RESEARCH_ABSTAIN"} if on_abstain == "deny" else "RESEARCH_ABSTAIN" not in codes
    told = place.ask("research", "show", of(events, "RESEARCH_RESULT")[0]["correlation_id"])
    assert told["code"] == "SERVER_ERROR"


def test_the_budget_runs_out_and_the_rules_go_on(place: Place, wire: Wire) -> None:
    events = run(place, wire, "research.tokens_day=12000", cycles=260)
    codes = [one["data"]["code"] for one in of(events, "RESEARCH_RESULT")]

    assert codes[0] == "OK"
    assert codes[-1] == "BUDGET"
    assert 0 < wire.hits < len(codes)
    costs = place.ask("research", "cost")
    assert KEY not in json.dumps(costs)


def test_without_a_key_every_role_answers_by_rules_and_it_is_said_once(place: Place) -> None:
    on = {f"ARGUS__RESEARCH__{one}": "advisory" for one in ROLES}
    sets = ("strategy.fast=2", "strategy.slow=5", "research.planner_every=5", "ray.dashboard=false")
    options = [one for text in sets for one in ("--set", text)]
    said = place.verb(
        *("run", "--symbols", "EURUSD,BTC", "--speed", "max", "--cycles", "200", "--no-api", *options), **on
    )

    assert said.code == 0, said
    assert said.err.count("research answers by rules") == 1
    calls = place.ask("research", "calls", "--limit", "1000")
    assert {one["source"] for one in calls} == {"rules"}
    assert {one["role"] for one in calls} >= {"analyst", "bull", "bear", "judge", "critic", "planner"}
    assert {one["outcome"] for one in calls} == {"OK"}
