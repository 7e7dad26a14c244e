"""What a strategy declares as its parameters, and whether a value is allowed.

A strategy declares them once, as the NamedTuple that its step gets: name, type and default as usual,
bounds and meaning in ``Annotated[int, Between(...)]``, ``Annotated[float, Between(...)]`` or
``Annotated[int, OneOf(...)]`` (a choice, which the kernel sees as the number of its word).
"""

from __future__ import annotations

import math
from typing import Any, get_type_hints

import msgspec


class Between(msgspec.Struct, frozen=True):
    """A number and its bounds, both allowed, with its unit and what it means."""

    low: float
    high: float
    unit: str
    doc: str


class OneOf(msgspec.Struct, frozen=True):
    """A choice among words and what it means."""

    words: tuple[str, ...]
    doc: str


class Parameter(msgspec.Struct, frozen=True, kw_only=True):
    """One parameter as people and configuration see it; ``type`` is int, float or choice."""

    name: str
    type: str
    default: int | float | str
    low: int | float | None = None
    high: int | float | None = None
    choices: tuple[str, ...] = ()
    unit: str = ""
    doc: str = ""

    def problem(self, value: object) -> str:
        """What is wrong with ``value`` and what is allowed instead; empty if nothing is."""
        if self.type == "choice":
            known = isinstance(value, str) and value in self.choices
            return "" if known else f"choose one of {', '.join(self.choices)}"
        low, high = self.low or 0, self.high or 0
        whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(value, int | float) and (whole or (self.type == "float" and isinstance(value, float))):
            if low <= value <= high:
                return ""
            if whole or math.isfinite(value):
                return f"allowed is {low:g} to {high:g}{' ' + self.unit if self.unit else ''}"
        return f"give a {'whole' if self.type == 'int' else 'finite'} number from {low:g} to {high:g}"

    def value(self, given: Any) -> int | float:
        """The number the kernel sees: whole numbers stay, a choice becomes its number."""
        if self.type == "choice":
            return self.choices.index(given)
        return int(given) if self.type == "int" else float(given)

    def written(self, value: int | float) -> int | float | str:
        """The way back: a choice becomes its word."""
        return self.choices[int(value)] if self.type == "choice" else value


def declared(params: type[Any]) -> tuple[Parameter, ...]:
    """The parameters that a NamedTuple class declares. Raises TypeError on one that says too little."""
    hints = get_type_hints(params, include_extras=True)
    defaults: dict[str, Any] = getattr(params, "_field_defaults", {})
    return tuple(_parameter(params, name, hint, defaults.get(name)) for name, hint in hints.items())


def _parameter(params: type[Any], name: str, hint: Any, default: Any) -> Parameter:
    rule = next(iter(getattr(hint, "__metadata__", ())), None)
    kind = getattr(hint, "__origin__", None)
    if isinstance(rule, OneOf) and kind is int and default in range(len(rule.words)):
        return Parameter(name=name, type="choice", default=rule.words[default], choices=rule.words, doc=rule.doc)
    if isinstance(rule, Between) and kind in (int, float) and isinstance(default, kind):
        low, high = kind(rule.low), kind(rule.high)
        made = Parameter(
            name=name, type=kind.__name__, default=default, low=low, high=high, unit=rule.unit, doc=rule.doc
        )
        if not made.problem(default):
            return made
    raise TypeError(
        f"{params.__module__}.{params.__name__}.{name}: declare Annotated[int or float, Between(low, high, unit, doc)] "
        f"or Annotated[int, OneOf(words, doc)], with a default that it allows"
    )
