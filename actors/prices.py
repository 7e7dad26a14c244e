"""The newest price of every symbol, and what its quote currency is worth."""

from __future__ import annotations

import numpy as np

from actors.specs import RunSpec
from domain.book import Book
from domain.instrument import Instrument
from domain.market import BarBatch
from domain.money import ONE, Rate, from_float, to_float
from marketdata.conversion import rate


class Prices:
    """Last close (bid), spread and close time by row of the feed; arrays, so that a cycle of many symbols is cheap."""

    def __init__(self, run: RunSpec) -> None:
        self.run = run
        self.row = {symbol: row for row, symbol in enumerate(run.rows)}
        self._close = np.zeros(len(run.rows))
        self._spread = np.full(len(run.rows), np.nan)
        self._bar_at = np.zeros(len(run.rows), np.int64)
        self._volume = np.zeros(len(run.rows))
        self._rates: dict[str, Rate | None] = {}  # by quote currency, until a price comes

    def take(self, batch: BarBatch) -> None:
        """The bars of one T."""
        bars = batch.rows
        if len(bars):
            self._rates.clear()
            rows = bars["row"]
            self._close[rows], self._spread[rows] = bars["close"], bars["spread"]
            self._bar_at[rows], self._volume[rows] = batch.at, bars["volume"]

    def restore(self, marks: dict[str, int]) -> None:
        """Prices of a recorded snapshot, for a gate that was rebuilt between two bars."""
        self._rates.clear()
        for symbol, price in marks.items():
            if symbol in self.row:
                self._close[self.row[symbol]] = to_float(price)

    def price(self, symbol: str) -> int:
        """Last close in 1e-9; 0 if there has been none."""
        row = self.row.get(symbol)
        return from_float(float(self._close[row])) if row is not None else 0

    def bar_at(self, symbol: str) -> int:
        """Close of the newest bar (ns); 0 if there has been none."""
        row = self.row.get(symbol)
        return int(self._bar_at[row]) if row is not None else 0

    def volume(self, symbol: str) -> float:
        """Volume of the newest bar in units; 0 if unknown."""
        row = self.row.get(symbol)
        return float(self._volume[row]) if row is not None else 0.0

    def spread(self, symbol: str, instrument: Instrument) -> int:
        """The data's spread in 1e-9, else the instrument's."""
        row = self.row.get(symbol)
        quoted = float(self._spread[row]) if row is not None else np.nan
        return instrument.spread if np.isnan(quoted) else from_float(quoted)

    def rate(self, symbol: str) -> Rate | None:
        """Account currency per quote currency of the symbol; None if unknown."""
        instrument = self.run.instruments.get(symbol)
        if instrument is None:
            return None
        if not self.run.convert or instrument.quote == self.run.currency:
            return ONE
        if instrument.quote not in self._rates:
            found = rate(instrument.quote, self.run.currency, self._known(), self.run.equivalents)
            self._rates[instrument.quote] = found
        return self._rates[instrument.quote]

    def mark(self, book: Book) -> None:
        """Value what is held at the newest prices."""
        for symbol in book.positions:
            price, found = self.price(symbol), self.rate(symbol)
            if price > 0 and found is not None:
                book.mark(symbol, price, found)

    def marks(self, book: Book) -> dict[str, int]:
        """Prices that a rebuilt gate needs: of what is held, and of the pairs that only convert."""
        held = {symbol: book.marks[symbol] for symbol in sorted(book.positions)}
        return held | {symbol: price for symbol in self.run.subscribed if (price := self.price(symbol)) > 0}

    def _known(self) -> dict[str, tuple[int, str, str]]:
        listed = ((symbol, self.run.instruments.get(symbol)) for symbol in self.run.rows)
        return {
            symbol: (price, one.base, one.quote)
            for symbol, one in listed
            if one is not None and (price := self.price(symbol)) > 0
        }
