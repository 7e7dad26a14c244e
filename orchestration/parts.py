"""Builds each actor's object inside its own process: from a spec, its peers and a meter."""

from __future__ import annotations

from typing import Any

from actors.specs import DriverSpec, ExecutorSpec, GateSpec, HostSpec, RunSpec
from domain.ports import Meter, Peers
from orchestration.clock import WallClock
from orchestration.topology import FeedSpec, ObserverSpec, PaperSpec


def _store(run: RunSpec) -> Any:
    from journal.store import Store

    return Store(run.db_url, run.epoch)


def agent_host(spec: HostSpec, peers: Peers, meter: Meter) -> Any:
    from actors.agent_host import AgentHost

    return AgentHost(spec)


def risk_manager(spec: GateSpec, peers: Peers, meter: Meter) -> Any:
    from actors.risk_manager import RiskManager

    return RiskManager(spec, _store(spec.run), WallClock())


def paper_gateway(spec: PaperSpec, peers: Peers, meter: Meter) -> Any:
    from actors.venue_gateway import VenueGateway
    from journal.paper_books import PaperBooks
    from venues.fills import FillModel
    from venues.paper import PaperVenue

    run = spec.run
    venue = PaperVenue(
        PaperBooks(_store(run)),
        run.account,
        run.cash,
        run.currency,
        run.rows,
        run.instruments,
        FillModel(**spec.costs),
        run.timeframe_ns,
    )
    return VenueGateway("VenueGateway:paper", run.epoch, venue)


def executor(spec: ExecutorSpec, peers: Peers, meter: Meter) -> Any:
    from actors.executor import Executor

    return Executor(spec, _store(spec.run), peers, WallClock(), meter)


def market_feed(spec: FeedSpec, peers: Peers, meter: Meter) -> Any:
    from actors.market_feed import Inputs, MarketFeed
    from domain.registry import build
    from marketdata import FEEDS

    feed = build("feed", spec.name, FEEDS)(**spec.arguments)
    inputs = Inputs(_store(spec.run), spec.run.run_id) if spec.live else None
    return MarketFeed(feed, spec.seconds_per_bar, spec.live, inputs)


def observer(spec: ObserverSpec, peers: Peers, meter: Meter) -> Any:
    from actors.observer import Observer

    return Observer(_store(spec.run), spec.run.run_id, meter)


def driver(spec: DriverSpec, peers: Peers, meter: Meter) -> Any:
    from actors.institutional_strategy import InstitutionalStrategy

    return InstitutionalStrategy(spec, _store(spec.run), peers, WallClock())
