from __future__ import annotations

from typing import Any

import pytest

from strategies.dca import dca
from tests.strategies.making import MINUTE, closing, reasons, told

HOUR = 60 * MINUTE
STILL = [100.0, 100.2]
ASKED = {"atr": 2, "every": 24.0}


def said_of(*closes: float, **given: Any) -> list[tuple[int, int, str]]:
    return reasons(dca, told(dca, closing(*closes, every=HOUR), **{**ASKED, **given})[1])


def test_it_buys_at_the_first_bar_of_each_period_once_the_last_purchase_is_over() -> None:
    closes = [*STILL * 24, *STILL * 5, 130.0, *[130.0, 130.2] * 10]  # the target is reached at hour 58

    found = said_of(*closes, by="time", stop_atr=0, target_atr=4)

    assert found == [(24, 1, "TIME_TO_BUY"), (58, 0, "TARGET_REACHED"), (72, 1, "TIME_TO_BUY")]


def test_a_period_that_falls_due_while_a_purchase_is_held_is_left_out() -> None:
    found = said_of(*STILL * 60, by="time", stop_atr=0, target_atr=100, longest=0)

    assert [bar for bar, _, _ in found] == [24]


def test_the_distances_are_those_of_the_purchase_that_is_held() -> None:
    """A later date at a lower price does not pull the target down."""
    closes = [*STILL * 12, 100.0, *[95.0, 95.2] * 12, 106.0, 110.0]

    found = said_of(*closes, by="time", stop_atr=0, target_atr=8)

    assert found == [(24, 1, "TIME_TO_BUY"), (len(closes) - 1, 0, "TARGET_REACHED")]


def test_it_buys_after_a_fall_from_the_highest_close() -> None:
    fall = [100.0 - i for i in range(1, 12)]

    found = said_of(*STILL * 5, *fall, by="level", dip=3.0)

    assert found[0][1:] == (1, "DIP")
    assert said_of(*STILL * 5, *fall, by="level", dip=50.0) == []
    assert said_of(*STILL * 5, *fall, by="time") == []
    assert said_of(*STILL * 5, *fall, by="either", dip=3.0) == found


@pytest.mark.parametrize(
    ("after", "given", "reason"),
    [(90.0, {}, "STOP_REACHED"), (120.0, {}, "TARGET_REACHED"), (100.0, {"longest": 1}, "HELD_TOO_LONG")],
)
def test_a_purchase_ends_at_stop_target_or_its_longest_life(after: float, given: Any, reason: str) -> None:
    found = said_of(*STILL * 12, 100.0, after, by="time", **given)

    assert found == [(24, 1, "TIME_TO_BUY"), (25, 0, reason)]
