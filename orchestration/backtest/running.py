"""From what a person asks for to a result: settings and data once, then as many runs as are wanted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from actors.specs import RunSpec
from domain.errors import ConfigError
from domain.timeframe import iso
from orchestration import kernel_cache
from orchestration.backtest.result import Open, Result
from orchestration.clock import WallClock
from orchestration.plan import Identity, Market, gate_spec, market_and_feed, research_spec, run_spec
from orchestration.settings import Overrides, Settings, built_strategy, load, strategy_parameters, strategy_problems

if TYPE_CHECKING:
    from orchestration.backtest.voices import Voice
    from risk.exits.base import Policy

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Notice = Callable[[str], None]

RUN_ID = "backtest"
"""Every backtest has this one: ids are computed from it, so that the same backtest has the same ids."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and data of a backtest, read and checked. Seconds: ``load_s`` data, ``compile_s`` kernels."""

    settings: Settings
    market: Market
    grid: Any
    notices: tuple[str, ...] = ()
    load_s: float = 0.0
    compile_s: float = 0.0

    def between(self, start: int, end: int, warm_up: int) -> Ready:
        """The same over the moments T with start < T <= end (ns); so many moments before them are warm-up."""
        return msgspec.structs.replace(self, grid=self.grid.between(start, end, warm_up))

    def with_settings(self, settings: Settings) -> Ready:
        return msgspec.structs.replace(self, settings=settings)


def prepare(overrides: Overrides, notice: Notice) -> Ready:
    """Everything that can be refused, before anything runs. Raises ConfigError with all problems."""
    settings = load(overrides)
    for one in settings.notices:
        notice(one)
    if settings.feed.name == "sim" and settings.feed.bars is None:
        raise ConfigError(
            "a simulated market has no end: give --data for recorded bars, or --set feed.bars=5000 for a simulated one"
        )
    if settings.feed.follow:
        raise ConfigError("--follow reads files that grow; a backtest needs data that ends: leave it out")
    files = kernel_cache.user_files(settings.strategy.file)
    cache = kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now(), files)
    if cache.notice:
        notice(cache.notice)
    problems = strategy_problems(settings)
    if problems:
        raise ConfigError(problems)
    from orchestration.backtest.grid import gather

    begun = time.perf_counter()
    market, feed = market_and_feed(settings)
    classes = [market.instruments[one].asset_class for one in market.info.symbols]
    grid = gather(feed, market.info, classes)
    load_s = time.perf_counter() - begun
    for one in market.notices:
        notice(one)
    compile_s = compiled(settings)
    ready = Ready(
        settings=settings,
        market=market,
        grid=grid,
        notices=(*settings.notices, *market.notices),
        load_s=load_s,
        compile_s=compile_s,
    )
    enough(ready)
    return ready


def compiled(settings: Settings) -> float:
    """The kernels that a run of these settings needs, compiled or loaded; the seconds it took."""
    from orchestration.backtest.scans import compile_kernels
    from risk.exits.base import policies, reads_indicators
    from risk.gate import Rules

    begun = time.perf_counter()
    reads = bool(settings.risk.regime_factors) or reads_indicators(policies(settings.exits))
    kernel_cache.compile_all(
        [built_strategy(settings.strategy)], reads, Rules(settings.risk).reads_returns, settings.research.vetoes
    )
    compile_kernels()
    return time.perf_counter() - begun


def enough(ready: Ready) -> None:
    """Raises ConfigError when no symbol has more bars than the strategy's warm-up."""
    from strategies.base import resolve

    strategy = built_strategy(ready.settings.strategy)
    warm_up = strategy.warm_up(resolve(strategy, strategy_parameters(ready.settings)))
    most = max(len(one.bars) for one in ready.grid.series[: len(ready.settings.symbols)])
    if most <= warm_up:
        raise ConfigError(
            f"strategy {strategy.name} warms up over {warm_up:,} bars, but there are only {most:,}: give more data, a "
            "wider --timerange, a lower --timeframe, or smaller parameters"
        )


def run(
    ready: Ready,
    progress: Progress = lambda done, total: None,
    stop: Stop = lambda: False,
    dense: bool = False,
) -> Result:
    """One backtest, in this process. ``dense`` visits every moment, which changes nothing but the time it takes."""
    from orchestration.backtest.engine import Engine
    from orchestration.backtest.worth import curve
    from risk.exits.base import policies
    from venues.fills import FillModel

    settings, market, grid = ready.settings, ready.market, ready.grid
    identity = Identity(RUN_ID, 0, "", 0, "")
    run_of: RunSpec = run_spec(settings, market, identity)
    spec = gate_spec(settings, market, run_of)
    begun = time.perf_counter()
    active = policies(settings.exits)
    voices = _voices(ready, run_of, active)
    asked = research_spec(settings, market, run_of) if settings.research.vetoes else None
    engine = Engine(spec, FillModel(**settings.venues[0].costs()), grid, voices, active, dense, asked)
    try:
        ended = engine.walk(progress, stop)
    finally:
        if engine.weighing is not None:
            engine.weighing.close()
    engine.view.prices.mark(engine.gate.book)  # what filled at the last close was marked at its own price
    elapsed = time.perf_counter() - begun
    equity, exposure = curve(engine.worth, engine.changes, ended.end)
    records, begin = engine.records, grid.begin
    symbols = settings.symbols
    return Result(
        settings=settings,
        info=market.info,
        instruments=market.instruments,
        bars=grid.counted(len(symbols), ended.end),
        prices={symbol: grid.series[row].bars for row, symbol in enumerate(symbols)},
        moments=grid.moments[begin : ended.end],
        equity=equity[begin:],
        exposure=exposure[begin:],
        equity_final=engine.gate.book.equity(),
        fills=tuple(records.fills),
        orders=tuple(records.sent.values()),
        closes=tuple(records.closes),
        refusals=tuple(records.refusals),
        decisions=records.decisions(),
        positions=tuple(_open(one) for one in engine.gate.position()["positions"]),
        states=tuple(engine.states),
        locks=tuple(records.locks),
        errors=_errors(voices),
        notices=ready.notices,
        partial=ended.partial,
        research=engine.weighing.heard(ended.end) if engine.weighing is not None else None,
        load_s=ready.load_s,
        compile_s=ready.compile_s,
        elapsed_s=elapsed,
    )


def _voices(ready: Ready, run_of: RunSpec, active: tuple[Policy, ...]) -> list[Voice]:
    from actors.pair_agent import PairAgent
    from orchestration.backtest.voices import Voice
    from risk.exits.base import reads_indicators
    from strategies.base import resolve

    settings, grid = ready.settings, ready.grid
    strategy = built_strategy(settings.strategy)
    params = resolve(strategy, strategy_parameters(settings))
    regimes = bool(settings.risk.regime_factors)
    reads = regimes or reads_indicators(active)
    return [
        Voice(
            PairAgent(symbol, strategy.name, run_of.timeframe_ns, active),
            grid.series[row],
            strategy,
            params,
            ready.market.instruments[symbol],
            settings.exits,
            reads,
        )
        for row, symbol in enumerate(settings.symbols)
    ]


def _open(one: dict[str, Any]) -> Open:
    return Open(**one)


def _errors(voices: list[Voice]) -> tuple[str, ...]:
    """What went wrong with each symbol's steps: how often, and the first time."""
    told = []
    for voice in voices:
        if voice.errors:
            first = min(voice.errors)
            at = iso(int(voice.series.ends[first]))
            told.append(f"{voice.agent.symbol}: {len(voice.errors):,} bars, the first at {at}: {voice.errors[first]}")
    return tuple(told)
