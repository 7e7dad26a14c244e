"""Equity has not fallen by a share of what it was when the risk day began, floating losses included.

The day's start stays what it was: equity that rises or falls within the day does not move it.
"""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxDailyLossShare:
    stage = 6
    keys = ("max_daily_loss_share",)

    def __init__(self, most: float) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxDailyLossShare | None:
        return None if config.max_daily_loss_share is None else cls(config.max_daily_loss_share)

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.day_equity <= 0:
            return Denial("NO_EQUITY", to_float(view.day_equity), 0.0)
        lost = (view.day_equity - view.equity) / view.day_equity
        return Denial("MAX_DAILY_LOSS_SHARE", lost, self.most) if lost >= self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        start = view.day_equity
        return Figures((start - view.equity) / start if start > 0 else None, self.most)
