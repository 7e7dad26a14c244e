"""Valid orders and bars with one thing changed, and a builder for each registered venue."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domain.instrument import Instrument
from domain.market import BAR, BarBatch
from domain.money import NANO, from_float
from domain.order import BUY, Order
from tests.contract.books import MemoryBooks
from venues.fills import FillModel
from venues.paper import PaperVenue

MINUTE = 60 * NANO
START = 28_400_000 * MINUTE  # 2023-12-31T05:20Z
CASH = 100_000 * NANO
SYMBOLS = tuple(f"SYM{number}" for number in range(10))


def instrument(symbol: str = "SYM0", **changes: Any) -> Instrument:
    fields: dict[str, Any] = {"asset_class": "other", "base": symbol, "quote": "USD", "tick": NANO // 100_000}
    return Instrument(symbol=symbol, **(fields | changes))


def bar(row: int, minute: int, *ohlc: float, volume: float = 0.0, spread: float = math.nan) -> tuple[Any, ...]:
    """A row of ``BAR`` that opens ``minute`` minutes after START."""
    opened, high, low, close = ohlc if len(ohlc) == 4 else (ohlc[0],) * 4
    return (row, 0, START + minute * MINUTE, opened, high, low, close, volume, spread)


def batch(*rows: tuple[Any, ...]) -> BarBatch:
    """The bars that close at one T, by row."""
    bars = np.array(sorted(rows), BAR)
    return BarBatch(at=int(bars["ts"].max()) + MINUTE, bars=bars)


def one_bar(minute: int, *ohlc: float, **extra: float) -> BarBatch:
    """A bar of SYM0 alone."""
    return batch(bar(0, minute, *ohlc, **extra))


def an_order(name: str = "order", units: float = 100, **changes: Any) -> Order:
    """A market buy of SYM0; prices are given as floats."""
    fields: dict[str, Any] = {
        "account": "paper",
        "venue": "paper",
        "symbol": "SYM0",
        "strategy": "test",
        "purpose": "ENTRY",
        "side": BUY,
        "quantity": round(units * NANO),
        "at": START,
    }
    for key in ("price", "stop", "target"):
        if key in changes:
            changes[key] = from_float(changes[key])
    return Order(id=name, **(fields | changes))


def an_exit(name: str = "exit", units: float = 100, **changes: Any) -> Order:
    """A market sell that only closes."""
    return an_order(name, units, **({"side": -1, "purpose": "SIGNAL", "reduces": round(units * NANO)} | changes))


def paper(books: MemoryBooks | None = None, instruments: dict[str, Any] | None = None, **model: Any) -> PaperVenue:
    """The paper venue with ten symbols and minute bars."""
    listed = {symbol: instrument(symbol, **(instruments or {})) for symbol in SYMBOLS}
    return PaperVenue(books or MemoryBooks(), "paper", CASH, "USD", SYMBOLS, listed, FillModel(**model), MINUTE)


BUILDERS = {"paper": paper}
"""How a registered venue is built for the contract; each takes the book that outlives it."""
