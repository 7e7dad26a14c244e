from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from strategies.base import OWN, STANCE, ClosedBar
from strategies.setups import EXPIRED, REACHED, RUNNING, SETUP_SLOTS, STOPPED, begin, ended

INSIDE = (100.4, 99.6)


def after(
    side: int, *ranges: tuple[float, float], stop: float = 2.0, target: float = 4.0, longest: int = 0
) -> list[int]:
    """What is said of bars with these (high, low), of a setup taken at 100."""
    state: Any = np.zeros(OWN + SETUP_SLOTS)
    begin(state, OWN, 100.0, side, stop, target)
    state[STANCE] = side
    return [ended(state, OWN, ClosedBar(0, 100.0, high, low, 100.0, 0.0, math.nan), longest) for high, low in ranges]


@pytest.mark.parametrize(
    ("side", "bar", "expected"),
    [
        (1, INSIDE, RUNNING),
        (1, (101.0, 98.0), STOPPED),
        (1, (104.0, 99.0), REACHED),
        (1, (104.0, 98.0), STOPPED),  # both: the stop counts
        (-1, INSIDE, RUNNING),
        (-1, (102.0, 99.0), STOPPED),
        (-1, (101.0, 96.0), REACHED),
        (-1, (102.0, 96.0), STOPPED),
        (0, (200.0, 1.0), RUNNING),
    ],
)
def test_a_setup_ends_at_its_stop_or_its_target(side: int, bar: tuple[float, float], expected: int) -> None:
    assert after(side, bar) == [expected]


def test_without_a_stop_or_a_target_only_the_other_one_ends_it() -> None:
    assert after(1, (101.0, 1.0), stop=0.0) == [RUNNING]
    assert after(1, (900.0, 99.0), target=0.0) == [RUNNING]


def test_it_ends_with_time() -> None:
    assert after(1, INSIDE, INSIDE, INSIDE, longest=3) == [RUNNING, RUNNING, EXPIRED]
    assert after(1, *[INSIDE] * 500) == [RUNNING] * 500
