"""There is equity: more than nothing, and no negative balance. Off where stage 6 is, unless an equity limit is set."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class Equity:
    stage = 6
    keys = ("max_daily_loss", "max_daily_loss_share", "max_drawdown", "max_drawdown_soft", "max_total_loss")

    @classmethod
    def build(cls, config: RiskConfig) -> Equity:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.equity > 0 and view.book.balance >= 0:
            return None
        return Denial("NO_EQUITY", *self.figures(wish, view))

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(to_float(min(view.equity, view.book.balance)), 0.0)
