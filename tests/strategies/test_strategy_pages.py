"""The pages of the strategies say what the code says, and their pictures are drawn from real bars by this code."""

from __future__ import annotations

import importlib.util
import textwrap
from pathlib import Path
from types import ModuleType

import pytest

from domain.registry import build
from strategies import STRATEGIES
from strategies.base import Strategy, resolve
from strategies.parameters import Parameter

PAGES = Path(__file__).resolve().parents[2] / "docs/strategies"
DATA = PAGES.parents[1].parent / "shared/data"
every_strategy = pytest.mark.parametrize("name", STRATEGIES)


def shipped(name: str) -> Strategy:
    found: Strategy = build("strategy", name, STRATEGIES)
    return found


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def row(one: Parameter) -> str:
    plain = [f"{value:g}" if isinstance(value, float) else str(value) for value in (one.default, one.low, one.high)]
    allowed = ", ".join(one.choices) or f"{plain[1]} to {plain[2]}"
    return f"| `{one.name}` | {plain[0]} | {allowed} | {one.unit} | {one.doc} |"


def table(strategy: Strategy) -> list[str]:
    head = ["| name | default | allowed | unit | meaning |", "|---|---|---|---|---|"]
    return [*head, *(row(one) for one in strategy.parameters)]


def closing_line(strategy: Strategy) -> str:
    """What stands below the table: warm-up, reasons, and what a later start means."""
    params = resolve(strategy, {})
    later = (
        f"A later start says the same after {strategy.forget(params)} bars."
        if strategy.forget
        else f"A later start may always say something else: {strategy.remembers}."
    )
    words = ", ".join(f"`{word}`" for word in strategy.words)
    text = f"With the defaults the warm-up is {strategy.warm_up(params)} bars. {later} Reasons: {words}."
    return "\n".join(textwrap.wrap(text, 120, break_long_words=False, break_on_hyphens=False))


@every_strategy
def test_a_page_tells_every_parameter_and_nothing_else(name: str) -> None:
    found = [line for line in page(name).splitlines() if line.startswith("| ") and "`" in line.split("|")[1]]

    assert found == table(shipped(name))[2:]


@every_strategy
def test_a_page_tells_warm_up_reasons_and_what_a_later_start_means(name: str) -> None:
    assert f"\n\n{closing_line(shipped(name))}\n\n" in page(name)


@every_strategy
def test_a_page_names_its_file_and_says_when_it_fails(name: str) -> None:
    text = page(name)

    assert f"`strategy.name: {name}` · `strategies/{name}.py`" in text
    assert "## When it fails" in text
    assert f"]({name}.svg)" in text


@every_strategy
def test_a_picture_is_of_recorded_bars(name: str) -> None:
    data, _ = plot().EXAMPLES[name]

    assert f">{name} on {data}, 20" in (PAGES / f"{name}.svg").read_text(encoding="utf-8")


@pytest.mark.data
@every_strategy
def test_a_picture_is_what_this_code_draws(name: str) -> None:
    data, start = plot().EXAMPLES[name]
    if not (DATA / f"{data}.parquet").exists():
        pytest.skip(f"{data}.parquet is not beside this checkout (shared/data)")

    assert plot().drawn(DATA, name, data, start)[0] == (PAGES / f"{name}.svg").read_text(encoding="utf-8"), (
        "draw it anew: python docs/strategies/plot.py"
    )


def plot() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_strategies_plot", PAGES / "plot.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
