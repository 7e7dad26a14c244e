"""Arms on the same candidates: pairs, differences and what they are worth, computed by hand."""

from __future__ import annotations

import random

import pytest

from research.arms import ALL, EXACT, all_compared, arm_of, compared, everything, mcnemar, sign_flip, tried
from tests.research.scoring import a_row


def test_an_arm_keeps_its_share_of_a_result() -> None:
    rows = [
        a_row(0, verdict="GO", size_factor=0.5, r=2.0),
        a_row(1, verdict="NO_GO", r=-1.0, won=0, touched="STOP"),
        a_row(2, verdict="ABSTAIN", p_win=None, size_factor=1.0, r=-1.0, won=0, touched="STOP"),
    ]

    assert [(one.share, one.right) for one in tried(rows)] == [(0.5, True), (0.0, True), (1.0, None)]


def test_only_cases_whose_end_is_known_count_and_each_once() -> None:
    rows = [a_row(0), a_row(0, r=-1.0), a_row(1, touched=""), a_row(2, r=None), a_row(3, won=None)]

    (one,) = tried(rows)

    assert one.r == 2.0


def test_an_arm_is_named_with_its_model() -> None:
    assert arm_of(a_row(arm="debate", model="gpt-x")) == "debate gpt-x"
    assert arm_of(a_row(arm="debate", model="rules")) == "rules"


def test_pairs_are_compared_candidate_by_candidate() -> None:
    # R of four candidates: 2, -1, -1, 2. single takes all; debate refuses the second and the fourth, halves the third
    results = [(2.0, 1), (-1.0, 0), (-1.0, 0), (2.0, 1)]
    single = [
        a_row(n, arm="single", verdict="GO", p_win=0.6, r=r, won=won, size_factor=1.0)
        for n, (r, won) in enumerate(results)
    ]
    said = [("GO", 1.0, 0.9), ("NO_GO", 1.0, 0.1), ("GO", 0.5, 0.6), ("NO_GO", 1.0, 0.4)]
    debate = [
        a_row(n, arm="debate", verdict=verdict, size_factor=factor, p_win=p, r=r, won=won)
        for n, ((verdict, factor, p), (r, won)) in enumerate(zip(said, results, strict=True))
    ]
    lonely = a_row(9, arm="debate")

    found = compared(tried(single), tried([*debate, lonely]))

    assert (found.first, found.second, found.pairs, found.agree) == ("single gpt-x", "debate gpt-x", 4, 2)
    assert found.first_r == pytest.approx((2 - 1 - 1 + 2) / 4)
    assert found.second_r == pytest.approx((2 + 0 - 0.5 + 0) / 4)
    assert found.difference == pytest.approx((0 + 1 + 0.5 - 2) / 4)
    assert (found.only_first, found.only_second) == (1, 1)  # the fourth, the second
    assert found.p_right == 1.0
    assert found.first_brier == pytest.approx((0.16 + 0.36 + 0.36 + 0.16) / 4)
    assert found.second_brier == pytest.approx((0.01 + 0.01 + 0.36 + 0.36) / 4)
    # blocks of two: 0 + 1 and 0.5 - 2; every flip of 1 and -1.5 is as far from 0 as -0.5
    assert found.p_difference == 1.0


def test_contaminated_pairs_are_left_out() -> None:
    first = tried([a_row(0, arm="a"), a_row(1, arm="a"), a_row(2, arm="a", contaminated=True)])
    second = tried([a_row(0, arm="b"), a_row(1, arm="b", contaminated=True), a_row(2, arm="b")])

    found = compared(first, second)

    assert (found.pairs, found.contaminated) == (1, 2)


def test_every_arm_is_held_against_no_research_and_the_others() -> None:
    rows = [a_row(n, arm=arm, r=-1.0, won=0, verdict="NO_GO") for n in range(3) for arm in ("debate", "single")]

    found = all_compared(tried(rows))

    assert [(one.first, one.second) for one in found] == [
        (ALL, "debate gpt-x"),
        (ALL, "single gpt-x"),
        ("debate gpt-x", "single gpt-x"),
    ]
    assert (found[0].first_r, found[0].second_r, found[0].difference) == (-1.0, 0.0, 1.0)
    assert found[0].p_right is None  # who says nothing is neither right nor wrong
    assert [one.arm for one in everything(tried(rows))] == [ALL] * 3


def test_arms_without_a_candidate_in_common_have_nothing_to_compare() -> None:
    found = compared(tried([a_row(0, arm="a")]), tried([a_row(1, arm="b")]))

    assert (found.pairs, found.difference, found.p_difference, found.p_right) == (0, None, None, None)


# -- significance ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [(0, 0, 1.0), (1, 9, 22 / 1024), (9, 1, 22 / 1024), (0, 6, 2 / 64), (5, 5, 1.0), (2, 3, 1.0)],
)
def test_mcnemar_is_the_binomial_of_those_that_differ(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)


def test_mcnemar_of_many_is_near_the_exact_one() -> None:
    assert mcnemar(470, 530) == pytest.approx(0.0620, abs=0.001)
    assert mcnemar(4700, 5300) < 1e-8


def test_signs_are_flipped_in_blocks_of_neighbours() -> None:
    assert sign_flip([]) is None
    assert sign_flip([1.0]) == 1.0
    assert sign_flip([1.0] * 4) == 0.5  # two blocks: 2 of 4 ways
    assert sign_flip([1.0] * 9) == 0.25  # three blocks: 2 of 8 ways
    assert sign_flip([0.0] * 9) == 1.0


def test_many_blocks_are_drawn_the_same_each_time() -> None:
    draws = random.Random(2)
    level = [draws.gauss(0, 1) for _ in range(400)]
    better = [one + 0.5 for one in level]
    assert len(level) > EXACT**2

    assert sign_flip(better) == sign_flip(better)
    assert (sign_flip(better) or 1) < 0.01 < (sign_flip(level) or 0)
