"""What a kernel is: a state row, one step per closed bar, a warm-up, and its declared parameters.

A step gets (state, bar, params) and returns the stance: 1 long, -1 short, 0 flat. ``state`` is its
symbol's row of float64: the common slots below come first, the strategy's own follow from ``OWN``. All
slots start at 0 but ``DAY``. The runner counts ``SEEN`` before the step and keeps the reported stance in
``STANCE`` after it, so an undecided step returns ``state[STANCE]``; the step writes the facts, SCORE to REASON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.registry import unknown
from indicators.compiled import compiled as compile_kernel
from strategies.parameters import Parameter, declared

SEEN = 0
"""Closed bars seen since the anchor, this one included; counted by the runner."""
STANCE = 1
"""The stance last reported: 0 until the warm-up is over; kept by the runner."""
SCORE = 2
"""How good the stance is, 0 to 1; candidates are ranked by it."""
PROBABILITY = 3
"""Estimated chance of reaching the target before the stop, 0 to 1."""
STOP = 4
"""Distance from the entry to the stop in price units, 0 for none."""
TARGET = 5
"""Distance from the entry to the target in price units, 0 for none."""
REASON = 6
"""Why, as an index into the strategy's ``words``."""
DAY = 7
"""Where the symbol's day begins, from which its bars of four hours and more are counted: as the anchors of
``indicators.higher``, midnight UTC (0) or 17:00 New York (1); put there by the runner from the asset class."""
OWN = 8
"""The first slot of the strategy itself."""

Row = NDArray[np.float64]


class ClosedBar(NamedTuple):
    """The bar a step sees: open in UTC nanoseconds, prices as floats; volume 0 and spread NaN mean unknown."""

    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    spread: float


Step = Callable[[Row, ClosedBar, Any], int]
P = TypeVar("P", bound=tuple[Any, ...])


def _nothing(params: Any) -> list[str]:
    return []


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Strategy:
    """One strategy: its step and everything the rest of the system has to know of it.

    ``params`` is the NamedTuple class of its parameters; ``own_slots``, ``warm_up`` (closed bars that
    cannot speak) and ``problems`` (what the bounds of single parameters cannot say) are functions of an
    instance. ``words`` are the reasons by number. A step that is not ``compiled`` is plain Python. ``forget``, where
    given, is after how many bars a later start says the same as an earlier one; ``remembers`` is why there is no such
    number.
    """

    name: str
    doc: str
    params: type[Any]
    parameters: tuple[Parameter, ...]
    own_slots: Callable[[Any], int]
    warm_up: Callable[[Any], int]
    problems: Callable[[Any], list[str]]
    words: tuple[str, ...]
    step: Step
    compiled: bool
    forget: Callable[[Any], int] | None = None
    remembers: str = ""

    def width(self, params: Any) -> int:
        """Slots of one state row."""
        return OWN + self.own_slots(params)


def strategy(
    *,
    params: type[P],
    own_slots: Callable[[P], int],
    warm_up: Callable[[P], int],
    words: tuple[str, ...],
    problems: Callable[[P], list[str]] = _nothing,
    compiled: bool = True,
    forget: Callable[[P], int] | None = None,
    remembers: str = "",
) -> Callable[[Callable[[Row, ClosedBar, P], int]], Strategy]:
    """Make a ``Strategy`` of a step; its name and description are the function's name and docstring."""

    def made(step: Callable[[Row, ClosedBar, P], int]) -> Strategy:
        return Strategy(
            name=step.__name__,
            doc=step.__doc__ or "",
            params=params,
            parameters=declared(params),
            own_slots=own_slots,
            warm_up=warm_up,
            problems=problems,
            words=words,
            step=compile_kernel(step) if compiled else step,
            compiled=compiled,
            forget=forget,
            remembers=remembers,
        )

    return made


def parameters_problems(strategy: Strategy, given: Mapping[str, object]) -> list[str]:
    """Everything wrong with the given parameters, each problem naming key, value and what is allowed."""
    known = {one.name: one for one in strategy.parameters}
    kind = f"parameter of {strategy.name}"
    problems = [f"strategy.{name}: {unknown(kind, name, known)}" for name in given if name not in known]
    wrong = {name: known[name].problem(value) for name, value in given.items() if name in known}
    problems += [f"strategy.{name} = {given[name]!r}: {text}" for name, text in wrong.items() if text]
    if not any(wrong.values()):
        problems += strategy.problems(_filled(strategy, given))
    return problems


def resolve(strategy: Strategy, given: Mapping[str, object]) -> Any:
    """The strategy's parameters as its step gets them, defaults filled in. Raises ConfigError with all problems."""
    problems = parameters_problems(strategy, given)
    if problems:
        raise ConfigError(problems)
    return _filled(strategy, given)


def _filled(strategy: Strategy, given: Mapping[str, object]) -> Any:
    return strategy.params(**{one.name: one.value(given.get(one.name, one.default)) for one in strategy.parameters})


def plain(params: Any) -> dict[str, int | float | str]:
    """Parameters as people write them: choices by their words."""
    values = params._asdict()
    return {one.name: one.written(values[one.name]) for one in declared(type(params))}


def fingerprint(params: Any) -> str:
    """The canonical text of parameters, JSON with sorted keys: anchors are kept under it."""
    return json.dumps(plain(params), sort_keys=True, separators=(",", ":"))
