"""The gate as it stands now, for who asks it what it would say: nothing is written but to a database of its own.

The account is copied out of the recorded one, and the gate is rebuilt from it as after a restart; without a recorded
run it is one with an empty book. The market is that of the run, the bars of files, or a price that somebody names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import sqlalchemy as sa

from actors.inputs import RecordedBars
from actors.risk_manager import RiskManager
from actors.specs import GateSpec
from domain.candidate import Candidate
from domain.market import BAR, BarBatch, FeedInfo
from domain.money import to_float
from domain.ports import Feed
from domain.registry import build
from domain.timeframe import DAY
from journal import schema as s
from journal.account_copy import copy_of, restore
from journal.commands import DONE
from journal.store import Store
from orchestration import frozen
from orchestration.clock import WallClock
from orchestration.frozen import Recorded
from orchestration.plan import Identity, Market, gate_spec, market, run_spec
from orchestration.replay import reading, thrown_away
from orchestration.replay.course import Course
from orchestration.replay.market import replayed_market
from orchestration.settings import Settings, instruments
from risk.explain import Ladder, explain
from risk.news import Calendar
from risk.view import View

OF_AN_OPERATOR = ("halt", "reset-kill-switch")
PART, ROWS = 20_000, 1_000_000
"""Moments of the market's past that are read at once, at most, and bars."""


class AskedGate(RiskManager):
    """Is shown the market's past, and then asked."""

    def learn(self, batch: BarBatch) -> None:
        """Bars of many moments, in the order of their closes."""
        bars = batch.rows
        closes = bars["ts"] + self.run.timeframe_ns
        starts = np.flatnonzero(np.diff(closes, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(bars)], strict=True):
            self._lookout.take(BarBatch(at=int(closes[start]), bars=bars[start:end]))

    def quote(self, symbol: str, price: int, at: int) -> None:
        """A price (1e-9) that somebody names, as the close of a bar at that time."""
        bar = np.zeros(1, BAR)
        instrument = self.run.instruments.get(symbol)
        bar["row"], bar["ts"] = self._prices.row[symbol], at - self.run.timeframe_ns
        for name in ("open", "high", "low", "close"):
            bar[name] = to_float(price)
        bar["volume"] = self._prices.volume(symbol)
        bar["spread"] = to_float(self._prices.spread(symbol, instrument)) if instrument is not None else np.nan
        self._prices.take(BarBatch(at=at, bars=bar))

    def price(self, symbol: str) -> int:
        """The last close in 1e-9; 0 for none."""
        return self._prices.price(symbol)

    def stand(self, now: int, paused: bool) -> View:
        """What rules see of the account at that time."""
        self._prices.mark(self.book)
        self._now = max(self._now, now)
        equity = self.book.equity()
        day = self._day_start.of(self._now)
        if day != self._day:
            self._day, self._day_equity = day, equity
            self._trades_today = self._records.trades_since(day)
        self._peak = max(self._peak, equity)
        self._assess(equity)
        self._closings.valued(self._now, equity, self._locked)
        standing = self._standing(equity)
        self._lookout.moment(now, self._switch.state, paused, standing, self._day_equity, self._trades_today)
        return self._lookout.view

    def ask(self, candidate: Candidate, now: int, paused: bool) -> Ladder:
        """What it would say."""
        view = self.stand(now, paused)
        self._lookout.look(candidate.symbol)
        return explain(self._gate, candidate, view, self._lookout.spread(candidate.symbol), self.spec.venue)


class Standing(msgspec.Struct, frozen=True):
    """A gate that can be asked, what it was told, the T of its newest bar (0: none), and the run of its account."""

    gate: AskedGate
    spec: GateSpec
    settings: Settings
    at: int
    found: Recorded | None

    def view(self, paused: bool) -> View:
        """What the gate sees of the account now."""
        return self.gate.stand(self.now, paused)

    @property
    def now(self) -> int:
        """The time by which the account lives: the clock's for a live one, else the last T there is."""
        live = self.found is not None and self.found.live
        return max(WallClock().now(), self.at) if live or not self.at else self.at


@contextmanager
def of_run(
    url: str, found: Recorded, settings: Settings, halt_file: str, remembers: bool = False
) -> Iterator[Standing]:
    """The gate of a recorded run, with its account and its market up to its last cycle, under these limits; with
    ``remembers`` it knows the market's returns though none of them asks for it.

    Raises ConfigError if what the market was read from is gone.
    """
    with reading(url) as recorded:
        course = Course(recorded, found)
        course.n = course.last
        was = frozen.settings_of(found.config)
        replayed = replayed_market(found, was, RecordedBars(recorded, found.run_id), course)
        known, same_news = replayed.market, settings.risk.news == was.risk.news
        if not same_news:
            known = msgspec.structs.replace(known, calendar=_calendar(settings))
        with recorded() as connection:
            there = connection.execute(sa.select(s.accounts).where(s.accounts.c.account == found.account)).first()
            body = copy_of(connection, found.account) if there is not None else None
            said = _said(connection, found.run_id, same_news)
        until = course.at
        with thrown_away(found.epoch) as store:
            with store.transaction() as tx:
                if body is not None:
                    restore(tx, body)
                tx.insert(s.commands, said)
            identity = Identity(found.run_id, found.epoch, store.url, found.started_at, halt_file)
            yield _standing(settings, known, identity, store, replayed.feed, until, found, remembers)


@contextmanager
def of_nothing(settings: Settings, halt_file: str, at: int | None) -> Iterator[Standing]:
    """The gate of a run that has not begun: an empty book, and the bars of ``--data`` up to a time, if there are any.

    Raises ConfigError with what is wrong with them.
    """
    now, feed, until = at if at is not None else WallClock().now(), None, 0
    if settings.feed.name == "recorded":
        from marketdata import FEEDS

        known = market(settings)
        feed = build("feed", settings.feed.name, FEEDS)(**known.arguments)
        last = known.info.end_at if known.info.end_at is not None else known.info.warmed_until
        until = min(last, now) if at is not None else last
    else:
        known = _without_bars(settings, now)
    with thrown_away(1) as store:
        identity = Identity("asked", 1, store.url, now, halt_file)
        yield _standing(settings, known, identity, store, feed, until, None)


def _said(c: sa.Connection, run_id: str, with_news: bool) -> list[dict[str, Any]]:
    """The commands that a gate begins with: the last word on halting, and the newest calendar of the run."""
    of = s.commands.c
    halting = of.verb.in_(OF_AN_OPERATOR)
    news = (of.verb == "calendar") & (of.run_id == run_id) & (of.state == DONE)
    some = [sa.select(sa.func.max(of.id)).where(one) for one in (halting, *([news] if with_news else []))]
    ids = [c.execute(one).scalar() for one in some]
    return [dict(row) for row in c.execute(sa.select(s.commands).where(of.id.in_(ids))).mappings()]


def _calendar(settings: Settings) -> Calendar | None:
    from marketdata.news import load as load_news

    return load_news(settings.risk.news) if settings.risk.news else None


def _standing(
    settings: Settings,
    known: Market,
    identity: Identity,
    store: Store,
    feed: Feed | None,
    until: int,
    found: Recorded | None,
    remembers: bool = False,
) -> Standing:
    spec = gate_spec(settings, known, run_spec(settings, known, identity))
    spec = msgspec.structs.replace(spec, remembers=spec.remembers or remembers)
    gate = AskedGate(spec, store, WallClock())
    gate.remembered()
    if feed is not None:
        _learn(gate, feed, until, spec)
    return Standing(gate, spec, settings, until, found)


def _learn(gate: AskedGate, feed: Feed, until: int, spec: GateSpec) -> None:
    """As much of the past as limits ask for, and over a closed market."""
    after = max(-1, until - 5 * spec.risk.returns_window * spec.run.timeframe_ns - 14 * DAY)
    most = max(1, min(PART, ROWS // max(1, len(spec.run.rows))))
    while after < until:
        part = feed.history(after, until, most)
        gate.learn(part)
        after = part.at


def _without_bars(settings: Settings, now: int) -> Market:
    """The instruments alone."""
    timeframe, decimals = settings.timeframe or "M1", dict.fromkeys(settings.symbols, 5)
    account = settings.account
    found, notices = instruments(settings.instruments, account.currency, decimals, convert=account.convert)
    info = FeedInfo(
        name="none",
        live=False,
        simulated=False,
        symbols=settings.symbols,
        timeframe=timeframe,
        decimals=decimals,
        start_at=now,
        warmed_until=now,
        inputs={},
    )
    return Market({}, info, found, (), tuple(notices), _calendar(settings))
