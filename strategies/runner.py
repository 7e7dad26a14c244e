"""The loops that run a strategy: over the rows of a host, and over years of one symbol, with the same bits.

Numba caches no function that closes over a compiled one, and a cached loop must call its step by a
module-level name. So the loops below are templates: for each strategy their code is bound anew, with
``step`` and ``WORDS`` meaning that strategy's own, under a name and a source file of that strategy.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.market import BAR, Bars
from domain.timeframe import forex_anchored
from indicators.compiled import compiled
from indicators.higher import NEW_YORK, UTC
from strategies.base import DAY, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, Strategy

SAME, CHANGED, WARMING, FAILED = 0, 1, 2, 3
"""What a step came to: the stance of before; another one; the warm-up is not over; stance or facts are not sound."""

CHANGE = np.dtype(
    [
        ("bar", np.int64),
        ("stance", np.int64),
        ("score", np.float64),
        ("probability", np.float64),
        ("stop", np.float64),
        ("target", np.float64),
        ("reason", np.int64),
    ]
)
"""A change of stance in a series: the bar's place in it, the new stance and its facts."""

Mask = NDArray[np.bool_]

step: Any = None
WORDS = 0
"""What these two names mean to a template is bound for each strategy."""


def sound(state: Row, stance: float) -> bool:
    """Whether the stance is -1, 0 or 1 and every fact is a number that can be meant."""
    return bool(
        (stance == 1 or stance == 0 or stance == -1)
        and math.isfinite(state[SCORE])
        and math.isfinite(state[PROBABILITY])
        and 0.0 <= state[STOP] < math.inf
        and 0.0 <= state[TARGET] < math.inf
        and 0.0 <= state[REASON] < WORDS
    )


def advance(state: Row, bar: ClosedBar, warm_up: int, params: Any) -> int:
    """One closed bar for one symbol: its row steps; a step that is not sound leaves the stance of before."""
    state[SEEN] += 1.0
    stance = step(state, bar, params)
    if state[SEEN] <= warm_up:
        return WARMING
    if not sound(state, stance):
        return FAILED
    if stance == state[STANCE]:
        return SAME
    state[STANCE] = stance
    return CHANGED


def rows(
    states: NDArray[np.float64],
    bars: Bars,
    local: NDArray[np.int64],
    warm_up: int,
    params: Any,
    stances: NDArray[np.int8],
    codes: NDArray[np.uint8],
) -> None:
    """Bars of many symbols in order, each stepping its symbol's row ``local[i]``."""
    ts, volume, spread = bars["ts"], bars["volume"], bars["spread"]
    open_, high, low, close = bars["open"], bars["high"], bars["low"], bars["close"]
    for i in range(len(bars)):
        state = states[local[i]]
        bar = ClosedBar(ts[i], open_[i], high[i], low[i], close[i], volume[i], spread[i])
        codes[i] = advance(state, bar, warm_up, params)
        stances[i] = int(state[STANCE])


def series(
    state: Row,
    bars: Bars,
    warm_up: int,
    params: Any,
    stances: NDArray[np.int8],
    codes: NDArray[np.uint8],
    changes: NDArray[np.void],
) -> int:
    """All bars of one symbol; the first ``count`` (returned) of ``changes`` are filled."""
    ts, volume, spread = bars["ts"], bars["volume"], bars["spread"]
    open_, high, low, close = bars["open"], bars["high"], bars["low"], bars["close"]
    count = 0
    for i in range(len(bars)):
        bar = ClosedBar(ts[i], open_[i], high[i], low[i], close[i], volume[i], spread[i])
        codes[i] = advance(state, bar, warm_up, params)
        stances[i] = int(state[STANCE])
        if codes[i] == CHANGED:
            changes["bar"][count] = i
            changes["stance"][count] = stances[i]
            changes["score"][count] = state[SCORE]
            changes["probability"][count] = state[PROBABILITY]
            changes["stop"][count] = state[STOP]
            changes["target"][count] = state[TARGET]
            changes["reason"][count] = int(state[REASON])
            count += 1
    return count


@dataclass(frozen=True, slots=True, eq=False)
class Loops:
    """The two loops bound to one strategy."""

    rows: Callable[..., None]
    series: Callable[..., int]


@cache
def loops(strategy: Strategy) -> Loops:
    """The strategy's loops: compiled at their first call or loaded from the kernel cache, or plain Python."""
    names: dict[str, Any] = {
        **{name: value for name, value in globals().items() if name.isupper()},
        "math": math,
        "ClosedBar": ClosedBar,
        "step": strategy.step,
        "WORDS": len(strategy.words),
    }
    for template in (sound, advance, rows, series):
        names[template.__name__] = _bound(template, strategy, names)
    return Loops(names["rows"], names["series"])


def _bound(template: Callable[..., Any], strategy: Strategy, names: dict[str, Any]) -> Callable[..., Any]:
    """The template's code with other meanings of its global names.

    The cache names a compiled function by source file, qualified name and line, and forgets it when that
    file changes: the strategy's file, so that strategies never meet and an edited one compiles anew.
    """
    own = getattr(strategy.step, "py_func", strategy.step)
    code: CodeType = template.__code__
    if strategy.compiled:
        code = code.replace(co_filename=own.__code__.co_filename)
    scope = {"__name__": own.__module__, "__builtins__": builtins, **names}
    function = FunctionType(code, scope, template.__name__)
    function.__qualname__ = f"{own.__qualname__}.{template.__name__}"
    return compiled(function) if strategy.compiled else function


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """What a strategy said bar by bar: ``stances`` as reported (int8), ``codes`` SAME, CHANGED, WARMING or FAILED.

    A bar that failed repeats the stance of before and is not a change.
    """

    stances: NDArray[np.int8]
    codes: NDArray[np.uint8]

    @property
    def changed(self) -> Mask:
        """Bars at which the reported stance became another one."""
        return np.equal(self.codes, CHANGED)

    @property
    def warming(self) -> Mask:
        """Bars inside the warm-up, reported as flat."""
        return np.equal(self.codes, WARMING)

    @property
    def failed(self) -> Mask:
        """Bars at which the stance was not -1, 0 or 1, or a fact was not a number that can be meant."""
        return np.equal(self.codes, FAILED)


class Facts(msgspec.Struct, frozen=True, gc=False):
    """The facts behind a row's latest stance; stop and target are distances in price units, 0 for none."""

    score: float
    probability: float
    stop: float
    target: float
    reasons: tuple[str, ...]


class Rows:
    """The states of ``count`` symbols under one strategy and its parameters: one row of float64 each.

    ``asset_classes`` are those of the symbols: they say where a day begins, midnight UTC where none are given.
    ``state`` may be copied and put back. What a plain Python step raises goes to the caller.
    """

    def __init__(self, strategy: Strategy, params: Any, count: int, asset_classes: Sequence[str] = ()) -> None:
        self.strategy, self.params = strategy, params
        self.warm_up = strategy.warm_up(params)
        self.state: NDArray[np.float64] = np.zeros((count, strategy.width(params)))
        if asset_classes:
            self.state[:, DAY] = [NEW_YORK if forex_anchored("D1", one) else UTC for one in asset_classes]
        self._loops = loops(strategy)

    def step(self, bars: Bars, local: NDArray[np.int64]) -> Steps:
        """Step the rows ``local`` over their new closed bars (dtype ``BAR``), in the order given.

        Several bars of one symbol are as good as one at a time. Raises IndexError for a row there is not,
        ValueError when bars and rows are not equally many.
        """
        bars, local = _frozen(bars, BAR), _frozen(local, np.dtype(np.int64))
        if len(bars) != len(local):
            raise ValueError(f"{len(bars)} bars for {len(local)} rows")
        if len(local) and not 0 <= local.min() <= local.max() < len(self.state):
            raise IndexError(f"rows {local.min()} to {local.max()}, but there are only 0 to {len(self.state) - 1}")
        said = _room(len(bars))
        self._loops.rows(self.state, bars, local, self.warm_up, self.params, said.stances, said.codes)
        return said

    def load(self, bars: Bars, local: NDArray[np.int64]) -> None:
        """History from the anchor on, in order of close, then row: the same as having stepped through it."""
        self.step(bars, local)

    def series(self, bars: Bars, row: int = 0) -> tuple[Steps, NDArray[np.void]]:
        """All bars of one symbol at once: what was said, and a ``CHANGE`` with its facts per change of stance."""
        bars = _frozen(bars, BAR)
        said, changes = _room(len(bars)), np.empty(len(bars), CHANGE)
        count = self._loops.series(self.state[row], bars, self.warm_up, self.params, said.stances, said.codes, changes)
        return said, changes[:count].copy()

    def warming(self, row: int) -> bool:
        """Whether the row's latest bar was still inside the warm-up."""
        return bool(self.state[row, SEEN] <= self.warm_up)

    def stance(self, row: int) -> int:
        """The stance last reported."""
        return int(self.state[row, STANCE])

    def facts(self, row: int) -> Facts:
        """The facts behind the row's latest stance; meant for a row whose latest bar did not fail."""
        score, probability, stop, target, reason = self.state[row, SCORE : REASON + 1].tolist()
        return Facts(score, probability, stop, target, (self.strategy.words[int(reason)],))


def _room(count: int) -> Steps:
    return Steps(np.empty(count, np.int8), np.empty(count, np.uint8))


def _frozen(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """A read-only view, one piece: arrays from the object store are read-only, so that one signature serves all."""
    view = np.ascontiguousarray(array, dtype).view()
    view.setflags(write=False)
    return view
