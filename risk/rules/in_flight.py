"""Nothing unknown and nothing in flight on the symbol; closing orders do not stand in a reversal's way."""

from __future__ import annotations

from domain.book import Working
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class InFlight:
    stage = 4
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> InFlight:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if wish.symbol in view.unresolved:
            return Denial("UNKNOWN_ORDER", wish.symbol)
        working = self._working(wish, view)
        return None if working is None else Denial("IN_FLIGHT", working.order.purpose, working.status)

    def figures(self, wish: Wish, view: View) -> Figures:
        """The purpose and the status of the order that stands in the way."""
        if wish.symbol in view.unresolved:
            return Figures(wish.symbol)
        working = self._working(wish, view)
        return Figures("none") if working is None else Figures(working.order.purpose, working.status)

    def _working(self, wish: Wish, view: View) -> Working | None:
        reverses = view.book.quantity(wish.symbol) * wish.direction < 0
        for working in view.book.in_flight(wish.symbol):
            if not reverses or working.order.opens:
                return working
        return None
