"""Every key of the configuration: its type, its default, and what it means. One line per key."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le

from orchestration.settings.key import Bps, Key, Megabytes, Money, Percent, Seconds, Whole
from orchestration.settings.research_keys import RESEARCH_KEYS
from orchestration.settings.risk_keys import EXIT_KEYS, RISK_KEYS

COST_CLASSES = ("default", "forex", "metal", "crypto", "other")

KEYS: dict[str, Key] = {
    "symbols": Key(str | list[str], None, "what to trade", parse="symbols"),
    "mode": Key(Literal["paper", "live"], "paper", "paper, or live with a real feed and venue"),
    "timeframe": Key(str, None, "length of a bar", names="domain.timeframe:TIMEFRAMES"),
    "strategies_dir": Key(str | None, None, "a folder of strategies of your own", parse="folder"),
    "preset": Key(str, "balanced", "limits and costs to start from", names="presets"),
    "i_understand_live": Key(bool, False, "needed for mode live"),
    "account.currency": Key(str, "USD", "currency of the account", parse="currency"),
    "account.cash": Key(Money, 100_000.0, "cash at the start, in the account currency"),
    "account.equivalents": Key(
        dict[str, Annotated[float, Gt(0), Le(1e6)]],
        {"USDT": 1.0, "USDC": 1.0},
        "fixed rates: account currency per unit of another currency",
        sub="currency",
    ),
    "account.convert": Key(bool, True, "convert quote currencies; false counts them as the account's"),
    "feed.name": Key(
        Literal["auto", "sim", "recorded", "mt5", "jupiter"], "auto", "auto: recorded where there is data, else sim"
    ),
    "feed.speed": Key(
        Literal["max"] | Annotated[float, Gt(0), Le(1e6)], None, "bars per second", feeds=("sim", "recorded")
    ),
    "feed.seed": Key(Annotated[int, Ge(0), Le(2**63 - 1)], 7, "of the simulated market", feeds=("sim",)),
    "feed.warm_up": Key(Annotated[int, Ge(0), Le(1_000_000)], 500, "bars before cycle 1", feeds=("sim",)),
    "feed.bars": Key(Whole | None, None, "bars to simulate, null without end", feeds=("sim",)),
    "feed.data": Key(
        str | list[str], None, "a folder of SYMBOL_TF files, or SYMBOL=FILE", parse="data", feeds=("recorded",)
    ),
    "feed.timerange": Key(
        str | None, None, "UTC dates, both inclusive, by bar open", parse="timerange", feeds=("recorded",)
    ),
    "feed.follow": Key(bool, False, "read files that grow, as a live feed", feeds=("recorded",)),
    "strategy.name": Key(str, "ema_cross", "the strategy of every symbol", names="strategies"),
    **RISK_KEYS,
    **EXIT_KEYS,
    **RESEARCH_KEYS,
    "ray.address": Key(str, "local", "local, auto, or a cluster's host:port", parse="address"),
    "ray.dashboard": Key(bool, True, "start Ray's dashboard"),
    "ray.agents_per_host": Key(Literal["auto"] | Whole, "auto", "symbols that share an actor"),
    "ray.deadline": Key(Annotated[float, Gt(0), Le(3600)], 5.0, "seconds a step of a cycle may take"),
    "ray.metrics_port": Key(Annotated[int, Ge(1), Le(65_535)] | None, None, "of Ray's metrics, null for any"),
    "database.url": Key(str | None, None, "null: argus.db in the user's data folder", parse="url"),
    "cycle.interval": Key(Seconds | None, None, "seconds between live cycles; seconds per bar of sim"),
    "cycle.cycles": Key(Whole | None, None, "end after so many cycles"),
    "cycle.summary_keep_hours": Key(Annotated[float, Gt(0), Le(1e6)], 24.0, "for SCAN_SUMMARY of live runs"),
    "cycle.keep_hours": Key(
        dict[
            Literal["SCAN_START", "SCAN_SUMMARY", "ACCOUNT_UPDATE", "HEALTH", "HEARTBEAT"],
            Annotated[float, Gt(0), Le(1e6)],
        ],
        {"HEALTH": 168.0, "HEARTBEAT": 24.0},
        "hours that events of live runs are kept, by type",
    ),
    "supervision.restarts": Key(Whole, 5, "restarts of one actor in a window; beyond it: halt, stop or alert"),
    "supervision.window": Key(Seconds, 60.0, "seconds in which restarts are counted"),
    "supervision.patience": Key(Seconds, 15.0, "seconds an actor may owe an answer (4 deadlines at least)"),
    "supervision.heartbeat_url": Key(
        str | None, None, "asked for after every cycle, once a second at most", parse="web"
    ),
    "alerts.channels": Key(
        dict[str, str], {}, "Apprise URLs by name, or file:PATH of one that only its owner reads", parse="channels"
    ),
    "alerts.rules": Key(
        list[dict[str, str | float | list[str]]], [], "rules of your own, asked first", parse="alert_rules"
    ),
    "alerts.defaults": Key(bool, True, "also the rules that notify rules shows without any of your own"),
    "alerts.dedup": Key(Annotated[float, Ge(0), Le(604_800)], 300.0, "seconds in which the same thing is told once"),
    "alerts.rate": Key(Annotated[int, Ge(1), Le(3600)], 30, "messages an hour to a channel; critical ones on top"),
    "alerts.timeout": Key(Annotated[float, Gt(0), Le(300)], 15.0, "seconds a channel may take for one message"),
    "alerts.quiet": Key(
        str | None, None, "when only critical ones are told, such as 22:00-07:00 Europe/Berlin", parse="window"
    ),
    "alerts.summary": Key(str | None, "21:00 UTC", "when the day is summed up, null for never", parse="time_of_day"),
    "resources.every": Key(Annotated[float, Ge(1), Le(3600)], 5.0, "seconds between two looks at the machine"),
    "resources.lasting": Key(Annotated[float, Ge(0), Le(3600)], 30.0, "seconds a value must stay beyond its limit"),
    "resources.cpu": Key(Percent | None, 80.0, "percent of the machine's processors that the run uses"),
    "resources.memory": Key(Percent | None, 85.0, "percent of the machine's memory in use, by anybody"),
    "resources.memory_mb": Key(Megabytes | None, None, "megabytes that the run's processes hold"),
    "resources.disk": Key(Percent | None, 90.0, "percent used of the disk that the database is on"),
    "resources.open_files": Key(Percent | None, 80.0, "percent of the files that one process may open"),
    "resources.database_mb": Key(Megabytes | None, None, "megabytes of the database"),
    "resources.wal_mb": Key(Megabytes | None, 512.0, "megabytes of SQLite's write-ahead log"),
}
SECRET = frozenset({"supervision.heartbeat_url", "alerts.channels"})
"""Keys whose value is never shown: who has it can speak for the engine. Of a mapping the names are."""

VENUE_KEYS: dict[str, Key] = {
    "commission_bps": Key(Bps | dict[str, Bps], {"default": 0.0}, "of notional per fill, by asset class", sub="class"),
    "slippage_bps": Key(Bps | dict[str, Bps], {"default": 0.0}, "of the price, by asset class", sub="class"),
    "spread": Key(Literal["data", "none"], "data", "data: the data's, else the instrument's"),
    "fill_on": Key(Literal["next_open", "same_close"], "next_open", "where market orders fill"),
    "participation": Key(Annotated[float, Ge(0), Le(1)], 0.0, "largest share of a bar's volume, 0 for no limit"),
    "financing_bps": Key(
        dict[str, dict[Literal["long", "short"], Annotated[float, Ge(-10_000), Le(10_000)]]],
        {},
        "of the position's cost per night, by asset class: {long, short}, positive is paid",
        sub="class",
    ),
    "rate_per_second": Key(Annotated[float, Gt(0), Le(10_000)] | None, None, "calls a second, null for no limit"),
    "burst": Key(Whole | None, None, "calls at once after a pause, null for those of a second"),
    "breaker_failures": Key(Whole | None, None, "failed calls in a row that open the circuit breaker, null for none"),
    "breaker_seconds": Key(Seconds, 60.0, "seconds until an open breaker lets one call try"),
}

SECTIONS = (
    *("account", "feed", "strategy", "risk", "exits", "ray", "database", "cycle", "supervision", "alerts"),
    *("resources", "research"),
)
NOT_YET = ("mt5", "jupiter")
"""Names that are known but not part of this version."""


def key_of(path: str) -> Key | None:
    """The key at a dotted path; a strategy's parameters have none (the strategy declares them)."""
    if path.startswith("venues."):
        return VENUE_KEYS.get(path.rpartition(".")[2])
    return KEYS.get(path)


def names_in(registry: str) -> list[str]:
    """The registered names, from ``"module:MAPPING"``, the preset files, or the shipped strategies."""
    if registry == "presets":
        from orchestration.settings.preset_files import names

        return names()
    if registry == "strategies":
        from strategies import STRATEGIES

        return list(STRATEGIES)
    module, _, attribute = registry.partition(":")
    return list(getattr(import_module(module), attribute))


def allowed(kind: Any) -> str:
    """What a type lets through, in words."""
    if kind is None or kind is type(None):
        return "null"
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        low, high = _bounds(args[1:])
        return f"{allowed(args[0])} {low}{' ' if low and high else ''}{high}"
    if origin is Literal:
        return "one of " + ", ".join(map(str, args)) if len(args) > 1 else str(args[0])
    if origin is list:
        return f"a list: {allowed(args[0])}"
    if origin is dict:
        keys = allowed(args[0]).removeprefix("one of ").replace("text", "name")
        return f"a mapping of {keys} to {allowed(args[1])}"
    if args:
        return ", or ".join(allowed(one) for one in args)
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]


def _bounds(marks: tuple[Any, ...]) -> tuple[str, str]:
    low = high = ""
    for mark in marks:
        if isinstance(mark, Ge):
            low = f">= {_plain(mark.ge)}"
        elif isinstance(mark, Gt):
            low = f"> {_plain(mark.gt)}"
        elif isinstance(mark, Le):
            high = f"and <= {_plain(mark.le)}"
    return low, high


def _plain(bound: Any) -> str:
    return str(int(bound)) if bound == int(bound) else str(bound)
