"""Reviews: of the process, apart from what came of it, with one lesson."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from domain.research import CRITIC, LLM, RULES, Case, Closed, Review
from research.critic import Critic, Reviewed, facts
from research.hindsight import LESSONS, review
from research.inputs import CriticInput
from research.prompting import request
from research.rules import RulesModel
from tests.research.debating import Scripted, T, a_case, a_config, a_trade, failing, weighed


def reviewed(model: Any, closed: Closed, case: Case | None = None, *earlier: Review) -> Reviewed:
    return asyncio.run(Critic(model, RulesModel(), a_config(), request).review(closed, case, earlier, 1.0, "run-1"))


def score(closed: Closed, case: Case | None = None) -> float:
    return float(review(CriticInput(closed=closed, case=case, facts=facts(closed, case)))["score"])


def leans(closed: Closed, case: Case | None = None) -> dict[str, float]:
    return {one.kind: one.lean for one in facts(closed, case) if one.weight}


def test_a_trade_that_did_everything_right_has_ten() -> None:
    assert score(a_trade(), a_case()) == 10.0
    assert set(leans(a_trade(), a_case())) == set(LESSONS)


def test_the_score_is_the_weighted_mean_of_the_facts() -> None:
    """Stop 3, plan 2, capture 1, entry 2, regime 1, horizon 1, verdict 2: without the verdict 10 of 12 are left."""
    assert score(a_trade(verdict="NO_GO"), a_case()) == round(100 / 12, 1)
    assert score(a_trade(verdict="ABSTAIN"), a_case()) == round(110 / 12, 1)


def test_a_honoured_loss_scores_like_a_gain() -> None:
    lost = a_trade(r=-1.0, pnl=-100.0, best=0.4, worst=-1.0, exit_reason="STOP")
    won = a_trade(r=0.4, pnl=40.0, best=0.4, worst=-1.0, exit_reason="SIGNAL")
    assert score(lost, a_case()) == score(won, a_case()) == 10.0


@over(st.floats(-5, 5), st.floats(0, 0.99), st.floats(-3, 0), st.sampled_from(("TARGET", "SIGNAL", "TIME")))
def test_the_sign_and_the_money_of_the_result_have_no_part_in_it(
    pnl: float, best: float, worst: float, reason: str
) -> None:
    kept = {"best": best, "worst": worst, "exit_reason": reason}
    assert score(a_trade(r=0.9, pnl=pnl, **kept), a_case()) == score(a_trade(r=-0.9, pnl=-pnl, **kept), a_case())


def test_a_stop_that_was_not_honoured_is_bad() -> None:
    assert leans(a_trade(r=-1.05, exit_reason="STOP", worst=-1.6))["stop"] == 1.0
    assert leans(a_trade(r=-1.8, exit_reason="STOP"))["stop"] == -1.0
    assert leans(a_trade(r=0.5, exit_reason="SIGNAL", worst=-1.6))["stop"] == -1.0
    assert leans(a_trade(r=0.5, exit_reason="SIGNAL", worst=-1.0))["stop"] == 1.0
    assert "stop" not in leans(a_trade(r=0.5, exit_reason="SIGNAL", worst=None))


@pytest.mark.parametrize(("target", "lean"), [(3, 1.0), (1.5, 1.0), (1.2, 0.0), (0.8, -1.0)])
def test_a_plan_must_pay_more_than_it_risks(target: float, lean: float) -> None:
    case = a_case(stop=1_000_000, target=round(target * 1_000_000))
    assert leans(a_trade(), case)["plan"] == lean
    assert "plan" not in leans(a_trade(), a_case(target=0))


@pytest.mark.parametrize(
    ("best", "r", "lean"), [(2.0, 1.0, 1.0), (2.0, 0.6, 0.0), (2.0, -1.0, -1.0), (0.9, -1.0, None)]
)
def test_a_gain_of_a_whole_r_must_be_kept(best: float, r: float, lean: float | None) -> None:
    assert leans(a_trade(best=best, r=r)).get("capture") == lean


def test_an_entry_against_the_evidence_or_the_regime_is_bad() -> None:
    against = leans(a_trade(direction=-1), a_case(direction=-1))
    assert (against["entry"], against["regime"]) == (-1.0, -1.0)
    assert leans(a_trade(), a_case(regime="VOLATILE"))["regime"] == -1.0
    assert "regime" not in leans(a_trade(), a_case(regime="RANGING"))
    slight = leans(a_trade(), a_case(facts=weighed((0.15, 1.0), (0.15, 1.0))))
    assert slight["entry"] == pytest.approx(0.5)
    assert "entry" not in leans(a_trade(), a_case(facts=()))


def test_a_trade_has_its_horizon() -> None:
    assert leans(a_trade(bars=20), a_case(horizon=20))["horizon"] == 1.0
    assert leans(a_trade(bars=21), a_case(horizon=20))["horizon"] == -1.0


def test_a_refused_one_is_judged_the_other_way_round() -> None:
    refused = a_trade(taken=False, verdict="NO_GO", exit_reason="", r=-1.0)
    found = leans(refused, a_case())
    assert (found["entry"], found["regime"], found["verdict"]) == (-1.0, -1.0, 1.0)
    assert leans(refused, a_case(direction=-1))["entry"] == 1.0
    assert not {"stop", "capture", "horizon"} & set(found)
    assert "would have ended at -1.00 R" in facts(refused, a_case())[0].text


def test_without_anything_known_the_score_is_in_the_middle() -> None:
    bare = a_trade(r=None, pnl=None, best=None, worst=None, verdict="", exit_reason="OUTSIDE")
    assert facts(bare, None) == ()
    made = reviewed(RulesModel(), bare).review
    assert (made.score, made.code) == (5.0, "OK")


def test_the_lesson_is_of_the_worst_fact() -> None:
    assert reviewed(RulesModel(), a_trade(verdict="NO_GO"), a_case()).review.lesson == LESSONS["verdict"][0]
    assert reviewed(RulesModel(), a_trade(), a_case()).review.lesson == LESSONS["stop"][1]
    both = a_trade(verdict="NO_GO", r=-2.0, exit_reason="STOP")
    assert reviewed(RulesModel(), both, a_case()).review.lesson == LESSONS["stop"][0]


def test_facts_are_numbered_in_order() -> None:
    assert [one.id for one in facts(a_trade(), a_case())] == [f"E{n}" for n in range(1, 9)]


def test_a_review_tells_whose_it_is_and_when_it_may_be_used() -> None:
    closed = a_trade(known_at=T + 5)
    made, asked = reviewed(Scripted(), closed, a_case())
    assert (made.source, made.code, made.known_at, made.case_id, made.r) == (LLM, "OK", T + 5, "case-1", 2.0)
    (one,) = asked
    assert (one.task.role, one.task.subject, one.task.at, one.task.run_id) == (CRITIC, "trade-1", T + 5, "run-1")
    assert made.id == reviewed(Scripted(), closed).review.id


def test_a_failed_model_leaves_the_review_to_the_rules() -> None:
    made, asked = reviewed(Scripted({CRITIC: failing("REFUSAL")}), a_trade(), a_case())
    assert (made.source, made.code, made.score) == (RULES, "REFUSAL", 10.0)
    assert [one.answer.outcome for one in asked] == ["REFUSAL", "OK"]


def test_a_models_lesson_is_cleaned_and_cut() -> None:
    said = {"score": 3, "lesson": "wait\u202e\n" + "x" * 900, "analysis": "a", "evidence": ["E1"]}
    made = reviewed(Scripted({CRITIC: said}), a_trade(), a_case()).review
    assert made.lesson.startswith("wait x")
    assert len(made.lesson) == 240


@pytest.mark.parametrize("said", [{"score": 11}, {"score": "high"}, {"evidence": ["E99"]}, {"size_factor": 2}])
def test_a_review_outside_its_shape_is_the_rules(said: dict[str, Any]) -> None:
    good = {"score": 3, "lesson": "wait", "analysis": "a", "evidence": ["E1"]}
    assert reviewed(Scripted({CRITIC: {**good, **said}}), a_trade(), a_case()).review.source == RULES
