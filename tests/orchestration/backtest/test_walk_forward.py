"""Walk forward: chosen in sample, tried on what follows, joined to one equity curve."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from domain.errors import ArgusError, ConfigError
from domain.money import to_float
from domain.timeframe import DAY
from orchestration.backtest import running
from orchestration.backtest.measures.metrics import metrics
from orchestration.backtest.running import Ready, prepare
from orchestration.backtest.searches import splits, walk_forward
from orchestration.backtest.searches.trials import InProcess
from orchestration.backtest.searches.walk_forward import BEFORE, CHOSEN, GIVEN, Walk, Walker
from tests.orchestration.backtest.searching import SPACE, a_file, asked, options, waves

SETS = ("strategy.fast=5", "strategy.slow=20")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_file(tmp_path_factory.mktemp("bars"))


@pytest.fixture(scope="module")
def ready(data: Path) -> Ready:
    return prepare(options(data, *SETS), print)


def walked(ready: Ready, lengths: str = "300b/100b", anchored: bool = False, **more: Any) -> Walk:
    made = splits.windows(ready, lengths, anchored)
    walker = Walker(more.pop("given", options(None, *SETS)), ready, more.get("asked"), more.get("pool"))
    return walker.walk(made, anchored, lambda done, total: None, more.get("stop", lambda: False))


def test_each_window_begins_with_what_the_one_before_ended_with(ready: Ready) -> None:
    walk = walked(ready)

    assert len(walk.steps) == 6
    assert walk.steps[0].cash == 100_000.0
    for earlier, later in pairwise(walk.steps):
        assert later.cash == earlier.equity_final
    assert to_float(walk.result.equity_final) == walk.steps[-1].equity_final


def test_the_out_of_sample_parts_are_one_curve_without_gap_or_overlap(ready: Ready) -> None:
    walk = walked(ready)
    moments = walk.result.moments

    assert np.all(np.diff(moments) > 0)
    assert moments.tobytes() == ready.grid.moments[300:900].tobytes()
    assert walk.result.bars == 600
    assert len(walk.result.equity) == 600
    ends = [one.equity_final for one in walk.steps]
    assert walk.result.equity[99::100].tolist() == pytest.approx(ends, abs=1e-6)
    assert metrics(walk.result)["total_return"] == pytest.approx(ends[-1] / 100_000 - 1)


def test_nothing_of_the_warm_up_is_counted(ready: Ready) -> None:
    walk = walked(ready)

    assert min(one.at for one in walk.result.fills) > walk.steps[0].window.outside.start
    for one in walk.steps:
        assert one.outside["moments"] == 100
        assert one.inside["moments"] == 300


def test_every_window_has_fingerprints_of_both_its_parts(ready: Ready) -> None:
    told = walk_forward.told(walked(ready))
    found = [(one["in_sample"]["sha256"], one["out_of_sample"]["sha256"]) for one in told["windows"]]

    assert len({one for pair in found for one in pair}) == 12
    assert all(len(one) == 64 for pair in found for one in pair)


def test_what_is_open_at_the_end_of_a_window_counts_at_the_last_close_and_the_next_begins_flat(ready: Ready) -> None:
    walk = walked(ready)
    still = [number for number, one in enumerate(walk.steps[:-1]) if one.open_at_end]

    assert still
    for number in still:
        window = walk.steps[number].window
        after = [one for one in walk.result.fills if one.at > window.outside.end]
        first = after[0]
        assert first.reason == "ENTRY"


def test_the_return_a_year_and_the_efficiency_are_simple_means(ready: Ready) -> None:
    walk = walked(ready)
    told = walk_forward.told(walk)
    inside = [
        one.inside["total_return"] * 365.25 * DAY / (one.window.inside.end - one.window.inside.start)
        for one in walk.steps
    ]
    outside = [
        (one.equity_final / one.cash - 1) * 365.25 * DAY / (one.window.outside.end - one.window.outside.start)
        for one in walk.steps
    ]

    assert told["return_a_year_in_sample"] == pytest.approx(np.mean(inside))
    assert told["return_a_year_out_of_sample"] == pytest.approx(np.mean(outside))
    assert told["efficiency"] == pytest.approx(np.mean(outside) / np.mean(inside))
    assert told["windows_won"] == sum(one > 0 for one in outside)


def test_a_search_of_a_window_sees_only_its_own_in_sample_bars(
    data: Path, ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("optuna")
    held: list[tuple[int, int]] = []

    class Spied(InProcess):
        def look_at(self, ready: Ready, judging: Any) -> None:
            held.append((int(ready.grid.moments[0]), int(ready.grid.moments[-1])))
            super().look_at(ready, judging)

    given = options(data)
    bare = prepare(given, print)
    walk = walked(bare, given=given, asked=asked(trials=4), pool=Spied())

    assert [one.how for one in walk.steps] == [CHOSEN] * 6
    windows = [one.window for one in walk.steps]
    assert [end for _, end in held] == [one.inside.end for one in windows]
    assert all(begin > window.inside.start for (begin, _), window in zip(held, windows, strict=True))
    assert {tuple(one.values) for one in walk.steps} == {tuple(text.partition("=")[0] for text in SPACE)}
    assert sum(one.trials for one in walk.steps) == walk_forward.told(walk)["trials"] == 24


def test_other_bars_after_a_window_do_not_change_what_was_chosen_in_it(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    bars, chosen = waves(900), []
    for number, cut in enumerate((900, 500)):
        (tmp_path / str(number)).mkdir()
        file = a_file(tmp_path / str(number), bars[:cut])
        given = options(file)
        walk = walked(prepare(given, print), given=given, asked=asked(trials=6), pool=InProcess())
        chosen.append([(one.values, one.inside, one.outside) for one in walk.steps])

    assert len(chosen[1]) == 2
    assert chosen[0][:2] == chosen[1]


def test_a_window_without_a_trial_that_fits_keeps_the_values_of_before(data: Path) -> None:
    given = options(data)
    impossible = asked(trials=2, algorithm="random", constraints=("trades>100000",))
    walk = walked(prepare(given, print), given=given, asked=impossible, pool=InProcess())
    assert {one.how for one in walk.steps} == {GIVEN}

    counted = []

    class Once(Walker):
        def _choose(self, window: Any, stop: Any) -> int:
            if counted:
                self._plan = msgspec.structs.replace(
                    self._plan, judging=msgspec.structs.replace(self._plan.judging, constraints=nothing)
                )
            counted.append(window)
            return super()._choose(window, stop)

    from orchestration.backtest.searches.objective import Constraint

    nothing = (Constraint("trades", ">", 1e5),)
    ready = prepare(given, print)
    made = splits.windows(ready, "300b/100b", False)
    walker = Once(given, ready, asked(trials=3, algorithm="random"), InProcess())
    steps = walker.walk(made, False, lambda done, total: None, lambda: False).steps
    assert [one.how for one in steps] == [CHOSEN] + [BEFORE] * 5
    assert all(one.values == steps[0].values for one in steps)


def test_an_in_sample_part_shorter_than_the_warm_up_is_refused(ready: Ready) -> None:
    with pytest.raises(ConfigError, match=r"are 15 bars, and strategy ema_cross warms up over 20"):
        walked(ready, "15b/10b")


def test_a_ruined_account_ends_the_walk(data: Path) -> None:
    ready = prepare(options(data, *SETS, "account.cash=30", "venues.paper.commission_bps=500"), print)
    walk = walked(ready, given=options(data, *SETS))
    assert walk.ruined
    assert walk.steps[-1].equity_final <= 0
    assert len(walk.steps) < 6


def test_a_stop_keeps_the_windows_that_were_done(ready: Ready) -> None:
    looks: list[int] = []

    def stop() -> bool:
        looks.append(1)
        return len(looks) > 3

    walk = walked(ready, stop=stop)
    assert walk.stopped
    assert walk.result.partial
    assert 1 <= len(walk.steps) < 6
    with pytest.raises(ArgusError, match="before the first window"):
        walked(ready, stop=lambda: True)


def test_what_makes_no_whole_window_is_told(ready: Ready) -> None:
    told = walk_forward.told(walked(ready, "300b/250b"))
    assert told["unused"] is not None
    assert walk_forward.told(walked(ready))["unused"] is None


def test_the_same_walk_twice_decides_the_same(ready: Ready) -> None:
    assert walked(ready).result.decisions_hash == walked(ready).result.decisions_hash


def test_one_window_is_the_backtest_of_its_out_of_sample_part(ready: Ready) -> None:
    walk = walked(ready, "500b/400b")
    alone = running.run(ready.between(int(ready.grid.moments[499]), int(ready.grid.moments[-1]), 500))

    assert len(walk.steps) == 1
    assert walk.result.decisions_hash == alone.decisions_hash
    assert walk.result.equity.tobytes() == alone.equity.tobytes()
