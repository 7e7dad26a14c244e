"""The symbol's newest bar was no bad print: one that was held back says nothing about the price."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class BadPrint:
    stage = 3
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> BadPrint:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        return Denial("BAD_PRINT", wish.symbol) if wish.symbol in view.bad_prints else None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(wish.symbol if wish.symbol in view.bad_prints else "none")
