"""``optimize`` from what was asked to what is told: a search in sample, and in the end one look out of sample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import variance
from typing import Any

import msgspec

from domain.errors import ArgusError, ConfigError
from domain.registry import unknown
from orchestration.backtest.running import Ready, prepare, run
from orchestration.backtest.searches import splits, study
from orchestration.backtest.searches.objective import DEFLATED, Judging, read_constraints, read_objective
from orchestration.backtest.searches.proposing import ALGORITHMS, version
from orchestration.backtest.searches.search import LAG, Plan, Pool, Progress, Search, Setter, Stop, best
from orchestration.backtest.searches.space import default_space, read_space
from orchestration.backtest.searches.splits import Window
from orchestration.backtest.searches.study import Asked, Folder, Study, unchanged
from orchestration.backtest.searches.trials import Trial
from orchestration.settings import Overrides, Settings, load
from orchestration.settings.problems import Problems

Plain = dict[str, Any]
Notice = Callable[[str], None]

MOST_TRIALS = 100_000


class Job(msgspec.Struct, kw_only=True):
    """A search that is ready to go: everything that can be refused was met."""

    given: Overrides
    ready: Ready
    window: Window
    plan: Plan
    study: Study
    folder: Folder | None = None
    known: dict[int, Trial] = {}


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to. ``settings`` are those of the best trial; metrics out of sample are None where the search
    was stopped before its end, and all None where no trial keeps the constraints."""

    trials: list[Trial]
    stopped: bool
    best: Trial | None = None
    settings: Settings | None = None
    in_sample: Plain | None = None
    out_of_sample: Plain | None = None


# -- before ----------------------------------------------------------------------------------------


def begin(given: Overrides, asked: Asked, folder: Path | None, notice: Notice) -> Job:
    """A new search. Raises ConfigError with what is wrong."""
    given = study.anywhere(without_seed(given))
    ready = prepare(given, notice)
    plan = plan_of(asked, ready.settings)
    if not 0 < asked.oos < 1:
        raise ConfigError(f"--oos {asked.oos:g}: allowed is a share above 0 and below 1, like 0.3")
    window = splits.split(ready, asked.oos)
    inputs = ready.market.info.inputs
    made = study.study_of(asked, given, ready.settings, inputs, window, version(asked.algorithm))
    job = Job(given=given, ready=ready, window=window, plan=plan, study=made)
    if folder is not None:
        job.folder = Folder(folder)
        job.folder.begin(made)
    return job


def resume(path: Path, trials: int | None, notice: Notice) -> Job:
    """The search that is kept in this folder, to ``trials`` where given. Raises ConfigError where it cannot go on."""
    folder = Folder(path)
    made = folder.study()
    asked = made.asked
    if trials is not None and trials != asked.trials:
        if asked.objective == DEFLATED:
            raise ConfigError(
                f"--trials {trials}: the objective {DEFLATED} is measured by {asked.trials:,}; leave it out"
            )
        asked = msgspec.structs.replace(asked, trials=trials)
    given = made.given()
    ready = prepare(given, notice)
    plan = plan_of(asked, ready.settings)
    window = splits.split(ready, asked.oos)
    unchanged(made, ready.settings, ready.market.info.inputs, window, version(asked.algorithm))
    return Job(
        given=given,
        ready=ready,
        window=window,
        plan=plan,
        study=msgspec.structs.replace(made, asked=asked),
        folder=folder,
        known=folder.trials(),
    )


def without_seed(given: Overrides) -> Overrides:
    """``--seed`` is the search's as well: recorded bars have none."""
    if given.seed is None:
        return given
    bare = replace(given, seed=None)
    return given if load(bare).feed.name == "sim" else bare


def plan_of(asked: Asked, settings: Settings) -> Plan:
    """Raises UsageError or ConfigError with everything that is wrong with it."""
    problems = Problems()
    space = read_space(asked.space, settings, problems) if asked.space else ()
    objective = read_objective(asked.objective, problems)
    constraints = read_constraints(asked.constraints, problems)
    if asked.algorithm not in ALGORITHMS:
        problems.config(f"--algorithm {asked.algorithm}: {unknown('algorithm', asked.algorithm, ALGORITHMS)}")
    if not 1 <= asked.trials <= MOST_TRIALS:
        problems.config(f"--trials {asked.trials}: allowed is 1 to {MOST_TRIALS:,}")
    if not 0 < asked.keep <= 1:
        problems.config(f"--keep {asked.keep:g}: allowed is a share above 0, up to 1 for all")
    if asked.seed < 0:
        problems.config(f"--seed {asked.seed}: allowed is 0 or more")
    problems.raise_if_any()
    return Plan(
        space=space or default_space(settings),
        judging=Judging(objective=objective, constraints=constraints, trials=asked.trials),
        algorithm=asked.algorithm,
        seed=asked.seed,
        trials=asked.trials,
        keep=asked.keep,
        lag=max(asked.lag, LAG),
    )


# -- the search ------------------------------------------------------------------------------------


def optimise(job: Job, pool: Pool, progress: Progress, stop: Stop) -> Found:
    """Search, and where it came to its end look once out of sample, with the best set."""
    setter = Setter(job.given, job.ready.settings)
    keep = (lambda trial: None) if job.folder is None else job.folder.keep
    searching = Search(job.plan, setter, job.window, pool, job.known, keep)
    try:
        trials = searching.run(job.ready, progress, stop)
    finally:
        pool.close()
        if job.folder is not None:
            job.folder.close()
    chosen = best(trials)
    if chosen is None:
        return Found(trials=trials, stopped=searching.stopped)
    return _looked(job, setter.settings(chosen.values), chosen, trials, searching.stopped)


def _looked(job: Job, settings: Settings, chosen: Trial, trials: list[Trial], stopped: bool) -> Found:
    from orchestration.backtest.measures.metrics import metrics

    luck = luck_of(trials)
    part = job.window.inside
    again = run(splits.inside(job.ready, part.start, part.end).with_settings(settings))
    if again.decisions_hash != chosen.decisions_hash:
        raise ArgusError(
            f"trial {chosen.number} decided {chosen.decisions_hash}, the same set now {again.decisions_hash}: the "
            "strategy does not say the same twice (lint-strategy tells where)"
        )
    outside = None
    if not stopped:
        job.study = msgspec.structs.replace(job.study, looks=job.study.looks + 1)
        if job.folder is not None:
            job.folder.write(job.study)
        outside = metrics(run(splits.outside(job.ready, job.window).with_settings(settings)))
    return Found(
        trials=trials,
        stopped=stopped,
        best=chosen,
        settings=settings,
        in_sample=metrics(again, trials=luck["trials"], variance=luck["variance"]),
        out_of_sample=outside,
    )


def luck_of(trials: Sequence[Trial]) -> Plain:
    """How many sets were tried, and the variance of their Sharpe ratios (of one period, those that were stopped early
    on what they came to)."""
    sharpes = [one.sharpe for one in trials if one.made and one.sharpe is not None]
    return {"trials": sum(one.made for one in trials), "variance": variance(sharpes) if len(sharpes) > 1 else 0.0}
