"""Which events are told, how, and to whom: rules as they are configured, and those that hold without any."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from domain.events import ALERT, ENGINE_STATE, RUN_SUMMARY, TYPES
from orchestration.alerts.terms import INFO, SEVERITIES, check

TITLE = "{severity}: {what}"
TEXT = "{sentence}"
KEY = "{type} {alert} {symbol} {code} {actor} {to} {order_id} {resource} {channel}"


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. An event matches if every pattern does; ``to`` is compared with the state that is entered.

    ``severity`` replaces the event's own where it is given; ``at_least`` compares with the event's own. ``channels``
    None is all of them. What has the same ``key`` is told once in ``dedup`` seconds (None: as configured for all).
    """

    name: str
    on: tuple[str, ...] = (ALERT,)
    alert: tuple[str, ...] = ("*",)
    code: tuple[str, ...] = ("*",)
    symbol: tuple[str, ...] = ("*",)
    to: tuple[str, ...] = ("*",)
    at_least: str = INFO
    severity: str = ""
    channels: tuple[str, ...] | None = None
    title: str = TITLE
    text: str = TEXT
    key: str = KEY
    dedup: float | None = None

    def matches(self, kind: str, symbol: str, data: Mapping[str, Any], worth: str) -> bool:
        return (
            _any(kind, self.on)
            and _any(data.get("alert"), self.alert)
            and _any(data.get("code"), self.code)
            and _any(symbol, self.symbol)
            and _any(data.get("to", data.get("state")), self.to)
            and SEVERITIES.index(worth) >= SEVERITIES.index(self.at_least)
        )


def _any(value: object, patterns: Iterable[str]) -> bool:
    text = "" if value is None else str(value)
    return any(fnmatchcase(text, one) for one in patterns)


DEFAULTS: tuple[Rule, ...] = (
    Rule(name="emergency", alert=("EMERGENCY", "EMERGENCY_FAILED")),
    Rule(name="halted", alert=("TRADING_STATE",), to=("HALTED",)),
    Rule(name="drawdown", alert=("TRADING_STATE",), to=("REDUCING",)),
    Rule(name="trading_again", alert=("TRADING_STATE",), to=("ACTIVE",)),
    Rule(name="run_failed", alert=("RUN_FAILED",)),
    Rule(
        name="actors",
        alert=(
            *("HALTED_BY_SUPERVISOR", "STOPPED_BY_SUPERVISOR", "ACTOR_FAILED", "ACTOR_GIVEN_UP"),
            *("ACTOR_RESET", "ACTOR_HANGS"),
        ),
    ),
    Rule(
        name="orders",
        alert=("ORDER_UNKNOWN", "ASK_OPERATOR", "OVERFILL", "BAD_FILL", "REVIVED_ORDER", "CLOSED_OUTSIDE", "FOREIGN_*"),
    ),
    Rule(name="stops", alert=("STOP_MISSING", "STOP_REFUSED")),
    Rule(name="database", alert=("DATABASE_AWAY",)),
    Rule(name="resources", alert=("RESOURCE",)),
    Rule(name="beside", alert=("HEARTBEAT", "NEWS_*", "NOTIFY_*", "RESEARCH_*")),
    Rule(name="engine_error", on=(ENGINE_STATE,), to=("error",), key="{type} {state}"),
    Rule(name="run_ended", on=(RUN_SUMMARY,), title="run ended: {exit_reason}"),
)
"""In the order in which they are asked. A rule of the same name takes the place of one of these."""

_LISTS = ("on", "alert", "code", "symbol", "to", "channels")
_ROLES = {"at_least": SEVERITIES, "severity": SEVERITIES}
_TEMPLATES = ("title", "text", "key")


def parsed(given: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of a configuration. Raises ValueError with everything that is wrong."""
    rules: list[Rule] = []
    wrong: list[str] = []
    for number, one in enumerate(given, 1):
        name = one.get("name")
        where = f"rule {number}" + (f" ({name})" if isinstance(name, str) else "")
        faults = list(_faults(one))
        if isinstance(name, str) and name in [rule.name for rule in rules]:
            faults.append("there is another rule of that name")
        wrong += [f"{where}: {fault}" for fault in faults]
        if not faults:
            rules.append(Rule(**{key: _value(key, value) for key, value in one.items()}))
    if wrong:
        raise ValueError("; ".join(wrong))
    return tuple(rules)


def _value(key: str, value: Any) -> Any:
    if key in _LISTS:
        return tuple([value] if isinstance(value, str) else value)
    return float(value) if key == "dedup" else value


def _faults(one: Mapping[str, Any]) -> Iterable[str]:
    known = Rule.__struct_fields__
    for key, value in one.items():
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            yield f"{key} is not known" + (f"; did you mean {near[0]}?" if near else f" (known: {', '.join(known)})")
        elif key == "dedup":
            if not isinstance(value, int | float) or not 0 <= value <= 604_800:
                yield "dedup: allowed: seconds from 0 to 604800"
        elif key in _LISTS:
            yield from _list_faults(key, value)
        elif not isinstance(value, str) or not value:
            yield f"{key}: allowed: text"
        elif key in _ROLES and value not in _ROLES[key]:
            yield f"{key} = {value}: allowed: one of {', '.join(_ROLES[key])}"
        elif key in _TEMPLATES:
            yield from _template_faults(key, value)
    if not isinstance(one.get("name"), str):
        yield "it has no name"


def _list_faults(key: str, value: Any) -> Iterable[str]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(each, str) and each for each in texts):
        yield f"{key}: allowed: a pattern, or a list of them"
    elif key == "on":
        for each in texts:
            if not any(fnmatchcase(kind, each) for kind in TYPES):
                near = difflib.get_close_matches(each, TYPES, 1)
                yield f"on: there is no type of event {each}" + (f"; did you mean {near[0]}?" if near else "")


def _template_faults(key: str, value: str) -> Iterable[str]:
    try:
        check(value)
    except ValueError as error:
        yield f"{key}: {error}"


def in_force(own: Sequence[Rule], defaults: bool) -> tuple[Rule, ...]:
    """The configured rules first, then the ones that hold by themselves and were not replaced."""
    names = {one.name for one in own}
    return (*own, *(one for one in DEFAULTS if defaults and one.name not in names))


def types_of(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The types of events that some rule may tell."""
    return tuple(kind for kind in TYPES if any(_any(kind, one.on) for one in rules))
