"""The margin of everything held, with this entry, is at most a share of the equity."""

from __future__ import annotations

from domain.money import NANO, from_decimal
from risk.config import RiskConfig
from risk.exposure import Stand
from risk.rooms import MarginRoom
from risk.view import View


class MaxMargin(MarginRoom):
    keys = ("max_margin",)
    code = "MAX_MARGIN"

    def __init__(self, most: float) -> None:
        self.most, self._nano = most, from_decimal(str(most))

    @classmethod
    def build(cls, config: RiskConfig) -> MaxMargin | None:
        return None if config.max_margin is None else cls(config.max_margin)

    def limit(self, stand: Stand, view: View) -> int:
        return view.equity * self._nano // NANO

    def threshold(self, stand: Stand, view: View) -> float:
        return self.most

    def shown(self, money: int, view: View) -> float:
        return money / view.equity
