"""At most so many symbols may hold, or come to hold, a position; a reversal keeps its own slot."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxOpenPositions:
    stage = 8
    keys = ("max_open_positions",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxOpenPositions | None:
        return None if config.max_open_positions is None else cls(config.max_open_positions)

    def check(self, wish: Wish, view: View) -> Denial | None:
        exposed = view.book.at_risk
        if len(exposed) >= self.most and wish.symbol not in exposed:
            return Denial("MAX_OPEN_POSITIONS", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(len(view.book.at_risk), self.most)
