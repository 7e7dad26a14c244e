"""The one JSON object of a model's answer: found, never guessed, and only where all of it is there."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

MOST_TEXT = 64 * 1024
"""Characters of an answer."""
MOST_DEPTH = 12
"""Objects and lists inside one another."""

_THOUGHTS = ("think", "thinking", "reasoning")


class NotJson(ValueError):
    """The answer is not one JSON object. The message says why, in words a model can use."""


def storable(text: str) -> str:
    """Text that every database and every encoding takes: NUL and halves of pairs are replaced."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def read(text: str) -> dict[str, Any]:
    """The only top-level JSON object in an answer. Raises NotJson.

    Thoughts in front (``<think>…</think>``), a code fence, and prose without braces around the object are passed
    over. Nothing is salvaged of an answer that is cut off, and nothing is chosen among several objects. NaN, Infinity,
    numbers beyond 64 bits, repeated names and texts that cannot be stored are refused.
    """
    if len(text) > MOST_TEXT:
        raise NotJson(f"the answer has {len(text):,} characters, more than {MOST_TEXT:,}")
    text = _spoken(text.removeprefix("\ufeff").strip())
    start = text.find("{")
    if start < 0:
        raise NotJson("there is no JSON object in the answer")
    before = text[:start]
    if "}" in before or before.count("[") > before.count("]"):
        raise NotJson("the answer is not one JSON object: the first brace does not begin it")
    _shallow(text, start)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise NotJson(f"the answer is not JSON: {error.msg} at character {error.pos - start} of the object") from None
    if "{" in text[end:] or "}" in text[end:]:
        raise NotJson("there is more than one JSON object in the answer: give one and nothing else")
    found: dict[str, Any] = value
    return found


def _spoken(text: str) -> str:
    """Without the thoughts in front, whose opening tag some endpoints leave out. Raises NotJson if they never end."""
    while True:
        lower = text[:16].lower()
        name = next((one for one in _THOUGHTS if lower.startswith(f"<{one}>")), None)
        if name is None:
            break
        end = text.lower().find(f"</{name}>")
        if end < 0:
            raise NotJson("the thoughts in the answer never end")
        text = text[end + len(name) + 3 :].lstrip()
    if not text.startswith(("{", "`")):
        for name in _THOUGHTS:
            _, tag, rest = text.partition(f"</{name}>")
            if tag and f"</{name}>" not in rest:
                return rest.lstrip()
    return text


def _shallow(text: str, start: int) -> None:
    """Refuses what is nested too deep, before anything recursive looks at it."""
    depth, quoted, escaped = 0, False, False
    for one in text[start:]:
        if quoted:
            if escaped:
                escaped = False
            elif one == "\\":
                escaped = True
            elif one == '"':
                quoted = False
        elif one == '"':
            quoted = True
        elif one in "{[":
            depth += 1
            if depth > MOST_DEPTH:
                raise NotJson(f"the JSON of the answer is nested deeper than {MOST_DEPTH}")
        elif one in "}]":
            depth -= 1
            if depth == 0:
                return


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise NotJson(f"the name {next(one for one in names if names.count(one) > 1)[:40]!r} stands twice in an object")
    for name, value in pairs:
        _sound(name)
        for one in value if isinstance(value, list) else (value,):
            _sound(one)
    return found


def _sound(value: Any) -> None:
    """Raises NotJson for a text that cannot be stored. Lists of lists are looked into, objects have been."""
    if isinstance(value, list):
        for one in value:
            _sound(one)
    elif isinstance(value, str) and storable(value) != value:
        raise NotJson("a text in the answer has a character that cannot be stored")


def _whole(digits: str) -> int:
    value = int(digits) if len(digits) <= 20 else 2**63
    if abs(value) >= 2**63:
        raise NotJson("a number in the answer is beyond 64 bits")
    return value


def _real(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise NotJson("a number in the answer is not finite")
    return value


def _no_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON: give a number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_real, parse_constant=_no_constant, strict=True
)
