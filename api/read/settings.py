"""What can be chosen, and what was: presets, configuration, strategies, rules."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.errors import Problem, scrubbed
from api.kernels import prepared
from api.market import READERS
from api.read.answering import Here, Id, OfRun, Plain, answered, kept, page, runs
from api.read.shapes_settings import Checked, Configuration, Preset, Presets, Rules, Strategies, Verdict
from api.runs import settings_of
from domain.errors import ConfigError
from risk.news import STATIC

router = APIRouter(prefix="/api", tags=["settings"])

CHECKED = ("risk", "exits", "strategy", "account", "venues", "research")
"""Sections that may be checked here."""
FILES = ("risk.news", "research.key_file", "research.prices", "research.folder", "research.news")
"""Keys that may name a file or an address."""


@router.get("/presets", response_model=Presets)
def every_preset(request: Request) -> Response:
    """Every preset with its intent and its values."""
    from orchestration.settings import presets

    return answered(request, page(presets(), None))


@router.get("/presets/{name}", response_model=Preset)
def preset(request: Request, name: Id) -> Response:
    """One preset."""
    from orchestration.settings import presets

    found = next((one for one in presets() if one["name"] == name), None)
    if found is None:
        raise Problem(404, "UNKNOWN_PRESET", "there is no preset of this name; /api/presets lists them")
    return answered(request, found)


@router.post("/presets/validate", response_model=Verdict)
def validate(request: Request, asked: Checked) -> Response:
    """Whether a run would take these values over a preset, and every problem at once. Nothing is kept or started."""
    problems, sets = _sets(asked.values)
    notices: list[str] = []
    if not problems:
        try:
            notices = _loaded(asked, sets)
        except ConfigError as error:
            problems = [scrubbed(one) for one in error.problems]
    return answered(request, {"ok": not problems, "problems": problems, "notices": notices})


def _loaded(asked: Checked, sets: tuple[str, ...]) -> list[str]:
    """As ``config check``, without the environment. Raises ConfigError with all problems."""
    prepared()
    from orchestration.settings import Overrides, load, strategy_problems

    symbols, (sets, notices) = tuple(asked.symbols), _fitting(asked.strategy, sets)
    given = Overrides(preset=asked.preset, strategy=asked.strategy, symbols=symbols, sets=sets, needs_symbols=False)
    settings = load(given, {})
    problems = strategy_problems(settings)
    if problems:
        raise ConfigError(problems)
    return [*notices, *settings.notices]


def _fitting(strategy: str | None, sets: tuple[str, ...]) -> tuple[tuple[str, ...], list[str]]:
    """A preset speaks to any strategy: without those of its parameters that the chosen one does not have, which are
    told."""
    from domain.registry import load
    from orchestration.settings.keys import KEYS
    from strategies import STRATEGIES

    named = next((one.partition("=")[2].strip('"') for one in sets if one.startswith("strategy.name=")), None)
    chosen = strategy or named or str(KEYS["strategy.name"].default)
    if chosen not in STRATEGIES:
        return sets, []
    declared = {f"strategy.{one.name}" for one in load(STRATEGIES[chosen]).parameters} | {"strategy.name"}
    keys = {one: one.partition("=")[0] for one in sets}
    left_out = [one for one in sets if keys[one].startswith("strategy.") and keys[one] not in declared]
    notices = [f"{keys[one]} is left out: {chosen} has no such parameter" for one in left_out]
    return tuple(one for one in sets if one not in left_out), notices


def _sets(values: Mapping[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """What cannot be checked here, and the others as ``--set`` takes them."""
    problems, sets = [], []
    for key, value in _flat(values):
        section = key.partition(".")[0]
        if section not in CHECKED or "." not in key:
            problems.append(f"{key[:100]}: only {', '.join(CHECKED)} are checked here")
        elif key in FILES and value not in ([], [STATIC], None):
            problems.append(f"{key}: files are not read here; config check does")
        else:
            sets.append(f"{key}={msgspec.json.encode(value).decode()}")
    return problems, tuple(sets)


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Sections with their keys as dotted keys; what is dotted already stays."""
    for section, inner in values.items():
        if section == "venues":
            for name, venue in _venues(inner):
                yield from ((f"venues.{name}.{key}", one) for key, one in venue.items())
        elif isinstance(inner, dict) and "." not in section:
            yield from ((f"{section}.{key}", one) for key, one in inner.items())
        else:
            yield section, inner


def _venues(value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Of a mapping by name, or of a list of entries with a name each."""
    if isinstance(value, dict):
        yield from ((name, one) for name, one in value.items() if isinstance(one, dict))
    elif isinstance(value, list):
        for one in value:
            if isinstance(one, dict):
                yield str(one.get("name", "")), {key: each for key, each in one.items() if key != "name"}


# -- configuration ---------------------------------------------------------------------------------


@router.get("/config", response_model=Configuration)
def config(request: Request, here: Here, run: OfRun = None) -> Response:
    """Every key as a run was started with it, and where each value came from."""
    from orchestration.settings import Overrides, describe, load
    from orchestration.settings.keys import SECRET

    with here.read() as c:
        found = runs(here).of(c, run)
    settings = load(Overrides(needs_symbols=False), {}) if found is None else settings_of(found)
    items = [
        {
            "key": key,
            "value": "***" if key in SECRET and one["value"] else one["value"],
            "source": one["from"],
            "allowed": one.get("allowed"),
            "what": one.get("what"),
        }
        for key, one in describe(settings).items()
    ]
    return answered(request, {"run_id": found.run_id if found is not None else None, "items": items})


# -- strategies and rules ------------------------------------------------------------------------


@router.get("/strategies", response_model=Strategies)
def strategies(request: Request, here: Here) -> Response:
    """The shipped strategies with their parameters, defaults and bounds."""
    return answered(request, page(kept(here, _strategies), None))


def _strategies() -> list[Plain]:
    prepared()
    from domain.registry import load
    from strategies import STRATEGIES
    from strategies.base import resolve

    told = []
    for name, reference in STRATEGIES.items():
        one = load(reference)
        parameters = [
            {"name": each.name, "default": each.default, "low": each.low, "high": each.high, "unit": each.unit}
            | {"doc": each.doc, "choices": list(each.choices)}
            for each in one.parameters
        ]
        doc = inspect.cleandoc(one.doc).replace("``", "")
        warm_up = one.warm_up(resolve(one, {}))
        known = {"name": one.name, "doc": doc, "warm_up": warm_up, "levels": name in READERS}
        told.append(known | {"parameters": parameters})
    return told


@router.get("/rules", response_model=Rules)
def rules(request: Request, here: Here) -> Response:
    """The rules of the gate in their order, with the keys that set them."""
    return answered(request, page(kept(here, _rules), None))


def _rules() -> list[Plain]:
    prepared()
    from domain.registry import load
    from risk.rules import ALWAYS, RULES

    told = []
    for name, reference in RULES.items():
        rule = load(reference)
        own = rule.__doc__ if "__doc__" in vars(rule) else None
        doc = inspect.cleandoc(own or inspect.getmodule(rule).__doc__ or "").partition("\n\n")[0]
        keys = [f"risk.{key}" for key in rule.keys]
        known = {"name": name, "stage": rule.stage, "keys": keys, "always": name in ALWAYS}
        told.append(known | {"doc": " ".join(doc.replace("``", "").split())})
    return told
