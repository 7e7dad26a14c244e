"""One symbol's bars as a run has seen them, and the levels that its strategy sees in them.

A live run has written its bars down; another one's come from where it had them: its files, or the seed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from actors.inputs import BARS, HISTORY
from api.errors import Problem, scrubbed
from api.runs import Run, feed_info, settings_of
from api.site import Site
from domain.errors import ConfigError
from domain.market import BAR, Bars, empty_bars
from domain.ports import Feed
from domain.registry import build
from domain.timeframe import length
from journal import schema as s
from marketdata.replayed import unpacked

MOST = 5_000
"""Bars that are kept of a symbol, and told at once."""
FOLLOWED = 8
"""Symbols whose feeds are kept open."""
PART = 20_000
BLOBS = 64
"""Moments of a live run that are read at once."""

Plain = dict[str, Any]


class Followed:
    """One symbol of a run without its bars written down: a feed of its own, and as far as it was read."""

    def __init__(self, run: Run, symbol: str, anchor: int) -> None:
        self._feed, self._at = _feed(run, symbol), -1
        self._anchor = anchor
        self.length = length(_timeframe(run, self._feed))
        self.bars: Bars = empty_bars()
        self.levels = Levels(run, symbol)
        self.lock = Lock()

    def upto(self, at: int) -> None:
        """Read on to this T."""
        if at < self._at:
            return
        while self._at < at:
            part = self._feed.history(self._at, at, PART)
            found = part.rows[part.rows["ts"] + self.length >= self._anchor]
            self.levels.step(found)
            self.bars = np.concatenate((self.bars, found))[-MOST:]
            self._at = part.at


class Levels:
    """The strategy's state of one symbol, bar by bar; the compiler is asked for when the first levels are."""

    def __init__(self, run: Run, symbol: str) -> None:
        self._run, self._symbol = run, symbol
        self.reads = READERS.get(run.strategy or "")
        self.seen = 0
        self._rows: Any = None
        self._waiting: list[Bars] = []

    def step(self, bars: Bars) -> None:
        """More closed bars; they are only kept until somebody asks."""
        if self.reads is not None and len(bars):
            self._waiting.append(bars)
            self.seen += len(bars)

    def now(self) -> list[Plain]:
        """The levels after the last bar, the strongest first."""
        if self.reads is None or (not self._waiting and self._rows is None):
            return []
        if self._rows is None:
            self._rows = self._made()
        for bars in self._waiting:
            self._rows.step(bars, np.zeros(len(bars), np.int64))
        self._waiting = []
        return sorted(self.reads(self._rows.state[0], self._rows.params), key=_strongest)

    def _made(self) -> Any:
        from api.kernels import prepared

        prepared()
        from orchestration.settings import built_strategy, strategy_parameters
        from strategies.base import resolve
        from strategies.runner import Rows

        settings = settings_of(self._run)
        try:
            strategy = built_strategy(settings.strategy)
            params = resolve(strategy, strategy_parameters(settings))
        except ConfigError as error:
            raise Problem(409, "OTHER_VERSION", scrubbed(str(error))) from error
        instrument = self._run.inputs.instruments.get(self._symbol)
        return Rows(strategy, params, 1, [instrument.asset_class] if instrument is not None else [])


class Markets:
    """The symbols that somebody looks at. Threads may share it."""

    def __init__(self) -> None:
        self._followed: OrderedDict[tuple[str, str], Followed] = OrderedDict()
        self._lock = Lock()

    def bars(self, here: Site, run: Run, symbol: str, limit: int) -> Bars:
        """The last closed bars, oldest first. Raises Problem where they cannot be had any more."""
        if run.live:
            with here.read() as c:
                return recorded(c, run, symbol, limit)
        followed, at = self._follow(here, run, symbol)
        with followed.lock:
            followed.upto(at)
            return followed.bars[followed.bars["ts"] + followed.length <= at][-limit:]

    def levels(self, here: Site, run: Run, symbol: str) -> tuple[list[Plain], int]:
        """The levels, and of how many bars they are made."""
        if READERS.get(run.strategy or "") is None:
            return [], 0
        if run.live:
            with here.read() as c:
                bars = recorded(c, run, symbol, MOST)
            levels = Levels(run, symbol)
            levels.step(bars)
            return levels.now(), levels.seen
        followed, at = self._follow(here, run, symbol)
        with followed.lock:
            followed.upto(at)
            return followed.levels.now(), followed.levels.seen

    def _follow(self, here: Site, run: Run, symbol: str) -> tuple[Followed, int]:
        of, anchors = s.cycles.c, s.anchors.c
        with here.read() as c:
            query = select(of.at).where(of.run_id == run.run_id).order_by(of.n.desc()).limit(1)
            at = c.execute(query).scalar()
            anchored = select(anchors.at).where(anchors.run_id == run.run_id, anchors.symbol == symbol).limit(1)
            anchor = c.execute(anchored).scalar()
        at = run.warmed_until if at is None else int(at)
        key = (run.run_id, symbol)
        with self._lock:
            found = self._followed.get(key)
        if found is None:
            try:
                found = Followed(run, symbol, anchor or 0)
            except ConfigError as error:
                said = scrubbed(str(error))
                raise Problem(409, "BARS_GONE", f"the bars of this run cannot be had any more: {said}") from error
        with self._lock:
            found = self._followed.setdefault(key, found)
            self._followed.move_to_end(key)
            while len(self._followed) > FOLLOWED:
                self._followed.popitem(last=False)
        return found, at


# -- where bars come from ------------------------------------------------------------------------


def _feed(run: Run, symbol: str) -> Feed:
    """A feed of this symbol alone: what it gives does not depend on the others."""
    from marketdata import FEEDS

    arguments = dict(run.inputs.arguments)
    if not arguments:
        raise ConfigError("it was written by an earlier version of this program")
    arguments["symbols"] = (symbol,)
    if "sources" in arguments:
        arguments["sources"] = {symbol: arguments["sources"].get(symbol, "")}
    feed: Feed = build("feed", run.inputs.feed, FEEDS)(**arguments)
    return feed


def _timeframe(run: Run, feed: Feed) -> str:
    return feed.info().timeframe


def recorded(c: Connection, run: Run, symbol: str, limit: int) -> Bars:
    """The last bars of a live run as its cycles used them, warm-up included."""
    info = feed_info(c, run)
    symbols = list(info.symbols) if info is not None else [*run.symbols, *run.inputs.subscribed]
    if symbol not in symbols:
        return empty_bars()
    row = symbols.index(symbol)
    parts: list[Bars] = []
    count = 0
    for rows in _backwards(c, run.run_id):
        mine = rows[rows["row"] == row]
        parts.append(mine)
        count += len(mine)
        if count >= limit:
            break
    return np.concatenate(parts[::-1])[-limit:] if parts else empty_bars()


def _backwards(c: Connection, run_id: str) -> Iterator[Bars]:
    """The bars of moments, then the parts of the warm-up, the newest first."""
    readers: tuple[tuple[str, Callable[[bytes], Bars]], ...] = (
        (BARS, lambda body: np.frombuffer(body, BAR)),
        (HISTORY, unpacked),
    )
    of = s.inputs.c
    for kind, read in readers:
        before = 2**63 - 1
        while True:
            query = select(of.at, of.body).where(of.run_id == run_id, of.kind == kind, of.at < before)
            found = c.execute(query.order_by(of.at.desc()).limit(BLOBS if kind == BARS else 1)).all()
            for at, body in found:
                before = at
                yield read(body)
            if not found:
                break


# -- what strategies know ------------------------------------------------------------------------


def _turns(state: Any, params: Any) -> list[Plain]:
    """The table of ``strategies.levels``: prices where the market turned several times."""
    from strategies import levels as table
    from strategies.base import SEEN
    from strategies.breakout import LEVELS

    found = []
    for which in range(table.COUNT):
        here = table.at(LEVELS, which)
        touches = state[here + table.TOUCHES]
        if touches == 0.0:
            continue
        broken = state[here + table.BROKEN]
        found.append(
            {
                "kind": "level",
                "price": float(state[here + table.PRICE]),
                "strength": float(table.strength(state, here, params.age, state[SEEN])),
                "touches": int(touches),
                "side": "below" if state[here + table.PLACE] > 0 else "above",
                "broken_bars_ago": int(state[SEEN] - broken) if broken else None,
            }
        )
    return found


def _break(state: Any, params: Any) -> list[Plain]:
    """The break of the structure that waits for its confirmation."""
    from strategies import bos

    side = state[bos.SIDE]
    if side == 0.0:
        return []
    found = {"kind": "break", "price": float(state[bos.LEVEL]), "strength": float(state[bos.STRENGTH])}
    return [found | {"touches": None, "side": "below" if side > 0 else "above", "broken_bars_ago": int(state[bos.AGE])}]


def _grid(state: Any, params: Any) -> list[Plain]:
    """The lines of the grid that is laid, the centre first."""
    from strategies.grid import CENTRE, STEP

    centre, step = float(state[CENTRE]), float(state[STEP])
    if step == 0.0:
        return []
    return [
        {
            "kind": "centre" if rung == 0 else "grid",
            "price": centre + rung * step,
            "strength": None,
            "touches": None,
            "side": None,
            "broken_bars_ago": None,
        }
        for rung in range(-params.levels, params.levels + 1)
    ]


READERS: dict[str, Callable[[Any, Any], list[Plain]]] = {"breakout": _turns, "bos": _break, "grid": _grid}
"""Strategies that know levels, and where they keep them; the others know none."""


def _strongest(level: Plain) -> tuple[float, float]:
    return -(level["strength"] or 0.0), level["price"]
