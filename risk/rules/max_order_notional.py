"""An entry's value in the account currency stays within a cap; risk-based sizes shrink to it."""

from __future__ import annotations

from domain.money import NANO, to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxOrderNotional:
    stage = 8
    keys = ("max_order_notional",)
    code = "MAX_ORDER_NOTIONAL"

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxOrderNotional | None:
        return None if config.max_order_notional is None else cls(config.max_order_notional)

    def room(self, wish: Wish, view: View, wanted: int) -> int:
        assert view.rate is not None
        numerator, denominator = view.rate
        return self.most * NANO * denominator // (wish.reference * numerator)

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None:
        notional = view.notional(quantity, wish.reference)
        if notional > self.most:
            return Denial(self.code, to_float(notional), to_float(self.most))
        return None

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        return Figures(to_float(view.notional(quantity, wish.reference)), to_float(self.most))
