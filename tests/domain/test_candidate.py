"""Ranking, reasons and computed identity."""

from __future__ import annotations

import itertools
import math

import numpy as np

from domain.candidate import CODE, REASONS, REPORT, ranked
from domain.candidate import identity as computed
from tests.factories import a_candidate


def test_the_best_comes_first_by_score_then_probability_then_name() -> None:
    best = a_candidate("ZZZ", score=0.9, probability=0.1)
    likely = a_candidate("YYY", score=0.5, probability=0.8)
    first = a_candidate("AAA", score=0.5, probability=0.5)
    second = a_candidate("BBB", score=0.5, probability=0.5)
    worst = a_candidate("AAB", score=0.1, probability=0.9)
    expected = [best, likely, first, second, worst]

    assert all(ranked([*order]) == expected for order in itertools.permutations(expected))


def test_a_score_that_is_no_number_ranks_last_wherever_it_came_from() -> None:
    good = [a_candidate("AAA", score=0.5), a_candidate("BBB", score=0.4), a_candidate("CCC", score=0.3)]
    strange = a_candidate("AAB", score=math.nan)
    unlikely = a_candidate("AAC", score=0.3, probability=math.nan)

    for order in itertools.permutations([*good, strange, unlikely]):
        assert [one.symbol for one in ranked([*order])] == ["AAA", "BBB", "CCC", "AAC", "AAB"]


def test_ranking_changes_nothing_it_was_given() -> None:
    given = [a_candidate(score=0.1), a_candidate(score=0.9)]
    ranked(given)

    assert [one.score for one in given] == [0.1, 0.9]


def test_reason_codes_are_only_ever_appended() -> None:
    assert REASONS[:9] == (
        "NO_SIGNAL",
        "NO_NEW_BAR",
        "WARMING_UP",
        "CANDIDATE",
        "HOLDING",
        "EXIT",
        "BAD_PRINT",
        "HOST_DOWN",
        "ERROR",
    )
    assert [REASONS[CODE[one]] for one in REASONS] == [*REASONS]
    assert len(REASONS) <= np.iinfo(REPORT["code"]).max


def test_a_row_of_a_report_has_twelve_bytes() -> None:
    assert REPORT.itemsize == 12


def test_identity_is_computed_from_every_part_in_order() -> None:
    assert computed("a", 1) == computed("a", 1)
    assert len({computed("a", 1), computed(1, "a"), computed("a1"), computed("a", 2), computed("a", 1, "")}) == 5
    assert len(computed("a")) == 32
