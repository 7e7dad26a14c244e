"""The answers about the engine, its scans, its events and its health, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from api.read.shapes import Account, Figure, Moment, Page, Position, Shape, Trade

State = Literal["idle", "initializing", "running", "paused", "error", "emergency", "stopped"]


class ScanRow(Shape):
    """What was said of one symbol."""

    reason: str
    """NO_SIGNAL, NO_NEW_BAR, WARMING_UP, CANDIDATE, HOLDING, EXIT, SUBMITTED, FILLED, REJECTED, EXPIRED, UNKNOWN,
    NOT_SENT, ``DENIED code``, ``HOST_DOWN: why`` or ``ERROR: what``."""
    price: float | None
    """The last close; null before the first bar."""
    score: float | None
    """Of its last candidate among the run's newest ones."""
    position: float | None
    """Signed units that are held; null for none."""
    age_s: float | None
    """Seconds since the bar closed; null where none came with this scan, and where the engine has ended."""


class Scan(Shape):
    """The last scan: every symbol and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run_id": "20240102T000000-abcd",
                    "cycle": 120,
                    "at": "2024-01-02T02:00:00Z",
                    "count": 2,
                    "candidates": 1,
                    "equity": 100_150.2,
                    "balance": 100_012.5,
                    "day_equity": 100_055.1,
                    "state": "ACTIVE",
                    "last_cycle_ms": 8.1,
                    "scan_ms": 3.2,
                    "working": 0,
                    "symbols": {
                        "EURUSD": {
                            "reason": "HOLDING",
                            "price": 1.1042,
                            "score": 0.71,
                            "position": 12_000.0,
                            "age_s": 0.4,
                        },
                        "BTC": {
                            "reason": "DENIED MAX_OPEN_POSITIONS",
                            "price": 43_010.0,
                            "score": 0.55,
                            "position": None,
                            "age_s": 0.4,
                        },
                    },
                }
            ]
        }
    )

    run_id: str | None
    cycle: int | None
    at: Moment | None
    count: int
    candidates: int
    equity: float | None
    balance: float | None
    day_equity: float | None
    state: str | None
    """Of the gate: ACTIVE, REDUCING or HALTED."""
    last_cycle_ms: float | None
    """How long the cycle before took."""
    scan_ms: float | None
    working: int | None
    """Orders that may still fill."""
    symbols: dict[str, ScanRow]


class Latch(Shape):
    """What holds the kill switch."""

    code: str
    reason: str | None
    at: Moment | None
    who: str | None
    value: Figure
    threshold: Figure


class Transition(Shape):
    """A move of the engine."""

    seq: int
    before: str | None = Field(alias="from")
    to: str
    reason: str | None
    at: Moment
    """The clock's time."""
    metadata: dict[str, Any]


class Process(Shape):
    """The process that holds the database."""

    pid: int
    host: str
    epoch: int
    started_at: Moment
    beat_at: Moment
    beat_age_s: float


class Engine(Shape):
    """The engine: its state, how it came there, and what may be asked of it now."""

    state: State
    since: Moment | None
    reason: str | None
    alive: bool
    """Whether a process holds the database and lives."""
    orderly: bool
    """False where the last run did not end by itself."""
    legal: list[str]
    """Commands that would not be refused now."""
    trading: Literal["ACTIVE", "HALTED"]
    latches: list[Latch]
    run: str | None
    exit_reason: str | None
    cycle: int | None
    cycle_at: Moment | None
    cycle_times_ms: list[float]
    """Of the newest cycles, oldest first."""
    history: list[Transition]
    """The last hundred moves, oldest first."""
    process: Process | None


class RunRow(Shape):
    """One run."""

    run_id: str
    epoch: int
    account: str
    live: bool
    simulated: bool
    started_at: Moment
    ended_at: Moment | None
    exit_reason: str | None


class RunFacts(RunRow):
    """One run with what it was started with."""

    strategy: str | None
    preset: str | None
    timeframe: str | None
    currency: str | None
    symbols: list[str]
    cycle: int | None
    cycle_at: Moment | None


class Event(Shape):
    """The envelope of an event; its ``data`` by type is in ``events schema``."""

    v: int
    seq: int
    id: str
    type: str
    ts: Moment | None
    run_id: str | None
    symbol: str | None
    correlation_id: str | None
    causation_id: str | None
    data: dict[str, Any]


class Events(Shape):
    """Events in the order of ``seq``. ``next`` is the number to go on with as ``after``; it never stands still while
    there is more."""

    items: list[Event]
    next: int | None
    last_seq: int
    """The number of the newest event of the database."""


class Story(Shape):
    """What happened to one candidate, from the scan that found it to its last fill and its close."""

    correlation_id: str
    symbol: str | None
    cycle: int | None
    items: list[Event]


class Snapshot(Shape):
    """Everything a page shows at first, and the number of the event from which it goes on."""

    seq: int
    account: Account
    positions: list[Position]
    scan: Scan
    trades: list[Trade]
    """The last fifty closes, oldest first."""
    events: list[Event]
    """The last two hundred, oldest first, without scans."""
    engine: Engine
    run: RunFacts | None
    simulated: bool


class ActorHealth(Shape):
    """The last sign of one actor."""

    actor: str
    at: Moment | None
    age_s: float | None
    data: dict[str, Any]


class Actors(Shape):
    """Every actor that has told of itself, the engine's process, and its heartbeat file."""

    items: list[ActorHealth]
    next: None = None
    heartbeat: dict[str, Any] | None
    process: Process | None


class Runs(Page[RunRow]):
    """Runs, the newest first."""


class UsedBy(Shape):
    """One process. CPU in percent of one processor, memory in megabytes that it shares with nobody."""

    pid: int
    name: str
    cpu: float
    memory_mb: float
    open_files: int
    threads: int


class Resources(Shape):
    """What is used of this machine."""

    values: dict[str, float | None]
    """cpu (percent of all processors), memory (percent of the machine), memory_mb, disk (percent), open_files (percent
    of what may be opened), database_mb, wal_mb; null where it cannot be known."""
    processes: list[UsedBy]
    disk_free_mb: float | None
    of_run: bool
    """Whether these are the run's processes; else this server's."""
    age_s: float
