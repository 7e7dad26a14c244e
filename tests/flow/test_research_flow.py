"""Research in a whole run, with a model behind a real wire: what it may do to a trade, and what it may not (G15)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.errors import ActorLost
from journal import schema as s
from journal.engines import open_engine
from tests.flow.replaying import WAVES, again, identical
from tests.flow.system import Story, System
from tests.research.wire import Wire, a_wire

BASE = ("strategy.fast=2", "strategy.slow=5", "strategy.side=both", "research.rate_per_minute=null")
ON = ("research.researcher=veto", "research.arm=single")
NO = {"verdict": "NO_GO", "p_win": 0.2, "size_factor": 0.0, "reason": "the trend is over"}
HALF = {"verdict": "GO", "p_win": 0.7, "size_factor": 0.5, "reason": "small"}


@pytest.fixture
def wire() -> Any:
    with a_wire() as server:
        yield server


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


Run = Callable[..., Story]


@pytest.fixture
def run(system: System, wire: Wire, tmp_path: Path) -> Run:
    """A run of WAVES whose research asks the wire; ``folder`` names where its answers are kept."""

    def go(*sets: str, folder: str = "answers", **more: Any) -> Story:
        where = (f"research.base_url={wire.url}", f"research.folder={tmp_path / folder}")
        return system.run({"EURUSD": WAVES}, sets=(*BASE, *where, *sets), **more)

    return go


def cases(story: Story) -> list[Any]:
    engine = open_engine(story.url, read_only=True)
    with engine.connect() as connection:
        of = s.research_cases
        found = connection.execute(sa.select(of).where(of.c.run_id == story.run_id).order_by(of.c.at)).all()
    engine.dispose()
    return list(found)


def entries(story: Story) -> list[dict[str, Any]]:
    return [one["data"] for one in story.of("RISK_APPROVED") if one["data"]["purpose"] == "ENTRY"]


def opened(story: Story) -> set[float]:
    """Units that entries opened, beside what they closed."""
    engine = open_engine(story.url, read_only=True)
    with engine.connect() as connection:
        of = s.orders.c
        asked = sa.select(of.quantity, of.reduces).where(
            of.run_id == story.run_id, of.purpose == "ENTRY", of.answer == "APPROVED"
        )
        found = {float(one.quantity) - float(one.reduces) for one in connection.execute(asked)}
    engine.dispose()
    return found


def codes(story: Story) -> set[str]:
    return {one["data"]["code"] for one in story.of("RISK_DENIED")}


def decisions(story: Story) -> str:
    return story.summary.decisions_hash


def test_a_veto_refuses_with_its_reason_and_exits_go_on(run: Run, wire: Wire, system: System) -> None:
    wire.answers = {"verdict": NO}
    story = run(*ON)

    assert wire.hits > 3
    assert codes(story) == {"RESEARCH_NO_GO"}
    assert entries(story) == []
    denied = story.of("RISK_DENIED")[0]["data"]
    assert (denied["value"], denied["threshold"]) == (0.2, 0.5)
    result = story.of("RESEARCH_RESULT")[0]
    assert result["data"]["effect"] == "VETO"
    assert result["data"]["source"] == "llm"
    assert result["correlation_id"] == story.of("RESEARCH_START")[0]["correlation_id"] == denied["order_id"]
    assert {one.effect for one in cases(story)} == {"VETO"}
    identical(again(system), story)


def test_a_factor_makes_the_order_smaller_and_never_larger(run: Run, wire: Wire) -> None:
    plain = run("research.researcher=off")
    wire.answers = {"verdict": HALF}
    half = run(*ON)

    assert len(entries(half)) == len(entries(plain)) > 3
    assert opened(plain) == {10_000.0}
    assert opened(half) == {5_000.0}
    assert {one.effect for one in cases(half)} == {"SHRINK"}


@pytest.mark.parametrize(
    "answer",
    [
        {"size_factor": 3.0},
        {"size_factor": -1.0},
        {"p_win": 5.0},
        {"p_win": "high"},
        {"evidence": ["E999"]},
        {"verdict": "BUY"},
        {"verdict": "GO", "quantity": 1e9},
    ],
)
def test_what_it_must_not_say_is_no_go_ahead(run: Run, wire: Wire, answer: dict[str, Any]) -> None:
    wire.answers = {"verdict": HALF | answer}
    story = run(*ON, "research.on_abstain=deny")

    assert entries(story) == []
    assert codes(story) == {"RESEARCH_ABSTAIN"}
    assert {one.code for one in cases(story)} <= {"INVALID", "UNKNOWN_EVIDENCE"}


@pytest.mark.parametrize(
    ("fault", "code"),
    [("500", "SERVER_ERROR"), ("401", "UNAUTHORISED"), ("refusal", "REFUSAL"), ("page", "NO_CHOICES")],
)
def test_an_abstention_is_what_is_configured(run: Run, wire: Wire, fault: str, code: str) -> None:
    wire.rule(fault)
    quick = ("research.breaker_failures=1000000", "research.retries=0")
    denied = run(*ON, *quick, "research.on_abstain=deny", folder="a")
    by_rules = run(*ON, *quick, "research.on_abstain=rules", folder="b")
    rules = run(*ON, "research.arm=rules", folder="c")

    assert codes(denied) == {"RESEARCH_ABSTAIN"}
    assert entries(denied) == []
    assert {one.code for one in cases(denied)} == {code}
    assert decisions(by_rules) == decisions(rules)
    assert {one.verdict for one in cases(by_rules)} == {"ABSTAIN"}


def test_what_is_only_recorded_changes_nothing(run: Run, wire: Wire) -> None:
    wire.answers = {"verdict": NO}
    off = run("research.researcher=off", folder="a")
    advisory = run(*ON, "research.researcher=advisory", folder="b")

    assert decisions(advisory) == decisions(off)
    assert len(cases(advisory)) > 3
    assert {one.effect for one in cases(advisory)} == {"NONE"}
    assert wire.hits >= len(cases(advisory))


def test_the_budget_ends_and_the_rules_go_on(run: Run, wire: Wire) -> None:
    wire.answers = {"verdict": HALF}
    story = run(*ON, "research.tokens_day=12000", "research.on_abstain=rules")

    found = [one.code for one in cases(story)]
    assert found[0] == "OK"
    assert found[-1] == "BUDGET"
    assert 0 < wire.hits < len(found)


def test_an_endpoint_that_recovers_is_asked_again(run: Run, wire: Wire) -> None:
    wire.answers = {"verdict": HALF}
    wire.rule("500", times=2)
    quick = ("research.breaker_failures=2", "research.breaker_seconds=0.001", "research.retries=0")
    story = run(*ON, *quick)

    found = [one.code for one in cases(story)]
    assert found[:2] == ["SERVER_ERROR", "SERVER_ERROR"]
    assert found[-1] == "OK"


def test_a_step_that_takes_too_long_is_abandoned(run: Run, wire: Wire) -> None:
    wire.rule("slow")
    wire.seconds = 30.0
    story = run(*ON, "research.deadline=0.2", "research.on_abstain=deny", cycles=30)

    assert codes(story) == {"RESEARCH_ABSTAIN"}
    assert {one.code for one in cases(story)} <= {"DEADLINE", "TIMEOUT", "BREAKER_OPEN"}
    assert story.summary.cycles == 30


def lost_once(method: str) -> Callable[[str, str], None]:
    """Research's process is lost at its first such call."""
    left = [1]

    def fault(name: str, asked: str) -> None:
        if (name, asked) == ("Research", method) and left:
            left.pop()
            raise ActorLost(name, "killed")

    return fault


def test_an_actor_that_is_lost_stops_what_needed_its_word_and_nothing_else(run: Run, wire: Wire) -> None:
    wire.answers = {"verdict": HALF}
    story = run(*ON, fault=lost_once("assess"))

    found = cases(story)
    assert (found[0].verdict, found[0].code, found[0].effect) == ("ABSTAIN", "ACTOR_LOST", "VETO")
    assert {one.code for one in found[1:]} == {"OK"}
    assert len(entries(story)) > 2


@pytest.mark.parametrize("method", ["load", "tick", "finish"])
def test_what_looks_back_may_be_lost(run: Run, wire: Wire, method: str) -> None:
    more = ("research.critic=advisory", "research.planner=advisory", "research.arm=rules")  # a lost one closes nothing
    whole, lost = run(*ON, *more, folder="a"), run(*ON, *more, folder="b", fault=lost_once(method))

    assert decisions(lost) == decisions(whole)


def test_a_fault_in_research_is_told_and_fails_no_cycle(run: Run, wire: Wire, monkeypatch: Any) -> None:
    from actors.research import Research

    async def broken(*given: Any) -> Any:
        raise ZeroDivisionError("nothing")

    monkeypatch.setattr(Research, "assess", broken)
    story = run(*ON)

    assert {one.code for one in cases(story)} == {"ERROR"}
    assert codes(story) == {"RESEARCH_ABSTAIN"}
    assert "ZeroDivisionError: nothing" in story.of("ERROR")[0]["data"]["error"]
    assert story.summary.exit_reason == "end_of_data"


def stops(name: str, method: str, at: int) -> Callable[[str, str], None]:
    """The ``at``-th such call fails once, so that the cycle is redone."""
    count = [0]

    def fault(asked: str, called: str) -> None:
        if (asked, called) == (name, method):
            count[0] += 1
            if count[0] == at:
                raise ActorLost(name, "killed")

    return fault


@pytest.mark.parametrize("step", [("RiskManager", "reserve"), ("Executor", "submit")])
@pytest.mark.parametrize("answer", [NO, HALF])
def test_a_cycle_that_is_redone_hears_what_it_heard_before(
    run: Run, wire: Wire, system: System, step: tuple[str, str], answer: dict[str, Any]
) -> None:
    if answer is NO and step[1] == "submit":
        pytest.skip("nothing is submitted")
    wire.answers = {"verdict": answer}
    whole = run(*ON, folder="a")
    hits = wire.hits
    redone = run(*ON, folder="b", fault=stops(*step, at=3))

    assert redone.of("ERROR")
    assert decisions(redone) == decisions(whole)
    assert wire.hits == 2 * hits
    assert len(redone.of("RESEARCH_RESULT")) == len(whole.of("RESEARCH_RESULT"))
    identical(again(system), redone)


def test_the_same_answers_recorded_are_enough_for_a_second_run(run: Run, wire: Wire) -> None:
    wire.answers = {"verdict": HALF}
    first = run(*ON)
    hits = wire.hits
    second = run(*ON, "research.answers=recorded", "research.missing=error")

    assert wire.hits == hits
    assert decisions(second) == decisions(first)
    assert {one.source for one in cases(second)} == {"cache"}


def test_the_key_is_nowhere(run: Run, wire: Wire, tmp_path: Path, monkeypatch: Any) -> None:
    key = "sk-proj-4f6b1e0d9c8a7f6e5d4c3b2a19081716"
    monkeypatch.setenv("ARGUS__RESEARCH__API_KEY", key)
    wire.key = key
    wire.answers = {"verdict": HALF}
    wire.rule("401", times=2)
    story = run(*ON, "research.breaker_failures=1000000")

    assert {one.code for one in cases(story)} >= {"OK"}
    left = [one for one in tmp_path.rglob("*") if one.is_file()]
    assert len(left) > 3
    assert [one for one in left if key.encode() in one.read_bytes()] == []
    assert key not in repr(story)
