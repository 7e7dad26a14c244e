"""The target is at least so many times as far away as the stop.

Both distances are from the price that is paid, so they are what is won at the target and lost at the stop, spread
included.
"""

from __future__ import annotations

from domain.money import NANO, from_decimal, to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MinRewardToRisk:
    stage = 7
    keys = ("min_reward_to_risk",)

    def __init__(self, least: float) -> None:
        self.least = least
        self._exact = from_decimal(str(least))

    @classmethod
    def build(cls, config: RiskConfig) -> MinRewardToRisk | None:
        return None if config.min_reward_to_risk is None else cls(config.min_reward_to_risk)

    def check(self, wish: Wish, view: View) -> Denial | None:
        if not wish.stop > 0:
            return Denial("STOP_REQUIRED", to_float(wish.stop), 0)
        if not wish.target > 0:
            return Denial("TARGET_REQUIRED", to_float(wish.target), 0)
        if wish.target * NANO >= self._exact * wish.stop:
            return None
        return Denial("REWARD_TO_RISK", *self.figures(wish, view))

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(wish.target / wish.stop if wish.stop > 0 else None, self.least)
