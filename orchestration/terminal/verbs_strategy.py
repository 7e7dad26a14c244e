"""The verbs ``new-strategy`` and ``lint-strategy``: a strategy of one's own, begun and checked."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.terminal.exits import DONE, FAILED, guarded
from orchestration.terminal.options import AsJson, Data, Sets, StrategiesDir, Symbols, Timeframe
from orchestration.terminal.output import aligned, print_json, say

if TYPE_CHECKING:
    from domain.market import Bars
    from orchestration.settings import Overrides, Settings

BARS, BEYOND = 3000, 1500
"""Bars of each symbol to check on, and at least so many beyond those that are needed."""

EXAMPLES = """Examples:

  python cli.py lint-strategy my_strategies/turtle.py

  python cli.py lint-strategy turtle --strategies-dir my_strategies --symbols EURUSD --data my_bars --timeframe M5

Exit codes: 0 all passed, 1 a check failed, 2 wrong usage, 4 the file or the data is refused."""


@guarded
def new(
    name: Annotated[str, typer.Argument(help="Of the strategy, its function and its file.", show_default=False)],
    folder: Annotated[
        str, typer.Option("--dir", help="Where the file is put; made if it is not there.", metavar="DIR")
    ] = "my_strategies",
    plain: Annotated[
        bool, typer.Option("--plain", help="Plain Python instead of compiled: slower, and freer.", show_default=False)
    ] = False,
) -> int:
    """Write a strategy of your own to start from: one commented file that works at once.

    A file that is there is never overwritten.
    """
    from domain.errors import ConfigError
    from orchestration.terminal.strategy_template import text
    from strategies import STRATEGIES
    from strategies.files import nameable

    if not nameable(name):
        raise ConfigError(f"{name!r} cannot be the name of a function: letters, digits and _, not beginning with _")
    if name in STRATEGIES:
        raise ConfigError(f"{name} is the name of a shipped strategy; choose another one")
    where = Path(folder).expanduser()
    file = where / f"{name}.py"
    where.mkdir(parents=True, exist_ok=True)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text(name, plain))
    except FileExistsError:
        raise ConfigError(f"{file} is there already and stays as it is; choose another name, or remove it") from None
    say(
        f"wrote {file}",
        "",
        "check it:  " + f"python cli.py lint-strategy {file}",
        "run it:    "
        + f"python cli.py run --symbols EURUSD,BTC --strategies-dir {where} --strategy {name} --speed max --cycles 500",
        "set it:    --set strategy.length=20, or any other of its Params",
    )
    return DONE


@guarded
def lint(
    strategy: Annotated[
        str,
        typer.Argument(metavar="FILE|NAME", help="A file NAME.py, or the name of a strategy.", show_default=False),
    ],
    strategies_dir: StrategiesDir = None,
    symbols: Symbols = None,
    data: Data = None,
    timeframe: Timeframe = None,
    bars: Annotated[
        int | None,
        typer.Option("--bars", min=1, help="Bars of each symbol.", show_default=f"{BARS:,}, more for a long warm-up"),
    ] = None,
    sets: Sets = None,
    as_json: AsJson = False,
) -> int:
    """Check a strategy on bars: everything that a run, a restart, a replay and a backtest take for granted.

    Without --data the bars are simulated. Each check that fails shows its first difference: the bar and both values.
    """
    from orchestration import kernel_cache
    from orchestration.settings import built_strategy, load, own_file, strategy_parameters
    from orchestration.terminal.place import now

    name, folder = _named(strategy, strategies_dir)
    settings = load(_overrides(name, folder, symbols, data, timeframe, sets), {})
    files = kernel_cache.user_files(settings.strategy.file)
    kernel_cache.prepare(kernel_cache.cache_root(os.environ), now(), files)
    from domain.errors import ConfigError
    from strategies.base import resolve
    from strategies.lint import LATER, OUTSIDE, bars_needed, checked, first_problems, spoken

    own = own_file(settings.strategy)
    if own is not None:
        from orchestration.trial import tried

        refused = tried(own, settings.strategy.preset, settings.strategy.parameters).refused
        if refused:
            raise ConfigError(refused)
    kernel = built_strategy(settings.strategy)
    params = resolve(kernel, strategy_parameters(settings))
    problems = first_problems(kernel, params, own)
    if problems:
        raise ConfigError(problems)
    markets = _markets(settings, bars_needed(kernel, params), bars)
    found = checked(kernel, params, markets, own)
    changes = {} if any(OUTSIDE in one.first for one in found) else spoken(kernel, params, markets, own)
    silent = [symbol for symbol, count in changes.items() if not count]
    if as_json:
        print_json(
            {
                "strategy": name,
                "file": settings.strategy.file or None,
                "bars": {symbol: len(each) for symbol, each in markets.items()},
                "changes": changes,
                "passed": all(one.passed for one in found),
                "forgets_after": kernel.forget(params) if kernel.forget else None,
                "checks": [
                    {"check": one.name, "asks": one.asks, "passed": one.passed, "first_difference": one.first or None}
                    for one in found
                ],
            }
        )
    else:
        lengths = ", ".join(f"{len(each):,} of {symbol}" for symbol, each in markets.items())
        kind = "simulated" if settings.feed.name == "sim" else "recorded"
        rows = [("failed" if one.first else "passed", one.name, one.asks, one.first) for one in found]
        rows += [] if kernel.forget else [("-", LATER, kernel.remembers or "no forget is declared", "")]
        say(f"{name} on {kind} bars: {lengths}", *_table(rows))
        if silent:
            say(f"note: its stance never changed on the bars of {', '.join(silent)}: these checks say little there")
    return DONE if all(one.passed for one in found) else FAILED


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    """A line per check (how it ended, name, what it asks), with the first difference below the one that failed."""
    lines = []
    for (*_, first), line in zip(rows, aligned([one[:3] for one in rows], [False] * 3), strict=True):
        lines += [line, *([f"        {first}"] if first else [])]
    return lines


def _named(strategy: str, strategies_dir: str | None) -> tuple[str, str | None]:
    """Name and folder of what was asked for. Raises UsageError where a file and a folder stand beside each other."""
    if not strategy.endswith(".py"):
        return strategy, strategies_dir
    from orchestration.settings import UsageError
    from strategies.files import read

    if strategies_dir is not None:
        raise UsageError(f"{strategy} is a file: leave out --strategies-dir, or give the name alone")
    path = Path(read(strategy).path)
    return path.stem, str(path.parent)


def _overrides(
    name: str,
    folder: str | None,
    symbols: list[str] | None,
    data: list[str] | None,
    timeframe: str | None,
    sets: list[str] | None,
) -> Overrides:
    from orchestration.settings import Overrides

    simulated = () if data else ("feed.warm_up=0",)
    return Overrides(
        symbols=tuple(symbols or ()) or (() if data else ("EURUSD", "BTC")),
        data=tuple(data or ()),
        timeframe=timeframe,
        strategy=name,
        strategies_dir=folder,
        sets=("account.convert=false", *simulated, *(sets or ())),
    )


def _markets(settings: Settings, least: int, asked: int | None) -> dict[str, Bars]:
    """The first bars of every symbol. Raises ConfigError where they are too few."""
    import numpy as np

    from domain.errors import ConfigError
    from domain.market import empty_bars
    from domain.registry import build
    from marketdata import FEEDS
    from orchestration.plan import market

    count = asked or max(BARS, least + BEYOND)
    found = market(settings)
    feed: Any = build("feed", found.info.name, FEEDS)(**found.arguments)
    parts: list[Bars] = []
    counts = np.zeros(len(settings.symbols), np.int64)
    at = -1
    while counts.min() < count:
        batch = feed.next(at)
        if batch.final:
            break
        at = batch.at
        rows = batch.rows[batch.rows["row"] < len(counts)]
        parts.append(rows)
        counts += np.bincount(rows["row"], minlength=len(counts))
    every: Bars = np.concatenate(parts) if parts else empty_bars()
    markets: dict[str, Bars] = {
        symbol: every[every["row"] == row][:count].copy() for row, symbol in enumerate(settings.symbols)
    }
    short = {symbol: len(bars) for symbol, bars in markets.items() if len(bars) < least}
    if short:
        raise ConfigError(
            [
                f"{symbol}: {have:,} bars; needed are {least:,}, its warm-up and some more: give more bars"
                for symbol, have in short.items()
            ]
        )
    return markets
