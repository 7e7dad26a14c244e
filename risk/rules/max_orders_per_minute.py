"""At most so many entries in 60 seconds of market time."""

from __future__ import annotations

from bisect import bisect_right

from domain.timeframe import MINUTE
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxOrdersPerMinute:
    stage = 10
    keys = ("max_orders_per_minute",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxOrdersPerMinute | None:
        return None if config.max_orders_per_minute is None else cls(config.max_orders_per_minute)

    def check(self, wish: Wish, view: View) -> Denial | None:
        recent = self._recent(view)
        return Denial("MAX_ORDERS_PER_MINUTE", recent, self.most) if recent >= self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(self._recent(view), self.most)

    def _recent(self, view: View) -> int:
        return len(view.entries) - bisect_right(view.entries, view.now - MINUTE)
