"""Which actors a run has, what each is built from, and what it is called: pure data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from actors.specs import DriverSpec, ExecutorSpec, GateSpec, HostSpec, ResearchSpec, RunSpec
from risk.config import ExitConfig
from strategies.files import OwnFile

ACTOR_PER_SYMBOL_UP_TO = 16
"""``agents_per_host: auto`` gives every agent an actor of its own up to so many symbols."""


class ActorSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One actor: its name, the class it shows in Ray, how it is built in its process, and from what."""

    name: str
    shows: str
    build: str
    spec: Any
    asynchronous: bool = False
    spread: bool = False


class FeedSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What the feed is built from: its registered name and its constructor's arguments."""

    run: RunSpec
    name: str
    arguments: dict[str, Any]
    seconds_per_bar: float
    live: bool


class LimitsSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a venue may be called: ``rate_per_second`` with ``burst`` at once (None as many as a second's), and
    after how many failures in a row (None never) it is left alone for ``breaker_seconds``."""

    rate_per_second: float | None = None
    burst: int | None = None
    breaker_failures: int | None = None
    breaker_seconds: float = 60.0


class PaperSpec(msgspec.Struct, frozen=True, kw_only=True):
    run: RunSpec
    costs: dict[str, Any]
    limits: LimitsSpec = LimitsSpec()


class ObserverSpec(msgspec.Struct, frozen=True, kw_only=True):
    run: RunSpec


def hosts(symbols: Sequence[str], agents_per_host: int | None, cores: int) -> list[tuple[str, tuple[str, ...]]]:
    """Host names and their symbols, in the order of the run. None is auto: one agent a host up to 16 symbols,
    about one host per core above."""
    count = len(symbols)
    if agents_per_host is None:
        agents_per_host = 1 if count <= ACTOR_PER_SYMBOL_UP_TO else -(-count // max(1, cores))
    parts = [tuple(symbols[start : start + agents_per_host]) for start in range(0, count, agents_per_host)]
    return [(_host_name(number, part), part) for number, part in enumerate(parts)]


def _host_name(number: int, symbols: tuple[str, ...]) -> str:
    if len(symbols) == 1:
        return f"PairAgent:{symbols[0]}"
    shown = ",".join(symbols[:3]) + (",…" if len(symbols) > 3 else "")
    return f"AgentHost:{number} ({shown})"


def actors(
    run: RunSpec,
    feed: FeedSpec,
    gate: GateSpec,
    executor: ExecutorSpec,
    driver: DriverSpec,
    paper: PaperSpec,
    strategy: str,
    parameters: dict[str, Any],
    exits: ExitConfig = ExitConfig(),
    own: OwnFile | None = None,
    research: ResearchSpec | None = None,
) -> list[ActorSpec]:
    """Every actor of the run (design section 3), the driver last."""
    row = {symbol: number for number, symbol in enumerate(run.rows)}
    agents = [
        ActorSpec(
            name=name,
            shows="PairAgent" if len(symbols) == 1 else "AgentHost",
            build="orchestration.parts:agent_host",
            spec=HostSpec(
                name=name,
                symbols=symbols,
                rows=tuple(row[one] for one in symbols),
                width=len(run.rows),
                strategy=strategy,
                parameters=parameters,
                timeframe_ns=run.timeframe_ns,
                exits=exits,
                instruments=tuple(run.instruments[one] for one in symbols),
                regimes=bool(gate.risk.regime_factors),
                own=own,
            ),
            spread=True,
        )
        for name, symbols in driver.hosts
    ]
    part = "orchestration.parts:"
    asked = [] if research is None else [research]
    return [
        ActorSpec(name="RiskManager", shows="RiskManager", build=f"{part}risk_manager", spec=gate),
        ActorSpec(name="VenueGateway:paper", shows="VenueGateway", build=f"{part}paper_gateway", spec=paper),
        ActorSpec(name="Executor", shows="Executor", build=f"{part}executor", spec=executor, asynchronous=True),
        ActorSpec(name="MarketFeed", shows="MarketFeed", build=f"{part}market_feed", spec=feed, asynchronous=True),
        *agents,
        *(
            ActorSpec(name="Research", shows="Research", build=f"{part}research", spec=one, asynchronous=True)
            for one in asked
        ),
        ActorSpec(
            name="Observer",
            shows="Observer",
            build=f"{part}observer",
            spec=ObserverSpec(run=run),
            asynchronous=True,
        ),
        ActorSpec(
            name="InstitutionalStrategy",
            shows="InstitutionalStrategy",
            build=f"{part}driver",
            spec=driver,
            asynchronous=True,
        ),
    ]
