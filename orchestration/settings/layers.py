"""From what somebody wrote to given keys: preset, files, environment, command line, lowest first."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.settings import preset_files, yaml_text
from orchestration.settings.keys import KEYS, SECRET, SECTIONS, VENUE_KEYS
from orchestration.settings.options import Overrides, option_values
from orchestration.settings.problems import Problems
from orchestration.settings.tree import masked
from orchestration.settings.yaml_text import Empty, Line, plain

DEFAULT, PRESET, FILE, ENVIRONMENT, COMMAND_LINE = 0, 1, 2, 100_000, 200_000
"""Ranks: the higher one wins; the n-th file has FILE + n."""

PREFIX = "ARGUS__"
_KNOWN = [*KEYS, "venues", "instruments", *SECTIONS]
_INSTRUMENT = re.compile(r"instruments\.(.+)\.([a-z_]+)")


@dataclass(frozen=True, slots=True)
class Given:
    """A key that somebody wrote. ``part`` means entries of a mapping that are laid over what is below;
    ``usage`` that it was an option of the command line."""

    key: str
    value: Any
    source: str
    rank: int
    part: bool = False
    usage: bool = False


class Flattener:
    """One layer's nested keys as dotted ones; unknown keys become problems with the nearest hint."""

    def __init__(self, source: str, rank: int, problems: Problems, *, dotted: bool = False) -> None:
        self.source, self.rank, self.problems, self.dotted = source, rank, problems, dotted
        self.given: list[Given] = []

    def flatten(self, top: Mapping[str, Line]) -> list[Given]:
        for name, line in top.items():
            if name in SECTIONS:
                self._section(name, line)
            elif name == "venues":
                self._venues(line)
            elif name == "instruments":
                self._instruments(line)
            elif name in KEYS:
                self._leaf(name, line)
            else:
                self._unknown(name, line)
        return self.given

    def where(self, line: Line) -> str:
        return f"{self.source} line {line.line}" if line.line else self.source

    def _leaf(self, key: str, line: Line) -> None:
        value = plain(line.value)
        if value is Empty.EMPTY:
            self.problems.config(f"{self.where(line)}: {key} has no value; write one, or null for none")
            return
        part = self.dotted and isinstance(value, dict)
        self.given.append(Given(key, value, self.where(line), self.rank, part))

    def _mapping(self, name: str, line: Line) -> dict[str, Line]:
        if isinstance(line.value, dict):
            return line.value
        if line.value is not None and line.value is not Empty.EMPTY:
            self.problems.config(
                f"{self.where(line)}: {name} must be a mapping of keys to values, not {shown(line.value, name)}"
            )
        return {}

    def _section(self, section: str, line: Line) -> None:
        for name, inner in self._mapping(section, line).items():
            key = f"{section}.{name}"
            if key in KEYS or (section == "strategy" and name.isidentifier()):
                self._leaf(key, inner)
            else:
                self._unknown(key, inner)

    def _venues(self, line: Line) -> None:
        if isinstance(line.value, list):
            for number, item in enumerate(line.value, 1):
                name = plain(item).get("name") if isinstance(item, dict) else None
                if not isinstance(name, str):
                    self.problems.config(
                        f"{self.where(line)}: venues, entry {number}: write a mapping with a name, like {{name: paper}}"
                    )
                    continue
                self._venue(name, Line({key: one for key, one in item.items() if key != "name"}, line.line))
            return
        for name, inner in self._mapping("venues", line).items():
            self._venue(name, inner)

    def _venue(self, name: str, line: Line) -> None:
        self.given.append(Given(f"venues.{name}.name", name, self.where(line), self.rank))
        for key, inner in self._mapping(f"venues.{name}", line).items():
            if key in VENUE_KEYS:
                self._leaf(f"venues.{name}.{key}", inner)
            else:
                self._unknown(f"venues.{name}.{key}", inner)

    def _instruments(self, line: Line) -> None:
        for symbol, entry in self._mapping("instruments", line).items():
            for key, inner in self._mapping(f"instruments.{symbol}", entry).items():
                self._leaf(f"instruments.{symbol}.{key}", inner)

    def _unknown(self, key: str, line: Line) -> None:
        self.problems.config(f"{self.where(line)}: {key} is not a known key{hint(key)}")


LISTED = 40
"""Keys of a section that a message names."""


def hint(key: str) -> str:
    """What may have been meant: the nearest key, or all keys of the section."""
    section, _, name = key.rpartition(".")
    known = [f"{section}.{one}" for one in VENUE_KEYS] if section.startswith("venues.") else _KNOWN
    inside = [one.rpartition(".")[2] for one in known if one.rpartition(".")[0] == section]
    near = difflib.get_close_matches(name, inside, 1)
    if near:
        return f"; did you mean {section}{'.' if section else ''}{near[0]}?"
    same = [one for one in known if one.rpartition(".")[2] == name] or difflib.get_close_matches(key, known, 1, 0.8)
    if same:
        return f"; did you mean {same[0]}?"
    if len(inside) > LISTED:
        return f"; python cli.py config show lists the {len(inside)} keys of {section}"
    return f" (known{f' in {section}' if section else ''}: {', '.join(inside)})"


_HOLDS_SECRETS = tuple({one.partition(".")[0] for one in SECRET})


def shown(value: Any, key: str = "") -> str:
    """A value for a message: short, as text in quotes, without a password; nothing of a ``key`` with a secret."""
    if key.startswith(_HOLDS_SECRETS):
        return "***"
    text = repr(masked(value) if isinstance(value, str) else plain(value))
    return text if len(text) <= 60 else text[:57] + "..."


def from_options(overrides: Overrides, problems: Problems) -> list[Given]:
    """--set and the options; an option and a --set of the same key must agree."""
    sets = list(_from_sets(overrides.sets, problems))
    options = [
        Given(key, value, option, COMMAND_LINE, usage=True) for key, (option, value) in option_values(overrides).items()
    ]
    for option in options:
        for other in sets:
            if other.key == option.key and other.value != option.value:
                problems.usage(
                    f"{option.source} {shown(option.value)} and {other.source}={shown(other.value)} conflict: give one"
                )
    return sets + options


def _from_sets(sets: Iterable[str], problems: Problems) -> Iterable[Given]:
    for text in sets:
        path, equals, value = text.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z_]\w*(\.[\w.-]+)*", path, re.ASCII):
            problems.usage(f"--set {shown(text, text)}: write KEY=VALUE, like --set risk.max_open_positions=3")
            continue
        try:
            parsed = yaml_text.value(value)
        except yaml_text.Unreadable as error:
            problems.usage(f"--set {shown(text, text)}: {error}")
            continue
        yield from _one(path, parsed, f"--set {path}", COMMAND_LINE, problems)


READ_WHERE_USED = ("research.api_key",)
"""Secrets that are no settings: whoever needs them reads them from the environment, and nobody writes them down."""


def from_environment(environ: Mapping[str, str], problems: Problems) -> list[Given]:
    """Variables like ARGUS__RISK__MAX_DAILY_LOSS=100; upper and lower case are the same."""
    given: list[Given] = []
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX):
            continue
        path = name[len(PREFIX) :].lower().replace("__", ".")
        if path in READ_WHERE_USED:
            continue
        try:
            parsed = yaml_text.value(environ[name])
        except yaml_text.Unreadable as error:
            problems.config(f"environment {name}: {error}")
            continue
        given += _one(path, parsed, f"environment {name}", ENVIRONMENT, problems)
    return given


def _one(path: str, value: Any, source: str, rank: int, problems: Problems) -> list[Given]:
    instrument = _INSTRUMENT.fullmatch(path)
    if instrument:
        return [Given(path, value, source, rank)]
    parts = path.split(".")
    if parts[-2:-1] == ["equivalents"]:
        parts[-1] = parts[-1].upper()
    nested = _lined(value)
    for part in reversed(parts):
        nested = Line({part: nested}, 0)
    return Flattener(source, rank, problems, dotted=_inside(parts)).flatten(nested.value)


def _inside(parts: list[str]) -> bool:
    """Whether the path names one entry of a mapping: account.equivalents.EUR, venues.paper.commission_bps.crypto."""
    return len(parts) >= (4 if parts[0] == "venues" else 3)


def _lined(value: Any) -> Line:
    if isinstance(value, dict):
        return Line({key: _lined(one) for key, one in value.items()}, 0)
    return Line([_lined(one).value for one in value] if isinstance(value, list) else value, 0)


def from_files(files: Iterable[str | Path], problems: Problems) -> list[Given]:
    """-c FILE …, later over earlier."""
    given: list[Given] = []
    for number, file in enumerate(files):
        try:
            top = yaml_text.read_file(Path(file).expanduser())
        except yaml_text.Unreadable as error:
            problems.config(f"{file}: {error}")
            continue
        given += Flattener(str(file), FILE + number, problems).flatten(top)
    return given


def from_preset(name: str, problems: Problems) -> list[Given]:
    """The preset's keys, without its intent."""
    top = {key: line for key, line in preset_files.read(name).items() if key != "intent"}
    return Flattener(f"preset {name}", PRESET, problems).flatten(top)
