"""The answers about limits, figures and symbols, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict

from api.read.shapes import Candidate, Lock, Moment, Page, Shape
from api.read.shapes_engine import Latch


class Limit(Shape):
    """How much of a limit on the whole account is used."""

    name: str
    """Its key in the section risk."""
    used: float | None
    """Where it stands, in ``unit``; null where that is not known."""
    allowed: float
    share: float | None
    """``used`` over ``allowed``; for what must not fall below a limit the other way round. Above 1 it is exceeded."""
    unit: str
    """money (of the account), share (of equity), times, bps, seconds, or empty for a number of something."""


class Portfolio(Shape):
    """What the whole book risks, as shares of equity; null where it cannot be said."""

    var: float | None
    cvar: float | None
    parametric: float | None
    stress: float | None
    scenario: str
    """The worst shock."""
    gross: float
    leverage: float | None
    margin: float
    missing: list[str]
    """Held symbols without a price, a rate or an instrument."""


class Risk(Shape):
    """Where the account stands against its limits, and what holds trading back."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "20240102T000000-abcd",
                    "account": "paper:20240102T000000-abcd",
                    "currency": "USD",
                    "preset": "balanced",
                    "simulated": True,
                    "at": "2024-01-02T14:30:00Z",
                    "state": "ACTIVE",
                    "code": None,
                    "paused": False,
                    "equity": 100_150.2,
                    "balance": 100_012.5,
                    "peak": 100_361.0,
                    "day_equity": 100_055.1,
                    "trades_today": 3,
                    "positions": 1,
                    "limits": [
                        {"name": "max_open_positions", "used": 1.0, "allowed": 5.0, "share": 0.2, "unit": ""},
                        {"name": "max_drawdown", "used": 0.0021, "allowed": 0.15, "share": 0.014, "unit": "share"},
                    ],
                    "portfolio": None,
                    "var_level": 0.99,
                    "var_horizon": 1,
                    "latches": [],
                    "locks": [],
                    "age_s": 1.2,
                    "computed": True,
                    "why": None,
                }
            ]
        }
    )

    run_id: str | None
    account: str | None
    currency: str | None
    preset: str | None
    simulated: bool
    at: Moment | None
    state: str | None
    """Of the gate: ACTIVE, REDUCING or HALTED."""
    code: str | None
    paused: bool
    equity: float | None
    balance: float | None
    peak: float | None
    day_equity: float | None
    trades_today: int | None
    positions: int | None
    limits: list[Limit]
    portfolio: Portfolio | None
    var_level: float | None
    var_horizon: int | None
    latches: list[Latch]
    """What holds the kill switch, as it is now."""
    locks: list[Lock]
    """What holds now."""
    age_s: float | None
    """Seconds since the figures were made; latches and locks are of now."""
    computed: bool
    """False where there are no figures: ``why`` says why."""
    why: str | None


class SymbolBars(Shape):
    """Closed bars, oldest first: [open time (UTC ms), open, high, low, close, volume]; a volume of 0 is unknown."""

    symbol: str
    run_id: str
    timeframe: str | None
    bars: list[list[float]]


class Level(Shape):
    """A price at which the symbol's strategy may act."""

    kind: str
    """level, break, centre or grid."""
    price: float
    strength: float | None
    """0 to 1."""
    touches: int | None
    side: str | None
    """Whether the level is below or above the price."""
    broken_bars_ago: int | None


class Levels(Shape):
    """What the symbol's strategy sees in its bars; empty for a strategy that knows no levels."""

    symbol: str
    run_id: str
    strategy: str | None
    bars: int
    """Of how many bars they are made."""
    items: list[Level]


class Signals(Page[Candidate]):
    """The symbol's candidates, the newest first, with their fate."""

    symbol: str


class Ladder(Shape):
    """The last decision on a candidate of this symbol as it was made: every rule with its value and limit, every step
    of the size, as ``risk explain ID --json`` shows it."""

    symbol: str
    order_id: str
    at: Moment
    explained: dict[str, Any]
    """decision, code, value, threshold, entry, stop, target, quantity, rules, size, not_set, identical, …"""


# -- performance and journal -------------------------------------------------------------------------


class EquityPoint(Shape):
    """The account at the close of a cycle."""

    ts: Moment
    equity: float
    balance: float
    drawdown: float
    """Below the highest equity so far, as a share of it."""


class Equity(Shape):
    """Equity of a run, oldest first, thinned to ``points``; the last one is always there."""

    run_id: str | None
    currency: str | None
    started_cash: float | None
    points: list[EquityPoint]
    cycles: int
    """Of how many cycles they were taken."""


class Metrics(Shape):
    """Figures of a run, each as docs/metrics.md defines it; null is not defined. ``conventions`` say how they were
    counted."""

    run_id: str | None
    currency: str | None
    figures: dict[str, Any]
    trades: dict[str, Any]
    by: dict[str, dict[str, dict[str, Any]]]
    """By symbol, strategy, session, factor, reason and side."""
    conventions: dict[str, str]


class Bin(Shape):
    """How many round trips came to at least ``low`` and less than ``high``, in R."""

    low: float
    high: float
    count: int


class RDistribution(Shape):
    """Round trips by their result in units of the risk at entry."""

    run_id: str | None
    count: int
    without_r: int
    """Round trips without a stop: they have no R."""
    mean: float | None
    median: float | None
    deviation: float | None
    best: float | None
    worst: float | None
    bins: list[Bin]


class Day(Shape):
    """One UTC day of a run."""

    date: str
    trades: int
    """Round trips that ended on it."""
    wins: int
    losses: int
    net: float
    commission: float
    r: float | None
    """Sum over the round trips that have one."""
    equity: float | None
    """At the last cycle of the day."""
    drawdown: float | None


class Days(Page[Day]):
    """Days, the newest first."""


class Confluence(Page[Candidate]):
    """Candidates with their reasons and fates, the newest first, and what round trips came to by reason."""

    factors: dict[str, dict[str, Any]]
