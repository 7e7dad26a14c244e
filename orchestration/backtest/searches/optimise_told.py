"""What is told of a search: the best set in sample and out of sample, how it stands among the others, and how much of
it may be luck."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestration.backtest.searches.objective import OBJECTIVES
from orchestration.backtest.searches.optimising import Found, Job
from orchestration.backtest.searches.space import Dimension, Value
from orchestration.backtest.searches.trials import COMPLETE, MADE, Trial

Plain = dict[str, Any]

TOP = 10
NEIGHBOURS = 10
SURE = 0.95
"""The deflated Sharpe ratio from which a find is believed."""
FEW = 30
"""Trades below which they say little."""
COMPARED = (
    *("sharpe", "sortino", "calmar", "cagr", "total_return", "volatility", "max_drawdown", "trades", "win_rate"),
    *("profit_factor", "expectancy", "exposure", "years"),
)
"""Metrics that are shown in sample and out of sample side by side."""


def told(job: Job, found: Found) -> Plain:
    """The document ``optimise.json``."""
    asked, window, states = job.study.asked, job.window, Counter(one.state for one in found.trials)
    made = sum(states[one] for one in MADE)
    shown: Plain = {
        "objective": asked.objective,
        "measure": OBJECTIVES[asked.objective],
        "constraints": [str(one) for one in job.plan.judging.constraints],
        "space": [str(one) for one in job.plan.space],
        "algorithm": asked.algorithm,
        "seed": asked.seed,
        "strategy": job.ready.settings.strategy.name,
        "symbols": list(job.ready.settings.symbols),
        "timeframe": job.ready.market.info.timeframe,
        "simulated": job.ready.market.info.simulated,
        "inputs": job.ready.market.info.inputs,
        "fingerprints": {"in_sample": window.inside.told(), "out_of_sample": window.outside.told()},
        "stopped": found.stopped,
        "trials": {"made": made, **{state: states[state] for state in sorted(states)}},
        "looks_out_of_sample": job.study.looks,
        "best": None,
        "warnings": [],
    }
    if found.best is None:
        return shown
    inside, outside = found.in_sample or {}, found.out_of_sample
    shown |= {
        "best": {"number": found.best.number, "values": found.best.values, "objective": found.best.objective},
        "in_sample": inside,
        "out_of_sample": outside,
        "objective_out_of_sample": None if outside is None else job.plan.judging.value(outside),
        "degradation": None if outside is None else degradation(inside, outside),
        "deflated_sharpe": inside.get("deflated_sharpe"),
        "top": [_line(one) for one in _ranked(found.trials)[:TOP]],
        "neighbourhood": neighbourhood(job.plan.space, found.best, found.trials),
    }
    return shown | {"warnings": list(_warnings(job, found, shown))}


def degradation(inside: Mapping[str, Any], outside: Mapping[str, Any]) -> Plain:
    """Each metric in sample and out of sample, and how much of it is left where it was above 0."""
    both = {name: (inside.get(name), outside.get(name)) for name in COMPARED}
    return {
        name: {
            "in_sample": before,
            "out_of_sample": after,
            "left": after / before if before is not None and after is not None and before > 0 else None,
        }
        for name, (before, after) in both.items()
    }


def _ranked(trials: Sequence[Trial]) -> list[Trial]:
    fit = [one for one in trials if one.state == COMPLETE and one.objective is not None]
    return sorted(fit, key=lambda one: (-(one.objective or 0.0), one.number))


def _line(trial: Trial) -> Plain:
    names = ("sharpe", "cagr", "max_drawdown", "trades")
    return {
        "number": trial.number,
        "objective": trial.objective,
        "values": trial.values,
        **{name: trial.metrics.get(name) for name in names},
    }


def neighbourhood(space: Sequence[Dimension], chosen: Trial, trials: Sequence[Trial]) -> Plain | None:
    """How the trials nearest to the best did, those that missed a constraint among them: distances over all keys, each
    by its range. None where there are none."""
    others = [one for one in trials if one.objective is not None and one.made and one.number != chosen.number]
    if not others or chosen.objective is None:
        return None
    nearest = sorted(others, key=lambda one: (_apart(space, chosen.values, one.values), one.number))[:NEIGHBOURS]
    values = [float(one.objective or 0.0) for one in nearest]
    mean = sum(values) / len(values)
    return {
        "trials": len(nearest),
        "farthest": _apart(space, chosen.values, nearest[-1].values),
        "mean": mean,
        "lowest": min(values),
        "of_best": mean / chosen.objective if chosen.objective > 0 else None,
    }


def _apart(space: Sequence[Dimension], one: Mapping[str, Value], other: Mapping[str, Value]) -> float:
    parts = [
        float(one[by.key] != other[by.key]) if by.choices else by.place(one[by.key]) - by.place(other[by.key])
        for by in space
    ]
    return math.sqrt(sum(part * part for part in parts) / len(parts))


def _warnings(job: Job, found: Found, shown: Mapping[str, Any]) -> Iterator[str]:
    """What must be known before any of it is believed, in plain words."""
    assert found.best is not None
    made, sure, objective = shown["trials"]["made"], shown["deflated_sharpe"], found.best.objective or 0.0
    if job.ready.market.info.simulated:
        yield "these bars are simulated: a search finds the generator's habits, not the market's"
    if objective <= 0:
        yield f"even the best of {made:,} trials reaches {shown['objective']} {objective:.4g} only"
    if sure is None:
        yield "whether the best is more than luck cannot be said: its returns are too few or do not vary"
    elif sure < SURE:
        yield (
            f"luck alone gives the best of {made:,} trials such a Sharpe ratio: the probability that it is more than "
            f"luck is {sure:.0%} (deflated Sharpe; believe it from {SURE:.0%} on)"
        )
    after = shown["objective_out_of_sample"]
    if found.out_of_sample is not None:
        if after is None:
            yield f"out of sample {shown['objective']} is not defined: {found.out_of_sample.get('trades', 0)} trades"
        elif after <= 0 < objective or after < objective / 2:
            yield f"out of sample {shown['objective']} is {after:.4g}, in sample it was {objective:.4g}"
        if 0 < (found.out_of_sample.get("trades") or 0) < FEW:
            yield f"only {found.out_of_sample['trades']} trades out of sample: that says little"
        if job.study.looks > 1:
            yield (
                f"the bars out of sample were looked at {job.study.looks} times: each look makes them a little less "
                "unseen"
            )
    around = shown["neighbourhood"]
    if around and around["of_best"] is not None and around["of_best"] < 0.5:
        yield (
            f"a lone peak: the {around['trials']} nearest trials reach {around['mean']:.4g} on average, the best "
            f"{objective:.4g}"
        )
    edges = [one.key for one in job.plan.space if not one.choices and one.place(found.best.values[one.key]) in (0, 1)]
    if edges:
        yield f"at the end of its range: {', '.join(edges)}; a better set may lie beyond"
