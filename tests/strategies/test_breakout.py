from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from strategies.base import ClosedBar, resolve
from strategies.breakout import LEVELS, breakout, loud_turn
from strategies.levels import FIELDS, LEVEL_SLOTS, PRICE, TOUCHES
from strategies.runner import Rows
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


# -- where levels come from ------------------------------------------------------------------------

NOTHING = {"channel": 0, "loud": 0.0, "round": 0.0, "cascade": 0.0, "swing": 50}
"""No level at all, on so few bars."""


def levels(bars: Bars, **given: Any) -> dict[float, int]:
    """Price to touches of every level after the last bar."""
    rows = Rows(breakout, resolve(breakout, {**NOTHING, **given}), 1)
    rows.series(bars)
    table = rows.state[0, LEVELS : LEVELS + LEVEL_SLOTS].reshape(-1, FIELDS)
    return {round(float(one[PRICE]), 6): int(one[TOUCHES]) for one in table if one[TOUCHES]}


FLAT = [100.0, 100.2] * 15


def test_an_edge_of_the_channel_is_a_level_once_the_price_came_back_to_it() -> None:
    """The highest high so far is no level by itself: the next way up to it is a touch."""
    high = [*FLAT, 104.0, 101.0, 100.0]
    back = [*high, 101.0, 103.6, 101.0, 100.0]

    assert 104.5 not in levels(closing(*high), channel=12)
    assert levels(closing(*back), channel=12)[104.5] == 1
    assert levels(closing(*back), channel=0) == {}


def test_a_bar_that_closes_beyond_the_channel_or_stays_at_its_edge_is_no_touch() -> None:
    high = [*FLAT, 104.0, 101.0, 100.0, 101.0, 103.6]

    once = levels(closing(*high), channel=12)
    staying = levels(closing(*high, *[103.6] * 12), channel=12)
    beyond = levels(closing(*high[:-1], 106.0), channel=12)

    assert once[104.5] == staying[104.5] == 1
    assert 104.5 not in beyond


def test_the_end_of_a_loud_bar_that_its_close_is_away_from_is_a_level() -> None:
    bars = closing(*FLAT, 103.0, 100.0)
    bars["volume"] = 10.0
    quiet = levels(bars, loud=0.15)
    bars["volume"][-1] = 50.0
    bars["volume"][3] = 45.0

    assert quiet == {}
    assert levels(bars, loud=0.15) == {103.5: 1}
    assert levels(bars, loud=0.0) == {}
    bars["volume"] = [15.0 if i % 3 == 0 else 5.0 for i in range(len(bars))]
    bars["volume"][-1] = 12.0  # more than two of three bars, and not more than all but 15 in a hundred
    assert levels(bars, loud=0.15) == {}
    assert 103.5 in levels(bars, loud=0.5)


def test_of_a_bar_as_far_from_both_ends_neither_is_one() -> None:
    bar = ClosedBar(0, 100.0, 102.0, 98.0, 100.0, 9.0, 0.0)

    assert np.isnan(loud_turn(bar, 1.0))
    assert loud_turn(bar._replace(close=100.5), 1.0) == 98.0
    assert loud_turn(bar._replace(close=99.5), 1.0) == 102.0
    assert np.isnan(loud_turn(bar._replace(close=99.5), 9.0))


def test_one_turn_that_is_told_twice_is_one_touch() -> None:
    """The swing is confirmed after the loud bar was seen."""
    bars = closing(*FLAT, 101.0, 103.0, 102.0, 101.0, 100.0, 99.0)
    bars["volume"] = 10.0
    bars["volume"][-5] = 50.0
    bars["close"][-5] = bars["open"][-4] = 100.5

    told = levels(bars, loud=0.15, swing=2)

    assert max(told) == 103.5
    assert told[103.5] == 1


def test_a_round_number_and_a_level_beside_it_make_a_level_strong_enough() -> None:
    round_, odd = closing(*WAVES, *UP), closing(*(one + 2.37 for one in [*WAVES, *UP]))
    asked = {"entry": "momentum", "strength": 0.78, "channel": 0, "loud": 0.0, "cascade": 0.0}
    shifted = closing(*(one - 0.5 for one in [*WAVES, *UP]))  # the level is 105.0 instead of 105.5

    assert entries(shifted, **asked, round=0.0) == entries(odd, **asked, round=0.3) == []
    assert len(entries(shifted, **asked, round=0.3)) == 1
    assert len(round_) == len(odd)
