"""The share of GO: alarms on collapse, on silence, and once."""

from __future__ import annotations

from domain.research import ABSTAIN, GO, NO_GO
from research.watching import GoRate


def said(rate: GoRate, verdicts: list[str]) -> list[str]:
    return [alarm for one in verdicts if (alarm := rate.saw(one))]


def test_a_judge_that_never_says_go_is_an_alarm_once() -> None:
    rate = GoRate(10, 0.05, 0.95)

    assert said(rate, [NO_GO] * 9) == []
    assert said(rate, [NO_GO] * 20) == ["GO in 0 % of the last 10 verdicts, below 5 %"]


def test_a_judge_that_always_says_go_is_an_alarm() -> None:
    assert said(GoRate(10, 0.05, 0.95), [GO] * 12) == ["GO in 100 % of the last 10 verdicts, above 95 %"]


def test_a_sound_share_is_none_and_its_limits_are_sound() -> None:
    assert said(GoRate(10, 0.1, 0.9), [GO, *[NO_GO] * 9] * 3) == []
    assert said(GoRate(10, 0.1, 0.9), [NO_GO, *[GO] * 9] * 3) == []


def test_after_it_was_sound_it_is_told_again() -> None:
    rate = GoRate(10, 0.05, 0.95)

    assert len(said(rate, [NO_GO] * 10)) == 1
    assert said(rate, [GO] * 5) == []
    assert len(said(rate, [NO_GO] * 10)) == 1


def test_silence_is_an_alarm_of_its_own_and_counts_as_neither() -> None:
    assert said(GoRate(10, 0.05, 0.95), [ABSTAIN] * 6 + [GO] * 4) == [
        "6 of the last 10 verdicts are ABSTAIN: nobody judges"
    ]
    assert said(GoRate(10, 0.05, 0.95), [ABSTAIN] * 5 + [GO, GO, NO_GO, GO, NO_GO]) == []
    assert said(GoRate(10, 0.05, 0.95), [ABSTAIN] * 5 + [GO] * 5) == ["GO in 100 % of the last 5 verdicts, above 95 %"]


def test_only_the_last_cases_count() -> None:
    rate = GoRate(10, 0.05, 0.95)

    assert said(rate, [GO] * 5 + [NO_GO] * 9) == []
    assert said(rate, [NO_GO]) == ["GO in 0 % of the last 10 verdicts, below 5 %"]
