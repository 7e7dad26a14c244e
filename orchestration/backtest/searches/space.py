"""What a search varies: keys of the configuration, each with the values it may take."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from domain.errors import ConfigError
from domain.registry import unknown
from orchestration.settings import Settings, built_strategy, yaml_text
from orchestration.settings.check import fault_of
from orchestration.settings.keys import KEYS
from orchestration.settings.layers import COMMAND_LINE, Given, hint
from orchestration.settings.problems import Problems

if TYPE_CHECKING:
    from strategies.base import Strategy

SECTIONS = ("strategy", "risk", "exits")
"""Whose keys may be searched: what is decided, never what is traded or what it costs."""
WIDE = 4
"""Without a space a parameter goes from its default over this to its default times this."""
LARGEST = 1_000_000
"""Values that one key takes at most, where they can be counted."""
_RANGE = re.compile(r"([^:|]+?)\.\.([^:|]+?)(?::([^:|]+))?")

Value = int | float | str | bool


class Dimension(msgspec.Struct, frozen=True, kw_only=True):
    """One key: ``choices``, or numbers from ``low`` to ``high``, in whole ones if ``whole``, in steps where ``step``
    is not 0, drawn evenly in their logarithm where ``log``."""

    key: str
    choices: tuple[Value, ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    whole: bool = False
    log: bool = False

    def count(self) -> int:
        """How many values there are, 0 for a continuum."""
        if self.choices:
            return len(self.choices)
        if not (self.whole or self.step):
            return 0
        return int((_exact(self.high) - _exact(self.low)) // _exact(self.step or 1.0)) + 1

    def value(self, place: int) -> Value:
        """The value at a place below ``count``."""
        if self.choices:
            return self.choices[place]
        found = _exact(self.low) + place * _exact(self.step or 1.0)
        return int(found) if self.whole else float(found)

    def rounded(self, found: float) -> float:
        """A number of a continuum with six digits, so that it can be written down, and within the bounds."""
        return min(max(float(f"{found:.6g}"), self.low), self.high)

    def place(self, value: Value) -> float:
        """Where a value stands between the bounds, 0 to 1; a choice by its number."""
        if self.choices:
            return self.choices.index(value) / max(len(self.choices) - 1, 1)
        number, low, high = float(value), self.low, self.high
        if self.log:
            number, low, high = math.log(number), math.log(low), math.log(high)
        return (number - low) / (high - low) if high > low else 0.0

    def __str__(self) -> str:
        if self.choices:
            return f"{self.key}={'|'.join(written(one) for one in self.choices)}"
        bounds = f"{self.key}={self.low:g}..{self.high:g}"
        return bounds + (":log" if self.log else f":{self.step:g}" if self.step else "")


def _exact(number: float) -> Decimal:
    return Decimal(repr(number))


def written(value: Value) -> str:
    """As a person writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_set(key: str, value: Value) -> str:
    """As ``--set`` takes it."""
    return f"{key}={json.dumps(value)}"


def size(space: Sequence[Dimension]) -> int:
    """How many sets of values there are, 0 for a continuum."""
    return math.prod(one.count() for one in space)


def read_space(texts: Iterable[str], settings: Settings, problems: Problems) -> tuple[Dimension, ...]:
    """``KEY=LOW..HIGH``, ``KEY=LOW..HIGH:STEP``, ``KEY=LOW..HIGH:log`` or ``KEY=a|b|c``; what is wrong goes to
    ``problems``. Needs the compiler, as the strategy does."""
    strategy = built_strategy(settings.strategy)
    made: dict[str, Dimension] = {}
    for text in texts:
        key, equals, values = (one.strip() for one in text.partition("="))
        if not equals or not key or not values:
            problems.usage(f"--space {text!r}: write KEY=LOW..HIGH or KEY=a|b|c, like strategy.fast=5..50")
        elif key in made:
            problems.usage(f"--space {key}: it is there twice; give it once")
        elif settings.written.get(key) is not None and settings.written[key].source == f"--set {key}":
            problems.usage(f"--space {key} and --set {key} conflict: give one")
        else:
            fault = _unknown(key, strategy)
            one = None if fault else _dimension(key, values, strategy, problems)
            if fault:
                problems.config(f"--space {text}: {fault}")
            elif one is not None:
                made[key] = one
    return tuple(made.values())


def default_space(settings: Settings) -> tuple[Dimension, ...]:
    """Every number among the strategy's parameters that nobody has set, from a quarter of its default to four times
    it, within its bounds; a default of 0 stays (it often means none). Raises ConfigError if there is none."""
    strategy = built_strategy(settings.strategy)
    made = []
    for one in strategy.parameters:
        if one.type == "choice" or one.name in settings.strategy.parameters or not one.default:
            continue
        default, low, high = float(one.default), float(one.low or 0), float(one.high or 0)
        low, high = max(low, default / WIDE), min(high, default * WIDE)
        if one.type == "int":
            low, high = float(math.ceil(low)), float(math.floor(high))
        if high > low:
            key = f"strategy.{one.name}"
            made.append(Dimension(key=key, low=low, high=high, whole=one.type == "int", log=low > 0))
    if not made:
        raise ConfigError(
            f"strategy {strategy.name} has no number left to search: give --space KEY=LOW..HIGH, like "
            "--space risk.risk_fraction=0.002..0.02"
        )
    return tuple(made)


def _unknown(key: str, strategy: Strategy) -> str:
    """What is wrong with the key itself."""
    section, _, name = key.partition(".")
    if section == "strategy" and name:
        known = [one.name for one in strategy.parameters]
        return "" if name in known else unknown(f"parameter of {strategy.name}", name, known)
    if key not in KEYS:
        return f"{key} is not a known key{hint(key)}"
    if section not in SECTIONS:
        return f"only keys of {', '.join(SECTIONS)} can be searched; set {key} with --set"
    return ""


def _dimension(key: str, values: str, strategy: Strategy, problems: Problems) -> Dimension | None:
    found = _RANGE.fullmatch(values)
    try:
        one = _numbers(key, found[1], found[2], found[3], strategy) if found else _choices(key, values)
    except ValueError as error:
        problems.usage(f"--space {key}={values}: {error}")
        return None
    except ConfigError as error:
        problems.config(f"--space {key}={values}: {error}")
        return None
    for value in one.choices or _ends(one):
        fault = _fault(key, value, strategy)
        if fault:
            problems.config(f"--space {key}={values}: {written(value)}: {fault}")
            return None
    return one


def _ends(one: Dimension) -> tuple[Value, ...]:
    return (int(one.low), int(one.high)) if one.whole else (one.low, one.high)


def _choices(key: str, values: str) -> Dimension:
    texts = [one.strip() for one in values.split("|")]
    if len(texts) < 2 or not all(texts):
        raise ValueError(f"write LOW..HIGH or a|b|c; one value is --set {key}={values}")
    try:
        made = [yaml_text.value(one) for one in texts]
    except yaml_text.Unreadable as error:
        raise ValueError(str(error)) from None
    if not all(isinstance(one, int | float | str) for one in made):
        raise ValueError("write numbers, words, true or false between the |")
    if len({(type(one), one) for one in made}) < len(made):
        raise ValueError("a value is there twice")
    return Dimension(key=key, choices=tuple(made))


def _numbers(key: str, low_text: str, high_text: str, by: str | None, strategy: Strategy) -> Dimension:
    low, high = _number(low_text), _number(high_text)
    log, step = by == "log", 0.0
    if by is not None and not log:
        step = _number(by)
    if low > high:
        raise ConfigError(f"it ends before it begins; did you mean {key}={high:g}..{low:g}?")
    if low == high:
        raise ConfigError(f"it holds one value only; that is --set {key}={low:g}")
    if log and low <= 0:
        raise ConfigError("a logarithm needs numbers above 0")
    if by is not None and not log and not 0 < step <= high - low:
        raise ConfigError(f"the step must be above 0 and at most {high - low:g}")
    whole = _whole(key, strategy)
    if whole is None:
        raise ConfigError("it takes no numbers; write its values as a|b|c")
    if whole and not all(one.is_integer() for one in (low, high, step)):
        raise ConfigError("it takes whole numbers only")
    made = Dimension(key=key, low=low, high=high, step=step, whole=whole, log=log)
    if step and made.count() > LARGEST:
        raise ConfigError(f"{made.count():,} values (at most {LARGEST:,}): a larger step")
    if step:  # the last step may end before the bound
        made = msgspec.structs.replace(made, high=float(made.value(made.count() - 1)))
    return made


def _number(text: str) -> float:
    found = yaml_text.value(text.strip())
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        raise ValueError(f"{text.strip()!r} is not a number; write LOW..HIGH, LOW..HIGH:STEP or LOW..HIGH:log")
    return float(found)


def _whole(key: str, strategy: Strategy) -> bool | None:
    """Whether the key takes whole numbers only; None if it takes no numbers."""
    section, _, name = key.partition(".")
    if section == "strategy":
        kind = next(one.type for one in strategy.parameters if one.name == name)
        return None if kind == "choice" else kind == "int"
    kinds = set(_kinds(KEYS[key].type))
    return None if not kinds & {int, float} else float not in kinds


def _kinds(kind: Any) -> Iterable[Any]:
    """The plain types in a declared one; those within lists and mappings are no numbers of the key itself."""
    if kind in (int, float, str, bool):
        yield kind
    elif getattr(kind, "__origin__", None) in (list, dict):
        yield list
    elif hasattr(kind, "__metadata__"):
        yield from _kinds(get_args(kind)[0])
    else:
        for one in get_args(kind):
            yield from _kinds(one)


def _fault(key: str, value: Value, strategy: Strategy) -> str | None:
    """What is wrong with one value."""
    section, _, name = key.partition(".")
    if section == "strategy":
        return next(one.problem(value) for one in strategy.parameters if one.name == name)
    return fault_of(Given(key, value, "--space", COMMAND_LINE))
