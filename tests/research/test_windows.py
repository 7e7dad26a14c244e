from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.market import BAR, Bars
from research.windows import Windows


def bar(row: int, ts: int, close: float = 1.0) -> tuple[object, ...]:
    return row, 0, ts, close, close, close, close, 0.0, math.nan


def bars(*those: tuple[object, ...]) -> Bars:
    return np.array(list(those), BAR)


def times(windows: Windows, row: int) -> list[int]:
    return list(windows.of(row)["ts"])


def test_a_window_holds_the_newest_bars_oldest_first() -> None:
    windows = Windows(2, 3)
    for ts in range(5):
        windows.take(bars(bar(1, ts)))

    assert times(windows, 1) == [2, 3, 4]
    assert times(windows, 0) == []
    assert (windows.known(1), windows.known(0)) == (3, 0)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), max_size=40), st.data(), st.integers(1, 7))
def test_it_does_not_matter_how_the_bars_are_cut(steps: list[tuple[int, int]], data: st.DataObject, back: int) -> None:
    clocks = [0, 0, 0]
    told = []
    for row, step in steps:
        clocks[row] += step
        told.append(bar(row, clocks[row], 1.0 + len(told)))
    all_at_once, one_by_one, in_batches = (Windows(3, back) for _ in range(3))
    all_at_once.take(np.array(told, BAR))
    for one in told:
        one_by_one.take(bars(one))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(told)), max_size=3)))
    for start, end in zip([0, *cuts], [*cuts, len(told)], strict=True):
        in_batches.take(np.array(told[start:end], BAR))

    for row in range(3):
        expected = [one for one in told if one[0] == row][-back:]
        assert all_at_once.of(row).tobytes() == np.array(expected, BAR).tobytes()
        assert one_by_one.of(row).tobytes() == in_batches.of(row).tobytes() == all_at_once.of(row).tobytes()


def test_a_bar_told_twice_counts_once_and_an_older_one_not_at_all() -> None:
    windows = Windows(1, 5)
    windows.take(bars(bar(0, 2, 1.0)))
    windows.take(bars(bar(0, 2, 9.0)))
    windows.take(bars(bar(0, 1, 9.0), bar(0, 3, 2.0), bar(0, 3, 9.0), bar(0, 2, 9.0), bar(0, 4, 3.0)))

    assert times(windows, 0) == [2, 3, 4]
    assert list(windows.of(0)["close"]) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "broken", [{"close": math.nan}, {"low": 0.0}, {"high": math.inf}, {"low": 2.0}, {"open": -1.0}, {"high": math.nan}]
)
def test_a_bar_without_sound_prices_is_passed_over(broken: dict[str, float]) -> None:
    windows = Windows(1, 5)
    wrong = bars(bar(0, 2))
    for name, value in broken.items():
        wrong[name] = value
    windows.take(bars(bar(0, 1)))
    windows.take(wrong)

    assert times(windows, 0) == [1]


def test_a_window_that_was_given_out_does_not_change() -> None:
    windows = Windows(1, 2)
    windows.take(bars(bar(0, 1)))
    before = windows.of(0)
    windows.take(bars(bar(0, 2), bar(0, 3)))

    assert list(before["ts"]) == [1]


@pytest.mark.parametrize("row", [-1, 2])
def test_a_row_that_is_not_there_is_refused(row: int) -> None:
    with pytest.raises(IndexError):
        Windows(2).take(bars(bar(row, 1)))
