"""There is a price, and it is not older than ``risk.max_data_age`` bars."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class DataFresh:
    stage = 3
    keys = ("max_data_age",)

    @classmethod
    def build(cls, config: RiskConfig) -> DataFresh:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.price <= 0:
            return Denial("NO_PRICE", wish.symbol)
        age = view.now - view.bar_at
        if view.age_limit and age > view.age_limit:
            return Denial("DATA_STALE", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """Seconds since the newest bar's close, and how many there may be (0: not checked)."""
        return Figures((view.now - view.bar_at) / 1e9, view.age_limit / 1e9)
