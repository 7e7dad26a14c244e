"""Nothing unknown and nothing in flight on the symbol; closing orders do not stand in a reversal's way."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class InFlight:
    stage = 4
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> InFlight:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if wish.symbol in view.unresolved:
            return Denial("UNKNOWN_ORDER", wish.symbol)
        reverses = view.book.quantity(wish.symbol) * wish.direction < 0
        for working in view.book.in_flight(wish.symbol):
            if not reverses or working.order.opens:
                return Denial("IN_FLIGHT", working.order.purpose, working.status)
        return None
