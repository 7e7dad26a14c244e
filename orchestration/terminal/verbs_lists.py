"""Verbs that list what can be chosen: strategies, rules, venues, presets."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from orchestration.terminal.exits import DONE, guarded
from orchestration.terminal.figures import plain
from orchestration.terminal.options import AsJson, StrategiesDir
from orchestration.terminal.output import Column, Plain, aligned, print_json, print_table, say

if TYPE_CHECKING:
    from strategies.files import OwnFile

_WIDTH = 84
"""Of the text about a rule: with its name it fits a terminal of 120 columns."""


@guarded
def strategies(strategies_dir: StrategiesDir = None, as_json: AsJson = False) -> int:
    """List the strategies with their parameters, defaults and bounds.

    Choose one with --strategy NAME, set a parameter with --set strategy.PARAMETER=VALUE. The warm-up is how
    many closed bars it sees before it may speak, with its defaults. With --strategies-dir those of your own as well.
    """
    found = _strategies(strategies_dir)
    if as_json:
        print_json(found)
        return DONE
    for number, one in enumerate(found):
        say(*([""] if number else []), f"{one['name']}  (warm-up {one['warm_up']} bars)", *_indented(one["doc"]))
        rows = [[each["name"], plain(each["default"]), _bounds(each), each["doc"]] for each in one["parameters"]]
        say(*(f"  {line}" for line in aligned([["parameter", "default", "allowed", "meaning"], *rows], [False] * 4)))
    return DONE


def _strategies(folder: str | None) -> list[Plain]:
    """The shipped and the user's; the kernel cache folder is named first, for a strategy brings the compiler along."""
    from orchestration import kernel_cache
    from orchestration.terminal.place import now
    from strategies import STRATEGIES
    from strategies.files import files_in, read

    files = files_in(Path(folder).expanduser()) if folder else {}
    kernel_cache.prepare(kernel_cache.cache_root(os.environ), now(), files.values())
    owns: dict[str, OwnFile | None] = {**dict.fromkeys(STRATEGIES), **{one: read(path) for one, path in files.items()}}
    return [_strategy(name, own) for name, own in owns.items()]


def _strategy(name: str, own: OwnFile | None) -> Plain:
    import msgspec

    from strategies.base import resolve
    from strategies.files import strategy_named

    found = strategy_named(name, own)
    return {
        "name": found.name,
        "warm_up": found.warm_up(resolve(found, {})),
        "doc": inspect.cleandoc(found.doc).replace("``", ""),
        "parameters": [msgspec.structs.asdict(one) for one in found.parameters],
    }


def _bounds(parameter: Plain) -> str:
    if parameter["choices"]:
        return " | ".join(parameter["choices"])
    return f"{plain(parameter['low'])} to {plain(parameter['high'])} {parameter['unit']}".rstrip()


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]


@guarded
def rules(as_json: AsJson = False) -> int:
    """List the rules of the gate in their order; each order passes all of them once.

    The stage is that of the gate; the keys are set in the section risk, like --set risk.max_daily_loss=500.
    """
    from domain.registry import load
    from risk.rules import ALWAYS, RULES

    found = []
    for name, reference in RULES.items():
        rule = load(reference)
        found.append(
            {
                "name": name,
                "stage": rule.stage,
                "keys": [f"risk.{key}" for key in rule.keys],
                "always": name in ALWAYS,
                "doc": _doc(rule),
            }
        )
    if as_json:
        print_json(found)
        return DONE
    rows = [["stage", "rule", "what it asks, and the keys that set it"]]
    for one in found:
        keys = ", ".join(one["keys"]) or ("always holds" if one["always"] else "")
        lines = [*wrap(one["doc"], _WIDTH), *wrap(keys, _WIDTH, initial_indent="  ", subsequent_indent="  ")]
        rows += [[str(one["stage"]), one["name"], lines[0]], *(["", "", line] for line in lines[1:])]
    say(*aligned(rows, [True, False, False]))
    return DONE


@guarded
def venues(as_json: AsJson = False) -> int:
    """List where orders go (venues) and where bars come from (feeds)."""
    from domain.registry import load
    from marketdata import FEEDS
    from venues import VENUES

    found = [
        {"name": name, "kind": kind, "doc": _doc(load(reference))}
        for kind, registered in (("venue", VENUES), ("feed", FEEDS))
        for name, reference in registered.items()
    ]
    columns = [Column(name, lambda row, key=key: row[key]) for name, key in _TITLES]  # type: ignore[misc]
    return _list(found, columns, as_json)


_TITLES = (("kind", "kind"), ("name", "name"), ("what it is", "doc"))


@guarded
def presets(as_json: AsJson = False) -> int:
    """List the presets: named limits and costs to start from, one file each in conf/presets.

    Choose one with --preset NAME; what you set yourself goes over it.
    """
    from orchestration.settings import presets as known

    found = known()
    if as_json:
        print_json(found)
        return DONE
    for number, one in enumerate(found):
        say(*([""] if number else []), one["name"], f"  {one['intent']}")
        say(*(f"  {key}: {plain(value)}" for key, value in _flat(one["values"])))
    return DONE


def _flat(values: Any, path: str = "") -> list[tuple[str, Any]]:
    """Nested values by their dotted keys; entries of a list by their name."""
    if isinstance(values, dict):
        return [pair for key, value in values.items() for pair in _flat(value, f"{path}.{key}" if path else key)]
    if isinstance(values, list) and values and all(isinstance(one, dict) for one in values):
        return [
            pair
            for one in values
            for pair in _flat({key: value for key, value in one.items() if key != "name"}, f"{path}.{one.get('name')}")
        ]
    return [(path, values)]


def _list(found: list[Plain], columns: list[Column], as_json: bool) -> int:
    if as_json:
        print_json(found)
    else:
        print_table(columns, found, "none")
    return DONE


def _doc(registered: Any) -> str:
    """The first sentence about it: its own, else its module's."""
    own = registered.__doc__ if "__doc__" in vars(registered) else None
    text = inspect.cleandoc(own or inspect.getmodule(registered).__doc__ or "")
    return " ".join(text.partition("\n\n")[0].replace("``", "").split())
