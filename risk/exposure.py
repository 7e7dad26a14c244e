"""What the book is exposed to, in the account currency: by symbol, currency, asset class and venue, at worst.

A symbol's exposure is an interval of value, from what it may come to hold at least to what it may at most: its
position with all working sells, or with all working buys. Sums of intervals are intervals, so that no combination of
fills leaves them. Gross is the larger end, currency legs are +base and -quote. Money in 1e-9, exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from domain.book import Book
from domain.instrument import Instrument
from domain.money import NANO, ONE, Rate, from_decimal

if TYPE_CHECKING:
    from risk.returns import Returns
    from risk.scenarios import Scenarios
    from risk.view import View, Wish

PriceOf = Callable[[str], int]
RateOf = Callable[[str], Rate | None]


def worth(units: int, price: int, rate: Rate) -> int:
    """Value of signed units in the account currency (1e-9), rounded away from zero, once."""
    amount = -(-abs(units) * price * rate[0] // (NANO * rate[1]))
    return amount if units >= 0 else -amount


def fitting(money: int, price: int, rate: Rate) -> int:
    """The most units (1e-9) that are worth no more than ``money``; 0 for none."""
    return money * NANO * rate[1] // (price * rate[0]) if money > 0 else 0


class Sums:
    """Lowest, highest and gross value of an asset class."""

    __slots__ = ("gross", "high", "low")

    def __init__(self) -> None:
        self.low = self.high = self.gross = 0


class Holding:
    """One symbol's interval of value, and the sums in which it counts: of its class, and of its two currencies."""

    __slots__ = ("base", "gross", "high", "low", "quote", "sums")

    def __init__(self, sums: Sums, base: list[int], quote: list[int]) -> None:
        self.low = self.high = self.gross = 0
        self.sums, self.base, self.quote = sums, base, quote


class Exposure:
    """Follows a book: what has moved since the last look is valued again, nothing else.

    What is held has the book's marks and rates; what is only on its way, or held by others, is valued by ``price_of``
    (0 unknown) and ``rate_of`` (None unknown) once per moment. ``missing`` says of which symbol a price, a rate or
    the instrument is missing: nothing of it is counted, so nothing new may be entered.
    """

    def __init__(
        self,
        book: Book,
        price_of: PriceOf | None = None,
        rate_of: RateOf | None = None,
        instruments: Mapping[str, Instrument] | None = None,
        margin_rate: Mapping[str, float] | None = None,
    ) -> None:
        self.book = book
        self.holdings: dict[str, Holding] = {}
        self.classes: dict[str, Sums] = {}
        self.currencies: dict[str, list[int]] = {}  # lowest, highest
        self.gross = 0
        self.missing: dict[str, str] = {}
        self.version = 0
        self._price_of = price_of or (lambda symbol: book.marks.get(symbol, 0))
        self._rate_of = rate_of or (lambda symbol: book.rates.get(symbol))
        self._instruments = instruments or {}
        self._margin_rate = {kind: from_decimal(str(rate)) for kind, rate in (margin_rate or {}).items()}
        self._margin = (-1, 0)
        self._moved = book.follow()
        self._loose: set[str] = set()  # exposed, but not held: without marks of their own
        self._at = -1
        self._ends: Ends | None = None
        self._stand: Stand | None = None

    def look(self, now: int) -> None:
        """Value what has moved. At a new moment also what has no mark in the book."""
        if now != self._at:
            self._at = now
            self._moved |= self._loose
        if not self._moved:
            return
        for symbol in self._moved:
            self._count(symbol)
        self._moved.clear()
        self.version += 1

    @property
    def names(self) -> list[str]:
        """The exposed symbols in their order, also those without a value."""
        return sorted({*self.holdings, *self.missing})

    def ends(self, returns: Returns) -> Ends:
        """The intervals by column of the returns, kept up to date from now on."""
        if self._ends is None or self._ends.returns is not returns:
            self._ends = Ends(returns)
            for symbol in self.names:
                self._ends.put(symbol, *self._interval(symbol))
        return self._ends

    def margin(self) -> int:
        """Margin of everything."""
        if self._margin[0] != self.version:
            margin = sum(self.margin_of(kind, one.gross) for kind, one in self.classes.items())
            self._margin = self.version, margin
        return self._margin[1]

    def margin_beside(self, kind: str) -> int:
        """Margin of everything but one asset class."""
        return self.margin() - self.margin_of(kind, self.gross_of(kind))

    def margin_of(self, kind: str, gross: int) -> int:
        """Margin of a gross value in an asset class, rounded up."""
        return -(-gross * self.margin_rate(kind) // NANO)

    def margin_rate(self, kind: str) -> int:
        """Margin per value (1e-9) of an asset class; 1 where none is configured."""
        return self._margin_rate.get(kind) or self._margin_rate.get("default", NANO)

    def gross_of(self, kind: str) -> int:
        """Gross value of an asset class."""
        found = self.classes.get(kind)
        return found.gross if found else 0

    def net(self, currency: str) -> tuple[int, int]:
        """Lowest and highest net value in a currency."""
        found = self.currencies.get(currency)
        return (found[0], found[1]) if found else (0, 0)

    def stand(self, wish: Wish, view: View) -> Stand:
        """Where a wish would stand; remembered for the rules that ask next."""
        found = self._stand
        if (
            found is not None
            and found.wish is wish
            and not self._moved
            and self._at == view.now
            and found.version == self.version
            and found.market == view.price
            and found.rate is view.rate
            and found.instrument is view.instrument
        ):
            return found
        self.look(view.now)
        found = self._stand = Stand(self, wish, view)
        return found

    def _count(self, symbol: str) -> None:
        """Value a symbol again."""
        book = self.book
        self._loose.discard(symbol)
        self.missing.pop(symbol, None)
        low, high = book.bounds(symbol)
        if low == 0 == high:
            self._set(symbol, 0, 0, None)
        else:
            instrument = self._instruments.get(symbol)
            price, rate = book.marks.get(symbol, 0), book.rates.get(symbol)
            if symbol not in book.positions:
                self._loose.add(symbol)
                price, rate = self._price_of(symbol), self._rate_of(symbol)
            elif rate == ONE and self._rate_of(symbol) is None:
                rate = None  # the book's stand-in for a conversion that nobody knows
            if instrument is None or rate is None or price <= 0:
                self.missing[symbol] = "INSTRUMENT" if instrument is None else "RATE" if rate is None else "PRICE"
                self._loose.add(symbol)
                self._set(symbol, 0, 0, None)
            else:
                value = worth(low, price, rate)
                self._set(symbol, value, value if low == high else worth(high, price, rate), instrument)
        if self._ends is not None:
            self._ends.put(symbol, *self._interval(symbol))

    def _set(self, symbol: str, low: int, high: int, instrument: Instrument | None) -> None:
        one = self.holdings.get(symbol)
        if one is None:
            if instrument is None:
                return
            one = self.holdings[symbol] = Holding(
                self.classes.setdefault(instrument.asset_class, Sums()),
                self.currencies.setdefault(instrument.base, [0, 0]),
                self.currencies.setdefault(instrument.quote, [0, 0]),
            )
        gross = max(-low, high)
        lower, higher, more = low - one.low, high - one.high, gross - one.gross
        one.low, one.high, one.gross = low, high, gross
        sums, base, quote = one.sums, one.base, one.quote
        self.gross += more
        sums.low += lower
        sums.high += higher
        sums.gross += more
        base[0] += lower
        base[1] += higher
        quote[0] -= higher
        quote[1] -= lower
        if instrument is None:
            del self.holdings[symbol]

    def _interval(self, symbol: str) -> tuple[float, float]:
        """Its lowest and highest value in units of the account currency; without a value its units, of which only the
        sign says something."""
        one = self.holdings.get(symbol)
        low, high = (one.low, one.high) if one else self.book.bounds(symbol)
        return low / NANO, high / NANO


class Ends:
    """Lowest and highest values by column of the returns, in units of the account currency; ``outside`` are exposed
    symbols that the returns do not have."""

    __slots__ = ("highs", "lows", "outside", "returns")

    def __init__(self, returns: Returns) -> None:
        self.returns = returns
        self.lows, self.highs = np.zeros(returns.columns), np.zeros(returns.columns)
        self.outside: set[str] = set()

    def put(self, symbol: str, low: float, high: float) -> None:
        column = self.returns.column(symbol)
        if column >= 0:
            self.lows[column], self.highs[column] = low, high
        elif low or high:
            self.outside.add(symbol)
        else:
            self.outside.discard(symbol)


class Stand:
    """Where a wish would stand in the exposure.

    What it closes counts as closed first: ``low`` and ``high`` are the symbol's interval after that, ``before`` what
    the symbol counts in the sums now. A wish moves one end of its interval (``end``, as a distance from zero in its
    direction); each limit is on that end, so that less of an exposure which is too large is no breach.
    """

    __slots__ = (
        "_after",
        "_asked",
        "before",
        "end",
        "high",
        "instrument",
        "kind",
        "low",
        "market",
        "others",
        "price",
        "rate",
        "scenarios",
        "side",
        "version",
        "wish",
    )

    def __init__(self, exposure: Exposure, wish: Wish, view: View) -> None:
        instrument, rate = view.instrument, view.rate
        assert instrument is not None
        assert rate is not None
        self.wish, self.version, self.market = wish, exposure.version, view.price
        self.instrument, self.rate, self.side = instrument, rate, wish.direction
        self.kind = instrument.asset_class
        self.scenarios: tuple[Returns, int, Scenarios | None] | None = None
        self.price = max(wish.reference, view.price)
        self.before = exposure.holdings.get(wish.symbol)
        low, high = view.book.bounds(wish.symbol)
        held = view.book.quantity(wish.symbol)
        if held * self.side < 0:  # what is held is on its way out, by this wish or before it
            low, high = (low - held, high + wish.closing) if self.side > 0 else (low - wish.closing, high - held)
        self.low, self.high = worth(low, self.price, rate), worth(high, self.price, rate)
        self.end = self.high if self.side > 0 else -self.low
        self._asked, self._after = 0, self.end
        self.others = exposure.gross - (self.before.gross if self.before else 0)

    def of_class(self, exposure: Exposure) -> int:
        """Gross value of its asset class beside it."""
        return exposure.gross_of(self.kind) - (self.before.gross if self.before else 0)

    def after(self, quantity: int) -> int:
        """The moved end with that quantity."""
        if quantity != self._asked:
            self._asked, self._after = quantity, self.end + worth(quantity, self.price, self.rate)
        return self._after

    def fits(self, limit: int, wanted: int) -> int:
        """The most units, at most ``wanted``, that keep the moved end within a limit."""
        return min(wanted, fitting(limit - self.end, self.price, self.rate))
