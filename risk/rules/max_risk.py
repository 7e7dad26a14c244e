"""The planned loss at the stop is at most a share of the equity, whatever the method and its factors have asked for."""

from __future__ import annotations

from domain.money import NANO, from_decimal
from risk.config import RiskConfig
from risk.planned import PlannedLoss
from risk.view import View, Wish


class MaxRisk(PlannedLoss):
    keys = ("max_risk",)
    code = "MAX_RISK"

    def __init__(self, most: float) -> None:
        self.most, self._nano = most, from_decimal(str(most))

    @classmethod
    def build(cls, config: RiskConfig) -> MaxRisk | None:
        return None if config.max_risk is None else cls(config.max_risk)

    def cap(self, wish: Wish, view: View) -> int:
        return view.equity * self._nano // NANO

    def shown(self, money: int, view: View) -> float:
        return money / view.equity

    def threshold(self, wish: Wish, view: View) -> float:
        return self.most
