"""What a rule sees: the wish, the book and the market at one moment. Rules read it and change nothing."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from domain.book import Book
from domain.instrument import Instrument
from domain.money import Rate, convert, times
from risk.config import RiskConfig
from risk.state import TradingState


class Denial(NamedTuple):
    """Why not: a code, the value that was found and the threshold it broke."""

    code: str
    value: float | str | None = None
    threshold: float | str | None = None


class Wish(msgspec.Struct, gc=False):
    """An entry that asks to pass. Prices and distances in 1e-9; ``closing`` is what a reversal closes first.

    ``reference`` is the price at which it would enter now: ask for a buy, bid for a sell, or its ``limit``
    on the tick (0 for a market entry).
    """

    symbol: str
    direction: int
    at: int
    price: int
    stop: int
    target: int
    expires_at: int
    reference: int = 0
    closing: int = 0
    limit: int = 0


class Lock(msgspec.Struct, frozen=True):
    """What a protection left behind: a symbol, a side or all may not enter until a time."""

    id: str
    code: str
    symbol: str | None
    side: int | None
    until_at: int
    reason: str

    def covers(self, symbol: str, side: int, now: int) -> bool:
        return now < self.until_at and self.symbol in (None, symbol) and self.side in (None, side)


class View:
    """The moment a wish is judged in. One object, filled anew for each wish.

    ``equity``, ``peak`` and ``day_equity`` are money in the account currency; ``bar_at`` is the close
    of the symbol's newest bar, ``age_limit`` how old it may be (ns, 0 = not checked).
    """

    __slots__ = (
        "age_limit",
        "bar_at",
        "book",
        "config",
        "day_equity",
        "engine_paused",
        "equity",
        "instrument",
        "locks",
        "now",
        "peak",
        "price",
        "rate",
        "state",
        "trades_today",
        "unresolved",
    )

    def __init__(self, config: RiskConfig, book: Book) -> None:
        self.config = config
        self.book = book
        self.state = TradingState()
        self.engine_paused = False
        self.instrument: Instrument | None = None
        self.rate: Rate | None = None
        self.price = 0
        self.now = 0
        self.bar_at = 0
        self.age_limit = 0
        self.equity = 0
        self.peak = 0
        self.day_equity = 0
        self.trades_today = 0
        self.locks: list[Lock] = []
        self.unresolved: set[str] = set()

    def notional(self, quantity: int, price: int) -> int:
        """Value of a quantity in the account currency."""
        assert self.rate is not None
        return convert(times(price, quantity), self.rate)

    @property
    def drawdown(self) -> float:
        """Fall from the equity peak, as a fraction of the peak."""
        return (self.peak - self.equity) / self.peak if self.peak > 0 else 0.0


class Rule(Protocol):
    """One check. ``stage`` is its place in design section 7; ``keys`` are the settings that turn it on."""

    stage: int
    keys: tuple[str, ...]

    def check(self, wish: Wish, view: View) -> Denial | None: ...


class Room(Protocol):
    """One limit on size: the quantity (1e-9 units) that still fits."""

    stage: int
    keys: tuple[str, ...]
    code: str

    def room(self, wish: Wish, view: View) -> int: ...

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None: ...
