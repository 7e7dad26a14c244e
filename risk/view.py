"""What a rule sees: the wish, the book and the market at one moment. Rules read it and change nothing."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from domain.book import Book
from domain.instrument import Instrument
from domain.money import Rate, convert, times
from risk.config import RiskConfig
from risk.costs import Costs
from risk.exposure import Exposure
from risk.news import Calendar
from risk.state import TradingState
from risk.statistics import Statistics

if TYPE_CHECKING:
    from risk.returns import Returns  # which brings numba along


class Denial(NamedTuple):
    """Why not: a code, the value that was found and the threshold it broke."""

    code: str
    value: float | str | None = None
    threshold: float | str | None = None


class Figures(NamedTuple):
    """What a rule compares: the value it finds and its threshold; None where there is no such number."""

    value: float | str | None = None
    threshold: float | str | None = None


class Wish(msgspec.Struct, gc=False):
    """An entry that asks to pass. Prices and distances in 1e-9; ``closing`` is what a reversal closes first.

    ``reference`` is the price at which it would enter now: ask for a buy, bid for a sell, or its ``limit``
    on the tick (0 for a market entry). ``spread`` is the current one. ``factor`` is what research makes of the size
    (0 to 1).
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
    spread: int = 0
    strategy: str = ""
    score: float = 0.5
    probability: float = 0.5
    regime: str = ""
    factor: float = 1.0


class Lock(msgspec.Struct, frozen=True):
    """What a protection left behind: a symbol, a side or all may not enter until a time."""

    id: str
    code: str
    symbol: str | None
    side: int | None
    until_at: int
    reason: str
    from_at: int = 0

    def covers(self, symbol: str, side: int, now: int) -> bool:
        return now < self.until_at and self.symbol in (None, symbol) and self.side in (None, side)


class View:
    """The moment a wish is judged in. One object, filled anew for each wish.

    ``equity``, ``peak``, ``day_equity`` and ``first_cash`` are money in the account currency; ``bar_at`` is the close
    of the symbol's newest bar, ``age_limit`` how old it may be (ns, 0 = not checked), ``volume`` its volume in units
    (0 unknown). ``entries`` are the times (ns) of the entries approved in the last hour, oldest first, and
    ``last_entry`` that of each symbol's newest. ``bad_prints`` are symbols whose newest bar was held back.
    """

    __slots__ = (
        "age_limit",
        "bad_prints",
        "bar_at",
        "book",
        "calendar",
        "config",
        "costs",
        "day_equity",
        "engine_paused",
        "entries",
        "equity",
        "exposure",
        "first_cash",
        "instrument",
        "instruments",
        "last_entry",
        "locks",
        "now",
        "peak",
        "price",
        "rate",
        "returns",
        "state",
        "statistics",
        "timeframe",
        "trades_today",
        "unresolved",
        "venue",
        "volume",
    )

    def __init__(self, config: RiskConfig, book: Book) -> None:
        self.config = config
        self.book = book
        self.state = TradingState()
        self.engine_paused = False
        self.instrument: Instrument | None = None
        self.instruments: Mapping[str, Instrument] = {}
        self.rate: Rate | None = None
        self.price = 0
        self.now = 0
        self.bar_at = 0
        self.age_limit = 0
        self.timeframe = 0
        self.volume = 0.0
        self.equity = 0
        self.peak = 0
        self.day_equity = 0
        self.first_cash = 0
        self.trades_today = 0
        self.entries: Sequence[int] = ()
        self.last_entry: Mapping[str, int] = {}
        self.locks: list[Lock] = []
        self.unresolved: set[str] = set()
        self.bad_prints: Container[str] = ()
        self.calendar: Calendar | None = None
        self.statistics = Statistics()
        self.returns: Returns | None = None
        self.exposure = Exposure(book)
        self.costs: Mapping[str, Costs] = {}
        self.venue = ""

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

    def figures(self, wish: Wish, view: View) -> Figures:
        """What it compares, for people who ask why; the same values as in its denial."""
        ...


class Room(Protocol):
    """One limit on size: the quantity (1e-9 units) that still fits, at most ``wanted``."""

    stage: int
    keys: tuple[str, ...]
    code: str

    def room(self, wish: Wish, view: View, wanted: int) -> int: ...

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None: ...

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        """Its value with that quantity, and its threshold."""
        ...
