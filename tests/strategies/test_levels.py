"""The table of levels: touches, breaks, the end of old ones, and what makes a level count."""

from __future__ import annotations

import math

import numpy as np
import pytest

from strategies.levels import (
    BROKEN,
    COUNT,
    LAST,
    LEVEL_SLOTS,
    PIERCES,
    PLACE,
    PRICE,
    SIDE,
    TOUCHES,
    at,
    beside,
    follow,
    roundness,
    strength,
    touch,
)


def table(*prices: float, merge: float = 1.0, volume: float = 1.0) -> np.ndarray:
    state = np.zeros(LEVEL_SLOTS)
    for seen, price in enumerate(prices, 1):
        touch(state, 0, price, 100.0, merge, volume, 0.0, float(seen))
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


def test_a_turn_told_again_within_some_bars_is_the_same_touch() -> None:
    state = np.zeros(LEVEL_SLOTS)
    for seen, price in ((1.0, 105.0), (3.0, 105.4), (4.0, 105.4), (5.0, 90.0)):
        touch(state, 0, price, 100.0, 1.0, 1.0, 2.0, seen)

    assert (state[TOUCHES], state[LAST], state[PRICE]) == (2.0, 4.0, pytest.approx(105.2))
    assert state[at(0, 1) + TOUCHES] == 1.0


@pytest.mark.parametrize(
    ("price", "within", "share"),
    [
        (1.1, 0.001, 1.0),
        (1.15, 0.001, 2 / 3),
        (1.13, 0.001, 1 / 3),
        (1.1337, 0.001, 0.0),
        (1.1004, 0.001, 1.0),
        (1.104, 0.01, 1.0),  # no further than a twentieth of 0.1
        (1.106, 0.01, 0.0),  # nor than a twentieth of 0.01 from 1.11
        (43_000.0, 10.0, 1.0),
        (43_500.0, 10.0, 2 / 3),
        (43_100.0, 10.0, 1 / 3),
        (43_137.0, 10.0, 0.0),
        (150.0, 0.01, 1.0),
        (155.0, 0.01, 2 / 3),
        (156.0, 0.01, 1 / 3),
        (0.000_73, 1e-7, 1.0),
        (100.0, 0.001, 1.0),
        (99.9, 0.001, 1 / 3),
        (-43_000.0, 10.0, 1.0),
        (0.0, 10.0, 0.0),
    ],
)
def test_a_price_is_round_by_its_own_digits(price: float, within: float, share: float) -> None:
    assert roundness(price, within) == pytest.approx(share)


def test_one_price_in_ten_is_round_of_each_kind_at_most() -> None:
    """However wide the range is: a rule by which most prices are round would say nothing."""
    prices = np.random.default_rng(4).uniform(1.0, 2.0, 4000)

    shares = np.array([roundness(float(one), math.inf) for one in prices])

    assert 0.0 < np.mean(shares == 1.0) < 0.12
    assert np.mean(shares > 0.0) < 0.3


def test_levels_beside_each_other_count_up_to_two() -> None:
    state = np.zeros(LEVEL_SLOTS)
    for seen, price in enumerate((100.0, 100.0, 103.0, 103.0, 106.0, 106.0, 97.0, 97.0, 104.0), 1):
        touch(state, 0, price, 99.0, 0.5, 1.0, 0.0, float(seen))

    assert beside(state, 0, 0, 2.9) == 0.0
    assert beside(state, 0, 0, 3.0) == pytest.approx(0.2)
    assert beside(state, 0, 0, 50.0) == pytest.approx(0.2)
    assert beside(state, 0, 2, 3.0) == pytest.approx(0.1)
    assert beside(state, 0, 3, 3.0) == pytest.approx(0.1)  # one touched once does not count
