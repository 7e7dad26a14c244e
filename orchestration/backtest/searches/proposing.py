"""What is tried next: by Optuna's tree of Parzen estimators, at random, or all of a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, Protocol

import numpy as np

from domain.errors import ConfigError
from orchestration.backtest.searches.space import LARGEST, Dimension, Value, size
from orchestration.backtest.searches.trials import COMPLETE, INFEASIBLE, PRUNED, REFUSED, REPEATED, Trial

ALGORITHMS = ("tpe", "random", "grid")
CONSTRAINT = "missed_by"
WORST = -1e9
"""Told of a trial that has no value: it is ranked behind all others."""

Values = dict[str, Value]


class Proposer(Protocol):
    """``tell`` is called for every proposal, in the order in which they were asked for."""

    def ask(self) -> Values | None:
        """The next set, None where there are no more."""

    def tell(self, trial: Trial) -> None: ...


def proposer(algorithm: str, space: Sequence[Dimension], seed: int) -> Proposer:
    """Raises ConfigError where the algorithm cannot be had, or cannot search this space."""
    if algorithm == "grid":
        return Grid(space)
    return Random(space, seed) if algorithm == "random" else Tpe(space, seed)


def version(algorithm: str) -> str:
    """Of the library that makes the proposals; another one may propose other sets. Raises ConfigError without it."""
    if algorithm != "tpe":
        return f"numpy {np.__version__}" if algorithm == "random" else ""
    return f"optuna {_optuna().__version__}"


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "--algorithm tpe needs optuna: pip install argus-trading[tuning], or take --algorithm random"
        ) from error
    return optuna


class Grid:
    """Every set once, the last key changing fastest."""

    def __init__(self, space: Sequence[Dimension]) -> None:
        endless = [str(one) for one in space if not one.count()]
        if endless:
            raise ConfigError(f"a grid needs steps: write {endless[0]}:STEP, or take another --algorithm")
        if size(space) > LARGEST:
            raise ConfigError(f"this grid has {size(space):,} sets (at most {LARGEST:,}): larger steps, or fewer keys")
        self._sets = self._all(space)

    @staticmethod
    def _all(space: Sequence[Dimension]) -> Iterator[Values]:
        for places in product(*(range(one.count()) for one in space)):
            yield {one.key: one.value(place) for one, place in zip(space, places, strict=True)}

    def ask(self) -> Values | None:
        return next(self._sets, None)

    def tell(self, trial: Trial) -> None:
        return


class Random:
    """Every key by itself, evenly."""

    def __init__(self, space: Sequence[Dimension], seed: int) -> None:
        self._space, self._random = space, np.random.Generator(np.random.PCG64(seed))

    def ask(self) -> Values | None:
        return {one.key: self._value(one, float(self._random.random())) for one in self._space}

    def _value(self, one: Dimension, share: float) -> Value:
        count = one.count()
        if count and not one.log:
            return one.value(min(int(share * count), count - 1))
        low, high = (math.log(one.low), math.log(one.high)) if one.log else (one.low, one.high)
        found = low + share * (high - low)
        found = math.exp(found) if one.log else found
        return min(max(round(found), int(one.low)), int(one.high)) if one.whole else one.rounded(found)

    def tell(self, trial: Trial) -> None:
        return


class Tpe:
    """Optuna's TPE. It learns from what was told: what was stopped early counts less than what was tried to the end,
    what misses a constraint or was refused less than what does not."""

    def __init__(self, space: Sequence[Dimension], seed: int) -> None:
        optuna = self._optuna = _optuna()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = {one.key: one for one in space}
        self._asked: list[Any] = []
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32, multivariate=True, constant_liar=True)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._distributions = {one.key: self._distribution(one) for one in space}
        self._told = 0

    def _distribution(self, one: Dimension) -> Any:
        made = self._optuna.distributions
        if one.choices:
            return made.CategoricalDistribution(one.choices)
        if one.whole:
            return made.IntDistribution(int(one.low), int(one.high), log=one.log, step=int(one.step) or 1)
        return made.FloatDistribution(one.low, one.high, log=one.log, step=one.step or None)

    def ask(self) -> Values | None:
        asked = self._study.ask(self._distributions)
        self._asked.append(asked)
        return {key: self._plain(self._space[key], value) for key, value in asked.params.items()}

    def _plain(self, one: Dimension, value: Any) -> Value:
        if one.choices or one.whole:
            return value  # type: ignore[no-any-return]
        if one.step:
            return one.value(round((float(value) - one.low) / one.step))
        return one.rounded(float(value))

    def tell(self, trial: Trial) -> None:
        asked, states = self._asked[self._told], self._optuna.trial.TrialState
        self._asked[self._told] = None
        self._told += 1
        known = [(step, value) for step, value in enumerate(trial.rungs) if value is not None]
        missed_by = trial.missed_by if trial.state in (COMPLETE, INFEASIBLE, REPEATED) else 0.0
        asked.set_constraint(CONSTRAINT, 1.0 if trial.state == REFUSED else missed_by)
        if trial.state == PRUNED or (trial.state == REPEATED and trial.objective is None and known):
            for step, value in known:
                asked.report(value, step)
            self._study.tell(asked, state=states.PRUNED)
            return
        self._study.tell(asked, WORST if trial.objective is None else trial.objective)
