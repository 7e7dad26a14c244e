"""The answers about what can be chosen, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from api.read.shapes import Page, Shape


class Preset(Shape):
    """Named limits and costs to start from."""

    name: str
    intent: str
    values: dict[str, Any]
    """By section, as its file has them."""


class Presets(Page[Preset]):
    """Every preset."""


class Checked(Shape):
    """A preset, or changes to one, that somebody would like to know the worth of."""

    model_config = ConfigDict(
        use_attribute_docstrings=True,
        extra="forbid",
        json_schema_extra={
            "examples": [{"preset": "balanced", "values": {"risk": {"max_open_positions": 3}}, "strategy": "ema_cross"}]
        },
    )

    preset: str | None = Field(default=None, max_length=64, pattern=r"^[A-Za-z0-9_-]*$")
    """To start from; the default one else."""
    values: dict[str, Any] = Field(default_factory=dict, max_length=200)
    """Over it, by section or by dotted key: risk, exits, strategy, account, venues, research."""
    strategy: str | None = Field(default=None, max_length=64, pattern=r"^[A-Za-z0-9_-]*$")
    symbols: list[str] = Field(default_factory=list, max_length=1000)


class Verdict(Shape):
    """Whether a run would take it, and everything that is wrong with it."""

    ok: bool
    problems: list[str]
    notices: list[str]


class Key(Shape):
    """One key of the configuration."""

    key: str
    value: Any
    source: str
    """Where the value comes from."""
    allowed: str | None
    what: str | None


class Configuration(Shape):
    """The configuration that a run was started with; that of the defaults before the first run. No secret is told."""

    run_id: str | None
    items: list[Key]


class Parameter(Shape):
    """A parameter of a strategy."""

    name: str
    default: Any
    low: float | None
    high: float | None
    unit: str
    doc: str
    choices: list[str]


class Strategy(Shape):
    """A strategy that can be chosen."""

    name: str
    doc: str
    warm_up: int
    """Closed bars it sees before it may speak, with its defaults."""
    levels: bool
    """Whether /api/symbols/{symbol}/levels knows its levels."""
    parameters: list[Parameter]


class Strategies(Page[Strategy]):
    """Every strategy."""


class Rule(Shape):
    """A rule of the gate."""

    name: str
    stage: int
    keys: list[str]
    """The keys that set it."""
    always: bool
    """Whether it holds without any key."""
    doc: str


class Rules(Page[Rule]):
    """Every rule, in the order of the gate."""


class Report(Shape):
    """A result or a report of a backtest in the folder that is shown."""

    name: str
    size: int
    changed_at: str
    kind: str
    """result (JSON) or report (HTML)."""
    strategy: str | None
    preset: str | None
    symbols: list[str]
    timeframe: str | None
    start: str | None
    end: str | None
    simulated: bool | None
    metrics: dict[str, Any]
    """The main ones of a result."""


class Reports(Page[Report]):
    """Results and reports, the newest first; ``folder`` says whether one is shown at all."""

    folder: bool
