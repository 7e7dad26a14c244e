"""The payoff mandate: a symbol's average loss is not too large beside its average win."""

from __future__ import annotations

from domain.timeframe import DAY
from risk.config import RiskConfig
from risk.statistics import Tally
from risk.view import Denial, Figures, View, Wish

NO_WIN = "NO_WIN"
"""What is told in place of a ratio where there are losses only."""


class MaxPayoffRatio:
    stage = 6
    keys = ("max_payoff_ratio", "max_payoff_ratio_trades", "max_payoff_ratio_days")

    def __init__(self, limit: float, least: int, window: int) -> None:
        self.limit, self.least, self.window = limit, least, window

    @classmethod
    def build(cls, config: RiskConfig) -> MaxPayoffRatio | None:
        if config.max_payoff_ratio is None:
            return None
        return cls(config.max_payoff_ratio, config.max_payoff_ratio_trades, round(config.max_payoff_ratio_days * DAY))

    def check(self, wish: Wish, view: View) -> Denial | None:
        found = self._tally(wish, view)
        if found.trades < self.least or found.payoff <= self.limit:
            return None
        return Denial("PAYOFF_MANDATE", _told(found), self.limit)

    def figures(self, wish: Wish, view: View) -> Figures:
        """The ratio; None before there are trades enough."""
        found = self._tally(wish, view)
        return Figures(_told(found) if found.trades >= self.least else None, self.limit)

    def _tally(self, wish: Wish, view: View) -> Tally:
        return view.statistics.within(wish.symbol, view.now - self.window)


def _told(found: Tally) -> float | str:
    return NO_WIN if found.losses and not found.wins else found.payoff
