"""The shape of the system, read from its source: layers, registries, what may be caught, what may tell the time."""

from __future__ import annotations

import ast
import inspect
import pickle
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from domain import errors
from domain.registry import load
from marketdata import FEEDS
from risk.config import RiskConfig
from risk.rules import ALWAYS, RULES
from risk.sizing import SIZING
from strategies import STRATEGIES
from strategies.base import Strategy, resolve
from tests.factories import full_config
from venues import VENUES

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = tuple(sorted(one.parent.name for one in ROOT.glob("*/__init__.py") if one.parent.name != "tests"))
SOURCES = tuple(
    path.relative_to(ROOT).as_posix()
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if package != "benchmarks"
)


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(), file)


def nodes(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Every node of a kind in the packages and the command line, with its file."""
    command_line = ("cli.py",) if (ROOT / "cli.py").exists() else ()
    for file in (*SOURCES, *command_line):
        for one in ast.walk(tree(file)):
            if isinstance(one, kind):
                yield file, one


# -- layers --------------------------------------------------------------------------------------


def test_imports_point_down() -> None:
    check = "from importlinter.cli import lint_imports_command as lint; lint()"
    asked = [sys.executable, "-c", check, "--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_every_package_stands_under_the_contracts() -> None:
    linted = set(PROJECT["tool"]["importlinter"]["root_packages"])
    layers = next(one for one in PROJECT["tool"]["importlinter"]["contracts"] if one["type"] == "layers")["layers"]
    named = {name.strip() for layer in layers for name in layer.split("|")}

    assert linted == named == set(PACKAGES) - {"benchmarks", "conf"}


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""] if not node.level else []
    return [one.name for one in node.names]


def test_ray_is_imported_in_one_place() -> None:
    found = {
        file
        for kind in (ast.Import, ast.ImportFrom)
        for file, node in nodes(kind)
        if any(name.split(".")[0] == "ray" for name in imported(node))
    }

    assert found == {"orchestration/cluster.py"}


def test_nothing_that_ray_would_pickle_is_defined_in_the_command_line() -> None:
    defined = [one.name for one in ast.walk(tree("cli.py")) if isinstance(one, ast.ClassDef)]

    assert defined == []


# -- what may be caught --------------------------------------------------------------------------

CATCH_ALL = {"Exception", "BaseException"}


def catches_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(one is None or (isinstance(one, ast.Name) and one.id in CATCH_ALL) for one in kinds)


def test_exception_is_caught_where_a_failure_must_not_spread_and_nowhere_else() -> None:
    found = [(file, raises_again(one)) for file, one in nodes(ast.ExceptHandler) if catches_all(one)]

    assert {file for file, again in found if not again} == {"actors/base.py", "risk/gate.py", "strategies/files.py"}
    assert {file for file, again in found if again} <= {"orchestration/cluster.py"}  # the restart loop


def raises_again(handler: ast.ExceptHandler) -> bool:
    return any(isinstance(one, ast.Raise) and one.exc is None for one in ast.walk(handler))


def test_nothing_is_silenced_without_a_name() -> None:
    silenced = [
        f"{file}:{one.lineno}"
        for file, one in nodes(ast.Call)
        if ast.unparse(one.func).split(".")[-1] == "suppress"
        and any(isinstance(kind, ast.Name) and kind.id in CATCH_ALL for kind in one.args)
    ]

    assert silenced == []


# -- what may tell the time ----------------------------------------------------------------------

WALL_CLOCK = {
    "time": {"time", "time_ns"},
    "datetime": {"now", "utcnow", "today"},
    "date": {"today"},
}


def test_the_wall_clock_is_read_in_one_place() -> None:
    used = [
        f"{file}:{one.lineno} {ast.unparse(one)}"
        for file, one in nodes(ast.Attribute)
        if one.attr in WALL_CLOCK.get(ast.unparse(one.value).split(".")[-1], set())
    ]
    brought = [
        f"{file}:{one.lineno}"
        for file, one in nodes(ast.ImportFrom)
        if one.module == "time" and {name.name for name in one.names} & WALL_CLOCK["time"]
    ]
    renamed = [
        f"{file}:{one.lineno}"
        for kind in (ast.Import, ast.ImportFrom)
        for file, one in nodes(kind)
        for name in one.names
        if name.name in WALL_CLOCK and name.asname not in (None, name.name)
    ]

    assert {one.partition(":")[0] for one in used} == {"orchestration/clock.py"}
    assert brought == renamed == []


# -- registries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_rule_builds(name: str) -> None:
    rule = load(RULES[name]).build(full_config())

    assert rule.stage in range(1, 11)
    assert set(rule.keys) <= set(RiskConfig.__struct_fields__)
    assert (hasattr(rule, "room") and hasattr(rule, "exceeded")) or hasattr(rule, "check")
    assert callable(rule.figures)
    assert RULES[name].split(":")[0] == f"risk.rules.{name}"


@pytest.mark.parametrize("name", sorted(SIZING))
def test_every_sizing_method_builds(name: str) -> None:
    method = load(SIZING[name]).build(RiskConfig(sizing=name))

    assert isinstance(method.shrinks, bool)
    assert callable(method.size)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_builds(name: str) -> None:
    strategy = load(STRATEGIES[name])
    parameters = resolve(strategy, {})

    assert isinstance(strategy, Strategy)
    assert strategy.name == name
    assert strategy.warm_up(parameters) > 0


@pytest.mark.parametrize("name", sorted(FEEDS))
def test_every_feed_loads(name: str) -> None:
    assert_offers(load(FEEDS[name]), "info", "next", "history")


@pytest.mark.parametrize("name", sorted(VENUES))
def test_every_venue_loads(name: str) -> None:
    assert_offers(
        load(VENUES[name]),
        *("submit", "cancel", "modify", "advance", "lookup", "orders", "fills", "positions", "account", "capabilities"),
    )


def assert_offers(kind: type, *methods: str) -> None:
    assert [one for one in methods if not callable(getattr(kind, one, None))] == []


def test_what_always_holds_is_registered() -> None:
    assert set(ALWAYS) <= set(RULES)


@pytest.mark.parametrize(
    ("folder", "registry"), [("risk/rules", RULES), ("risk/sizing", SIZING)], ids=["rules", "sizing"]
)
def test_one_file_is_one_registration(folder: str, registry: dict[str, str]) -> None:
    assert {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"} == set(registry)


# -- errors --------------------------------------------------------------------------------------

ERRORS = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, errors.ArgusError)]
ARGUMENTS: dict[str, Any] = {
    "problems": ["feed.name: unknown", "risk.units = 0"],
    "subject": "order-1",
    "start": "FILLED",
    "finish": "INTENT",
    "story": ("INTENT", "FILLED"),
    "name": "RiskManager",
    "why": "killed",
    "seconds": 2.5,
    "what": "no money",
    "code": "10019",
}


def made(kind: type[Exception]) -> Exception:
    if kind.__init__ is Exception.__init__:
        return kind("what happened")
    names = [*inspect.signature(kind).parameters]
    return kind(*(ARGUMENTS[name] for name in names))


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_survives_pickling(kind: type[Exception]) -> None:
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))

    assert type(again) is kind
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
    assert str(again)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.__name__)
def test_every_error_is_built_from_positional_arguments(kind: type[Exception]) -> None:
    if kind.__init__ is Exception.__init__:
        return
    kinds = {one.kind for one in inspect.signature(kind).parameters.values()}

    assert kinds == {inspect.Parameter.POSITIONAL_OR_KEYWORD}


def test_every_error_is_drawn_in_the_tree() -> None:
    drawn = errors.__doc__ or ""

    assert len(ERRORS) >= 12
    assert [one.__name__ for one in ERRORS if one.__name__ not in drawn] == []
