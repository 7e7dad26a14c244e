"""Equity has not fallen by the daily loss limit since the risk day began, floating losses included."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxDailyLoss:
    stage = 6
    keys = ("max_daily_loss",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxDailyLoss | None:
        return None if config.max_daily_loss is None else cls(config.max_daily_loss)

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.day_equity - view.equity >= self.most:
            return Denial("MAX_DAILY_LOSS", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """Money lost since the risk day began (negative: won)."""
        return Figures(to_float(view.day_equity - view.equity), to_float(self.most))
