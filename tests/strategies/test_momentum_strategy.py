from __future__ import annotations

import math

import numpy as np
import pytest

from strategies.base import parameters_problems
from strategies.momentum import momentum
from tests.strategies.making import closing, mirrored, reasons, told

STILL = [100.0, 100.5] * 40
RISE = [100.0 + i for i in range(1, 40)]
FADE = [139.0, 139.5] * 40
SHORT = {"length": 10, "atr": 5}


def test_a_rise_beyond_chance_is_followed_until_it_fades() -> None:
    _, changes = told(momentum, closing(*STILL, *RISE, *FADE), **SHORT)

    assert [(stance, reason) for _, stance, reason in reasons(momentum, changes)] == [(1, "RISING"), (0, "FADED")]
    assert len(STILL) < changes["bar"][0] < len(STILL) + 15


def test_the_change_is_measured_in_deviations() -> None:
    closes = [100.0, 101.0, 99.5, 100.5, 102.0, 103.0, 104.5, 106.0]
    steps = np.diff(closes)
    variance = steps[0] ** 2
    for step in steps[1:]:
        variance = 0.9 * variance + 0.1 * step**2
    expected = (closes[-1] - closes[-5]) / math.sqrt(variance * 4)

    asked = {"length": 4, "atr": 2, "decay": 0.9, "adx": 0, "leave": 0}
    above, _ = told(momentum, closing(*closes), enter=expected - 1e-9, **asked)
    below, _ = told(momentum, closing(*closes), enter=expected + 1e-9, **asked)

    assert above.stances[-1] == 1
    assert below.stances[-1] == 0


def test_a_change_without_a_trend_takes_no_side() -> None:
    unsteady = (100.0 + 0.6 * np.arange(120) + np.random.default_rng(6).normal(0, 2, 120)).tolist()

    assert set(told(momentum, closing(*unsteady), **SHORT, adx=95, enter=0.5)[0].stances) == {0}
    assert 1 in told(momentum, closing(*unsteady), **SHORT, adx=0, enter=0.5)[0].stances


@pytest.mark.parametrize(("side", "stances"), [("both", {0, 1, -1}), ("long", {0, 1}), ("short", {0, -1})])
def test_a_side_that_is_not_taken_is_flat(side: str, stances: set[int]) -> None:
    fall = [139.0 - i for i in range(1, 40)]

    said, _ = told(momentum, closing(*STILL, *RISE, *FADE, *fall), **SHORT, side=side)

    assert set(said.stances) == stances


def test_leave_is_not_above_enter() -> None:
    (problem,) = parameters_problems(momentum, {"enter": 1.0, "leave": 2.0})

    assert problem == "strategy.leave = 2: must not be above strategy.enter = 1"


def test_shorts_mirror_longs() -> None:
    bars = closing(*STILL, *RISE, *FADE)

    up, _ = told(momentum, bars, **SHORT)
    down, _ = told(momentum, mirrored(bars, 100.0), **SHORT)

    np.testing.assert_array_equal(up.stances, -down.stances)
