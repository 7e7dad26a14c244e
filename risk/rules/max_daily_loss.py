"""Equity has not fallen by the daily loss limit since the risk day began, floating losses included."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class MaxDailyLoss:
    stage = 6
    keys = ("max_daily_loss",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxDailyLoss | None:
        return None if config.max_daily_loss is None else cls(config.max_daily_loss)

    def check(self, wish: Wish, view: View) -> Denial | None:
        loss = view.day_equity - view.equity
        if loss >= self.most:
            return Denial("MAX_DAILY_LOSS", to_float(loss), to_float(self.most))
        return None
