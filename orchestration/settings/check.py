"""Every given key is checked by itself: type, range, known name, readable text."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from domain.registry import unknown
from orchestration.settings.key import Key
from orchestration.settings.keys import COST_CLASSES, NOT_YET, SECRET, allowed, key_of, names_in
from orchestration.settings.layers import Given, shown
from orchestration.settings.parse import PARSERS, currency
from orchestration.settings.problems import Problems
from strategies.files import files_in


def sound(given: list[Given], problems: Problems) -> list[Given]:
    """Those that may be used; the others become problems, also where a higher layer would hide them."""
    kept = []
    own = own_strategies(given)
    for one in given:
        fault = None if one.key == "strategy.name" and one.value in own else fault_of(one, own)
        if fault is None:
            kept.append(one)
        else:
            value = "***" if one.key in SECRET else shown(one.value)
            problems.add(f"{one.source}: {one.key} = {value}: {fault}", usage=one.usage)
    return kept


def own_strategies(given: list[Given]) -> dict[str, Path]:
    """Name to file of the strategies in the user's folder; none where no folder is given, or it cannot be read."""
    found = max((one for one in given if one.key == "strategies_dir"), key=lambda one: one.rank, default=None)
    if found is None or fault_of(found) is not None or found.value is None:
        return {}
    return files_in(PARSERS["folder"](found.value))


def fault_of(given: Given, own: Iterable[str] = ()) -> str | None:
    """What is wrong with it, and what is allowed; ``own`` are names of strategies in the user's folder."""
    if given.key.startswith("instruments."):
        return None  # checked as a whole, entry over listed entry
    if given.key.startswith("venues.") and given.key.endswith(".name"):
        return _venue_fault(given.value)
    key = key_of(given.key)
    if key is None:
        return _parameter_fault(given.value)
    return (
        _type_fault(given.key, key, given.value)
        or _part_fault(key, given.value)
        or _name_fault(given.key, key, given.value, own)
        or _text_fault(key, given.value)
    )


@cache
def _adapter(path: str) -> Any:
    from pydantic import ConfigDict, TypeAdapter  # where text comes in, and only there

    key = key_of(path)
    assert key is not None
    return TypeAdapter(key.type, config=ConfigDict(strict=True, allow_inf_nan=False))


def _type_fault(path: str, key: Key, value: Any) -> str | None:
    from pydantic import ValidationError

    if isinstance(value, float) and not math.isfinite(value):
        return f"not a finite number; allowed: {allowed(key.type)}"
    try:
        _adapter(path).validate_python(value)
    except ValidationError:
        quoted = isinstance(value, str) and _looks_like_a_number(value) and "number" in allowed(key.type)
        return f"allowed: {allowed(key.type)}{' (a number without quotes)' if quoted else ''}"
    return None


def _looks_like_a_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _part_fault(key: Key, value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    if key.sub == "class":
        wrong = [one for one in value if one not in COST_CLASSES]
        return f"{', '.join(wrong)}: no such asset class (known: {', '.join(COST_CLASSES)})" if wrong else None
    if key.sub != "currency":
        return None
    for one in value:
        try:
            currency(one)
        except ValueError as error:
            return f"{one}: {error}"
    return None


def _name_fault(path: str, key: Key, value: Any, own: Iterable[str]) -> str | None:
    if path == "feed.name":
        return not_in_this_version("feed", value) if value in NOT_YET else None
    if not key.names or value is None:
        return None
    known = list(dict.fromkeys((*names_in(key.names), *(own if path == "strategy.name" else ()))))
    kind = {"risk.rules": "rule", "risk.sizing": "sizing method", "strategy.name": "strategy"}.get(path, path)
    wrong = [one for one in (value if isinstance(value, list) else [value]) if one not in known]
    if not wrong and isinstance(value, list) and len(set(value)) < len(value):
        return "a name is there twice"
    return "; ".join(unknown(kind, one, known) for one in wrong) or None


def _venue_fault(name: str) -> str | None:
    known = names_in("venues:VENUES")
    if name in known:
        return None
    return not_in_this_version("venue", name) if name in NOT_YET else unknown("venue", name, known)


def not_in_this_version(kind: str, name: str) -> str:
    return f"{kind} {name} is a known name, but not part of this version"


def _text_fault(key: Key, value: Any) -> str | None:
    if not key.parse or value is None:
        return None
    try:
        PARSERS[key.parse](value)
    except ValueError as error:
        return str(error)
    return None


def _parameter_fault(value: Any) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "not a finite number"
    if isinstance(value, bool | int | float | str):
        return None
    return "allowed: one number, text, true or false"
