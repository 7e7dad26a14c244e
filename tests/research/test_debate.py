"""A case judged: in parallel, independently, in either order, and never GO where a part is missing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st

from domain.research import (
    ABSTAIN,
    BEAR,
    BULL,
    GO,
    JUDGE,
    LLM,
    NO_GO,
    OK,
    OUTCOMES,
    REBUTTAL,
    RULES,
    SINGLE,
    Case,
)
from research.debate import Debate, Debated, bull_first
from research.port import Answer, Task
from research.prompting import request
from research.rules import RulesModel, opinion
from tests.research.debating import FACTS, Scripted, a_case, a_config, failing, weighed


def debated(
    model: Any, case: Case | None = None, within: float = 5.0, swapped: bool = False, **changed: Any
) -> Debated:
    debate = Debate(model, RulesModel(), a_config(**changed), request)
    return asyncio.run(debate.decide(case or a_case(), within, swapped=swapped))


def roles(of: Debated) -> list[str]:
    return [one.task.role for one in of.asked]


def claimed(strength: float, *ids: str) -> dict[str, Any]:
    return {"strength": strength, "claims": [{"evidence": one, "says": f"because of {one}"} for one in ids]}


GOING = {"verdict": "GO", "p_win": 0.7, "size_factor": 0.9, "evidence": ["E1"], "reason": "it rises"}


def test_bull_and_bear_then_the_judge() -> None:
    made = debated(Scripted({BULL: claimed(0.8, "E1"), BEAR: claimed(0.4, "E4"), JUDGE: GOING}))
    assert roles(made) == [BULL, BEAR, JUDGE]
    assert made.verdict.verdict == GO
    assert (made.verdict.p_win, made.verdict.size_factor, made.verdict.source) == (0.7, 0.9, LLM)
    assert [(one.side, one.strength, one.source) for one in made.arguments] == [(BULL, 0.8, LLM), (BEAR, 0.4, LLM)]
    assert made.verdict.disagreement == 0.5


def test_every_question_is_of_the_case() -> None:
    case = a_case(id="case-9")
    for one in debated(Scripted(), case).asked:
        assert (one.task.case_id, one.task.subject, one.task.run_id, one.task.at) == (
            "case-9",
            "EURUSD",
            "run-1",
            case.at,
        )


def test_bull_and_bear_are_asked_at_the_same_time() -> None:
    model = Scripted(seconds={BULL: 0.05, BEAR: 0.05})
    debated(model)
    assert model.most_at_once == 2


def test_they_see_the_same_facts_and_nothing_of_each_other() -> None:
    model = Scripted({BULL: claimed(0.8, "E1"), BEAR: claimed(0.4, "E4")})
    debated(model)
    bull, bear = model.seen[:2]
    assert bull.given.case is bear.given.case
    shown = [
        [line for line in each.request.messages[1].content.splitlines() if line[:1] == "E"] for each in (bull, bear)
    ]
    assert shown[0] == shown[1] == [f"{one.id}: {one.text}" for one in FACTS]
    assert "because of" not in str(bull.request.messages) + str(bear.request.messages)


def test_the_judge_is_shown_what_was_argued() -> None:
    model = Scripted({BULL: claimed(0.8, "E1"), BEAR: claimed(0.4, "E4")})
    debated(model)
    text = model.seen[-1].request.messages[-1].content
    assert "because of E1" in text
    assert "because of E4" in text


def test_one_rebuttal_each_and_no_more() -> None:
    model = Scripted(
        {
            BULL: claimed(0.8, "E1"),
            BEAR: claimed(0.4, "E4"),
            REBUTTAL: lambda task: claimed(0.6 if task.given.side == BULL else 0.3, "E1"),
        },
        seconds={REBUTTAL: 0.05},
    )
    made = debated(model, rebuttal=True)
    assert roles(made) == [BULL, BEAR, REBUTTAL, REBUTTAL, JUDGE]
    assert model.most_at_once == 2
    first, second = (one.given for one in model.seen[2:4])
    assert (first.own.side, first.other.side, second.own.side, second.other.side) == (BULL, BEAR, BEAR, BULL)
    assert [one.strength for one in made.arguments] == [0.8, 0.4, 0.6, 0.3]
    assert made.verdict.disagreement == 0.5


def test_one_call_without_a_debate() -> None:
    made = debated(Scripted({SINGLE: GOING}), arm="single")
    assert roles(made) == [SINGLE]
    assert (made.verdict.verdict, made.verdict.disagreement, made.arguments) == (GO, None, ())


def test_the_rules_arm_asks_no_model() -> None:
    model = Scripted()
    made = debated(model, arm="rules")
    assert model.seen == []
    assert roles(made) == [BULL, BEAR, JUDGE]
    assert {one.answer.source for one in made.asked} == {RULES}
    assert made.verdict == made.rules


@pytest.mark.parametrize("rebuttal", [False, True])
@pytest.mark.parametrize("direction", [1, -1])
def test_the_rules_debate_is_their_opinion(rebuttal: bool, direction: int) -> None:
    case = a_case(direction=direction)
    assert debated(RulesModel(), case, rebuttal=rebuttal).verdict == opinion(case, 0.5, rebuttal)


@settings(max_examples=25)
@over(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), max_size=8), st.sampled_from((1, -1)), st.booleans())
def test_the_rules_debate_is_their_opinion_whatever_the_facts(
    leans: list[tuple[float, float]], direction: int, rebuttal: bool
) -> None:
    case = a_case(facts=weighed(*leans), direction=direction)
    assert debated(RulesModel(), case, rebuttal=rebuttal).verdict == opinion(case, 0.5, rebuttal)


def test_the_rules_are_asked_for_comparison_in_every_arm() -> None:
    for arm in ("single", "debate", "rules"):
        assert debated(Scripted(), arm=arm).rules == opinion(a_case(), 0.5)


@pytest.mark.parametrize("part", [BULL, BEAR, JUDGE, SINGLE, REBUTTAL])
@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one != OK])
def test_a_failed_part_is_an_abstention_that_names_it(part: str, outcome: str) -> None:
    made = debated(
        Scripted({part: failing(outcome)}),
        arm="single" if part == SINGLE else "debate",
        rebuttal=part == REBUTTAL,
        missing="abstain",
    )
    assert (made.verdict.verdict, made.verdict.code, made.verdict.p_win) == (ABSTAIN, outcome, None)
    assert (JUDGE in roles(made)) == (part == JUDGE)


def test_without_both_arguments_nobody_judges() -> None:
    made = debated(Scripted({BEAR: failing("TIMEOUT")}))
    assert roles(made) == [BULL, BEAR]
    assert [one.code for one in made.arguments] == [OK, "TIMEOUT"]


def test_a_missing_recorded_answer_is_as_configured() -> None:
    model = Scripted({JUDGE: failing("NOT_RECORDED")})
    by_rules = debated(model, missing="rules")
    assert (by_rules.verdict, by_rules.verdict.source) == (opinion(a_case(), 0.5), RULES)
    assert by_rules.asked[-1].answer.outcome == "NOT_RECORDED"
    abstained = debated(model, missing="abstain")
    assert (abstained.verdict.verdict, abstained.verdict.code) == (ABSTAIN, "NOT_RECORDED")


def test_a_slow_part_ends_with_the_time_of_the_whole() -> None:
    made = debated(Scripted(seconds={BEAR: 5.0}), within=0.2)
    assert (made.verdict.verdict, made.verdict.code) == (ABSTAIN, "DEADLINE")
    assert [one.code for one in made.arguments] == [OK, "DEADLINE"]


def test_the_judge_has_what_is_left_of_the_time() -> None:
    model = Scripted(seconds={BULL: 0.1, BEAR: 0.1})
    debated(model, within=5.0)
    assert model.given[-1] < model.given[0] - 0.05
    assert model.given[0] <= 5.0


def test_without_time_nobody_is_asked() -> None:
    model = Scripted()
    assert debated(model, within=0.0).verdict.code == "DEADLINE"
    assert model.seen == []


def test_without_facts_nobody_is_asked() -> None:
    model = Scripted()
    made = debated(model, a_case(facts=()))
    assert (made.verdict.verdict, made.verdict.code, made.asked, model.seen) == (ABSTAIN, "NO_FACTS", (), [])


@pytest.mark.parametrize(
    "said",
    [
        {**GOING, "evidence": ["E77"]},
        {**GOING, "size_factor": 3},
        {**GOING, "p_win": "high"},
        {**GOING, "p_win": 0.2},
        {**GOING, "direction": -1},
    ],
)
def test_what_the_judge_may_not_say_is_no_go(said: dict[str, Any]) -> None:
    made = debated(Scripted({JUDGE: said}))
    assert (made.verdict.verdict, made.verdict.size_factor) == (ABSTAIN, 1.0)
    assert made.verdict.code in ("INVALID", "UNKNOWN_EVIDENCE")


def test_an_argument_that_cites_what_was_not_shown_ends_it() -> None:
    made = debated(Scripted({BULL: claimed(0.9, "E42")}))
    assert (made.verdict.verdict, made.verdict.code) == (ABSTAIN, "UNKNOWN_EVIDENCE")


def test_a_judge_may_abstain_by_itself() -> None:
    made = debated(Scripted({JUDGE: {**GOING, "verdict": "ABSTAIN"}}))
    assert (made.verdict.verdict, made.verdict.code, made.verdict.p_win) == (ABSTAIN, OK, None)


def first_listener(task: Task) -> dict[str, Any]:
    """A judge that believes whom it hears first."""
    ours = task.given.bull_first
    return {**GOING, "verdict": "GO" if ours else "NO_GO", "p_win": 0.7 if ours else 0.3}


def test_the_order_of_the_sides_can_be_swapped() -> None:
    straight, swapped = (Scripted(), Scripted())
    debated(straight)
    debated(swapped, swapped=True)
    one, other = (each.seen[-1] for each in (straight, swapped))
    assert one.given.bull_first is not other.given.bull_first
    assert one.request.key != other.request.key
    texts = [each.request.messages[-1].content for each in (one, other)]
    assert sorted(texts[0].splitlines()) == sorted(texts[1].splitlines())


def test_a_judge_that_is_swayed_by_the_order_is_found_out() -> None:
    swayed, steady = Scripted({JUDGE: first_listener}), RulesModel()
    assert debated(swayed).verdict.verdict != debated(swayed, swapped=True).verdict.verdict
    assert debated(steady).verdict == debated(steady, swapped=True).verdict


def test_the_order_alternates_over_cases_and_stays_for_each() -> None:
    first = [bull_first(a_case(at=n)) for n in range(200)]
    assert 70 < sum(first) < 130
    assert first == [bull_first(a_case(at=n)) for n in range(200)]


def test_another_run_asks_the_same_questions() -> None:
    """What a run has recorded is found by a backtest of the same bars."""
    ours, theirs = Scripted(), Scripted()
    debated(ours)
    debated(theirs, a_case(id="case-2", run_id="backtest", cycle=900))
    assert [one.request.key for one in ours.seen] == [one.request.key for one in theirs.seen]


def test_a_repeated_question_is_another_sample() -> None:
    debate = Debate(Scripted(), RulesModel(), a_config(), request)
    one = asyncio.run(debate.decide(a_case(), 5.0))
    other = asyncio.run(debate.decide(a_case(), 5.0, sample=1))
    keys = [{each.task.request.key for each in made.asked} for made in (one, other)]
    assert not keys[0] & keys[1]


def test_a_defect_of_the_model_is_not_hidden() -> None:
    class Broken(Scripted):
        async def answer(self, task: Task, within: float) -> Answer:
            raise KeyError("a defect")

    with pytest.raises(ExceptionGroup):
        debated(Broken())


def test_no_go_for_the_wrong_side() -> None:
    assert debated(RulesModel(), a_case(direction=-1)).verdict.verdict == NO_GO
    assert debated(RulesModel(), a_case(facts=FACTS)).verdict.verdict == GO
