"""The last returns of every symbol of the feed, for correlation, volatility and value at risk."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indicators import losses
from indicators import returns as kernels

LEAST = 20
"""Returns that a correlation, a volatility or a value at risk takes at least."""

Floats = NDArray[np.float64]


class Returns:
    """The log returns of the last ``window`` moments, a column per symbol.

    A symbol without a bar at a moment has return 0 there; before its first close it has none, and a close that is
    no positive number is passed over. Everything that is asked depends on the closes of the window and the one
    before it only: whoever is given these again (first what each symbol closed at before, as one moment) gives the
    same bits. Sums over symbols go in the order of their names.
    """

    def __init__(self, symbols: Sequence[str], window: int) -> None:
        self.window = window
        self.at = -1
        self._column = {symbol: column for column, symbol in enumerate(symbols)}
        self._symbols = tuple(self._column)
        count = self.columns = len(self._column)
        self._order = np.array([self._column[symbol] for symbol in sorted(self._column)], np.int64)
        self._logs = np.full((window, count), math.nan)
        self._changes = np.full((window, count), math.nan)
        self._scores = np.zeros((window, count))
        self._stand = np.zeros(count, np.int64)
        self._previous = np.zeros(count)
        self._known = np.zeros(count, np.int64)
        self._end = 0

    def push(self, at: int, rows: NDArray[np.int64], closes: Floats) -> None:
        """The closes of one moment (UTC ns), by row. A moment that is not later changes nothing."""
        if at <= self.at:
            return
        self.at = at
        closes = np.ascontiguousarray(closes, np.float64)
        rows = np.ascontiguousarray(rows, np.int64)
        kernels.write(self._logs, self._changes, self._end, self._previous, self._known, rows, closes)
        self._end = (self._end + 1) % self.window
        self._stand[:] = 0

    def column(self, symbol: str) -> int:
        """Its column; -1 for a symbol that the feed does not have."""
        return self._column.get(symbol, -1)

    def symbol(self, column: int) -> str:
        """The symbol of a column; empty for -1."""
        return "" if column < 0 else self._symbols[column]

    def known(self, symbol: str) -> int:
        """How many of its returns are known, at most the window."""
        column = self._column.get(symbol)
        return 0 if column is None else int(self._known[column])

    def of(self, symbol: str) -> Floats:
        """The log returns that are known, oldest first."""
        column = self._column.get(symbol)
        if column is None:
            return np.zeros(0)
        return kernels.latest(self._logs, self._end, int(self._known[column]), column)

    def volatility(self, symbol: str) -> float | None:
        """Standard deviation of a bar's log return (ddof 1); None with fewer than ``LEAST``."""
        return float(kernels.deviation(self.of(symbol))) if self.known(symbol) >= LEAST else None

    def correlation(self, one: str, other: str) -> float | None:
        """Pearson's correlation of the log returns over the moments that both know; None with fewer than ``LEAST``,
        or if one of the two has not moved."""
        first, second = self.column(one), self.column(other)
        if first < 0 or second < 0:
            return None
        found = self._correlations(first, np.array([second], np.int64))[0]
        return None if math.isnan(found) else float(found)

    def closest(self, symbol: str, side: int, lows: Floats, highs: Floats) -> tuple[int, float, int]:
        """Of what is held (intervals by column) the column that moves most with a side of a symbol, how much (its
        correlation as if held on the same side; column -1 and -2.0 for none), and how many have no correlation."""
        column = self.column(symbol)
        if column < 0:
            return -1, -2.0, int(np.count_nonzero(lows) + np.count_nonzero(highs))
        place, most, unknown = kernels.closest(
            self._logs, self._scores, self._stand, self._end, self._known, LEAST, column, lows, highs, side
        )
        return int(place), float(most), int(unknown)

    def losses(self, lows: Floats, highs: Floats, beside: str = "") -> tuple[Floats, Floats]:
        """What intervals of value (by column) would have lost in the moments that all of them know, oldest first, and
        the changes of one more symbol, which is left out of the losses. Empty with fewer than ``LEAST``."""
        column = self.column(beside)
        if beside and column < 0:
            return np.zeros(0), np.zeros(0)
        count = losses.common(self._known, self.window, lows, highs, column)
        if count < LEAST:
            return np.zeros(0), np.zeros(0)
        return losses.of_book(self._changes, self._end, count, self._order, lows, highs, column)

    def common(self, lows: Floats, highs: Floats, beside: str = "") -> int:
        """How many of the newest moments everything that is held knows, and one more symbol."""
        column = self.column(beside)
        return 0 if beside and column < 0 else int(losses.common(self._known, self.window, lows, highs, column))

    def _correlations(self, column: int, others: NDArray[np.int64]) -> Floats:
        return kernels.correlations(
            self._logs, self._scores, self._stand, self._end, self._known, LEAST, column, others
        )
