"""An entry carries a stop: a distance greater than zero that leaves a positive stop price."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class RequireStop:
    stage = 7
    keys = ("require_stop",)

    @classmethod
    def build(cls, config: RiskConfig) -> RequireStop | None:
        return cls() if config.require_stop else None

    def check(self, wish: Wish, view: View) -> Denial | None:
        if wish.stop <= 0 or wish.reference - wish.direction * wish.stop <= 0:
            return Denial("STOP_REQUIRED", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """The stop's distance in price units."""
        return Figures(to_float(wish.stop), 0)
