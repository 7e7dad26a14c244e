"""The settings of a run as frozen values: picklable, and as JSON the frozen configuration of the run."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from domain.events import SCAN_START, SCAN_SUMMARY
from orchestration.alerts.rules import Rule
from research.config import ResearchConfig
from risk.config import ExitConfig, RiskConfig


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The account. ``cash`` in 1e-9; ``equivalents``: account currency (1e-9) per unit of another currency.

    ``convert`` False counts every quote currency as the account currency.
    """

    currency: str
    cash: int
    equivalents: dict[str, int]
    convert: bool


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    """Where the bars come from. ``name`` is sim or recorded.

    ``speed`` is bars per second, None as fast as the machine. sim: ``seed``, ``warm_up`` and ``bars`` (how
    many in all, None without end), ``start_at``. recorded: ``folder``, or ``files`` by symbol (absolute
    paths), ``timerange`` [from, until) by bar open, ``follow``. Times in UTC nanoseconds.
    """

    name: str
    speed: float | None
    seed: int
    warm_up: int
    bars: int | None
    start_at: int
    folder: str | None
    files: dict[str, str]
    timerange: tuple[int, int] | None
    follow: bool

    @property
    def live(self) -> bool:
        """Whether it keeps the cadence of the clock: cycles every interval, account ``paper``."""
        return self.follow


class Strategy(msgspec.Struct, frozen=True, kw_only=True):
    """The strategy's name, the ``parameters`` that were given, and the ``preset``'s, which count only where
    the strategy has them. A strategy of the user's own has its ``file`` (absolute path) and that file's ``sha256``."""

    name: str
    parameters: dict[str, Any]
    preset: dict[str, Any]
    file: str = ""
    sha256: str = ""


_LIMITS = ("rate_per_second", "burst", "breaker_failures", "breaker_seconds")


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """Where orders go, and what trading costs there, as ``venues.fills.FillModel`` takes it.

    Costs in basis points by asset class, with ``default`` for the rest. The last four limit the calls to it:
    ``burst`` None is as many as in a second, ``rate_per_second`` and ``breaker_failures`` None no limit.
    """

    name: str
    commission_bps: dict[str, float]
    slippage_bps: dict[str, float]
    spread: str
    fill_on: str
    participation: float
    financing_bps: dict[str, dict[str, float]]
    rate_per_second: float | None = None
    burst: int | None = None
    breaker_failures: int | None = None
    breaker_seconds: float = 60.0

    def costs(self) -> dict[str, Any]:
        """The arguments of the fill model."""
        return {key: value for key, value in msgspec.structs.asdict(self).items() if key not in ("name", *_LIMITS)}

    def limits(self) -> dict[str, Any]:
        """The arguments of ``topology.LimitsSpec``."""
        return {key: getattr(self, key) for key in _LIMITS}


class Ray(msgspec.Struct, frozen=True, kw_only=True):
    """How it runs on Ray. ``agents_per_host`` None is auto, ``metrics_port`` None any; ``deadline`` in seconds."""

    address: str
    dashboard: bool
    agents_per_host: int | None
    deadline: float
    metrics_port: int | None


class Cycle(msgspec.Struct, frozen=True, kw_only=True):
    """The cadence. ``interval`` in seconds (None: see ``interval_for``), ``cycles`` None without end.

    ``keep_hours``: hours that events of live runs are kept, by type, over ``summary_keep_hours``.
    """

    interval: float | None
    cycles: int | None
    summary_keep_hours: float
    keep_hours: dict[str, float] = {}

    def kept(self) -> dict[str, float]:
        """Hours that events of live runs are kept, by type; the others are kept for good."""
        return dict.fromkeys((SCAN_START, SCAN_SUMMARY), self.summary_keep_hours) | self.keep_hours

    def interval_for(self, timeframe: int) -> float:
        """Seconds between live cycles: min(60, timeframe), unless set. ``timeframe`` in nanoseconds."""
        return self.interval if self.interval is not None else min(60.0, timeframe / 1e9)


class Supervision(msgspec.Struct, frozen=True, kw_only=True):
    """When an actor is given up: more than ``restarts`` within ``window`` seconds; ``patience`` in seconds for an
    answer. ``heartbeat_url`` is asked for while cycles close."""

    restarts: int = 5
    window: float = 60.0
    patience: float = 15.0
    heartbeat_url: str | None = None


class Alerts(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to tell, of what, and when. ``channels``: secret URLs by name; ``rules`` stand before those that hold by
    themselves (``defaults``). Seconds: ``dedup``, ``timeout``; ``rate`` is per hour and channel. ``quiet`` is a window,
    ``summary`` a time of day."""

    channels: dict[str, str] = {}
    rules: tuple[Rule, ...] = ()
    defaults: bool = True
    dedup: float = 300.0
    rate: int = 30
    timeout: float = 15.0
    quiet: str | None = None
    summary: str | None = "21:00 UTC"


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of the machine and of the run, None for none: percent, and megabytes where the name ends in ``_mb``.
    Looked at ``every`` so many seconds, told when one was passed for ``lasting`` seconds."""

    every: float = 5.0
    lasting: float = 30.0
    cpu: float | None = 80.0
    memory: float | None = 85.0
    memory_mb: float | None = None
    disk: float | None = 90.0
    open_files: float | None = 80.0
    database_mb: float | None = None
    wal_mb: float | None = 512.0


class Written(msgspec.Struct, frozen=True):
    """A key as it stands, and where it came from."""

    value: Any
    source: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a run is told. ``timeframe`` None is the file's own; ``database_url`` None the data folder's.

    ``instruments`` are the configuration's own entries over conf/instruments.yaml; ``written`` holds every
    key with its source, ``notices`` what a person should be told before the start.
    """

    symbols: tuple[str, ...]
    mode: str
    timeframe: str | None
    preset: str
    account: Account
    feed: Feed
    strategy: Strategy
    risk: RiskConfig
    venues: tuple[Venue, ...]
    ray: Ray
    cycle: Cycle
    database_url: str | None
    instruments: dict[str, dict[str, Any]]
    written: dict[str, Written]
    notices: tuple[str, ...]
    supervision: Supervision = Supervision()
    exits: ExitConfig = ExitConfig()
    alerts: Alerts = Alerts()
    resources: Resources = Resources()
    research: ResearchConfig = ResearchConfig()


_ENCODER = msgspec.json.Encoder(order="deterministic")
_DECODER = msgspec.json.Decoder(Settings)


def masked(url: str) -> str:
    """A database URL without its password."""
    url = re.sub(r"(://[^:@/]*):.*@", r"\1:***@", url)
    return re.sub(r"(?i)(pass(?:word|wd)?=)[^&]*", r"\1***", url)


def to_json(settings: Settings) -> bytes:
    """The frozen configuration: the same settings give the same bytes. A password in the URL, the heartbeat's URL and
    the channels of alerts stay out."""
    url = settings.database_url
    shown = msgspec.structs.replace(settings, database_url=None if url is None else masked(url))
    wished = msgspec.structs.replace(settings.supervision, heartbeat_url=None)
    alerts = msgspec.structs.replace(settings.alerts, channels={})
    return _ENCODER.encode(msgspec.structs.replace(shown, supervision=wished, alerts=alerts))


def from_json(text: bytes | str) -> Settings:
    """The settings of a recorded run. Raises msgspec.DecodeError if the text is not what ``to_json`` wrote."""
    return _DECODER.decode(text)
