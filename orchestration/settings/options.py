"""What the command line gave, before anything of it is believed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """The options of ``run`` and ``backtest`` as they were typed; None or empty is not given.

    ``symbols`` and ``data`` hold one text per use of the option; ``speed`` is 'max' or a number as text;
    ``needs_symbols`` is False for verbs that only show the configuration.
    """

    symbols: tuple[str, ...] = ()
    mode: str | None = None
    feed: str | None = None
    follow: bool = False
    data: tuple[str, ...] = ()
    timeframe: str | None = None
    timerange: str | None = None
    strategy: str | None = None
    strategies_dir: str | None = None
    preset: str | None = None
    interval: float | None = None
    cycles: int | None = None
    seed: int | None = None
    speed: str | None = None
    db_url: str | None = None
    address: str | None = None
    i_understand_live: bool = False
    config: tuple[str | Path, ...] = ()
    sets: tuple[str, ...] = ()
    needs_symbols: bool = True


OPTIONS = {
    "symbols": "--symbols",
    "mode": "--mode",
    "feed.name": "--feed",
    "feed.follow": "--follow",
    "feed.data": "--data",
    "timeframe": "--timeframe",
    "feed.timerange": "--timerange",
    "strategy.name": "--strategy",
    "strategies_dir": "--strategies-dir",
    "preset": "--preset",
    "cycle.interval": "--interval",
    "cycle.cycles": "--cycles",
    "feed.seed": "--seed",
    "feed.speed": "--speed",
    "database.url": "--db-url",
    "ray.address": "--address",
    "i_understand_live": "--i-understand-live",
}
"""Key to option."""


def option_values(given: Overrides) -> dict[str, tuple[str, Any]]:
    """Key to (option, value), for the options that were given."""
    values: dict[str, Any] = {
        "symbols": ",".join(given.symbols) if given.symbols else None,
        "mode": given.mode,
        "feed.name": given.feed,
        "feed.follow": given.follow or None,
        "feed.data": list(given.data) or None,
        "timeframe": given.timeframe,
        "feed.timerange": given.timerange,
        "strategy.name": given.strategy,
        "strategies_dir": given.strategies_dir,
        "preset": given.preset,
        "cycle.interval": given.interval,
        "cycle.cycles": given.cycles,
        "feed.seed": given.seed,
        "feed.speed": _speed(given.speed),
        "database.url": given.db_url,
        "ray.address": given.address,
        "i_understand_live": given.i_understand_live or None,
    }
    return {key: (OPTIONS[key], value) for key, value in values.items() if value is not None}


def _speed(text: str | None) -> str | float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text
