"""What becomes of trials, and what is told of the best one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from pyarrow import parquet

from domain.errors import ArgusError, ConfigError
from domain.timeframe import HOUR
from orchestration.backtest.searches import optimise_told, splits, study
from orchestration.backtest.searches.best_file import best_yaml
from orchestration.backtest.searches.search import best
from orchestration.backtest.searches.space import Dimension
from orchestration.backtest.searches.trials import (
    COMPLETE,
    FAILED,
    INFEASIBLE,
    PRUNED,
    REFUSED,
    REPEATED,
    InProcess,
    Task,
    Trial,
    trial_of,
)
from orchestration.settings import Overrides, load, strategy_parameters
from tests.orchestration.backtest.searching import a_file, asked, begun, searched, waves

pytest.importorskip("optuna")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_file(tmp_path_factory.mktemp("bars"))


# -- states of trials ----------------------------------------------------------------------------


def test_every_state_is_told_and_only_what_was_tried_counts(data: Path) -> None:
    job = begun(data, None, space=("strategy.fast=5|60", "strategy.slow=20|40"), algorithm="grid", keep=1.0)
    found = searched(job)
    told = optimise_told.told(job, found)

    assert [one.state for one in found.trials] == [COMPLETE, COMPLETE, REFUSED, REFUSED]
    assert told["trials"] == {"made": 2, COMPLETE: 2, REFUSED: 2}
    assert found.in_sample is not None
    assert found.in_sample["trials"] == 2
    assert "must be below strategy.slow" in found.trials[2].why


def test_a_set_that_was_there_before_is_not_tried_again(data: Path) -> None:
    job = begun(data, None, space=("strategy.fast=5|7", "strategy.slow=20|40"), algorithm="random", trials=30)
    found = searched(job)
    made, again = ([one for one in found.trials if one.made is kind] for kind in (True, False))

    assert len(made) == 4
    assert {one.state for one in again} == {REPEATED}
    for one in again:
        assert one.same_as is not None
        assert found.trials[one.same_as].values == one.values


def test_hopeless_trials_are_stopped_early_and_count(data: Path) -> None:
    job = begun(data, None, trials=40, algorithm="random")
    found = searched(job)
    stopped = [one for one in found.trials if one.state == PRUNED]

    assert stopped
    assert all(1 <= len(one.rungs) < 3 and one.objective is None for one in stopped)
    assert all(one.last < job.window.inside.end for one in stopped)
    assert found.in_sample is not None
    assert found.in_sample["trials"] == sum(one.made for one in found.trials) == 40
    everything = searched(begun(data, None, trials=40, algorithm="random", keep=1.0))
    assert {one.state for one in everything.trials} <= {COMPLETE, FAILED, REFUSED, REPEATED}
    chosen, all_of_them = found.best, everything.best
    assert chosen is not None
    assert all_of_them is not None
    assert (chosen.objective or 0) <= (all_of_them.objective or 0)


def test_a_trial_goes_on_while_it_reaches_what_it_has_to(data: Path) -> None:
    job = begun(data)
    pool = InProcess()
    pool.look_at(splits.inside(job.ready, job.window.inside.start, job.window.inside.end), job.plan.judging)

    def tried(*floors: float | None) -> Any:
        pool.submit(Task(number=0, settings=job.ready.settings, floors=floors))
        return pool.wait(0)[0]

    usual = tried(None, None)
    first, second, _ = usual.rungs
    assert (usual.state, len(usual.rungs)) == (COMPLETE, 3)
    assert tried(first, second).state == COMPLETE
    assert tried(first - 1, second - 1).state == COMPLETE
    above = tried(first + 1e-9, None)
    assert (above.state, above.rungs) == (PRUNED, (first,))
    above = tried(None, second + 1e-9)
    assert (above.state, above.rungs) == (PRUNED, (first, second))


def test_a_constraint_keeps_a_better_trial_from_being_chosen(data: Path) -> None:
    free = searched(begun(data, None, algorithm="random", trials=20, keep=1.0))
    assert free.best is not None
    trades = free.best.metrics["trades"]
    bound = searched(begun(data, None, algorithm="random", trials=20, keep=1.0, constraints=(f"trades>{trades}",)))

    assert bound.trials[free.best.number].state == INFEASIBLE
    assert bound.best is not None
    assert (bound.best.metrics["trades"] or 0) > (trades or 0)
    assert (bound.best.objective or 0) < (free.best.objective or 0)


def test_without_a_trial_that_keeps_the_constraints_nothing_is_chosen(data: Path) -> None:
    job = begun(data, None, trials=3, constraints=("trades>100000",))
    found = searched(job)

    assert found.best is None
    assert {one.state for one in found.trials if one.made} <= {INFEASIBLE, PRUNED}
    assert optimise_told.told(job, found)["best"] is None


def test_a_trial_without_a_trade_has_failed(data: Path) -> None:
    job = begun(data, None, "risk.max_order_notional=1", trials=2, objective="expectancy")
    found = searched(job)

    assert {one.state for one in found.trials if one.made} == {FAILED}
    assert "not defined: 0 trades" in found.trials[0].why


def test_a_warm_up_longer_than_what_is_in_sample_is_refused(data: Path) -> None:
    found = searched(begun(data, None, space=("strategy.slow=50|640|5000",), algorithm="grid"))

    assert [one.state for one in found.trials] == [COMPLETE, REFUSED, REFUSED]
    assert "640 bars, and there are only 630 in sample" in found.trials[1].why


def test_the_earlier_of_equals_is_the_best() -> None:
    made = [
        Trial(number=number, values={}, state=COMPLETE, objective=value)
        for number, value in ((0, 1.0), (1, 2.0), (2, 2.0))
    ]

    chosen = best([*made, Trial(number=3, values={}, state=INFEASIBLE, objective=9.0)])
    assert chosen is not None
    assert chosen.number == 1


# -- what is told ----------------------------------------------------------------------------------


def test_the_sharpe_ratio_is_deflated_by_the_trials_and_their_variance(data: Path) -> None:
    job = begun(data, None, trials=20, algorithm="random")
    found = searched(job)
    sharpes = [one.sharpe for one in found.trials if one.made and one.sharpe is not None]
    told = optimise_told.told(job, found)

    assert found.in_sample is not None
    assert found.in_sample["trials"] == 20
    assert found.in_sample["trials_sharpe_variance"] == pytest.approx(float(np.var(sharpes, ddof=1)))
    assert told["deflated_sharpe"] < found.in_sample["probabilistic_sharpe"]


def test_luck_is_called_luck(tmp_path: Path) -> None:
    """A market without memory: whatever is found in it is none of the strategy's merit."""
    random = np.random.Generator(np.random.PCG64(11))
    bars = waves(900)
    bars["close"] = np.round(1.1 + np.cumsum(random.normal(0, 0.0005, 900)), 5)
    bars["open"][1:] = bars["close"][:-1]
    bars["high"], bars["low"] = np.maximum(bars["open"], bars["close"]), np.minimum(bars["open"], bars["close"])
    job = begun(a_file(tmp_path, bars), None, trials=30)
    told = optimise_told.told(job, searched(job))

    assert told["deflated_sharpe"] < 0.95
    assert any("luck alone gives the best of 30 trials such a Sharpe ratio" in one for one in told["warnings"])


def test_in_sample_and_out_of_sample_stand_side_by_side(data: Path) -> None:
    job = begun(data)
    found = searched(job)
    told = optimise_told.told(job, found)

    assert found.best is not None
    assert found.in_sample is not None
    assert told["in_sample"]["sharpe"] == found.best.objective == told["best"]["objective"]
    assert told["degradation"]["sharpe"]["out_of_sample"] == told["out_of_sample"]["sharpe"]
    assert [one["objective"] for one in told["top"]] == sorted((one["objective"] for one in told["top"]), reverse=True)
    assert told["fingerprints"]["in_sample"]["sha256"] == job.window.inside.sha256


def test_a_lone_peak_is_told_from_a_plateau() -> None:
    space = (Dimension(key="a", low=0, high=10, whole=True),)

    def around(values: list[float]) -> float:
        made = [Trial(number=n, values={"a": n}, state=COMPLETE, objective=one) for n, one in enumerate(values)]
        chosen = best(made)
        assert chosen is not None
        told = optimise_told.neighbourhood(space, chosen, made)
        assert told is not None
        return float(told["of_best"])

    assert around([0.1, 0.1, 2.0, 0.1, 0.1]) < 0.1
    assert around([1.8, 1.9, 2.0, 1.9, 1.8]) > 0.9


def test_the_best_set_is_written_as_settings_that_give_the_same(data: Path, tmp_path: Path) -> None:
    job = begun(
        data,
        None,
        "risk.max_spread_bps={forex: 7}",
        space=(*asked().space, "risk.day_start=00:00 UTC|17:00 America/New_York"),
    )
    found = searched(job)
    assert found.settings is not None
    path = tmp_path / "best.yaml"
    path.write_text(best_yaml(found.settings, "Found by a search\nin two lines"))
    read = load(Overrides(symbols=("EURUSD",), config=(path,)), {})

    assert strategy_parameters(read) == strategy_parameters(found.settings)
    assert (read.risk, read.exits, read.venues) == (found.settings.risk, found.settings.exits, found.settings.venues)
    assert "feed" not in yaml.safe_load(path.read_text())


def test_trials_are_a_table(data: Path, tmp_path: Path) -> None:
    job = begun(data, tmp_path / "study")
    found = searched(job)
    assert job.folder is not None
    job.folder.table(found.trials)
    read = parquet.read_table(tmp_path / "study" / study.TABLE).to_pydict()

    assert read["number"] == list(range(len(found.trials)))
    assert read["strategy.fast"] == [one.values["strategy.fast"] for one in found.trials]
    assert read["state"] == [one.state for one in found.trials]


def test_an_outcome_beyond_the_in_sample_end_is_refused(data: Path) -> None:
    job = begun(data)
    pool = InProcess()
    pool.look_at(splits.inside(job.ready, job.window.inside.start, job.window.inside.end), job.plan.judging)
    pool.submit(Task(number=0, settings=job.ready.settings, floors=()))
    (outcome,) = pool.wait(0)
    trial_of(outcome, {}, job.window)
    with pytest.raises(ArgusError, match="nothing of this search can be believed"):
        trial_of(msgspec.structs.replace(outcome, last=job.window.inside.end + HOUR), {}, job.window)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trials": 0}, "--trials 0"),
        ({"oos": 0.0}, "--oos 0"),
        ({"oos": 1.0}, "--oos 1"),
        ({"keep": 0.0}, "--keep 0"),
        ({"seed": -1}, "--seed -1"),
        ({"algorithm": "tep"}, "did you mean 'tpe'"),
        ({"objective": "sharpee"}, "did you mean 'sharpe'"),
        ({"constraints": ("traeds>1",)}, "did you mean 'trades'"),
        ({"space": ("strategy.fsat=1..2",)}, "did you mean 'fast'"),
    ],
)
def test_what_cannot_be_asked_is_refused(data: Path, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        begun(data, None, **changed)
    assert said in str(error.value)


def test_the_document_is_plain_json(data: Path) -> None:
    from orchestration.backtest.reports.writing import plain as as_json

    job = begun(data)
    json.dumps(as_json(optimise_told.told(job, searched(job))), allow_nan=False)
