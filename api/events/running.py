"""Events of the run itself: how it starts and ends, its cycles, its state, its actors."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.events.base import Data, Moment, Part, Side

State = Literal["idle", "initializing", "running", "paused", "error", "emergency", "stopped"]


class RunStarted(Data):
    """A run begins, or goes on under a new engine."""

    resumed: bool
    cycle: int
    """The cycle it begins with."""
    symbols: list[str]
    """The first hundred of them."""
    count: int
    """How many symbols there are in all."""
    hosts: list[str]
    """The actors that hold the symbols' agents."""
    strategy: str
    timeframe: str
    account: str
    live: bool
    start: Moment | None
    """The time of the first bar; null where the feed does not say."""


class EngineState(Data):
    """The engine has moved to another state. The phases of a cycle are all ``running``."""

    state: State
    before: State = Field(alias="from")
    reason: str
    since: Moment | None
    """The clock's time of the move."""


class ScanStart(Data):
    """A cycle is opened: the bars of T are here."""

    count: int
    """How many symbols are scanned."""
    cycle: int


class ScanSummary(Data):
    """A cycle is closed: every symbol and its reason."""

    cycle: int
    symbols: dict[str, str]
    """Symbol to reason: NO_SIGNAL, NO_NEW_BAR, WARMING_UP, CANDIDATE, HOLDING, EXIT, SUBMITTED, FILLED, REJECTED,
    EXPIRED, UNKNOWN, NOT_SENT, ``DENIED code``, ``HOST_DOWN: why``, ``ERROR: what``."""
    prices: dict[str, float | None]
    """Symbol to its last close; null where there has been none. NO_NEW_BAR: that of an earlier bar than ``at``."""
    count: int
    candidates: int
    at: Moment
    """T: the close of the bars."""
    equity: float
    balance: float
    day_equity: float
    """Equity at the beginning of the risk day."""
    state: Literal["ACTIVE", "REDUCING", "HALTED"]
    """Where the gate stands."""
    last_cycle_ms: float
    """Machine time of the cycle before."""
    scan_ms: float
    working: int
    """Orders that work or are on their way."""


class OpenPosition(Part):
    """A position as the summary of a run has it."""

    symbol: str
    side: Side
    quantity: float
    entry: float
    price: float
    profit: float
    """Unrealised, in the account's currency."""
    stop: float | None
    target: float | None


class RunSummary(Data):
    """The last word of a run, from its first cycle on, also where it was resumed in between. Only what a venue tells
    late of an order comes after it."""

    cycles: int
    candidates: int
    orders: int
    fills: int
    equity: float
    positions: list[OpenPosition]
    decisions_hash: str
    """The same decisions have the same hash."""
    exit_reason: str
    out: dict[str, str]
    """Symbols whose host was given up in this run, and why."""


class Error(Data):
    """A step of a cycle failed and is tried again, from what is written down."""

    cycle: int
    attempt: int
    error: str


class Health(Data):
    """The health of an actor has changed."""

    actor: str
    state: Literal["ready", "starting", "lost", "hangs", "given_up"]
    """``starting``: it answers and takes no work yet. ``lost``: its process has ended. ``hangs``: it owes an answer
    for longer than it may. ``given_up``: it has used up its restarts."""
    pid: int | None
    """null while it has no process that answers."""
    restarts: int
    """In the window that is counted."""
    waiting: int
    """Work that waits, as it said last."""
    detail: dict[str, float | int | str]
    """What else it said last; its own words."""


class Heartbeat(Data):
    """The engine lives: told every 30 seconds, so that silence can be told from death."""

    cycle: int
    """The last one that has closed."""
    state: State | Literal["starting"]
    seq: int
    """The last event before this one that the engine has seen."""
