"""Equity has not fallen by a share of the cash the account began with, which nothing moves."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxTotalLoss:
    stage = 6
    keys = ("max_total_loss",)

    def __init__(self, most: float) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxTotalLoss | None:
        return None if config.max_total_loss is None else cls(config.max_total_loss)

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.first_cash <= 0:
            return Denial("NO_EQUITY", to_float(view.first_cash), 0.0)
        lost = (view.first_cash - view.equity) / view.first_cash
        return Denial("MAX_TOTAL_LOSS", lost, self.most) if lost >= self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        first = view.first_cash
        return Figures((first - view.equity) / first if first > 0 else None, self.most)
