"""Equity has not fallen from its peak by the soft or the hard drawdown limit (fractions of the peak)."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxDrawdown:
    stage = 6
    keys = ("max_drawdown", "max_drawdown_soft")

    def __init__(self, soft: float | None, hard: float | None) -> None:
        self.soft, self.hard = soft, hard

    @classmethod
    def build(cls, config: RiskConfig) -> MaxDrawdown | None:
        if config.max_drawdown is None and config.max_drawdown_soft is None:
            return None
        return cls(config.max_drawdown_soft, config.max_drawdown)

    def check(self, wish: Wish, view: View) -> Denial | None:
        drawdown = view.drawdown
        if self.hard is not None and drawdown >= self.hard:
            return Denial("MAX_DRAWDOWN", drawdown, self.hard)
        if self.soft is not None and drawdown >= self.soft:
            return Denial("MAX_DRAWDOWN_SOFT", drawdown, self.soft)
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """The fall from the peak and the limit that it broke, or that comes next."""
        drawdown = view.drawdown
        soft_is_next = self.soft is not None and (self.hard is None or drawdown < self.hard)
        return Figures(drawdown, self.soft if soft_is_next else self.hard)
