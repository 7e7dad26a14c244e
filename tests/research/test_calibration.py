"""Calibration against numbers computed by hand, and what it takes to earn a say in the size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from research.calibration import by, earned, measured, scored, shaping, skill_interval, wilson
from tests.research.scoring import PROMPTS, a_row, good, rows_of

SIX = [(0.9, 1), (0.8, 1), (0.7, 0), (0.3, 0), (0.2, 1), (0.1, 0)]
"""Squared errors 0.01, 0.04, 0.49, 0.09, 0.64, 0.01: 1.28 / 6; each in a bin of its own, off by 0.1, 0.2, 0.7, 0.3,
0.8, 0.1: 2.2 / 6; three of six won: a base rate of 0.5, whose Brier score is 0.25."""


def test_brier_skill_ece_and_log_loss_are_what_a_hand_computes() -> None:
    found = measured(scored(rows_of(SIX)))

    assert (found.cases, found.won, found.base, found.few) == (6, 3, 0.5, True)
    assert found.said == pytest.approx(0.5)
    assert found.brier == pytest.approx(1.28 / 6)
    assert found.reference == pytest.approx(0.25)
    assert found.skill == pytest.approx(1 - (1.28 / 6) / 0.25)
    assert found.ece == pytest.approx(2.2 / 6)
    said = (0.9, 0.8, 0.3, 0.7, 0.2, 0.9)  # of what came
    assert found.log_loss == pytest.approx(-sum(map(math.log, said)) / 6)


def test_a_bin_compares_the_mean_said_with_the_share_that_came() -> None:
    found = measured(scored(rows_of([(0.61, 1), (0.63, 1), (0.65, 0), (0.69, 1), (0.05, 0)])))

    bins = {(one.low, one.high): one for one in found.bins if one.cases}
    assert set(bins) == {(0.0, 0.1), (0.6, 0.7)}
    six = bins[(0.6, 0.7)]
    assert (six.cases, six.share) == (4, 0.75)
    assert six.said == pytest.approx(0.645)
    assert found.ece == pytest.approx((4 * 0.105 + 1 * 0.05) / 5)


@pytest.mark.parametrize(("said", "place"), [(0.0, 0), (0.1, 1), (0.3, 3), (0.7, 7), (0.999, 9), (1.0, 9)])
def test_an_edge_belongs_to_the_bin_above_it_and_one_to_the_last(said: float, place: int) -> None:
    found = measured(scored(rows_of([(said, 1)])))

    assert [number for number, one in enumerate(found.bins) if one.cases] == [place]


def test_certainty_that_fails_costs_much_and_not_infinitely() -> None:
    found = measured(scored(rows_of([(1.0, 0), (0.0, 0)])))

    assert found.log_loss == pytest.approx((-math.log(1e-6) - math.log(1 - 1e-6)) / 2)
    assert found.brier == pytest.approx(0.5)


def test_where_all_end_alike_there_is_no_skill_to_have() -> None:
    found = measured(scored(rows_of([(0.9, 1)] * 40)))

    assert (found.base, found.skill, found.skill_low, found.skill_high) == (1.0, None, None, None)


def test_nothing_is_measured_of_nothing() -> None:
    found = measured([])

    assert (found.cases, found.brier, found.skill, found.ece, found.log_loss, found.base) == (0, *[None] * 5)
    assert sum(one.cases for one in found.bins) == 0


def test_wilsons_interval_is_that_of_his_paper() -> None:
    low, high = wilson(8, 10)

    assert (low, high) == (pytest.approx(0.4901625, abs=1e-6), pytest.approx(0.9433178, abs=1e-6))
    assert wilson(0, 0) == (None, None)
    assert wilson(0, 5)[0] == 0.0


# -- which cases count -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [{"p_win": None}, {"p_win": math.nan}, {"p_win": 1.2}, {"p_win": -0.1}, {"won": None}, {"touched": ""}],
)
def test_what_has_no_probability_or_no_end_is_not_counted(changed: dict[str, float | None]) -> None:
    assert scored([a_row(**changed)]) == []


def test_a_fallback_to_the_rules_is_scored_as_the_rules() -> None:
    (one,) = scored([a_row(source="rules")])

    assert (one.model, one.prompts) == ("rules", "")


def test_a_recorded_answer_is_the_models() -> None:
    (one,) = scored([a_row(source="cache")])

    assert (one.model, one.prompts) == ("gpt-x", "bear@1 bull@1 judge@1 rebuttal@1")


def test_the_same_candidate_judged_again_by_the_same_judge_counts_once() -> None:
    again = [a_row(0), a_row(0, p_win=0.9), a_row(0, arm="single"), a_row(0, model="other"), a_row(0, direction=-1)]

    assert sorted((one.model, one.arm, one.direction, one.p_win) for one in scored(again)) == [
        ("gpt-x", "debate", -1, 0.6),
        ("gpt-x", "debate", 1, 0.6),
        ("gpt-x", "single", 1, 0.6),
        ("other", "debate", 1, 0.6),
    ]


def test_only_the_prompts_that_shape_the_answer_make_another_judge() -> None:
    assert shaping(PROMPTS, "single") == "single@1"
    assert shaping(PROMPTS | {"critic": "critic@7"}, "debate") == shaping(PROMPTS, "debate")
    assert shaping(PROMPTS | {"bull": "bull@2"}, "debate") != shaping(PROMPTS, "debate")
    assert shaping("no JSON", "debate") == "no JSON"


def test_groups_are_measured_apart() -> None:
    rows = [*rows_of([(0.9, 1)], regime="TRENDING"), *rows_of([(0.9, 0)], regime="RANGING", symbol="BTC")]

    found = by(scored(rows), lambda one: one.regime)

    assert list(found) == ["RANGING", "TRENDING"]
    assert [round(found[name].brier or 0, 4) for name in found] == [0.81, 0.01]


# -- earning a say ---------------------------------------------------------------------------------


def test_a_judge_that_knows_something_earns_its_say_after_enough_cases() -> None:
    cases = scored(rows_of(good(100)))

    assert earned(cases, 100)
    assert not earned(cases, 101)
    assert not earned([], 20)


def test_too_few_cases_earn_nothing_whatever_is_asked_for() -> None:
    assert not earned(scored(rows_of(good(20))), 0)


def test_a_judge_that_guesses_or_only_knows_the_base_rate_earns_nothing() -> None:
    random = np.random.default_rng(3)
    guessed = [(float(p), int(won)) for p, won in zip(random.random(400), random.random(400) < 0.5, strict=True)]

    assert not earned(scored(rows_of(guessed)), 100)
    assert not earned(scored(rows_of([(0.5, n % 2) for n in range(400)])), 100)


def test_a_little_skill_that_may_be_luck_earns_nothing() -> None:
    draws = np.random.default_rng(1).random(100)
    cases = scored(
        rows_of([(0.6, int(draw < 0.6)) if n % 2 else (0.4, int(draw < 0.4)) for n, draw in enumerate(draws)])
    )

    assert (measured(cases).skill or 0) > 0
    assert not earned(cases, 100)


def test_contaminated_cases_earn_nothing() -> None:
    assert not earned(scored(rows_of(good(200), contaminated=True)), 100)


def test_another_model_arm_or_prompt_begins_anew() -> None:
    cases = scored(rows_of(good(200)))

    assert earned(cases, 100, model="gpt-x", arm="debate", prompts=PROMPTS)
    assert not earned(cases, 100, model="gpt-y", arm="debate", prompts=PROMPTS)
    assert not earned(cases, 100, model="gpt-x", arm="single", prompts=PROMPTS)
    assert not earned(cases, 100, model="gpt-x", arm="debate", prompts=PROMPTS | {"judge": "judge@2"})
    assert not earned(scored([*rows_of(good(200)), a_row(500, model="gpt-y")]), 100)


def test_the_newest_case_says_who_the_present_judge_is() -> None:
    assert earned(scored([*rows_of(good(200)), a_row(-1, model="older")]), 100)


def test_the_interval_is_the_same_each_time_and_narrows_with_more_cases() -> None:
    few, many = (np.array(good(count), dtype=np.float64).T for count in (60, 600))

    low, high = skill_interval(*few)
    assert (low, high) == skill_interval(*few)
    wide = (high or 0.0) - (low or 0.0)
    low, high = skill_interval(*many)
    assert 0.0 < (high or 0.0) - (low or 0.0) < wide
    assert skill_interval(*np.array(good(29), dtype=np.float64).T) == (None, None)


def test_cases_that_repeat_each_other_are_no_more_evidence() -> None:
    """Ten neighbours that share one outcome: blocks keep them together, a plain bootstrap would not."""
    random = np.random.default_rng(5)
    apart = np.where(random.random(20) < 0.5, 1.0, 0.0)
    won = np.repeat(apart, 10)
    said = np.clip(0.5 + 0.25 * (won - 0.5) * np.repeat(np.where(np.arange(20) % 10 < 7, 1, -1), 10), 0, 1)
    shuffled = random.permutation(200)

    low, _ = skill_interval(said, won)
    plain, _ = skill_interval(said[shuffled], won[shuffled])

    assert (low or 0.0) < (plain or 0.0)
