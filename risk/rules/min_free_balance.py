"""Equity minus the margin of everything held, with this entry, is at least an amount of the account currency."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.exposure import Stand
from risk.rooms import MarginRoom
from risk.view import View


class MinFreeBalance(MarginRoom):
    keys = ("min_free_balance",)
    code = "MIN_FREE_BALANCE"

    def __init__(self, least: int) -> None:
        self.least = least

    @classmethod
    def build(cls, config: RiskConfig) -> MinFreeBalance | None:
        return None if config.min_free_balance is None else cls(config.min_free_balance)

    def limit(self, stand: Stand, view: View) -> int:
        return view.equity - self.least

    def threshold(self, stand: Stand, view: View) -> float:
        return to_float(self.least)

    def shown(self, money: int, view: View) -> float:
        return to_float(view.equity - money)
