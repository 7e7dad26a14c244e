"""The market of a recorded run for its replay: what its bars are read from, and whether they are still the same."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from actors.inputs import RecordedBars
from domain.errors import ConfigError
from domain.market import FeedInfo
from domain.ports import Feed
from domain.registry import build
from marketdata.replayed import ReplayedFeed
from orchestration.frozen import Recorded, market_of
from orchestration.plan import Kept, Market
from orchestration.plan import market as found_today
from orchestration.replay.comparison import BARS, Difference
from orchestration.replay.course import Course
from orchestration.settings import Settings


class Replayed(NamedTuple):
    """The market, a feed that gives its bars, and the symbols whose files are not what they were."""

    market: Market
    feed: Feed
    changed: tuple[str, ...] = ()


def replayed_market(found: Recorded, settings: Settings, bars: RecordedBars, course: Course) -> Replayed:
    """Raises ConfigError if the bars cannot be had any more, or were made by another version."""
    kept = msgspec.json.decode(found.inputs, type=Kept)
    if found.live:
        return _live(found, kept, bars, course)
    if found.simulated:
        market = market_of(found, settings)
        return Replayed(market, _feed(kept.feed, market))
    return _recorded(found, settings, kept)


def first_change(replayed: Replayed, found: Recorded, course: Course) -> Difference | None:
    """The first cycle that had other bars, if files have changed; None if what has changed was not used."""
    if not replayed.changed:
        return None
    after = found.warmed_until
    for cycle in course.cycles():
        now = replayed.feed.next(after)
        if now is None or (now.at, now.digest) != (cycle.at, cycle.digest):
            there = {replayed.market.info.symbols[row] for row in now.rows["row"].tolist()} if now else set()
            named = [one for one in replayed.changed if one in there] or replayed.changed
            return Difference(
                kind=BARS,
                at=cycle.at,
                cycle=cycle.n,
                recorded={"digest": cycle.digest},
                replayed={"digest": now.digest if now is not None and now.at == cycle.at else ""},
                symbol=", ".join(named),
            )
        after = now.at
    return None


def _live(found: Recorded, kept: Kept, bars: RecordedBars, course: Course) -> Replayed:
    info = bars.info()
    if info is None:
        raise ConfigError(f"run {found.run_id} has not recorded its bars: an earlier version of this program made it")
    info = msgspec.structs.replace(info, warmed_until=found.warmed_until, start_at=found.anchor)
    market = Market(kept.arguments, info, kept.instruments, kept.subscribed, (), kept.calendar)
    return Replayed(market, ReplayedFeed(info, bars, lambda: course.at))


def _recorded(found: Recorded, settings: Settings, kept: Kept) -> Replayed:
    files = {symbol: was["path"] for symbol, was in kept.inputs.items()}
    gone = [
        f"{one}: {path}, which run {found.run_id} read, is gone: put it back"
        for one, path in files.items()
        if _gone(path)
    ]
    if gone:
        raise ConfigError(gone)
    if kept.arguments:
        arguments = {**kept.arguments, "symbols": tuple(kept.arguments["symbols"])}
        feed: Feed = build("feed", kept.feed, _feeds())(**arguments)
        market = Market(arguments, feed.info(), kept.instruments, kept.subscribed, (), kept.calendar)
    else:  # written before markets were recorded
        market = found_today(settings)
        feed = _feed(kept.feed, market)
    return Replayed(market, feed, _changed(kept, market.info))


def _changed(kept: Kept, info: FeedInfo) -> tuple[str, ...]:
    return tuple(one for one, was in kept.inputs.items() if info.inputs.get(one, {}).get("sha256") != was["sha256"])


def _feed(name: str, market: Market) -> Feed:
    feed: Feed = build("feed", name, _feeds())(**market.arguments)
    return feed


def _feeds() -> dict[str, str]:
    from marketdata import FEEDS

    return FEEDS


def _gone(path: str) -> bool:
    return not Path(path).is_file()
