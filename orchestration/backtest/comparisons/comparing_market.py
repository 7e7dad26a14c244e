"""A recorded run as something that can be backtested: its settings, with what somebody changes, and its bars."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np

from actors.inputs import RecordedBars
from domain.errors import ConfigError
from domain.market import Bars, FeedInfo, empty_bars
from domain.timeframe import iso
from marketdata.bars import closes
from orchestration.backtest.grid import Grid, Places, gather
from orchestration.backtest.running import Ready, compiled
from orchestration.frozen import Recorded, same_strategy
from orchestration.plan import Market, market_and_feed
from orchestration.replay.course import Course
from orchestration.replay.market import first_change, replayed_market
from orchestration.settings import Overrides, Settings, UsageError, load, own_file, strategy_problems

Notice = Callable[[str], None]

SECTIONS = ("account", "risk", "exits", "strategy")
"""Parts of the settings that may differ in single fields."""
WHOLE = ("symbols", "timeframe", "preset", "instruments")
MARKET = ("symbols", "timeframe", "feed", "instruments")
"""Parts that say which bars there are."""
NEVER = 2**63 - 1
"""When a file differs in bars that the run did not use."""
OF_THE_MACHINE = ("ray", "cycle", "supervision", "database")


class Changed(NamedTuple):
    """The settings of a run with what somebody changes: key -> (was, is)."""

    settings: Settings
    keys: dict[str, tuple[Any, Any]]


class Again(NamedTuple):
    """A run ready to be backtested up to its last closed cycle.

    ``changed``: symbol -> the first T with other bars than the run had, NEVER if none that it used. ``other``: why the
    strategy computes something else than it did; empty if it does not.
    """

    ready: Ready
    changed: dict[str, int]
    other: str


# -- settings --------------------------------------------------------------------------------------


def changed_by(frozen: Settings, timeframe: str | None, sets: Sequence[str], data: Sequence[str]) -> Changed:
    """The frozen settings with keys and files of the command line over them. Raises ConfigError or UsageError.

    Everything else stays as it was recorded, whatever a preset or a default says today. ``timeframe``: of its bars.
    """
    if not sets and not data:
        return Changed(frozen, {})
    before = load(Overrides(sets=_as_sets(frozen, ()), needs_symbols=False), {})
    named = {text.partition("=")[0] for text in sets}
    kept = _as_sets(frozen, ("feed.data", "feed.name", "feed.follow", *_OF_SIM) if data else ())
    if data and timeframe is not None and "timeframe" not in named:
        kept = (*(one for one in kept if not one.startswith("timeframe=")), f"timeframe={timeframe}")
    if "strategy.name" in named:
        kept = tuple(one for one in kept if not one.startswith("strategy."))
    if "symbols" in named and not data:
        kept = tuple(_fewer(one, sets) if one.startswith("feed.data=") else one for one in kept)
    kept = tuple(one for one in kept if one.partition("=")[0] not in named)
    after = load(Overrides(sets=(*kept, *sets), data=tuple(data), needs_symbols=False), {})
    keys = {
        key: (before.written[key].value if key in before.written else None, one.value)
        for key, one in after.written.items()
        if key not in before.written or before.written[key].value != one.value
    }
    strange = [one for one in keys if one.partition(".")[0] in OF_THE_MACHINE]
    if strange:
        raise UsageError(f"--set {', '.join(strange)}: no meaning in a backtest; leave it out")
    return Changed(_laid_over(frozen, before, after, bool(data)), keys)


_ALONE = ("strategies_dir", "feed.speed", "i_understand_live")
_VENUE_NAME = re.compile(r"venues\..+\.name")
_OF_SIM = ("feed.seed", "feed.warm_up", "feed.bars")


def _as_sets(frozen: Settings, without: Sequence[str]) -> tuple[str, ...]:
    """What somebody wrote for the run, as it would be typed; what came from a preset comes from it again."""
    own = [] if not frozen.strategy.file else [f"strategies_dir={_text(str(Path(frozen.strategy.file).parent))}"]
    for key, one in frozen.written.items():
        section = key.partition(".")[0]
        given = one.source != "default" and not one.source.startswith("preset ")
        skipped = (
            section in OF_THE_MACHINE
            or _VENUE_NAME.fullmatch(key)
            or key in ("strategies_dir", "feed.speed", "i_understand_live", *without)
        )
        if given and not skipped:
            own.append(f"{key}={_text(one.value)}")
    return tuple(own)


def _fewer(text: str, sets: Sequence[str]) -> str:
    """The files of the run without those of symbols that are left out."""
    files = msgspec.json.decode(text.partition("=")[2])
    asked = next(one.partition("=")[2] for one in reversed(sets) if one.startswith("symbols="))
    names = set(re.findall(r"[A-Za-z0-9._-]+", asked))
    if not isinstance(files, list):
        return text
    return f"feed.data={_text([one for one in files if '=' not in one or one.partition('=')[0] in names])}"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _laid_over(frozen: Settings, before: Settings, after: Settings, data: bool) -> Settings:
    """The frozen settings where ``before`` and ``after`` agree, else those of ``after``."""
    made: dict[str, Any] = {
        name: getattr(after, name) for name in WHOLE if getattr(before, name) != getattr(after, name)
    }
    for name in SECTIONS:
        made[name] = _fields(*(getattr(one, name) for one in (frozen, before, after)))
    if before.strategy.name != after.strategy.name:
        made["strategy"] = after.strategy
    explicit = frozen.risk.explicit | (after.risk.explicit - before.risk.explicit)
    made["risk"] = msgspec.structs.replace(made["risk"], explicit=explicit)
    made["feed"] = after.feed if data else _fields(frozen.feed, before.feed, after.feed)
    venues = zip(frozen.venues, before.venues, after.venues, strict=False)
    made["venues"] = tuple(_fields(*one) for one in venues) if len(after.venues) == len(frozen.venues) else after.venues
    return msgspec.structs.replace(frozen, written=after.written, notices=(), **made)


def _fields(frozen: Any, before: Any, after: Any) -> Any:
    names = [one for one in frozen.__struct_fields__ if getattr(before, one) != getattr(after, one)]
    return msgspec.structs.replace(frozen, **{one: getattr(after, one) for one in names})


# -- bars ------------------------------------------------------------------------------------------


def again(found: Recorded, frozen: Settings, asked: Changed, bars: RecordedBars, course: Course, end: int) -> Again:
    """The run's bars up to the moment ``end``, or those that the changed settings ask for.

    Raises ConfigError if they cannot be had any more.
    """
    settings = asked.settings
    problems = strategy_problems(settings) if asked.keys else []
    if problems:
        raise ConfigError(problems)
    own_file(settings.strategy)
    begun = time.perf_counter()
    market, grid, changed = _bars(found, frozen, settings, bars, course, end)
    if grid.begin >= len(grid):
        span = f"after {iso(found.warmed_until)}, up to {iso(end)}"
        raise ConfigError(f"there are no bars of the time in which run {found.run_id} traded ({span})")
    load_s = time.perf_counter() - begun
    ready = Ready(settings=settings, market=market, grid=grid, load_s=load_s, compile_s=compiled(settings))
    return Again(ready, changed, _other(found, frozen))


def _other(found: Recorded, frozen: Settings) -> str:
    try:
        same_strategy(found, frozen)
    except ConfigError as error:
        return "; ".join(error.problems).partition("; start a new run")[0]
    return ""


def _bars(
    found: Recorded, frozen: Settings, settings: Settings, bars: RecordedBars, course: Course, end: int
) -> tuple[Market, Grid, dict[str, int]]:
    others = any(getattr(frozen, name) != getattr(settings, name) for name in MARKET)
    if others or _without_cash(frozen) != _without_cash(settings) or frozen.risk.news != settings.risk.news:
        return *_found_today(found, settings, end), {}
    replayed = replayed_market(found, settings, bars, course)
    info = msgspec.structs.replace(replayed.market.info, live=False, end_at=end)
    market = _with_info(replayed.market, info)
    if found.live:
        return market, _recorded(found, market, bars, end), {}
    changed = dict.fromkeys(replayed.changed, NEVER)
    first = first_change(replayed, found, course)
    if first is not None and first.symbol:
        changed |= dict.fromkeys(first.symbol.split(", "), first.at)
    return market, gather(replayed.feed, info, _classes(market)), changed


def _without_cash(settings: Settings) -> Any:
    return msgspec.structs.replace(settings.account, cash=0)


def _found_today(found: Recorded, settings: Settings, end: int) -> tuple[Market, Grid]:
    """Other bars than those of the run, over its time."""
    if settings.feed.follow:
        raise ConfigError(
            f"run {found.run_id} was live, its bars are in the database: to change its market, give --data as well"
        )
    market, feed = market_and_feed(settings)
    own_end = market.info.end_at
    info = msgspec.structs.replace(market.info, live=False, end_at=end if own_end is None else min(own_end, end))
    grid = gather(feed, info, _classes(market))
    past = np.searchsorted(grid.moments, (found.anchor, found.warmed_until + 1))
    return _with_info(market, info), grid.between(found.warmed_until, end, max(0, int(past[1] - past[0])))


def _recorded(found: Recorded, market: Market, bars: RecordedBars, end: int) -> Grid:
    """The bars of a live run, each at the T at which it was used."""
    parts, ends = [empty_bars()], [np.zeros(0, np.int64)]
    after = -1
    while after < found.warmed_until and (part := bars.warm_up(after)) is not None:
        parts.append(part.rows)
        ends.append(_closes(part.rows, market))
        after = part.at
    after = found.warmed_until
    while (batch := bars.next(after)) is not None and batch.at <= end:
        parts.append(batch.rows)
        ends.append(np.full(len(batch.rows), batch.at, np.int64))
        after = batch.at
    return Grid(np.concatenate(parts), np.concatenate(ends), len(market.info.symbols), found.warmed_until)


def _closes(bars: Bars, market: Market) -> Places:
    """When each bar closed (ns); they are in this order."""
    found = np.zeros(len(bars), np.int64)
    for row, asset_class in enumerate(_classes(market)):
        mine = np.flatnonzero(bars["row"] == row)
        found[mine] = closes(bars[mine], market.info.timeframe, asset_class)
    return found


def _with_info(market: Market, info: FeedInfo) -> Market:
    return Market(market.arguments, info, market.instruments, market.subscribed, market.notices, market.calendar)


def _classes(market: Market) -> list[str]:
    return [market.instruments[one].asset_class for one in market.info.symbols]
