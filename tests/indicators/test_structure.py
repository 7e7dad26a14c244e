from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from indicators.structure import (
    GAP_SLOTS,
    block_slots,
    fair_value_gaps,
    liquidity_sweep,
    order_blocks,
    sweep_slots,
    swing_high,
    swing_low,
    swing_slots,
)
from tests.indicators.recorded import bars_of, both_kinds

NAN = math.nan


def swings(frame: pd.DataFrame, left: int, right: int) -> tuple[list[float], list[float]]:
    states = np.zeros((2, swing_slots(left, right) + 2))
    tops = [swing_high(states[0], 1, high, left, right, i + 1) for i, high in enumerate(frame.high)]
    bottoms = [swing_low(states[1], 1, low, left, right, i + 1) for i, low in enumerate(frame.low)]
    assert not states[:, [0, -1]].any()
    return tops, bottoms


def structure(frame: pd.DataFrame) -> pd.DataFrame:
    """Zones, gap levels and sweeps, bar by bar."""
    blocks, gaps, sweeps = np.zeros(block_slots(5) + 2), np.zeros(GAP_SLOTS + 2), np.zeros(sweep_slots(6) + 2)
    found = []
    for i, (o, h, l, c) in enumerate(zip(frame.open, frame.high, frame.low, frame.close, strict=True)):  # noqa: E741
        found.append(
            (
                *order_blocks(blocks, 1, o, h, l, c, 5, 1.5, i + 1),
                *fair_value_gaps(gaps, 1, h, l, c, i + 1),
                liquidity_sweep(sweeps, 1, h, l, c, 6, i + 1),
            )
        )
    assert not any(state[at] for state in (blocks, gaps, sweeps) for at in (0, -1))
    return pd.DataFrame(found, columns=["block_up", "block_down", "gap_up", "gap_down", "sweep"])


def mirrored(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {"open": -frame.open, "high": -frame.low, "low": -frame.high, "close": -frame.close, "volume": frame.volume}
    )


def candles(*ohlc: tuple[float, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(ohlc, columns=["open", "high", "low", "close"])


def test_a_swing_is_told_when_the_bars_after_it_have_closed() -> None:
    highs = pd.DataFrame({"high": [1.0, 2.0, 5.0, 3.0, 2.0, 6.0, 7.0, 6.5, 6.0], "low": np.zeros(9)})

    tops, _ = swings(highs, 2, 2)

    assert [i for i, top in enumerate(tops) if not math.isnan(top)] == [4, 8]
    assert (tops[4], tops[8]) == (5.0, 7.0)


def test_of_equal_highs_the_first_one_is_the_swing() -> None:
    tops, _ = swings(pd.DataFrame({"high": [1.0, 2.0, 5.0, 5.0, 4.0, 3.0, 2.0], "low": np.zeros(7)}), 2, 2)

    assert [i for i, top in enumerate(tops) if not math.isnan(top)] == [4]


@both_kinds
@pytest.mark.parametrize(("left", "right"), [(1, 1), (2, 2), (5, 3)])
def test_swings_equal_their_definition(kind: str, left: int, right: int) -> None:
    frame = bars_of(kind)
    high, low = frame.high.to_numpy(), frame.low.to_numpy()

    tops, bottoms = swings(frame, left, right)

    for i in range(len(frame)):
        at = i - right
        known = at >= left
        before, after = slice(at - left, at), slice(at + 1, i + 1)
        top = known and high[at] > high[before].max() and high[at] >= high[after].max()
        bottom = known and low[at] < low[before].min() and low[at] <= low[after].min()
        assert tops[i] == high[at] if top else math.isnan(tops[i])
        assert bottoms[i] == low[at] if bottom else math.isnan(bottoms[i])


@both_kinds
def test_centred_swing_windows_look_ahead_and_these_do_not(kind: str) -> None:
    """What has been told by bar k is the same whatever comes after k."""
    frame = bars_of(kind)
    crash = frame.copy()
    crash.loc[crash.index[400:], ["open", "high", "low", "close"]] *= 3.0

    for one, other in zip(swings(frame, 5, 5), swings(crash, 5, 5), strict=True):
        np.testing.assert_array_equal(one[:400], other[:400])
    pd.testing.assert_frame_equal(structure(frame)[:400], structure(crash)[:400])


@both_kinds
def test_newest_bars_are_not_dropped(kind: str) -> None:
    """The last closed bar can confirm a swing itself: nothing is held back beyond the bars that must follow it."""
    frame = bars_of(kind)

    tops, _ = swings(frame, 2, 2)

    newest = next(i for i in range(len(tops) - 1, 0, -1) if not math.isnan(tops[i]))
    assert swings(frame.iloc[: newest + 1], 2, 2)[0][-1] == frame.high.iloc[newest - 2]


def test_an_order_block_is_the_falling_bar_before_a_large_rising_one() -> None:
    quiet = [(10.0, 10.6, 9.4, 10.2), (10.2, 10.6, 9.4, 10.0)] * 3
    frame = candles(
        *quiet, (10.1, 10.5, 9.0, 9.9), (9.9, 12.0, 9.8, 11.5), (11.5, 11.6, 10.0, 10.2), (9.8, 9.9, 8.0, 8.9)
    )

    found = structure(frame)

    assert found.block_up.isna().tolist() == [True] * 7 + [False, False, True]
    assert found.block_up[7:9].tolist() == [9.0, 9.0]  # carried forward until the close below it


def test_a_fair_value_gap_is_left_between_the_first_and_the_third_bar() -> None:
    frame = candles(
        (10.0, 10.5, 9.5, 10.0),
        (10.0, 12.0, 10.0, 12.0),
        (12.0, 12.5, 11.0, 12.0),
        (12.0, 12.1, 10.6, 10.8),
        (10.8, 10.9, 10.0, 10.2),
    )

    found = structure(frame)

    assert found.gap_up[2:4].tolist() == [10.5, 10.5]
    assert found.gap_up.isna().tolist() == [True, True, False, False, True]
    assert found.gap_down.isna().tolist() == [True] * 4 + [False]  # the fall leaves one of its own
    assert found.gap_down[4] == 11.0


@pytest.mark.parametrize(
    ("bar", "expected"),
    [
        ((10.0, 10.2, 8.5, 9.5), 1),  # below the lows, back above
        ((10.0, 10.2, 8.5, 8.8), 0),  # stayed below
        ((10.0, 10.2, 9.0, 9.5), 0),  # only touched
        ((10.0, 11.5, 9.5, 10.5), -1),
        ((10.0, 11.5, 8.5, 10.0), 0),  # both sides
    ],
)
def test_a_sweep_goes_beyond_the_bars_before_and_closes_back(bar: Any, expected: int) -> None:
    frame = candles(*[(10.0, 11.0, 9.0, 10.0)] * 6, bar)

    assert structure(frame).sweep.tolist() == [0] * 6 + [expected]


@both_kinds
def test_a_mirrored_market_swaps_the_sides(kind: str) -> None:
    frame = bars_of(kind)

    found, other = structure(frame), structure(mirrored(frame))
    tops, bottoms = swings(frame, 2, 2)
    flipped_tops, flipped_bottoms = swings(mirrored(frame), 2, 2)

    for up, down in (("block_up", "block_down"), ("gap_up", "gap_down")):
        assert found[up].notna().any()
        np.testing.assert_array_equal(found[up], -other[down])
        np.testing.assert_array_equal(found[down], -other[up])
    assert set(found.sweep) == {-1, 0, 1}
    np.testing.assert_array_equal(found.sweep, -other.sweep)
    np.testing.assert_array_equal(tops, -np.array(flipped_bottoms))
    np.testing.assert_array_equal(bottoms, -np.array(flipped_tops))
