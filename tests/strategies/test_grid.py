from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from strategies.grid import grid
from tests.strategies.making import closing, mirrored, reasons, told

STILL = [100.0, 100.2, 100.0, 99.8] * 3  # laid at bar 6 (close 100): 2 ATR of about 1.3
ASKED = {"atr": 3, "levels": 3, "spacing": 2.0, "adx": 100.0, "renew": 1000}


def said_of(*closes: float, **given: Any) -> list[tuple[int, int, str]]:
    return reasons(grid, told(grid, market(*closes), **{**ASKED, **given})[1])


def market(*closes: float) -> Bars:
    return closing(*STILL, *closes)


FIRST = len(STILL)


def test_a_level_below_is_bought_and_sold_one_level_higher() -> None:
    found = said_of(98.5, 97.0, 98.5, 100.1)

    assert found == [(FIRST + 1, 1, "RUNG_TAKEN_BELOW"), (FIRST + 3, 0, "RUNG_EARNED")]


def test_it_is_not_a_stub_and_takes_the_same_level_again() -> None:
    """A grid that never trades is the fault of a system before this one."""
    found = said_of(*[97.0, 100.1] * 4)

    assert [stance for _, stance, _ in found] == [1, 0] * 4


def test_the_distances_are_to_the_next_level_and_beyond_the_last_one() -> None:
    _, changes = told(grid, market(97.0), **ASKED)
    _, deeper = told(grid, market(94.0), **ASKED)

    step = (changes["stop"][0] + 3.0) / 4  # the stop lies four steps below the centre at 100
    assert deeper["stop"][0] == pytest.approx(4 * step - 6.0)
    assert deeper["target"][0] == pytest.approx(6.0 - step)
    assert changes["target"][0] == pytest.approx(3.0)  # back to the centre
    assert changes["score"][0] == pytest.approx(1 / 3)
    assert deeper["score"][0] == pytest.approx(2 / 3)


def test_one_net_position_holds_one_rung() -> None:
    found = said_of(97.0, 94.0, 97.0, 98.0, 100.1)

    assert [stance for _, stance, _ in found] == [1, 0]
    assert found[-1] == (FIRST + 4, 0, "RUNG_EARNED")


def test_outside_the_grid_it_gives_up_and_lays_a_new_one() -> None:
    found = said_of(97.0, 80.0, 80.1, 80.0)

    assert found == [(FIRST, 1, "RUNG_TAKEN_BELOW"), (FIRST + 1, 0, "OUT_OF_GRID")]


def test_a_trend_takes_no_rung() -> None:
    falling = [100.0 - 0.9 * i for i in range(1, 9)]

    assert said_of(*falling, adx=15.0, levels=20) == []
    assert said_of(*falling, adx=100.0, levels=20) != []


@pytest.mark.parametrize(("side", "stances"), [("both", [1, 0, -1]), ("long", [1, 0]), ("short", [-1])])
def test_sides(side: str, stances: list[int]) -> None:
    assert [stance for _, stance, _ in said_of(97.0, 100.1, 103.0, side=side)] == stances


def test_a_grid_without_a_rung_is_laid_anew_after_a_while() -> None:
    wait = [101.5, 101.7] * 10

    assert said_of(*wait, 103.0) == [(FIRST + 20, -1, "RUNG_TAKEN_ABOVE")]
    assert said_of(*wait, 103.0, renew=10) == []


def test_shorts_mirror_longs() -> None:
    bars = market(97.0, 100.1, 94.0, 97.5, 80.0, 78.0, 81.0)

    up, _ = told(grid, bars, **ASKED)
    down, _ = told(grid, mirrored(bars, 100.0), **ASKED)

    assert 1 in up.stances
    np.testing.assert_array_equal(up.stances, -down.stances)
