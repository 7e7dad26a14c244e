"""What each actor is built from: values that travel to its process, where the objects are made."""

from __future__ import annotations

import msgspec

from domain.instrument import Instrument
from research.config import ResearchConfig
from risk.config import ExitConfig, RiskConfig
from risk.costs import Costs
from risk.news import Calendar
from strategies.files import OwnFile


class RunSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What all actors of a run know of it. Money in 1e-9 of ``currency``, times in ns."""

    run_id: str
    epoch: int
    db_url: str
    account: str
    scope: str
    currency: str
    cash: int
    live: bool
    simulated: bool
    symbols: tuple[str, ...]
    timeframe: str
    timeframe_ns: int
    instruments: dict[str, Instrument]
    convert: bool = True
    equivalents: dict[str, str] = {}
    subscribed: tuple[str, ...] = ()
    halt_file: str = ""

    @property
    def rows(self) -> tuple[str, ...]:
        """Every symbol of the feed in row order: those traded, then those only converted with."""
        return self.symbols + self.subscribed


class GateSpec(msgspec.Struct, frozen=True, kw_only=True):
    """``costs`` by symbol, as the venue charges them. ``remembers``: some limit asks for the market's past returns,
    so the gate is given history before its first bar."""

    run: RunSpec
    risk: RiskConfig
    day_start: str
    venue: str = "paper"
    costs: dict[str, Costs] = {}
    calendar: Calendar | None = None
    remembers: bool = False


class HostSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One host's symbols, in the order of their rows, the strategy they share, and how their positions are managed.

    ``own`` is the file of a strategy of the user's own. ``instruments`` are those of the symbols, where exits need
    them; ``regimes`` asks for candidates that name theirs.
    """

    name: str
    symbols: tuple[str, ...]
    rows: tuple[int, ...]
    width: int
    strategy: str
    parameters: dict[str, float | int | str | bool]
    timeframe_ns: int
    exits: ExitConfig = ExitConfig()
    instruments: tuple[Instrument, ...] = ()
    regimes: bool = False
    own: OwnFile | None = None


class ExecutorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: ``deadline`` bounds a question to the venue; the others are how often a live run asks about orders
    in flight, open orders and positions."""

    run: RunSpec
    permits: int
    deadline: float
    venue: str = "paper"
    ask_in_flight: float = 2.0
    ask_open: float = 8.0
    ask_positions: float = 45.0


class DriverSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds: ``deadline`` bounds every gather, ``interval`` is the live cadence, ``pace`` what the feed waits
    per bar. ``cycles`` 0 means no limit; events of a live run are kept for the ``keep_hours`` of their type, those of
    a type without any for good."""

    run: RunSpec
    hosts: tuple[tuple[str, tuple[str, ...]], ...]
    strategy: str
    fingerprint: str
    configuration: str
    inputs: str
    warmed_until: int
    start_at: int
    deadline: float
    interval: float
    pace: float = 0.0
    cycles: int = 0
    keep_hours: dict[str, float] = {}
    started_at: int = 0
    venue: str = "paper"
    gate_remembers: bool = False
    research: ResearchConfig | None = None

    @property
    def paced(self) -> bool:
        """Whether the feed makes the driver wait: then nothing is chained on bars that have not come."""
        return self.run.live or self.pace > 0


class ResearchSpec(msgspec.Struct, frozen=True, kw_only=True):
    """``calendar`` is what is known of the news before the start; ``cache`` the folder of recorded answers and budgets;
    ``parameters`` are those of the strategy, ``live`` news are read while it runs."""

    run: RunSpec
    config: ResearchConfig
    strategy: str
    parameters: dict[str, float | int | str | bool]
    cache: str
    calendar: Calendar | None = None
    own: OwnFile | None = None
