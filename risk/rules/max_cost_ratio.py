"""What a trade costs is a small part of what it can win: the cost gate.

Cost per unit, in price: the spread, commission and slippage of two fills, and one night's financing of that side if it
is paid (what is received does not count). It is compared with the distance of the target, or of the stop without one.
"""

from __future__ import annotations

import math

from domain.money import NANO, from_decimal
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxCostRatio:
    stage = 7
    keys = ("max_cost_ratio",)

    def __init__(self, most: float) -> None:
        self.most = most
        self._exact = from_decimal(str(most))

    @classmethod
    def build(cls, config: RiskConfig) -> MaxCostRatio | None:
        return None if config.max_cost_ratio is None else cls(config.max_cost_ratio)

    def check(self, wish: Wish, view: View) -> Denial | None:
        distance = _distance(wish)
        if not 0 < distance < math.inf:
            return Denial("COST_UNKNOWN", "no target, no stop")
        if not (0 <= wish.spread < math.inf and 0 < wish.reference < math.inf):
            return Denial("COST_UNKNOWN", "no price")
        cost = _cost(wish, view)
        if cost is None:
            return Denial("COST_UNKNOWN", f"no costs of {wish.symbol}")
        if cost > self._exact * distance:
            return Denial("COST_TOO_HIGH", cost / distance / NANO, self.most)
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """Cost over distance."""
        distance, cost = _distance(wish), _cost(wish, view)
        return Figures(None if cost is None or not distance > 0 else cost / distance / NANO, self.most)


def _distance(wish: Wish) -> int:
    return wish.target or wish.stop


def _cost(wish: Wish, view: View) -> int | None:
    """1e-18 of the quote currency per unit; None if what the venue charges is not known."""
    costs = view.costs.get(wish.symbol)
    if costs is None:
        return None
    night = costs.financing_long if wish.direction > 0 else costs.financing_short
    return wish.spread * NANO + wish.reference * (2 * costs.commission + 2 * costs.slippage + max(night, 0))
