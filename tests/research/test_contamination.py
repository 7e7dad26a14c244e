"""What a model may have known by heart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from domain.timeframe import nanos
from research.contamination import contaminated


def at(*day: int) -> int:
    return nanos(datetime(*day, tzinfo=UTC))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "margin", "known"),
    [
        (at(2023, 9, 1), 30, True),
        (at(2023, 10, 31, 23, 59), 0, True),  # the last day is among what it has learned
        (at(2023, 11, 1), 0, False),
        (at(2023, 11, 30, 23, 59), 30, True),
        (at(2023, 12, 1), 30, False),
    ],
)
def test_a_decision_up_to_the_cutoff_and_its_margin_may_be_remembered(when: int, margin: int, known: bool) -> None:
    assert contaminated(when, "llm", "2023-10-31", margin) is known
    assert contaminated(when, "cache", "2023-10-31", margin) is known


def test_rules_remember_nothing_and_without_a_cutoff_nothing_is_known() -> None:
    assert not contaminated(0, "rules", "2023-10-31", 30)
    assert not contaminated(0, "llm", None, 30)
