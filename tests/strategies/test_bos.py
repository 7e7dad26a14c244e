from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from strategies.bos import bos
from tests.strategies.making import bars_of, mirrored, reasons, told

QUIET = [(100.0, 101.0, 99.0, 100.2), (100.2, 101.0, 99.0, 100.0)] * 20
SWEEP = (100.0, 100.5, 98.5, 99.8)  # below the lows of before, closed back above
BREAK = (99.8, 104.0, 99.6, 103.5)
FIRST = len(QUIET) + 1


def market(*after: tuple[float, float, float, float], sweep: Any = SWEEP, breaking: Any = BREAK) -> Bars:
    return bars_of(*QUIET, sweep, breaking, *after)


def test_bos_can_never_fire() -> None:
    """It does: the level is that of the bars before, so that the breaking bar cannot hide behind its own high."""
    _, changes = told(bos, market(), confirm="at_once")

    assert reasons(bos, changes) == [(FIRST, 1, "BROKE_UP")]
    assert changes["stop"][0] == pytest.approx(103.5 - 99.6)
    assert changes["target"][0] == pytest.approx(2.5 * (103.5 - 99.6))


def test_newest_bars_dropped() -> None:
    """They are not: the break is told by the very last closed bar."""
    bars = market()

    said, _ = told(bos, bars, confirm="at_once")

    assert said.stances[-1] == 1
    assert set(said.stances[:-1]) == {0}


def test_pending_signal_traded_at_once() -> None:
    """It is not: a break waits for a later bar that still closes beyond the level."""
    said, _ = told(bos, market())
    assert set(said.stances) == {0}

    _, changes = told(bos, market((103.5, 104.0, 102.0, 103.0)))
    assert reasons(bos, changes) == [(FIRST + 1, 1, "BROKE_UP")]
    assert changes["stop"][0] == pytest.approx(103.0 - 99.6)


def test_a_break_that_falls_back_is_over() -> None:
    fell = (103.5, 103.6, 100.5, 100.8)
    back = (100.8, 103.0, 100.7, 102.9)

    assert not told(bos, market(fell, back), expanding="no", range_atr=5.0)[1].size
    said, _ = told(bos, market(fell, (100.8, 101.0, 100.6, 100.9)))
    assert set(said.stances) == {0}


def test_a_pullback_must_come_back_some_way() -> None:
    shallow, deep = (103.5, 104.5, 103.2, 104.2), (104.2, 104.3, 102.4, 103.0)

    _, changes = told(bos, market(shallow, deep), confirm="pullback")

    assert reasons(bos, changes) == [(FIRST + 2, 1, "BROKE_UP")]
    waiting, _ = told(bos, market(*[shallow] * 5, deep), confirm="pullback", wait=5)
    assert set(waiting.stances) == {0}


@pytest.mark.parametrize(
    ("changed", "given"),
    [
        ({"breaking": (99.8, 101.9, 99.7, 101.4)}, {}),  # a small range
        ({"breaking": (99.8, 106.0, 98.6, 101.4)}, {}),  # a small body
        ({"breaking": (103.0, 106.0, 101.5, 102.0)}, {}),  # a body the other way
        ({"sweep": (100.0, 100.5, 99.2, 99.8)}, {"free_body": 5.0}),  # no sweep
        ({"breaking": (99.8, 101.0, 96.0, 100.9)}, {}),  # no close beyond
    ],
)
def test_what_is_no_break(changed: Any, given: Any) -> None:
    said, _ = told(bos, market(**changed), confirm="at_once", **given)

    assert set(said.stances) == {0}


def test_a_large_body_needs_no_sweep() -> None:
    said, _ = told(bos, market(sweep=(100.0, 100.5, 99.2, 99.8)), confirm="at_once", free_body=1.5)

    assert said.stances[-1] == 1


@pytest.mark.parametrize(
    ("after", "given", "reason"),
    [
        ((103.5, 113.5, 103.4, 113.0), {}, "TARGET_REACHED"),
        ((103.5, 104.0, 99.5, 102.0), {}, "STOP_REACHED"),
        ((103.5, 120.0, 99.5, 102.0), {}, "STOP_REACHED"),  # both: the stop counts
        ((103.5, 104.0, 102.0, 103.0), {"longest": 1}, "HELD_TOO_LONG"),
    ],
)
def test_a_setup_that_is_over_is_flat(after: Any, given: Any, reason: str) -> None:
    _, changes = told(bos, market(after), confirm="at_once", **given)

    assert reasons(bos, changes)[1:] == [(FIRST + 1, 0, reason)]


def test_a_break_the_other_way_turns_the_stance() -> None:
    calm = [(103.0, 103.8, 102.2, 103.2), (103.2, 103.8, 102.2, 103.0)] * 15
    turn = [(103.0, 104.2, 102.6, 103.0), (103.0, 103.2, 99.7, 99.9)]

    _, changes = told(bos, market(*calm, *turn), confirm="at_once")

    assert [stance for _, stance, _ in reasons(bos, changes)] == [1, -1]


def test_shorts_mirror_longs_with_both_kinds_of_confirmation() -> None:
    bars = market((103.5, 104.0, 102.0, 103.0), (103.0, 103.2, 99.0, 99.5))
    for confirm in ("at_once", "hold", "pullback"):
        up, _ = told(bos, bars, confirm=confirm)
        down, _ = told(bos, mirrored(bars, 100.0), confirm=confirm)

        assert 1 in up.stances
        np.testing.assert_array_equal(up.stances, -down.stances)
