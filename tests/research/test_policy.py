"""What a verdict does: it stops a trade or makes it smaller, and never anything else."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given as over
from hypothesis import strategies as st

from domain.research import ABSTAIN, GO, NO_GO, OK, OUTCOMES, VERDICTS, Verdict, View
from research.config import MODES
from research.policy import NOTHING, Effect, combined, effect, of_view
from tests.research.debating import T

VETOED = Effect("RESEARCH_NO_GO", 0.0)
REFUSED = Effect("RESEARCH_ABSTAIN", 0.0)


def going(size_factor: float = 1.0, p_win: float | None = 0.7, code: str = OK) -> Verdict:
    return Verdict(verdict=GO, p_win=p_win, size_factor=size_factor, code=code)


NO = Verdict(verdict=NO_GO, p_win=0.2)
FAILED = Verdict(verdict=ABSTAIN, code="TIMEOUT")


@pytest.mark.parametrize("mode", ["off", "advisory"])
@pytest.mark.parametrize("verdict", [going(0.2), NO, FAILED])
@pytest.mark.parametrize("on_abstain", ["rules", "deny"])
def test_without_a_veto_nothing_is_done(mode: str, verdict: Verdict, on_abstain: str) -> None:
    assert effect(verdict, mode, on_abstain, NO) == NOTHING


def test_a_veto_stops_and_a_go_shrinks() -> None:
    assert effect(NO, "veto", "rules") == VETOED
    assert effect(going(), "veto", "rules") == NOTHING
    assert effect(going(0.4), "veto", "rules") == Effect("", 0.4)


def test_a_go_never_enlarges() -> None:
    assert effect(going(5.0), "veto", "rules") == NOTHING


@pytest.mark.parametrize("size", [0.0, -1.0])
def test_a_go_of_nothing_is_a_no(size: float) -> None:
    assert effect(going(size), "veto", "rules") == VETOED


def test_an_abstention_is_refused_or_left_to_the_rules() -> None:
    assert effect(FAILED, "veto", "deny", going()) == REFUSED
    assert effect(FAILED, "veto", "rules", going(0.6)) == Effect("", 0.6)
    assert effect(FAILED, "veto", "rules", NO) == VETOED
    assert effect(FAILED, "veto", "rules", FAILED) == NOTHING
    assert effect(FAILED, "veto", "rules") == NOTHING


def test_an_abstention_of_the_judge_itself_is_one_as_well() -> None:
    said = Verdict(verdict=ABSTAIN, code=OK)
    assert effect(said, "veto", "deny") == REFUSED
    assert effect(said, "veto", "rules", NO) == VETOED


def test_whoever_was_not_asked_is_not_refused() -> None:
    unasked = Verdict(verdict=ABSTAIN, code="TOP_K")
    assert effect(unasked, "veto", "deny", NO) == NOTHING
    assert effect(unasked, "veto", "rules", NO) == NOTHING


@pytest.mark.parametrize("verdict", [going(math.nan), going(0.5, math.nan), going(0.5, code="INVALID")])
def test_a_go_without_numbers_is_an_abstention(verdict: Verdict) -> None:
    assert effect(verdict, "veto", "deny") == REFUSED
    assert effect(verdict, "veto", "rules", NO) == VETOED


@pytest.mark.parametrize("outcome", [one for one in OUTCOMES if one not in (OK, "TOP_K")])
def test_no_failure_is_a_go_where_abstention_is_refused(outcome: str) -> None:
    assert effect(Verdict(verdict=ABSTAIN, code=outcome), "veto", "deny", going()) == REFUSED


def test_confidence_counts_only_once_it_is_calibrated() -> None:
    just, sure = going(1.0, 0.5), going(1.0, 0.9)
    assert effect(just, "veto", "rules", threshold=0.5) == NOTHING
    assert effect(just, "veto", "rules", threshold=0.5, calibrated=True) == Effect("", 0.5)
    assert effect(going(1.0, 0.6), "veto", "rules", threshold=0.5, calibrated=True).factor == pytest.approx(0.7)
    assert effect(sure, "veto", "rules", threshold=0.5, calibrated=True) == NOTHING
    assert effect(going(0.3, 0.9), "veto", "rules", calibrated=True) == Effect("", 0.3)
    assert effect(going(1.0, None), "veto", "rules", calibrated=True) == NOTHING
    assert effect(going(1.0, 1.0), "veto", "rules", threshold=1.0, calibrated=True) == NOTHING


def test_the_rules_confidence_is_never_calibrated_by_a_models() -> None:
    assert effect(FAILED, "veto", "rules", going(1.0, 0.5), threshold=0.5, calibrated=True) == NOTHING


verdicts = st.builds(
    Verdict,
    verdict=st.sampled_from((*VERDICTS, "BUY", "")),
    p_win=st.none() | st.floats(),
    size_factor=st.floats(),
    code=st.sampled_from(OUTCOMES),
)


@over(
    verdicts,
    st.sampled_from(MODES),
    st.sampled_from(("rules", "deny")),
    st.none() | verdicts,
    st.floats(0, 1),
    st.booleans(),
)
def test_whatever_is_said_a_trade_never_grows(
    verdict: Verdict, mode: str, on_abstain: str, by_rules: Verdict | None, threshold: float, calibrated: bool
) -> None:
    made = effect(verdict, mode, on_abstain, by_rules, threshold=threshold, calibrated=calibrated)
    assert 0.0 <= made.factor <= 1.0
    assert made.veto in ("", "RESEARCH_NO_GO", "RESEARCH_ABSTAIN")
    assert (made.factor == 0.0) == bool(made.veto)
    if verdict.verdict != GO and verdict.code != "TOP_K" and mode == "veto" and on_abstain == "deny":
        assert made.veto


def a_view(**changed: Any) -> View:
    usual: dict[str, Any] = {
        "symbol": "EURUSD",
        "at": T,
        "valid_until": T + 100,
        "regime": "TRENDING",
        "bias": "BULLISH",
    }
    return View(**{**usual, **changed})


def test_a_view_stops_what_goes_against_it() -> None:
    assert of_view(a_view(), 1, T).verdict == GO
    assert of_view(a_view(), -1, T).verdict == NO_GO
    assert of_view(a_view(bias="BEARISH"), 1, T).verdict == NO_GO
    assert of_view(a_view(bias="BEARISH"), -1, T).verdict == GO
    assert of_view(a_view(bias="NEUTRAL"), -1, T).verdict == GO


def test_a_view_of_trouble_makes_smaller() -> None:
    assert of_view(a_view(), 1, T).size_factor == 1.0
    assert of_view(a_view(regime="VOLATILE"), 1, T).size_factor == 0.5
    assert of_view(a_view(risks=("NEWS",)), 1, T).size_factor == 0.5
    assert of_view(a_view(risks=("GAP",)), 1, T).size_factor == 1.0


@pytest.mark.parametrize("at", [T - 1, T + 100, T + 101])
def test_a_view_past_its_time_or_before_it_says_nothing(at: int) -> None:
    said = of_view(a_view(), -1, at)
    assert (said.verdict, said.code) == (ABSTAIN, "EXPIRED")


def test_a_view_without_facts_says_why() -> None:
    assert of_view(a_view(valid_until=T, code="NO_FACTS"), 1, T).code == "NO_FACTS"


def test_a_view_of_the_rules_in_a_models_place_counts() -> None:
    assert of_view(a_view(code="TIMEOUT"), -1, T).verdict == NO_GO


def test_together_a_veto_wins_and_the_smallest_factor_holds() -> None:
    assert combined() == NOTHING
    assert combined(Effect("", 0.5), Effect("", 0.8)) == Effect("", 0.5)
    assert combined(Effect("", 0.5), REFUSED) == REFUSED
    assert combined(VETOED, REFUSED) == VETOED
