"""What the account is worth between the moments that are visited: limits that are crossed there, and the curve."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from actors.specs import RunSpec
from domain.book import Book
from domain.instrument import Instrument
from domain.money import from_float, to_float
from marketdata.conversion import rate
from orchestration.backtest import scans
from orchestration.backtest.grid import Floats, Grid, Places
from risk.state import Limits

NEAR = 1e-9
"""How far a sum in floats may be from the exact one, as a share of all that is added up, and per unit held, for exact
prices are rounded to so much; generously."""
MOST = 4096
"""Moments that are found at once at which a new peak is looked for exactly: floats cannot tell them apart."""


class Worth:
    """Closes and conversion rates of every symbol at every moment, as floats."""

    def __init__(self, run: RunSpec, grid: Grid) -> None:
        self._run, self._grid = run, grid
        self.row = {symbol: row for row, symbol in enumerate(run.rows)}
        self.closes: Floats = np.stack([_stretched(grid, row) for row in range(len(grid.series))])
        quotes = [_quote(run, symbol) for symbol in run.rows]
        self._currency = {quote: number for number, quote in enumerate(dict.fromkeys(quotes))}
        self.of = {symbol: self._currency[quote] for symbol, quote in zip(run.rows, quotes, strict=True)}
        self.rates: Floats = np.stack([self._rates(quote) for quote in self._currency])

    def _rates(self, quote: str) -> Floats:
        """Account currency per quote at every moment; the way there may change when a symbol gets its first bar."""
        run, grid = self._run, self._grid
        found: Floats = np.ones(len(grid))
        if not run.convert or quote == run.currency:
            return found
        firsts = {int(np.argmax(column >= 0)) for column in grid.place.T if (column >= 0).any()}
        bounds = sorted({grid.begin, *firsts, len(grid)})
        found[: bounds[0]] = np.nan
        for start, end in itertools.pairwise(bounds):
            found[start:end] = self._over(quote, start, end)
        return found

    def _over(self, quote: str, start: int, end: int) -> Floats:
        """The rate over moments in which the same pairs have prices: which of them it is made of is told by moving one
        price at a time."""
        base = self._prices(start)
        now = rate(quote, self._run.currency, base, self._run.equivalents)
        if now is None:
            return np.full(end - start, np.nan)
        values: Floats = np.full(end - start, now[0] / now[1])
        for symbol, (price, of, per) in base.items():
            twice = rate(quote, self._run.currency, {**base, symbol: (2 * price, of, per)}, self._run.equivalents)
            assert twice is not None
            power = round(np.log2(twice[0] / twice[1] * now[1] / now[0]))
            if power:
                row = self.row[symbol]
                values *= (self.closes[row, start:end] / self.closes[row, start]) ** power
        return values

    def _prices(self, moment: int) -> dict[str, tuple[int, str, str]]:
        known: dict[str, tuple[int, str, str]] = {}
        for symbol, row in self.row.items():
            one = self._run.instruments.get(symbol)
            if one is not None and self._grid.place[moment, row] >= 0:
                known[symbol] = (from_float(self.closes[row, moment]), one.base, one.quote)
        return known


def _quote(run: RunSpec, symbol: str) -> str:
    one: Instrument | None = run.instruments.get(symbol)
    return one.quote if one is not None else run.currency


def _stretched(grid: Grid, row: int) -> Floats:
    place = grid.place[:, row]
    closes = grid.series[row].close
    return np.where(place >= 0, closes[np.maximum(place, 0)], np.nan) if len(closes) else np.full(len(grid), np.nan)


class Watch:
    """Finds the first moment at which a limit on equity may be crossed, and where its peak may have risen."""

    def __init__(self, worth: Worth, limits: Limits, first_cash: int) -> None:
        self._worth = worth
        self.drawdown, self.soft = limits.hard or 0.0, limits.soft or 0.0
        total = limits.total
        self.floor = -np.inf if total is None else to_float(first_cash) * (1.0 - total)
        self._room: Places = np.empty(MOST, np.int64)

    def look(self, book: Book, start: int, end: int, peak: int, reduced: bool) -> tuple[int, NDArray[np.int64]]:
        """The first moment of [start, end) to visit, ``end`` if there is none, and those before it at which equity may
        be above ``peak`` (1e-9). ``reduced``: the soft limit has been crossed."""
        worth, held = self._worth, [book.positions[symbol] for symbol in sorted(book.positions)]
        rows = np.array([worth.row[one.symbol] for one in held], np.int64)
        currencies = np.array([worth.of[one.symbol] for one in held], np.int64)
        quantities = np.array([to_float(one.quantity) for one in held])
        costs = np.array([to_float(one.cost) for one in held])
        balance = to_float(book.balance)
        gross = abs(balance) + float(np.abs(costs).sum())
        common = (worth.closes, worth.rates, rows, currencies, quantities, costs, balance)
        near = NEAR * (gross + float(np.abs(quantities * worth.rates[currencies, start]).sum()))
        found, best = scans.first_loss(
            *common, start, end, to_float(peak), self.drawdown, self.soft, reduced, self.floor, near
        )
        if best <= to_float(peak) - near:
            return int(found), self._room[:0]
        parts = []
        while True:
            count = scans.at_least(*common, start, found, best - near, self._room)
            parts.append(self._room[:count].copy())
            if count < MOST:
                return int(found), np.concatenate(parts)
            start = int(self._room[-1]) + 1


# -- the curve -------------------------------------------------------------------------------------


class Holding:
    """A change of what is held: from moment ``moment`` on, signed units and cost in the quote currency."""

    __slots__ = ("balance", "held", "moment")

    def __init__(self, moment: int, balance: float, held: Mapping[str, tuple[float, float]]) -> None:
        self.moment, self.balance, self.held = moment, balance, held


def curve(worth: Worth, changes: Sequence[Holding], end: int) -> tuple[Floats, Floats]:
    """Equity and gross notional (account currency) at every moment before ``end``; ``changes`` begin at moment 0."""
    starts = np.array([one.moment for one in changes], np.int64)
    lengths = np.diff(starts, append=end)
    equity = np.repeat(np.array([one.balance for one in changes]), lengths)
    exposure: Floats = np.zeros(end)
    for symbol in sorted({symbol for one in changes for symbol in one.held}):
        rows = [one.held.get(symbol, (0.0, 0.0)) for one in changes]
        quantity, cost = (np.repeat(np.array(column), lengths) for column in zip(*rows, strict=True))
        rates, closes = worth.rates[worth.of[symbol], :end], worth.closes[worth.row[symbol], :end]
        value = np.where(quantity != 0.0, quantity * closes, 0.0)
        equity += np.where(quantity != 0.0, (value - cost) * rates, 0.0)
        exposure += np.where(quantity != 0.0, np.abs(value) * rates, 0.0)
    return equity, exposure
