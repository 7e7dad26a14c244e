"""At most so many entries in the last 60 minutes."""

from __future__ import annotations

from domain.timeframe import HOUR
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxTradesPerHour:
    stage = 6
    keys = ("max_trades_per_hour",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxTradesPerHour | None:
        return None if config.max_trades_per_hour is None else cls(config.max_trades_per_hour)

    def check(self, wish: Wish, view: View) -> Denial | None:
        if len(view.entries) < self.most:
            return None
        count = _count(view)
        return Denial("MAX_TRADES_PER_HOUR", count, self.most) if count >= self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(_count(view), self.most)


def _count(view: View) -> int:
    since = view.now - HOUR
    return sum(1 for at in view.entries if at > since)
