from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from strategies.base import parameters_problems, resolve
from strategies.confluence import (
    HIGH,
    HIGH_SEEN,
    LOST,
    SWEPT,
    WON,
    confluence,
    maximum,
    near,
    points,
    probability,
    towards,
)
from strategies.runner import Rows
from tests.strategies.making import closing, mirrored, reasons, told

ASKED = {"middle": 3, "high": 6, "trend": 5, "band": 0.1, "sweep": 5, "adx": 3, "atr": 3}
UP, DOWN = 1.0, -1.0


def market(*legs: float, seed: int = 3) -> Bars:
    """Legs of 60 bars to these prices, from 100."""
    random = np.random.default_rng(seed)
    marks = [100.0, *legs]
    closes = [
        a + (b - a) * i / 60 + random.normal(0, 0.15) for a, b in zip(marks, legs, strict=False) for i in range(60)
    ]
    return closing(*closes, reach=0.2)


def test_the_maximum_is_the_true_one() -> None:
    """Every sign at once gives the stated maximum, and nothing gives more."""
    without, with_probability = resolve(confluence, {}), resolve(confluence, {"probability": "yes"})
    trends, facts = (DOWN, 0.0, UP), (False, True)

    scores = [
        points(1, *three, *four, False) for three in product(trends, repeat=3) for four in product(facts, repeat=4)
    ]

    assert max(scores) == maximum(without) == 7
    assert points(1, UP, UP, UP, True, True, True, True, True) == maximum(with_probability) == 8
    assert min(scores) == 0


@pytest.mark.parametrize("place", [0, 1, 2])
def test_opposition_on_any_timeframe_blocks(place: int) -> None:
    three = [UP, UP, UP]
    three[place] = DOWN

    assert points(1, *three, True, True, True, True, True) == 0
    three[place] = 0.0
    assert points(1, *three, True, True, True, True, True) == 7


def test_a_tie_is_not_a_buy() -> None:
    still = closing(*[100.0] * 200)
    low, high = still.copy(), still.copy()
    low["low"][-2], high["high"][-2] = 99.0, 101.0  # one side is swept,
    low["high"][-1], high["low"][-1] = 102.0, 98.0  # then the other one: a point each
    asked = {**ASKED, "enter": 0.1, "leave": 0.1, "adx": 50}

    for bars, before in ((still, 0), (low, 1), (high, -1)):
        said, _ = told(confluence, bars, **asked)
        assert said.stances[-2:].tolist() == [before, before]


def test_key_mismatch_that_makes_every_candidate_neutral() -> None:
    """The stance and the reason say the same direction, and both directions occur."""
    _, changes = told(confluence, market(110, 90, 115, 95, 120), **ASKED)

    found = {(stance, reason) for _, stance, reason in reasons(confluence, changes)}
    assert {(1, "CONFLUENCE_UP"), (-1, "CONFLUENCE_DOWN")} <= found
    assert {reason for stance, reason in found if stance == 0} <= {"BLOCKED_BY_OPPOSITION", "TOO_LITTLE_LEFT"}
    assert {stance for stance, reason in found if reason == "CONFLUENCE_UP"} == {1}


def test_a_trend_on_three_timeframes_is_followed_and_left_when_one_turns() -> None:
    _, changes = told(confluence, market(115, 95), **ASKED, enter=0.4)

    sides = reasons(confluence, changes)
    rising = [bar for bar, stance, _ in sides if stance == 1]
    falling = [bar for bar, stance, _ in sides if stance == -1]
    assert rising[0] < 60 < falling[0]
    assert any(reason == "BLOCKED_BY_OPPOSITION" and 60 <= bar < falling[0] for bar, _, reason in sides)


def test_thresholds_are_fractions_of_the_maximum() -> None:
    for given, most in (({"probability": "no"}, 7), ({"probability": "yes"}, 8)):
        _, changes = told(confluence, market(110, 90, 115, 95, 120), **ASKED, **given, enter=0.5)
        entries = changes[changes["stance"] != 0]

        assert len(entries) > 2
        assert (entries["score"] >= 0.5).all()
        np.testing.assert_allclose(entries["score"] * most, np.round(entries["score"] * most))


def test_the_distances_are_average_true_ranges_and_the_probability_is_that_of_chance_at_first() -> None:
    _, changes = told(confluence, market(110), **ASKED, stop_atr=2.0, target_atr=6.0)

    assert changes["target"][0] == pytest.approx(3 * changes["stop"][0])
    assert changes["probability"][0] == pytest.approx(0.25)


def test_the_probability_learns_from_what_became_of_the_setups() -> None:
    params = resolve(confluence, {"stop_atr": 1.0, "target_atr": 3.0})
    state = np.zeros(confluence.width(params))
    assert probability(state, params) == 0.25
    state[WON], state[LOST] = 20.0, 0.0
    assert probability(state, params) == pytest.approx((20 + 5) / 40)
    state[WON], state[LOST] = 0.0, 20.0
    assert probability(state, params) == pytest.approx(5 / 40)

    rows = Rows(confluence, resolve(confluence, ASKED), 1)
    rows.series(market(110, 90, 115, 95, 120))
    assert rows.state[0, WON] + rows.state[0, LOST] > 3


@pytest.mark.parametrize(
    ("close", "average", "expected"),
    [(100.2, 100.0, 1), (99.8, 100.0, -1), (100.1, 100.0, 0), (100.0, float("nan"), 0), (-99.8, -100.0, 1)],
)
def test_a_trend_needs_more_than_the_dead_band(close: float, average: float, expected: int) -> None:
    assert towards(close, average, 0.1) == expected


@pytest.mark.parametrize(
    ("side", "close", "level", "expected"),
    [
        (1, 100.05, 100.0, True),
        (1, 99.95, 100.0, False),  # through it
        (1, 100.2, 100.0, False),  # too far
        (-1, 99.95, 100.0, True),
        (-1, 100.05, 100.0, False),
        (1, 100.0, float("nan"), False),
    ],
)
def test_near_a_level(side: int, close: float, level: float, expected: bool) -> None:
    assert near(side, close, level, 0.1) is expected


def test_higher_timeframes_move_only_as_their_bars_close() -> None:
    """A trend of the high timeframe is that of its last closed bar: half a bar of crash does not turn it."""
    asked = {**ASKED, "middle": 2, "high": 60, "trend": 2}
    rows = Rows(confluence, resolve(confluence, asked), 1)
    rows.series(market(110, 120, 130, 140))
    before = rows.state[0].copy()
    ts = 240 * 60_000_000_000
    bars = closing(*[90.0] * 30, reach=0.2)
    bars["ts"] += ts

    rows.series(bars)

    assert rows.state[0, HIGH] == before[HIGH] == 1.0
    assert rows.state[0, HIGH_SEEN] == before[HIGH_SEEN]


def test_a_sweep_counts_for_a_while() -> None:
    rows = Rows(confluence, resolve(confluence, ASKED), 1)
    calm = [100.0, 100.2, 100.1] * 8
    bars = closing(*calm, 100.0, reach=0.2)
    bars["low"][-1] = 99.0

    rows.series(bars)

    assert rows.state[0, SWEPT] == len(bars)
    assert rows.state[0, SWEPT + 1] == 0.0


def test_timeframes_and_thresholds_are_in_order() -> None:
    found = parameters_problems(confluence, {"middle": 48, "high": 12, "enter": 0.2, "leave": 0.5})

    assert [one.split(":")[0] for one in found] == ["strategy.high = 12", "strategy.leave = 0.5"]


def test_shorts_mirror_longs() -> None:
    bars = market(101, 99.5, 101.5, 99, 102)
    given: Any = {**ASKED, "probability": "yes"}

    up, _ = told(confluence, bars, **given)
    turned = bars.copy()
    for one, other in (("open", "open"), ("close", "close"), ("high", "low"), ("low", "high")):
        turned[one] = -bars[other]
    down, _ = told(confluence, turned, **given)

    assert {1, -1} <= set(up.stances)
    np.testing.assert_array_equal(up.stances, -down.stances)
    assert mirrored(bars, 0.0)["close"].tolist() == turned["close"].tolist()
