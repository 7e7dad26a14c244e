"""What models cost: a file of prices with their dates and sources. What is not in it has no known price."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec
import yaml

from domain.errors import ConfigError
from domain.money import from_decimal
from domain.research import Usage

MILLION = 1_000_000
SHIPPED = "conf/model_prices.yaml"
LARGEST = 1_000_000
"""Bytes of a file."""
MOST = Decimal(100_000)
"""US dollars for a million tokens: more is a slip."""

_FIELDS = ("from", "input", "cached", "output", "source", "read")
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$", re.ASCII)


class Price(msgspec.Struct, frozen=True):
    """In 1e-9 US dollars for a million tokens, from the day ``since`` (ISO) on. ``source`` is where it was read, on the
    day ``read``."""

    model: str
    since: str
    input: int
    cached: int
    output: int
    source: str
    read: str

    def cost(self, usage: Usage) -> int:
        """1e-9 US dollars, rounded up. Tokens of reasoning are among those of the completion."""
        cached = min(usage.cached, usage.prompt)
        total = (usage.prompt - cached) * self.input + cached * self.cached + usage.completion * self.output
        return -(-total // MILLION)


class Prices:
    """By model, oldest first."""

    def __init__(self, listed: Mapping[str, tuple[Price, ...]]) -> None:
        self._listed = dict(listed)

    def of(self, model: str, day: str) -> Price | None:
        """The price on a day (ISO), None where none is known. A dated snapshot costs what its model does, unless it is
        listed itself."""
        found = self._listed.get(model) or self._listed.get(_SNAPSHOT.sub("", model), ())
        return next((one for one in reversed(found) if one.since <= day), None)

    @property
    def models(self) -> tuple[str, ...]:
        return tuple(sorted(self._listed))


def load(path: str | None = None) -> Prices:
    """The shipped prices, and over them the models of an own file. Raises ConfigError with every problem."""
    shipped = _prices(files("conf").joinpath("model_prices.yaml").read_text(encoding="utf-8"), SHIPPED)
    return Prices(shipped if path is None else shipped | _prices(_text(Path(path).expanduser()), path))


def _text(path: Path) -> str:
    try:
        if not path.is_file():
            raise ConfigError(f"research.prices = {path}: " + ("is no file" if path.exists() else "does not exist"))
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ConfigError(f"research.prices = {path}: is larger than {LARGEST:,} bytes")
        return raw.decode("utf-8")
    except OSError as error:
        raise ConfigError(f"research.prices = {path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"research.prices = {path}: is not UTF-8 text") from None


class _Texts(yaml.BaseLoader):
    """Every scalar as it is written, no key twice, no aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.constructor.ConstructorError(None, None, "aliases are not read", self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _prices(text: str, where: str) -> dict[str, tuple[Price, ...]]:
    """The file's section ``models``. Raises ConfigError."""
    try:
        written = yaml.load(text, _Texts)
    except (yaml.YAMLError, RecursionError, TypeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}:" if mark else ""
        raise ConfigError(f"{where}:{line} {getattr(error, 'problem', None) or 'is no YAML'}") from None
    problems: list[str] = []
    if not isinstance(written, dict) or set(written) != {"models"} or not isinstance(written["models"], dict):
        raise ConfigError(f"{where}: allowed: one section, models: {{NAME: [{{{', '.join(_FIELDS)}}}, …]}}")
    found = {}
    for model, entries in written["models"].items():
        if not isinstance(entries, list) or not entries:
            problems.append(f"{where}: {model}: allowed: a list of prices, each with {', '.join(_FIELDS)}")
            continue
        listed = [one for number, entry in enumerate(entries) for one in _price(model, entry, number, where, problems)]
        if len({one.since for one in listed}) < len(listed):
            problems.append(f"{where}: {model}: two prices from the same day")
        found[str(model)] = tuple(sorted(listed, key=lambda one: one.since))
    if problems:
        raise ConfigError(problems)
    return found


def _price(model: str, entry: Any, number: int, where: str, problems: list[str]) -> Iterator[Price]:
    """One price, or none and its problems."""
    place = f"{where}: {model}[{number}]"
    before = len(problems)
    if not isinstance(entry, dict) or set(entry) != set(_FIELDS):
        problems.append(f"{place}: allowed: exactly {', '.join(_FIELDS)}")
        return
    for name in ("from", "read"):
        if not _is_day(entry[name]):
            problems.append(f"{place}.{name} = {entry[name]}: allowed: a day like 2026-06-30")
    if not isinstance(entry["source"], str) or not entry["source"].strip():
        problems.append(f"{place}.source: allowed: where the price was read")
    amounts = [_amount(entry[name]) for name in ("input", "cached", "output")]
    for name, amount in zip(("input", "cached", "output"), amounts, strict=True):
        if amount is None:
            problems.append(f"{place}.{name} = {entry[name]}: allowed: US dollars for a million tokens, 0 to {MOST:,}")
    if len(problems) == before:
        prompt, cached, completion = (from_decimal(one or Decimal()) for one in amounts)
        yield Price(model, entry["from"], prompt, cached, completion, entry["source"], entry["read"])


def _is_day(text: Any) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _amount(text: Any) -> Decimal | None:
    try:
        number = Decimal(text) if isinstance(text, str) and text.isascii() else None
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() and 0 <= number <= MOST else None
