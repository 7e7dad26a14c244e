"""What the gate sees besides its book: prices, returns, costs, news, and what it has approved lately."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from actors.prices import Prices
from actors.specs import GateSpec
from domain.book import Book
from domain.instrument import Instrument
from domain.market import BarBatch
from domain.timeframe import HOUR
from risk.exposure import Exposure
from risk.state import Standing, TradingState
from risk.view import Lock, View

if TYPE_CHECKING:
    from risk.returns import Returns  # which brings numba along


class GateView:
    """Fills the ``View`` that rules read."""

    def __init__(self, spec: GateSpec, prices: Prices | None = None) -> None:
        self.spec, self.run = spec, spec.run
        self.prices = prices or Prices(spec.run)
        self.returns: Returns | None = None
        self.rebuild(Book(), 0, [], ())
        if spec.remembers:
            from risk.scenarios import compile_kernels

            compile_kernels()
            self._forget()

    def rebuild(self, book: Book, first_cash: int, locks: list[Lock], entries: Iterable[tuple[str, int]]) -> None:
        """A book read anew: the market is known as before. ``entries``: symbol and T, oldest first."""
        spec = self.spec
        self._entries: list[int] = []
        self._last_entry: dict[str, int] = {}
        view = self.view = View(spec.risk, book)
        view.instruments, view.costs, view.calendar = spec.run.instruments, spec.costs, spec.calendar
        view.venue, view.timeframe, view.first_cash = spec.venue, spec.run.timeframe_ns, first_cash
        view.age_limit = (spec.risk.max_data_age or 0) * spec.run.timeframe_ns
        view.locks, view.returns = locks, self.returns
        view.entries, view.last_entry = self._entries, self._last_entry
        known, margins = spec.run.instruments, spec.risk.margin_rate
        view.exposure = Exposure(book, self.prices.price, self.prices.rate, known, margins)
        for symbol, at in entries:
            self.entered(symbol, at, 0)

    def take(self, batch: BarBatch) -> None:
        """The bars of one T."""
        self.prices.take(batch)
        if self.returns is not None:
            bars = batch.rows
            self.returns.push(batch.at, np.asarray(bars["row"], np.int64), bars["close"])

    def past(self, after: int, batch: BarBatch) -> None:
        """Bars of earlier moments, in the order of their closes; ``after`` is -1 for the first part."""
        if after == -1:
            self._forget()
        assert self.returns is not None
        bars, length = batch.rows, self.run.timeframe_ns
        closes_at = bars["ts"] + length
        starts = np.flatnonzero(np.diff(closes_at, prepend=-1))
        for start, end in pairwise([*starts, len(bars)]):
            part = bars[start:end]
            self.returns.push(int(closes_at[start]), np.asarray(part["row"], np.int64), part["close"])

    def _forget(self) -> None:
        from risk.returns import Returns

        self.returns = Returns(self.run.rows, self.spec.risk.returns_window)
        self.view.returns = self.returns

    def entered(self, symbol: str, at: int, today: int) -> None:
        """An entry was approved, and how many there are now in this risk day."""
        self._entries.append(at)
        self._last_entry[symbol] = at
        self.view.trades_today = today

    def moment(
        self, now: int, state: TradingState, paused: bool, standing: Standing, day_equity: int, trades_today: int
    ) -> None:
        """When wishes are judged, and where the account stands then."""
        view, entries = self.view, self._entries
        del entries[: bisect_right(entries, now - HOUR)]
        view.now, view.state, view.engine_paused = now, state, paused
        view.equity, view.peak, view.day_equity = standing.equity, standing.peak, day_equity
        view.trades_today = trades_today

    def look(self, symbol: str) -> Instrument | None:
        """One symbol's market. Returns its instrument."""
        view, prices = self.view, self.prices
        view.instrument = self.run.instruments.get(symbol)
        view.rate, view.price = prices.rate(symbol), prices.price(symbol)
        view.bar_at, view.volume = prices.bar_at(symbol), prices.volume(symbol)
        return view.instrument

    def spread(self, symbol: str) -> int:
        """The present spread in 1e-9."""
        instrument = self.run.instruments.get(symbol)
        return self.prices.spread(symbol, instrument) if instrument is not None else 0
