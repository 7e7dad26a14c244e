"""At most so many entries in a risk day."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxTradesPerDay:
    stage = 6
    keys = ("max_trades_per_day",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxTradesPerDay | None:
        return None if config.max_trades_per_day is None else cls(config.max_trades_per_day)

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.trades_today >= self.most:
            return Denial("MAX_TRADES_PER_DAY", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(view.trades_today, self.most)
