"""Start, watch, stop, in that order: one run from its settings to its exit code."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec

from domain.errors import AlreadyRunning, ConfigError
from domain.money import to_float
from domain.registry import load as registered
from orchestration import frozen, kernel_cache, sockets
from orchestration.alerts.channels import deliveries
from orchestration.clock import WallClock
from orchestration.frozen import Recorded
from orchestration.plan import Market, account_of, actor_specs, market
from orchestration.serving import Served, Serving
from orchestration.settings import Overrides, Settings, built_strategy, load, strategy_problems
from orchestration.signals import Signals
from orchestration.tenure import leased
from orchestration.terminal.info import RunInfo
from orchestration.watch import Start, Watch

if TYPE_CHECKING:
    from orchestration.cluster import RayRuntime
    from orchestration.terminal.screens import Screen
    from orchestration.topology import ActorSpec

READY_WITHIN = 120.0
"""Seconds for all actors to answer for the first time."""


def run(overrides: Overrides, screen: Screen, serving: Serving | None = None) -> int:
    """Run to the end; the exit code (0 done, 1 failed). Raises ConfigError, UsageError or AlreadyRunning for
    what is refused before the start, with nothing left behind. ``serving`` None: without a server beside it."""
    return _begin(lambda: (*prepare(overrides, screen), None), screen, serving)


def resume(run_id: str | None, overrides: Overrides, screen: Screen, serving: Serving | None = None) -> int:
    """As ``run``, for a recorded run that goes on: the one whose id begins so, else the newest that can. Of the
    overrides only the database and the address of Ray count."""
    return _begin(lambda: prepare_again(run_id, overrides, screen), screen, serving)


def _begin(
    prepared: Callable[[], tuple[Settings, Market, str, Recorded | None]], screen: Screen, serving: Serving | None
) -> int:
    signals = Signals()
    signals.watch()
    try:
        if serving is not None:
            registered("api.security.binding:check")(serving)
        settings, found, url, again = prepared()
        with leased(url, again) as (identity, heart):
            if again is not None and frozen.run_of(url, again.run_id).epoch != again.epoch:
                raise AlreadyRunning(f"another engine has gone on with run {again.run_id} meanwhile")
            return _run(Start(settings, found, identity, heart, screen, signals, serving))
    except (KeyboardInterrupt, SystemExit):  # the second is Ray's own answer to a SIGTERM while it starts
        if signals.orderly:
            raise
        return _not_begun(screen, signals)
    finally:
        signals.restore()


def _not_begun(screen: Screen, signals: Signals) -> int:
    screen.notice(f"{signals.asked or 'terminated'} before the first cycle: nothing was traded")
    return 0


def prepare(overrides: Overrides, screen: Screen) -> tuple[Settings, Market, str]:
    """Everything that can be refused: configuration, strategy, data, database. Nothing is started yet."""
    from journal import database

    settings = load(overrides)
    for notice in settings.notices:
        screen.notice(notice)
    _kernels(screen, settings)
    problems = strategy_problems(settings)
    if problems:
        raise ConfigError(problems)
    found = market(settings)
    _reachable(settings, found, screen)
    url = settings.database_url or database.default_url()
    database.prepare(url)
    _answering(settings, screen)
    return _planned(settings, url, screen), found, url


def _planned(settings: Settings, url: str, screen: Screen) -> Settings:
    """With what the planner of an earlier run has proposed, where the next run is to take it over."""
    if not settings.research.on:
        return settings
    from orchestration.research.applying import taken_over

    settings, told = taken_over(settings, url, WallClock().now())
    if told:
        screen.notice(told)
    return settings


def prepare_again(
    run_id: str | None, overrides: Overrides, screen: Screen
) -> tuple[Settings, Market, str, Recorded | None]:
    """As ``prepare``, from what the run recorded: neither files nor environment nor presets of today count."""
    from journal import database
    from orchestration.terminal.place import database_url

    url = database_url(overrides.db_url)
    if database.exists(url):
        database.prepare(url)
    again = frozen.to_resume(url, run_id)
    settings = frozen.settings_of(again.config)
    ray = msgspec.structs.replace(settings.ray, address=overrides.address or settings.ray.address)
    settings, missing = frozen.with_secrets(msgspec.structs.replace(settings, database_url=url, ray=ray), os.environ)
    for key in missing:
        name = f"ARGUS__{key.upper().replace('.', '__')}"
        screen.notice(f"{key} is not recorded with a run: this one goes on without it, unless {name} says it again")
    _kernels(screen, settings)
    frozen.same_strategy(again, settings)
    found = frozen.market_of(again, settings)
    _reachable(settings, found, screen)
    _answering(settings, screen)
    screen.notice(f"run {again.run_id} goes on with cycle {again.closed + 1:,}")
    return settings, found, url, again


def _answering(settings: Settings, screen: Screen) -> None:
    """Who answers research, said once."""
    if settings.research.on:
        from research.providers import notice

        screen.notice(notice(settings.research, os.environ))


def _kernels(screen: Screen, settings: Settings) -> None:
    files = kernel_cache.user_files(settings.strategy.file)
    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now(), files)
    if cache.notice:
        screen.notice(cache.notice)


def _reachable(settings: Settings, found: Market, screen: Screen) -> None:
    for notice in found.notices:
        screen.notice(notice)
    problems = sockets.problems(settings.ray.address, settings.ray.metrics_port)
    if problems:
        raise ConfigError(problems)
    deliveries(settings.alerts.channels)


def _run(start: Start) -> int:
    """Ray, and the run on it. What Ray prints by itself goes nowhere: stdout belongs to the screen."""
    from risk.exits.base import policies, reads_indicators
    from risk.gate import Rules

    settings, signals = start.settings, start.signals
    strategy = built_strategy(settings.strategy)
    with ThreadPoolExecutor(1) as beside, open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        reads = bool(settings.risk.regime_factors) or reads_indicators(policies(settings.exits))
        returns = Rules(settings.risk).reads_returns
        compiled = beside.submit(
            kernel_cache.compile_all, [strategy], reads, returns, settings.research.weighs
        )  # while Ray starts; hosts only load
        server = None if start.serving is None else Served(start.serving, start.screen.notice)
        specs = actor_specs(settings, start.market, start.identity)
        from orchestration.cluster import RayRuntime

        runtime = RayRuntime(settings.ray.address, settings.ray.dashboard, settings.ray.metrics_port)
        signals.orderly = True
        signals.watch()
        try:
            compiled.result()
            return _on(runtime, specs, start, server)
        finally:
            runtime.stop()


def _on(runtime: RayRuntime, specs: list[ActorSpec], start: Start, server: Served | None) -> int:
    """The run itself, on a cluster that has started."""
    screen, signals = start.screen, start.signals
    if not signals.asked:
        runtime.spawn(specs)
        runtime.ready(READY_WITHIN, lambda: bool(signals.asked))
    if signals.asked:
        return _not_begun(screen, signals)
    page_url = server.start(start.identity.db_url, runtime.dashboard_url, runtime.metrics_url) if server else ""
    try:
        shown = run_info(start, runtime.dashboard_url, page_url)
        screen.begin(shown)
        for one in shown.held:
            if one["symbol"] not in shown.symbols:
                screen.notice(f"{one['symbol']} is held and not watched by this run: its stop lives at the venue")
        return Watch(runtime, start).watch()
    finally:
        if server is not None:
            server.stop()


def run_info(start: Start, dashboard_url: str, page_url: str = "") -> RunInfo:
    """What the screens say at the top, with what the account holds already."""
    from domain.candidate import REASONS
    from journal.address import password_hidden
    from journal.store import Store
    from journal.views import positions

    settings, found, identity = start.settings, start.market, start.identity
    info = found.info
    account = account_of(info, identity.run_id)
    store = Store(identity.db_url, identity.epoch)
    with store.read() as connection:
        held = tuple(positions(connection, account))
    store.close()
    return RunInfo(
        run_id=identity.run_id,
        symbols=settings.symbols,
        codes=REASONS,
        simulated=info.simulated,
        live=info.live,
        strategy=settings.strategy.name,
        preset=settings.preset,
        timeframe=info.timeframe,
        feed=info.name,
        account=account,
        currency=settings.account.currency,
        cash=to_float(settings.account.cash),
        dashboard_url=dashboard_url,
        page_url=page_url,
        database=password_hidden(identity.db_url),
        cycles=settings.cycle.cycles,
        start=info.start_at,
        end=info.end_at,
        quotes={one: found.instruments[one].quote for one in settings.symbols},
        held=held,
    )
