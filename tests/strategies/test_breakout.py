from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from strategies.breakout import breakout
from strategies.levels import (
    BROKEN,
    COUNT,
    LEVEL_SLOTS,
    PIERCES,
    PLACE,
    PRICE,
    SIDE,
    TOUCHES,
    at,
    follow,
    strength,
    touch,
)
from tests.strategies.making import closing, mirrored, reasons, told

WAVES = [100.0, 102.0, 104.0, 105.0, 103.5, 101.5] * 6
UP = [100.0, 102.0, 104.0, 109.0]
LOOSE = {"strength": 0.3, "after": 2, "within": 20, "volume": 0.0, "near": 1.0, "target_r": 0.0, "longest": 0}


def entries(bars: Bars, **given: Any) -> list[tuple[int, int, str]]:
    return [one for one in reasons(breakout, told(breakout, bars, **{**LOOSE, **given})[1]) if one[1] != 0]


def test_a_level_touched_several_times_is_entered_as_it_breaks() -> None:
    bars = closing(*WAVES, *UP)

    assert entries(bars, entry="momentum") == [(len(bars) - 1, 1, "BROKE_UP")]
    assert entries(bars, entry="retest") == []
    assert entries(bars, entry="momentum", touches=8) == []
    assert entries(bars, entry="momentum", strength=1.0) == []


def test_the_stop_of_a_break_is_the_nearer_of_range_and_recent_extreme() -> None:
    bars = closing(*WAVES, *UP)

    _, wide = told(breakout, bars, **LOOSE, entry="momentum", stop_atr=20.0, recent=2)
    _, tight = told(breakout, bars, **LOOSE, entry="momentum", stop_atr=0.5, recent=2)

    assert wide["stop"][-1] == pytest.approx(109.0 - bars["low"][-2:].min())
    assert tight["stop"][-1] < wide["stop"][-1]


def test_a_break_without_volume_or_body_is_not_entered() -> None:
    bars = closing(*WAVES, *UP)
    loud = bars.copy()
    loud["volume"][-1] = 3.0
    wick = bars.copy()
    wick["open"][-1] = 108.9
    asked = {"entry": "momentum", "volume": 2.0}

    assert entries(bars, **asked) == []
    assert len(entries(loud, **asked)) == 1
    assert entries(wick, entry="momentum") == []
    unknown = bars.copy()
    unknown["volume"] = 0.0
    assert len(entries(unknown, **asked)) == 1  # where no volume is known none is asked for


def test_retests_find_the_break_before_them() -> None:
    """A history of breaks that nobody writes would leave every retest without one."""
    bars = closing(*WAVES, *UP, 109.0, 108.0, 106.5, 105.8, 106.2, 107.0)

    found = entries(bars, entry="retest")

    assert [(stance, reason) for _, stance, reason in found] == [(1, "RETESTED_FROM_ABOVE")]
    assert bars["close"][found[0][0]] > bars["open"][found[0][0]]
    assert entries(bars, entry="retest", after=19) == []
    assert entries(bars, entry="retest", within=3, after=1) == []


def test_each_break_is_retested_once() -> None:
    back = [106.5, 105.8, 106.2, 107.0]
    bars = closing(*WAVES, *UP, 109.0, 108.0, *back, 112.0, 109.0, *back)

    found = [one for one in reasons(breakout, told(breakout, bars, **{**LOOSE, "entry": "retest", "target_r": 1.0})[1])]

    assert [(stance, reason) for _, stance, reason in found] == [(1, "RETESTED_FROM_ABOVE"), (0, "TARGET_REACHED")]


def test_a_level_broken_back_is_not_retested() -> None:
    bars = closing(*WAVES, *UP, 106.0, 103.0, 102.0, 104.0, 104.4)

    assert [one for one in entries(bars, entry="retest") if one[1] > 0] == []


def test_shorts_mirror_longs() -> None:
    bars = closing(*WAVES, *UP, 109.0, 108.0, 106.5, 105.8, 106.2, 107.0)

    up, _ = told(breakout, bars, **LOOSE)
    down, _ = told(breakout, mirrored(bars, 100.0), **LOOSE)

    assert 1 in up.stances
    np.testing.assert_array_equal(up.stances, -down.stances)


# -- the table of levels ---------------------------------------------------------------------------


def table(*prices: float, merge: float = 1.0, volume: float = 1.0) -> np.ndarray:
    state = np.zeros(LEVEL_SLOTS)
    for seen, price in enumerate(prices, 1):
        touch(state, 0, price, 100.0, merge, volume, float(seen))
    return state


def test_swings_near_each_other_are_one_level_at_their_mean() -> None:
    state = table(105.0, 105.6, 90.0, 105.6, math.nan)

    levels = state.reshape(COUNT, -1)
    held = levels[levels[:, TOUCHES] > 0]
    assert sorted(zip(held[:, PRICE].tolist(), held[:, TOUCHES].tolist(), strict=True)) == [
        (90.0, 1.0),
        (pytest.approx(105.4), 3.0),
    ]
    assert sorted(held[:, PLACE]) == [-1.0, 1.0]  # the price is above the one and below the other


def test_a_full_table_gives_up_the_level_touched_longest_ago() -> None:
    state = table(*[100.0 + 5 * i for i in range(COUNT + 1)])

    assert 100.0 not in state.reshape(COUNT, -1)[:, PRICE]
    assert 100.0 + 5 * COUNT in state.reshape(COUNT, -1)[:, PRICE]


def test_a_level_breaks_by_a_close_beyond_it_and_a_wick_only_pierces() -> None:
    state = table(105.0)

    follow(state, 0, 106.5, 100.0, 104.0, 1.0, 50.0, 2.0)
    assert (state[PIERCES], state[SIDE]) == (1.0, 0.0)
    follow(state, 0, 106.0, 100.0, 105.9, 1.0, 50.0, 3.0)
    assert (state[PIERCES], state[SIDE]) == (1.0, 0.0)
    follow(state, 0, 107.0, 100.0, 106.5, 1.0, 50.0, 4.0)
    assert (state[SIDE], state[BROKEN], state[PLACE]) == (1.0, 4.0, 1.0)


def test_a_level_not_touched_for_long_is_forgotten() -> None:
    state = table(105.0)

    follow(state, 0, 101.0, 99.0, 100.0, 1.0, 50.0, 51.0)
    assert state[TOUCHES] == 1.0
    follow(state, 0, 101.0, 99.0, 100.0, 1.0, 50.0, 52.0)
    assert not state.any()


def test_the_strength_is_full_with_touches_span_volume_and_no_pierces() -> None:
    full = table(*[105.0] * 5, volume=2.0)
    assert strength(full, at(0, 0), 4.0, 5.0) == pytest.approx(1.0)
    assert strength(table(*[105.0] * 5, volume=math.nan), 0, 4.0, 5.0) == pytest.approx(1.0)
    assert strength(table(105.0, volume=1.0), 0, 4.0, 1.0) == pytest.approx(0.4 / 5 + 0.0 + 0.2 + 0.1)

    full[PIERCES] = 1.0  # one bar in five
    assert strength(full, 0, 4.0, 5.0) == pytest.approx(0.8)
