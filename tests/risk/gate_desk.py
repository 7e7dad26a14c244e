"""A gate with its book, as the RiskManager drives them: what is approved is reserved before the next is asked."""

from __future__ import annotations

import itertools
from typing import Any

from domain.book import Applied, Book
from domain.candidate import Candidate, Exit
from domain.instrument import Instrument
from domain.money import NANO, Rate
from domain.order import Order
from risk.config import RiskConfig
from risk.gate import Answer, Gate
from risk.view import View
from tests.factories import CASH, LISTED, a_candidate, a_config, a_fill, a_view, an_exit, an_order


class GateDesk:
    """Asks the gate, reserves what it approves, and fills or ends what was approved."""

    def __init__(self, config: RiskConfig | None = None, instruments: dict[str, Instrument] | None = None) -> None:
        self.config = config or a_config()
        self.book = Book(CASH)
        self.gate = Gate(self.config, "run-1", "paper:test")
        self.instruments = LISTED if instruments is None else instruments
        self.view: View = a_view(self.config, self.book)
        self.rates: dict[str, Rate | None] = {}
        self._numbers = itertools.count()

    def enter(self, candidate: Candidate | None = None, spread: int = 0, **changed: Any) -> Answer:
        wish = candidate or a_candidate(**changed)
        self._look(wish.symbol)
        answer = self.gate.enter(wish, self.view, "paper", 0, spread)
        if answer.order is not None:
            self.book.reserve(answer.order)
        return answer

    def leave(self, exit: Exit | None = None, attempt: int = 0, **changed: Any) -> Order | None:
        wish = exit or an_exit(**changed)
        self._look(wish.symbol)
        order = self.gate.leave(wish, self.view, "paper", 0, attempt)
        if order is not None:
            self.book.reserve(order)
        return order

    def fill(self, order: Order | None, part: float = 1.0, price: int = 0) -> Applied:
        assert order is not None
        name = f"fill-{next(self._numbers)}"
        quantity = max(1, int(self.book.working[order.id].remaining * part))
        fill = a_fill(
            order.symbol,
            id=name,
            order_id=order.id,
            side=order.side,
            quantity=quantity,
            price=price or order.entry or NANO,
            stop=order.stop,
        )
        applied = self.book.apply(fill)
        if self.book.working[order.id].remaining == 0:
            self.book.release(order.id)
        return applied

    def hold(self, units: int, symbol: str = "EURUSD") -> None:
        """A position that is simply there."""
        side = 1 if units > 0 else -1
        name = f"held-{next(self._numbers)}"
        self.book.apply(a_fill(symbol, id=name, order_id=name, side=side, quantity=abs(units) * NANO))

    def order(self, symbol: str = "EURUSD", **changed: Any) -> Order:
        """An order that is simply on its way."""
        made = an_order(symbol, **{"id": f"working-{next(self._numbers)}"} | changed)
        self.book.reserve(made)
        return made

    def _look(self, symbol: str) -> None:
        self.view.instrument = self.instruments.get(symbol)
        self.view.rate = self.rates.get(symbol, (1, 1))
