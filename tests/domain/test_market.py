"""A bar that is none cannot be built."""

from __future__ import annotations

import math

import pytest

from domain.market import Bar, end_of_data
from tests.factories import bars

GOOD = {"open": 1.1, "high": 1.2, "low": 1.0, "close": 1.15}


@pytest.mark.parametrize(
    "changed",
    [
        {"high": 1.14},  # below the close
        {"low": 1.11},  # above the open
        {"low": 0.0},
        {"low": -1.0},
        {"high": math.inf},
        {"open": math.nan},
        {"high": math.nan},
        {"low": math.nan},
        {"close": math.nan},
        {"high": 1.0, "low": 1.2},
    ],
)
def test_a_bar_that_breaks_high_and_low_cannot_be_built(changed: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not a bar"):
        Bar(0, **GOOD | changed)


def test_a_bar_may_stand_still() -> None:
    assert Bar(0, 1.0, 1.0, 1.0, 1.0).volume == 0
    assert math.isnan(Bar(0, **GOOD).spread)


def test_the_end_of_the_data_is_said() -> None:
    end = end_of_data()

    assert (end.at, len(end.rows), end.final) == (-1, 0, True)


def test_bars_of_the_factory_are_bars() -> None:
    made = bars(100, 101, 99)

    assert [Bar(one["ts"], one["open"], one["high"], one["low"], one["close"]).close for one in made] == [100, 101, 99]
    assert len(bars()) == 0
