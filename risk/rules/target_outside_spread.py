"""A target, where there is one, is farther away than the spread is wide."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class TargetOutsideSpread:
    stage = 7
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> TargetOutsideSpread:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if wish.target == 0 or wish.target > wish.spread:
            return None
        return Denial("TARGET_INSIDE_SPREAD", *self.figures(wish, view))

    def figures(self, wish: Wish, view: View) -> Figures:
        """Distances in price units."""
        return Figures(to_float(wish.target), to_float(wish.spread))
