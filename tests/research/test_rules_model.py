"""The rules in place of a model: stated formulas, and always an answer that passes the same checks."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from domain.research import (
    ABSTAIN,
    ANALYST,
    BEAR,
    BULL,
    GO,
    JUDGE,
    NO_GO,
    REBUTTAL,
    ROLES,
    RULES,
    SINGLE,
    Argument,
    Fact,
)
from research.answers import checking
from research.config import ResearchConfig
from research.inputs import JudgeInput, RebuttalInput, SideInput, SingleInput, ViewInput
from research.port import Answer, Task
from research.prompting import request
from research.rules import _ROLES, RulesModel, answered, disagreement, opinion, strengths
from tests.research.debating import FACTS, T, a_case, weighed


def asked(role: str, given: Any) -> Answer:
    task = Task(
        role=role,
        subject="EURUSD",
        at=T,
        given=given,
        request=request(role, given, ResearchConfig()),
        check=checking(role, given),
    )
    return asyncio.run(RulesModel().answer(task, 1.0))


def test_every_role_has_rules() -> None:
    assert set(_ROLES) == set(ROLES)


def test_strength_is_the_share_of_the_weight_that_leans() -> None:
    assert strengths(FACTS) == (0.6667, 0.18)
    assert strengths(()) == (0.0, 0.0)
    assert strengths(weighed((0.0, 0.5), (0.9, 0.0))) == (0.0, 0.0)
    assert strengths(weighed((1.0, 0.3), (1.0, 0.9))) == (1.0, 0.0)
    assert strengths(weighed((1.0, 0.3), (0.0, 0.9))) == (1.0, 0.0)


def test_bull_and_bear_claim_the_facts_on_their_side_the_weightiest_first() -> None:
    bull = asked(BULL, SideInput(case=a_case(), side=BULL))
    bear = asked(BEAR, SideInput(case=a_case(), side=BEAR))
    assert [one.evidence for one in bull.value.claims] == ["E1", "E3"]
    assert [one.evidence for one in bear.value.claims] == ["E4"]
    assert (bull.value.strength, bear.value.strength) == (0.6667, 0.18)
    assert (bull.source, bull.cost, bull.outcome) == (RULES, 0, "OK")


def test_the_judge_computes_what_it_says() -> None:
    """edge = 0.6667 - 0.18; p = 0.5 + 0.25 x 0.4867 + 0.05 x (2 x 0.8 - 1); factor = 1 - (0.18 / 0.6667) / 2."""
    said = answered(SINGLE, SingleInput(case=a_case(score=0.8), threshold=0.5))
    assert said["p_win"] == pytest.approx(0.5 + 0.25 * 0.4867 + 0.03, abs=5e-5)
    assert said["size_factor"] == pytest.approx(1 - 0.27 / 2, abs=5e-4)
    assert (said["verdict"], said["evidence"]) == (GO, ["E1", "E3", "E4"])


def test_the_short_side_is_the_bears() -> None:
    said = answered(SINGLE, SingleInput(case=a_case(direction=-1), threshold=0.5))
    assert said["verdict"] == NO_GO
    assert said["p_win"] == pytest.approx(0.5 - 0.25 * 0.4867, abs=5e-5)
    assert said["evidence"][0] == "E4"
    assert said["size_factor"] == 0.0


def test_below_the_threshold_there_is_no_go() -> None:
    p_win = answered(SINGLE, SingleInput(case=a_case()))["p_win"]
    assert answered(SINGLE, SingleInput(case=a_case(), threshold=p_win))["verdict"] == GO
    assert answered(SINGLE, SingleInput(case=a_case(), threshold=p_win + 0.0001))["verdict"] == NO_GO


def test_a_candidate_without_numbers_starts_from_a_half() -> None:
    bare = opinion(a_case(score=math.nan, probability=math.nan), 0.5)
    assert bare.p_win == opinion(a_case(), 0.5).p_win


def test_disagreement_is_arithmetic() -> None:
    assert disagreement(0.5, 0.5) == 1.0
    assert disagreement(0.8, 0.2) == disagreement(0.2, 0.8) == 0.25
    assert disagreement(0.8, 0.0) == 0.0
    assert disagreement(0.0, 0.0) == 0.0


def test_more_disagreement_makes_a_smaller_trade() -> None:
    agreed = opinion(a_case(facts=weighed((1.0, 1.0), (-0.1, 1.0))), 0.4)
    torn = opinion(a_case(facts=weighed((1.0, 1.0), (-0.9, 1.0))), 0.4)
    assert agreed.verdict == torn.verdict == GO
    assert torn.size_factor < agreed.size_factor < 1.0
    assert torn.size_factor >= 0.5


def test_facts_that_lean_nowhere_say_nothing() -> None:
    said = opinion(a_case(facts=(Fact("E1", "session", "session LONDON"),)), 0.0)
    assert (said.verdict, said.p_win, said.code) == (ABSTAIN, None, "OK")
    assert opinion(a_case(facts=()), 0.0).code == "NO_FACTS"


def test_a_rebuttal_takes_from_a_side_what_the_other_has() -> None:
    own, other = Argument(BULL, 0.6, (), RULES), Argument(BEAR, 0.5, (), RULES)
    said = answered(REBUTTAL, RebuttalInput(case=a_case(), side=BULL, own=own, other=other))
    assert said["strength"] == 0.45


def test_the_judge_counts_the_last_word_of_each_side() -> None:
    bull, bear = (Argument(side, 0.9, (), RULES) for side in (BULL, BEAR))
    last = (Argument(BULL, 0.2, (), RULES), Argument(BEAR, 0.8, (), RULES))
    said = answered(JUDGE, JudgeInput(case=a_case(), bull=bull, bear=bear, rebuttals=last))
    assert said["p_win"] == pytest.approx(0.5 - 0.25 * 0.6)


sides = st.tuples(st.floats(-1, 1), st.floats(0, 1))
cases = st.builds(
    lambda facts, direction, score, probability: a_case(
        facts=weighed(*facts), direction=direction, score=score, probability=probability
    ),
    st.lists(sides, max_size=12),
    st.sampled_from((1, -1)),
    st.floats(),
    st.floats(),
)


@over(cases, st.floats(0, 1), st.booleans())
def test_the_rules_never_enlarge_and_pass_their_own_checks(case: Any, threshold: float, rebuttal: bool) -> None:
    single = SingleInput(case=case, threshold=threshold)
    said = checking(SINGLE, single)(answered(SINGLE, single))
    assert 0.0 <= said.size_factor <= 1.0
    assert said.verdict != GO or said.p_win >= threshold
    for side in (BULL, BEAR):
        given = SideInput(case=case, side=side)
        checking(side, given)(answered(side, given))
    word = opinion(case, threshold, rebuttal)
    assert word == opinion(case, threshold, rebuttal)
    assert 0.0 <= word.size_factor <= 1.0


@over(cases)
def test_the_rules_see_a_mirrored_market_mirrored(case: Any) -> None:
    turned = weighed(*((-one.lean, one.weight) for one in case.facts))
    assert strengths(turned) == strengths(case.facts)[::-1]
    other = opinion(
        a_case(facts=turned, direction=-case.direction, score=case.score, probability=case.probability), 0.5
    )
    own = opinion(case, 0.5)
    assert (own.verdict, own.p_win, own.size_factor) == (other.verdict, other.p_win, other.size_factor)


def viewed(*facts: Fact) -> Any:
    return asked(ANALYST, ViewInput(symbol="EURUSD", at=T, facts=facts)).value


def test_the_analyst_takes_a_side_by_the_net_strength() -> None:
    assert viewed(*FACTS).bias == "BULLISH"
    assert viewed(*weighed((-1.0, 0.5))).bias == "BEARISH"
    assert viewed(*weighed((1.0, 0.5), (-0.9, 0.5))).bias == "NEUTRAL"
    assert viewed(*FACTS).regime == "TRENDING"
    assert viewed(*weighed((1.0, 0.5))).regime == "NORMAL"
    assert "E2" in viewed(*FACTS).evidence


def test_its_own_last_view_is_no_evidence() -> None:
    assert viewed(Fact("E1", "view", "the analyst says BULLISH", None, 1.0, 0.4)).bias == "NEUTRAL"


@pytest.mark.parametrize(
    ("fact", "risk"),
    [
        (Fact("E1", "calendar", "news of high impact for USD in 45 min", 45.0), "NEWS"),
        (Fact("E1", "regime", "regime VOLATILE"), "VOLATILITY"),
        (Fact("E1", "volume", "volume is 0.40 times its mean", 0.4), "LIQUIDITY"),
        (Fact("E1", "correlation", "held GBPUSD long: -0.80", -0.8), "CORRELATION"),
        (Fact("E1", "session", "session NEW_YORK; closes for the weekend in 3.0 h"), "GAP"),
        (Fact("E1", "rsi", "RSI 14 is 74.0", 74.0), "OVEREXTENDED"),
        (Fact("E1", "bands", "the close stands at -0.10", -0.1), "OVEREXTENDED"),
    ],
)
def test_the_analyst_names_a_risk(fact: Fact, risk: str) -> None:
    assert viewed(fact).risks == (risk,)


def test_a_quiet_market_has_no_risks() -> None:
    quiet = (
        Fact("E1", "calendar", "no news of high impact in 24 h", None),
        Fact("E2", "volume", "volume is 1.00 times its mean", 1.0),
        Fact("E3", "rsi", "RSI 14 is 50.0", 50.0),
        Fact("E4", "bands", "the close stands at 0.50", 0.5),
        Fact("E5", "correlation", "held GBPUSD long: 0.20", 0.2),
    )
    assert viewed(*quiet).risks == ()


def test_the_book_is_concentrated_when_much_moves_together() -> None:
    together = Fact("E2", "correlation", "positions move together: 0.90", 0.9)
    assert "CONCENTRATION" in viewed(Fact("E1", "held", "3 positions held", 3.0), together).risks
    assert "CONCENTRATION" not in viewed(Fact("E1", "held", "1 position held", 1.0), together).risks


def test_a_move_against_the_trend_is_told() -> None:
    facts = (Fact("E1", "trend", "up", 1.0, 0.8, 0.8), Fact("E2", "momentum", "down", -1.0, -0.5, 0.4))
    assert "COUNTER_TREND" in viewed(*facts).risks


def test_an_answer_that_its_own_check_refuses_is_an_outcome() -> None:
    def refuses(parsed: Any) -> Any:
        raise ValueError("not this")

    given = SingleInput(case=a_case())
    task = Task(
        role=SINGLE, subject="", at=T, given=given, request=request(SINGLE, given, ResearchConfig()), check=refuses
    )
    answer = asyncio.run(RulesModel().answer(task, 1.0))
    assert (answer.outcome, answer.value, answer.detail) == ("INVALID", None, "not this")


@pytest.mark.parametrize("direction", [1, -1])
def test_the_more_speaks_against_a_trade_the_less_of_it_is_left(direction: int) -> None:
    def left(theirs: float) -> float:
        facts = (
            Fact("E1", "trend", "for", 1.0, 0.3 * direction, 1.0),
            Fact("E2", "rsi", "against", 1.0, -theirs * direction, 1.0),
        )
        return opinion(a_case(facts=facts, direction=direction, probability=0.9), 0.5).size_factor

    factors = [left(one / 20) for one in range(21)]
    assert factors[0] == 1.0
    assert factors == sorted(factors, reverse=True)
    assert 0.0 < factors[-1] < 0.2
