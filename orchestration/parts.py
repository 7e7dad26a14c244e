"""Builds each actor's object inside its own process: from a spec, its peers and a meter."""

from __future__ import annotations

import math
import time
from typing import Any

from actors.specs import DriverSpec, ExecutorSpec, GateSpec, HostSpec, ResearchSpec, RunSpec
from domain.ports import Meter, Peers
from orchestration.clock import WallClock
from orchestration.topology import FeedSpec, LimitsSpec, ObserverSpec, PaperSpec


def _store(run: RunSpec, meter: Meter | None = None) -> Any:
    """``meter`` is told how long every commit takes."""
    from journal.store import Store

    if meter is None:
        return Store(run.db_url, run.epoch)
    return Store(run.db_url, run.epoch, lambda milliseconds: meter.observe("argus_commit_ms", milliseconds))


def agent_host(spec: HostSpec, peers: Peers, meter: Meter) -> Any:
    from actors.agent_host import AgentHost

    return AgentHost(spec)


def risk_manager(spec: GateSpec, peers: Peers, meter: Meter) -> Any:
    from actors.risk_manager import RiskManager

    return RiskManager(spec, _store(spec.run, meter), WallClock(), meter=meter)


def guard(name: str, limits: LimitsSpec) -> Any:
    """What stands before the calls to one service; None where no limit is set."""
    from actors.guard import Guard
    from domain.limits import Breaker, TokenBucket

    rate, failures = limits.rate_per_second, limits.breaker_failures
    if rate is None and failures is None:
        return None
    bucket = None if rate is None else TokenBucket(rate, limits.burst or max(1, math.ceil(rate)))
    breaker = None if failures is None else Breaker(failures, limits.breaker_seconds)
    return Guard(name, bucket, breaker, time.monotonic, time.sleep)


def paper_gateway(spec: PaperSpec, peers: Peers, meter: Meter) -> Any:
    from actors.venue_gateway import VenueGateway
    from journal.fence import newest
    from journal.paper_books import PaperBooks
    from venues.fills import FillModel
    from venues.paper import PaperVenue

    run, name = spec.run, "VenueGateway:paper"
    store = _store(run)
    venue = PaperVenue(
        PaperBooks(store),
        run.account,
        run.cash,
        run.currency,
        run.rows,
        run.instruments,
        FillModel(**spec.costs),
        run.timeframe_ns,
    )
    now = WallClock().now if run.live else None
    return VenueGateway(name, run.epoch, venue, newest(store), guard(name, spec.limits), now)


def executor(spec: ExecutorSpec, peers: Peers, meter: Meter) -> Any:
    from actors.executor import Executor

    return Executor(spec, _store(spec.run, meter), peers, WallClock(), meter)


def market_feed(spec: FeedSpec, peers: Peers, meter: Meter) -> Any:
    from actors.inputs import Inputs
    from actors.market_feed import MarketFeed
    from domain.registry import build
    from marketdata import FEEDS

    feed = build("feed", spec.name, FEEDS)(**spec.arguments)
    inputs = Inputs(_store(spec.run), spec.run.run_id, spec.run.account)
    return MarketFeed(feed, spec.seconds_per_bar, spec.live, inputs)


def research(spec: ResearchSpec, peers: Peers, meter: Meter) -> Any:
    from actors.research import Research

    return Research(spec, _store(spec.run, meter), peers, WallClock(), meter)


def observer(spec: ObserverSpec, peers: Peers, meter: Meter) -> Any:
    from actors.observer import Observer

    return Observer(_store(spec.run), spec.run, meter, WallClock())


def driver(spec: DriverSpec, peers: Peers, meter: Meter) -> Any:
    from actors.institutional_strategy import InstitutionalStrategy

    return InstitutionalStrategy(spec, _store(spec.run, meter), peers, WallClock())
