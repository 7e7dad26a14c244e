"""Parts of a market: what is in sample, what is out of sample, and that both are told apart by their bars."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from domain.errors import ConfigError
from domain.timeframe import DAY, HOUR
from orchestration.backtest.running import Ready, prepare
from orchestration.backtest.searches import splits
from orchestration.backtest.searches.splits import Span, Window
from tests.factories import MONDAY
from tests.orchestration.backtest.searching import a_file, options, waves


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Ready:
    return prepare(options(a_file(tmp_path_factory.mktemp("bars"), waves(400))), print)


def test_the_last_share_stays_out_of_sample_and_no_bar_is_in_both(ready: Ready) -> None:
    window = splits.split(ready, 0.3)
    inside = splits.inside(ready, window.inside.start, window.inside.end).grid
    outside = splits.outside(ready, window).grid

    assert len(inside) == 280
    assert len(outside.moments[outside.begin :]) == 120
    assert int(inside.moments[-1]) == window.inside.end == window.outside.start
    assert int(outside.moments[outside.begin]) > int(inside.moments[-1])
    assert (window.inside.bars, window.outside.bars) == (280, 120)


def test_bars_in_sample_warm_up_what_follows_and_are_not_counted_there(ready: Ready) -> None:
    window = splits.split(ready, 0.3)
    grid = splits.outside(ready, window).grid
    before = splits.inside(ready, window.inside.start, window.inside.end).grid

    assert grid.begin == 280
    assert grid.merged[:280].tobytes() == before.merged.tobytes()


def test_a_fingerprint_is_that_of_every_bar(ready: Ready) -> None:
    window = splits.split(ready, 0.5)
    part = splits.inside(ready, window.inside.start, window.inside.end)
    assert splits.fingerprint(part.grid) == window.inside.sha256 != window.outside.sha256

    part.grid.merged["low"][150] -= 1e-5
    assert splits.fingerprint(part.grid) != window.inside.sha256


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_a_part_without_bars_is_refused(ready: Ready, share: float) -> None:
    with pytest.raises(ConfigError, match="out of sample"):
        splits.split(ready, share)


def test_windows_in_bars_follow_each_other(ready: Ready) -> None:
    made = splits.windows(ready, "100b/60b", False)

    assert [(one.inside.bars, one.outside.bars) for one in made] == [(100, 60)] * 5
    for earlier, later in pairwise(made):
        assert later.outside.start == earlier.outside.end
        assert later.inside.end == later.outside.start
        assert later.inside.start - earlier.inside.start == 60 * HOUR


def test_windows_in_time(ready: Ready) -> None:
    made = splits.windows(ready, "10d/2d", False)

    assert made[0].inside.start == MONDAY
    assert all(one.inside.end - one.inside.start == 10 * DAY for one in made)
    assert [one.outside.start for one in made] == [MONDAY + (10 + 2 * number) * DAY for number in range(len(made))]
    assert made[-1].outside.end <= MONDAY + 400 * HOUR < made[-1].outside.end + 2 * DAY


def test_anchored_windows_begin_at_the_first_bar(ready: Ready) -> None:
    made = splits.windows(ready, "100b/60b", True)

    assert {one.inside.start for one in made} == {MONDAY}
    assert [one.inside.bars for one in made] == [100, 160, 220, 280, 340]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("400d/30d", "longer than the data"),
        ("300b/200b", "longer than the data"),
        ("10d", "write IN-SAMPLE/OUT-OF-SAMPLE"),
        ("-5d/3d", "write IN-SAMPLE/OUT-OF-SAMPLE"),
        ("0d/3d", "no length"),
        ("10d/0b", "both in time"),
        ("10d/50b", "both in time"),
        ("10m/5m", "write IN-SAMPLE/OUT-OF-SAMPLE"),
    ],
)
def test_windows_that_cannot_be_are_refused(ready: Ready, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        splits.windows(ready, text, False)


def a_window(**changed: Any) -> Window:
    usual = {"inside": (0, 10), "outside": (10, 15)} | changed
    return Window(**{name: Span(start=start, end=end, bars=3, sha256="") for name, (start, end) in usual.items()})


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([a_window(inside=(10, 0))], "ends before it begins"),
        ([a_window(outside=(15, 15))], "ends before it begins"),
        ([a_window(outside=(9, 15))], "before in sample ends"),
        ([a_window(), a_window(inside=(4, 14), outside=(14, 19))], "overlap out of sample"),
    ],
)
def test_overlapping_and_reversed_windows_are_refused(made: list[Window], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        splits.checked(made)

    splits.checked([a_window(), a_window(inside=(5, 15), outside=(15, 20))])


def test_a_simulated_market_keeps_its_warm_up_in_sample() -> None:
    made = prepare(options(None, "feed.bars=600", "feed.warm_up=200"), print)
    window = splits.split(made, 0.25)
    inside = splits.inside(made, window.inside.start, window.inside.end).grid

    assert (made.grid.begin, inside.begin) == (200, 200)
    assert splits.fingerprint(inside) == window.inside.sha256
    assert len(inside) + len(splits.inside(made, window.outside.start, window.outside.end).grid) == len(made.grid)
    assert msgspec.structs.astuple(window.inside)[1] == int(inside.moments[-1])
