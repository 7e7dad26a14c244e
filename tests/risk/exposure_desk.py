"""A book with its exposure, valued at fixed prices, and a view of both."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from domain.book import Book
from domain.instrument import Instrument
from domain.money import ONE, Rate
from domain.order import BUY, SELL
from risk.config import RiskConfig
from risk.exposure import Exposure
from risk.view import View, Wish
from tests.factories import CASH, EURUSD, LISTED, T, a_config, a_fill, a_view, an_order, nano

PRICES = {"EURUSD": "1.1", "USDJPY": "150", "GBPUSD": "1.25", "BTC": "40000", "XAUUSD": "2000", "GBPJPY": "187.5"}
QUOTED_IN_YEN: Rate = (1, 150)
INSTRUMENTS: dict[str, Instrument] = {
    **LISTED,
    "USDJPY": replace(EURUSD, symbol="USDJPY", base="USD", quote="JPY"),
    "GBPUSD": replace(EURUSD, symbol="GBPUSD", base="GBP"),
    "GBPJPY": replace(EURUSD, symbol="GBPJPY", base="GBP", quote="JPY"),
    "XAUUSD": replace(EURUSD, symbol="XAUUSD", base="XAU", asset_class="metal"),
}


def price_of(symbol: str) -> int:
    return nano(PRICES.get(symbol, "0"))


def rate_of(symbol: str) -> Rate | None:
    return QUOTED_IN_YEN if symbol.endswith("JPY") else ONE


class ExposureDesk:
    """A book, its exposure, and a view of both."""

    def __init__(self, **config: Any) -> None:
        self.config = a_config(**config)
        self.book = Book(CASH)
        self.exposure = Exposure(self.book, price_of, rate_of, INSTRUMENTS, {"forex": 0.02, "crypto": 0.5})
        self._number = 0

    def hold(self, symbol: str, units: int | str, price: str | None = None) -> ExposureDesk:
        quantity, self._number = nano(units), self._number + 1
        name = f"h{self._number}"
        rate = rate_of(symbol) or ONE
        at = nano(price or PRICES[symbol])
        side = BUY if quantity > 0 else SELL
        self.book.apply(a_fill(symbol, id=name, order_id=name, side=side, quantity=abs(quantity), price=at), rate)
        return self

    def work(self, symbol: str, units: int | str, **order: Any) -> ExposureDesk:
        quantity, self._number = nano(units), self._number + 1
        side = BUY if quantity > 0 else SELL
        self.book.reserve(an_order(symbol, id=f"w{self._number}", side=side, quantity=abs(quantity), **order))
        return self

    def view(self, symbol: str = "EURUSD", config: RiskConfig | None = None, **changed: Any) -> View:
        usual: dict[str, Any] = {
            "instrument": INSTRUMENTS[symbol],
            "instruments": INSTRUMENTS,
            "rate": rate_of(symbol),
            "price": price_of(symbol),
            "exposure": self.exposure,
        }
        return a_view(config or self.config, self.book, **usual | changed)


def a_wish(symbol: str = "EURUSD", direction: int = 1, closing: int = 0, price: str | None = None) -> Wish:
    at = nano(price or PRICES[symbol])
    return Wish(symbol, direction, T, at, nano("0.002"), 0, 0, at, closing)
