"""From settings to the specs of every actor: what is checked before anything is started."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.specs import DriverSpec, ExecutorSpec, GateSpec, ResearchSpec, RunSpec
from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.market import FeedInfo
from domain.money import to_float, to_text
from domain.ports import Feed
from domain.registry import build
from domain.timeframe import default_day_start, length
from orchestration import topology
from orchestration.settings import Settings, asset_classes, instruments, own_file, strategy_parameters, to_json
from orchestration.settings.instrument_list import listed
from risk.costs import Costs
from risk.gate import Rules
from risk.news import Calendar
from strategies.files import strategy_named
from venues.fills import FillModel, Terms

DEFAULT_PERMITS = 5


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What a run records of its market: enough to build the same feed again, and to see whether it is the same."""

    feed: str
    inputs: dict[str, dict[str, str]]
    arguments: dict[str, Any] = {}
    instruments: dict[str, Instrument] = {}
    subscribed: tuple[str, ...] = ()
    calendar: Calendar | None = None


class Market(msgspec.Struct, frozen=True):
    """The feed's constructor arguments, what it says of itself, and the instruments of all its symbols."""

    arguments: dict[str, Any]
    info: FeedInfo
    instruments: dict[str, Instrument]
    subscribed: tuple[str, ...]
    notices: tuple[str, ...]
    calendar: Calendar | None = None

    def kept(self) -> Kept:
        return Kept(
            feed=self.info.name,
            inputs=self.info.inputs,
            arguments=self.arguments,
            instruments=self.instruments,
            subscribed=self.subscribed,
            calendar=self.calendar,
        )


class Identity(msgspec.Struct, frozen=True):
    """Which run this is, and for which engine. ``told`` is the last ``seq`` that an earlier engine told of it."""

    run_id: str
    epoch: int
    db_url: str
    started_at: int
    halt_file: str
    told: int = 0


def market(settings: Settings) -> Market:
    """As ``market_and_feed``, without the feed."""
    return market_and_feed(settings)[0]


def market_and_feed(settings: Settings) -> tuple[Market, Feed]:
    """Build the feed once in this process: every problem of the data is met here, before the start.

    Raises ConfigError with all of them.
    """
    from marketdata import FEEDS
    from marketdata.news import load as load_news

    subscribed, sources = _subscribed(settings)
    symbols = settings.symbols + subscribed
    classes = asset_classes(symbols, settings.instruments)
    known, _ = instruments(
        settings.instruments,
        settings.account.currency,
        {one: 5 for one in symbols},
        convert=settings.account.convert,
    )
    arguments = _arguments(settings, symbols, classes, known, sources)
    feed: Feed = build("feed", settings.feed.name, FEEDS)(**arguments)
    info = feed.info()
    found, notices = instruments(
        settings.instruments,
        settings.account.currency,
        {one: info.decimals[one] for one in symbols},
        convert=settings.account.convert,
    )
    calendar = load_news(settings.risk.news) if settings.risk.news else None
    return Market(arguments, info, found, subscribed, tuple(notices), calendar), feed


def _arguments(
    settings: Settings,
    symbols: tuple[str, ...],
    classes: dict[str, str],
    known: dict[str, Instrument],
    sources: dict[str, str],
) -> dict[str, Any]:
    feed = settings.feed
    common = {"symbols": symbols, "timeframe": settings.timeframe, "asset_classes": classes}
    if feed.name == "recorded":
        start, end = feed.timerange or (None, None)
        return common | {"sources": sources, "start": start, "end": end, "follow": feed.follow}
    listed_only = {one: entry for one, entry in known.items() if entry.listed}
    return common | {
        "seed": feed.seed,
        "warm_up": feed.warm_up,
        "start_at": feed.start_at,
        "bars": feed.bars,
        "start_prices": {},
        "ticks": {one: to_float(entry.tick) for one, entry in listed_only.items()},
        "spreads": {one: to_float(entry.spread) for one, entry in listed_only.items()},
    }


def _subscribed(settings: Settings) -> tuple[tuple[str, ...], dict[str, str]]:
    """Conversion pairs that the feed serves besides what is traded, and the files of a recorded feed."""
    from marketdata.files import find_sources

    feed, account = settings.feed, settings.account
    needed = _needed(settings) if account.convert else {}
    if feed.name != "recorded":
        return tuple(next((one for one in found if one in set(listed())), found[0]) for found in needed.values()), {}
    data = [feed.folder] if feed.folder else []
    data += [f"{symbol}={path}" for symbol, path in feed.files.items()]
    sources = {one: str(path) for one, path in find_sources(data, settings.symbols, settings.timeframe).items()}
    subscribed = []
    for candidates in needed.values():
        for one in candidates:
            try:
                path = find_sources([feed.folder] if feed.folder else [], (one,), settings.timeframe)[one]
            except ConfigError:
                continue  # no data for this pair: entries that need it are denied with CONVERSION_UNKNOWN
            sources[one] = str(path)
            subscribed.append(one)
            break
    return tuple(subscribed), sources


def _needed(settings: Settings) -> dict[str, list[str]]:
    """Currencies that no traded symbol converts, each with the pairs that would."""
    from marketdata.conversion import pairs_needed

    account = settings.account
    known, _ = instruments(settings.instruments, account.currency, {one: 5 for one in settings.symbols})
    quotes = {entry.quote for entry in known.values()}
    pairs = pairs_needed(quotes, account.currency, {one: to_text(rate) for one, rate in account.equivalents.items()})
    traded = set(settings.symbols)
    return {currency: found for currency, found in pairs.items() if not traded & set(found)}


def actor_specs(settings: Settings, market: Market, identity: Identity) -> list[topology.ActorSpec]:
    """Every actor of the run, ready to be spawned."""
    from strategies.base import fingerprint, resolve

    run = run_spec(settings, market, identity)
    gate = gate_spec(settings, market, run)
    info, risk = market.info, settings.risk
    strategy, parameters = settings.strategy.name, strategy_parameters(settings)
    own = own_file(settings.strategy)
    kernel = strategy_named(strategy, own)
    per_host = settings.ray.agents_per_host if kernel.compiled else 1  # plain Python does not share a host
    speed = settings.feed.speed
    pace = 1.0 / speed if speed else 0.0
    if settings.feed.name == "sim" and settings.cycle.interval is not None:
        pace = settings.cycle.interval
    deadline = settings.ray.deadline
    feed = topology.FeedSpec(
        run=run, name=settings.feed.name, arguments=market.arguments, seconds_per_bar=pace, live=info.live
    )
    driver = DriverSpec(
        run=run,
        hosts=tuple(topology.hosts(settings.symbols, per_host, os.cpu_count() or 1)),
        strategy=strategy,
        fingerprint=fingerprint(resolve(kernel, parameters)),
        configuration=to_json(settings).decode(),
        inputs=msgspec.json.encode(market.kept()).decode(),
        warmed_until=info.warmed_until,
        start_at=info.start_at,
        deadline=deadline,
        interval=settings.cycle.interval_for(run.timeframe_ns),
        pace=pace,
        cycles=settings.cycle.cycles or 0,
        keep_hours=settings.cycle.kept(),
        started_at=identity.started_at,
        gate_remembers=gate.remembers,
        research=settings.research if settings.research.on else None,
    )
    return topology.actors(
        run=run,
        feed=feed,
        gate=gate,
        executor=ExecutorSpec(run=run, permits=risk.max_orders_in_flight or DEFAULT_PERMITS, deadline=deadline),
        driver=driver,
        paper=topology.PaperSpec(
            run=run, costs=settings.venues[0].costs(), limits=topology.LimitsSpec(**settings.venues[0].limits())
        ),
        strategy=strategy,
        parameters=parameters,
        exits=settings.exits,
        own=own,
        research=research_spec(settings, market, run) if settings.research.on else None,
    )


def research_spec(settings: Settings, market: Market, run: RunSpec) -> ResearchSpec:
    """What the research actor is told: never a key, which it reads for itself."""
    from journal.address import data_folder

    config = settings.research
    return ResearchSpec(
        run=run,
        config=config,
        strategy=settings.strategy.name,
        parameters=strategy_parameters(settings),
        cache=config.folder or str(data_folder() / "research"),
        calendar=market.calendar,
        own=own_file(settings.strategy),
    )


def gate_spec(settings: Settings, market: Market, run: RunSpec) -> GateSpec:
    """What the gate is told."""
    risk = settings.risk
    classes = {market.instruments[one].asset_class for one in settings.symbols}
    return GateSpec(
        run=run,
        risk=risk,
        day_start=risk.day_start or default_day_start(classes),
        costs=costs(settings, market.instruments),
        calendar=market.calendar,
        remembers=Rules(risk).reads_returns,
    )


def costs(settings: Settings, instruments: Mapping[str, Instrument]) -> dict[str, Costs]:
    """What each symbol costs at the venue, as the gate plans with it; fractions are rounded up."""
    model = FillModel(**settings.venues[0].costs())
    terms = {symbol: model.terms(one) for symbol, one in instruments.items()}
    return {
        symbol: Costs(*(-(-part // 10_000) for part in (one.commission, one.slippage, *_nightly(one))))
        for symbol, one in terms.items()
    }


def _nightly(terms: Terms) -> tuple[int, int]:
    return terms.financing_long, terms.financing_short


def account_of(info: FeedInfo, run_id: str) -> str:
    """Live feeds continue one paper account; any other run has one of its own."""
    return "paper" if info.live else f"paper:{run_id}"


def run_spec(settings: Settings, market: Market, identity: Identity) -> RunSpec:
    """What all actors know of the run; ids are computed from the account under a live feed, else from the run."""
    account, info = settings.account, market.info
    name = account_of(info, identity.run_id)
    return RunSpec(
        run_id=identity.run_id,
        epoch=identity.epoch,
        db_url=identity.db_url,
        account=name,
        scope=name if info.live else identity.run_id,
        currency=account.currency,
        cash=account.cash,
        live=info.live,
        simulated=info.simulated,
        symbols=settings.symbols,
        timeframe=info.timeframe,
        timeframe_ns=length(info.timeframe),
        instruments=market.instruments,
        convert=account.convert,
        equivalents={one: to_text(rate) for one, rate in account.equivalents.items()},
        subscribed=market.subscribed,
        halt_file=identity.halt_file,
    )
