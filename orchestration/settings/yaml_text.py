"""YAML as people mean it: no aliases, no duplicate keys, no 'no' that is a boolean, and the line of every key.

Plain scalars follow YAML 1.2: true and false are the only booleans, null or ~ is nothing, 1e-5 is a number
and 17:00 a text.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

LARGEST = 1_000_000
DEEPEST = 20

_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[-+]?\d{1,300}", re.ASCII)
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Unreadable(ValueError):
    """The text is not a configuration; the message says where and why."""


class Empty(Enum):
    """Nothing was written where a value belongs: not the same as null."""

    EMPTY = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A value with the line of its key."""

    value: Any
    line: int


class _Loader(_BASE):  # type: ignore[misc]
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  (every plain scalar stays a text; see _scalar)


def read_file(path: Path) -> dict[str, Line]:
    """The file's top-level keys. Raises Unreadable, without naming the file."""
    try:
        if path.is_dir():
            raise Unreadable("is a folder; a YAML file is needed")
        if path.is_fifo():
            raise Unreadable("is a pipe, which may never say anything; save the configuration in a file")
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise Unreadable("does not exist") from None
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from None
    if len(raw) > LARGEST:
        raise Unreadable(f"is larger than {LARGEST:,} bytes: not a configuration")
    try:
        return mapping(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Unreadable(f"is not UTF-8 text (byte {error.start}); save it as UTF-8") from None


def mapping(text: str) -> dict[str, Line]:
    """Top-level keys with their values. Raises Unreadable."""
    node = _compose(text)
    if node is None or (isinstance(node, yaml.ScalarNode) and _scalar(node) in (None, Empty.EMPTY)):
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise Unreadable("must be a mapping of keys to values, like 'timeframe: M5'")
    return {key: Line(_lines(value), line) for key, value, line in _pairs(node)}


def value(text: str) -> Any:
    """One value as it would stand in a file (environment variables, --set). Raises Unreadable."""
    if len(text) > LARGEST:
        raise Unreadable(f"is longer than {LARGEST:,} characters")
    node = _compose(text)
    return Empty.EMPTY if node is None else plain(_lines(node))


def plain(item: Any) -> Any:
    """The value without its lines."""
    if isinstance(item, Line):
        return plain(item.value)
    if isinstance(item, dict):
        return {key: plain(one) for key, one in item.items()}
    if isinstance(item, list):
        return [plain(one) for one in item]
    return item


def _compose(text: str) -> yaml.Node | None:
    try:
        _refuse_tricks(text)
        return yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise Unreadable(f"{where}not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise Unreadable(f"not YAML: {str(error).splitlines()[0]}") from None


def _refuse_tricks(text: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise Unreadable(f"line {line}: anchors and aliases (& and *) are not allowed; write the value out")
        if isinstance(event, yaml.CollectionStartEvent | yaml.ScalarEvent) and event.tag not in (None, "!"):
            raise Unreadable(f"line {line}: tags ({event.tag}) are not allowed; write a plain value")
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise Unreadable(f"line {line}: nested deeper than {DEEPEST} levels")
        if documents > 1:
            raise Unreadable(f"line {line}: a second document (---); one file is one configuration")


def _lines(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return {key: Line(_lines(item), line) for key, item, line in _pairs(node)}
    if isinstance(node, yaml.SequenceNode):
        return [_lines(item) for item in node.value]
    return _scalar(node)


def _pairs(node: yaml.MappingNode) -> list[tuple[str, yaml.Node, int]]:
    seen: dict[str, int] = {}
    pairs = []
    for key_node, item in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            raise Unreadable(f"line {line}: a key must be a word")
        key = str(key_node.value)
        if key in seen:
            raise Unreadable(f"line {line}: key {key!r} is already on line {seen[key]}; keep one of them")
        seen[key] = line
        pairs.append((key, item, line))
    return pairs


def _scalar(node: Any) -> Any:
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):  # quoted or a block: text, whatever it looks like
        return text
    lowered = text.lower()
    if not text:
        return Empty.EMPTY
    if text in ("~", "null", "Null", "NULL"):
        return None
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return lowered == "true"
    if _WHOLE.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if lowered.lstrip("+-") in (".inf", ".nan", "inf", "nan", "infinity"):
        return -math.inf if text.startswith("-") else (math.nan if "nan" in lowered else math.inf)
    return text
