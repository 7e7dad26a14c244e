"""Start, watch, stop, in that order: one run from its settings to its exit code."""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from domain.errors import ConfigError
from domain.money import to_float
from orchestration import kernel_cache, sockets
from orchestration.clock import WallClock
from orchestration.plan import Market, account_of, actor_specs, market
from orchestration.settings import Overrides, Settings, load, strategy_problems
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


def run(overrides: Overrides, screen: Screen) -> int:
    """Run to the end; the exit code (0 done, 1 failed). Raises ConfigError, UsageError or AlreadyRunning for
    what is refused before the start, with nothing left behind."""
    signals = Signals()
    signals.watch()
    try:
        settings, found, url = prepare(overrides, screen)
        with leased(url) as (identity, heart):
            return _run(Start(settings, found, identity, heart, screen, signals))
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
    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now())
    if cache.notice:
        screen.notice(cache.notice)
    problems = strategy_problems(settings)
    if problems:
        raise ConfigError(problems)
    found = market(settings)
    for notice in found.notices:
        screen.notice(notice)
    problems = sockets.problems(settings.ray.address, settings.ray.metrics_port)
    if problems:
        raise ConfigError(problems)
    url = settings.database_url or database.default_url()
    database.prepare(url)
    return settings, found, url


def _run(start: Start) -> int:
    """Ray, and the run on it. What Ray prints by itself goes nowhere: stdout belongs to the screen."""
    from domain.registry import build
    from strategies import STRATEGIES

    settings, signals = start.settings, start.signals
    strategy = build("strategy", settings.strategy.name, STRATEGIES)
    with ThreadPoolExecutor(1) as beside, open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        compiled = beside.submit(kernel_cache.compile_all, [strategy])  # while Ray starts; hosts only load
        specs = actor_specs(settings, start.market, start.identity)
        from orchestration.cluster import RayRuntime

        runtime = RayRuntime(settings.ray.address, settings.ray.dashboard, settings.ray.metrics_port)
        signals.orderly = True
        signals.watch()
        try:
            compiled.result()
            return _on(runtime, specs, start)
        finally:
            runtime.stop()


def _on(runtime: RayRuntime, specs: list[ActorSpec], start: Start) -> int:
    """The run itself, on a cluster that has started."""
    screen, signals = start.screen, start.signals
    if not signals.asked:
        runtime.spawn(specs)
        runtime.ready(READY_WITHIN, lambda: bool(signals.asked))
    if signals.asked:
        return _not_begun(screen, signals)
    shown = run_info(start, runtime.dashboard_url)
    screen.begin(shown)
    for one in shown.held:
        if one["symbol"] not in shown.symbols:
            screen.notice(f"{one['symbol']} is held and not watched by this run: its stop lives at the venue")
    return Watch(runtime, start).watch()


def run_info(start: Start, dashboard_url: str) -> RunInfo:
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
        database=password_hidden(identity.db_url),
        cycles=settings.cycle.cycles,
        start=info.start_at,
        end=info.end_at,
        quotes={one: found.instruments[one].quote for one in settings.symbols},
        held=held,
    )
