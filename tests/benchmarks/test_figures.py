from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import line, median, percentile, table

NUMBERS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.5, 7.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0], 0.99, 4.96),
        ([1.0, 2.0, 3.0], 0.0, 1.0),
        ([1.0, 2.0, 3.0], 1.0, 3.0),
    ],
)
def test_a_percentile_lies_between_the_values_around_it(values: list[float], share: float, expected: float) -> None:
    assert percentile(values, share) == pytest.approx(expected)


@given(NUMBERS, st.floats(0, 1))
def test_percentiles_are_those_of_numpy(values: list[float], share: float) -> None:
    assert percentile(values, share) == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-6)


def test_the_median_is_the_middle() -> None:
    assert median([9.0, 1.0, 5.0]) == 5.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_points_on_a_line_give_its_slope_and_a_fit_of_one() -> None:
    slope, fit = line([0, 5_000, 10_000], [40.0, 41.0, 42.0])

    assert slope * 10_000 == pytest.approx(2.0)
    assert fit == pytest.approx(1.0)


def test_a_level_line_has_no_slope_and_fits() -> None:
    assert line([1, 2, 3], [4.0, 4.0, 4.0]) == (0.0, 1.0)


def test_points_that_follow_no_line_fit_badly() -> None:
    assert line([0, 1, 2, 3], [0.0, 9.0, 0.0, 9.0])[1] < 0.5


@pytest.mark.parametrize(("xs", "ys"), [([1], [1.0]), ([2, 2], [1.0, 3.0]), ([1, 2], [1.0])])
def test_a_line_needs_two_different_places(xs: list[float], ys: list[float]) -> None:
    with pytest.raises(ValueError, match="line"):
        line(xs, ys)


def test_a_table_aligns_its_columns() -> None:
    assert table(("name", "ms"), [("floor", 4), ("run", 12.5)]) == "name     ms\nfloor     4\nrun    12.5"
