"""As much as makes the position's yearly volatility a share of equity, from the returns of the last bars.

A year has 365 days of bars for crypto and 260 for everything else; a market that is open for a part of the day only is
taken to move more than it does.
"""

from __future__ import annotations

import math

from domain.money import NANO, from_decimal, to_float
from domain.timeframe import DAY
from risk.config import RiskConfig
from risk.exposure import fitting
from risk.view import Denial, View, Wish

DAYS = {"crypto": 365}
DAYS_ELSE = 260


class VolatilityTarget:
    shrinks = True
    reads_returns = True

    def __init__(self, target: int) -> None:
        self.target = target  # 1e-9

    @classmethod
    def build(cls, config: RiskConfig) -> VolatilityTarget:
        return cls(from_decimal(str(config.target_volatility)))

    def size(self, wish: Wish, view: View) -> int | Denial:
        """Units (1e-9) = equity x target / (yearly volatility x price x conversion), rounded down."""
        assert view.rate is not None
        assert view.instrument is not None
        if view.equity <= 0:
            return Denial("NO_EQUITY", to_float(view.equity), 0)
        volatility = yearly(view, wish.symbol, view.instrument.asset_class)
        if volatility is None:
            return Denial("VOLATILITY_UNKNOWN", view.returns.known(wish.symbol) if view.returns else 0)
        value = view.equity * self.target // volatility
        return fitting(value, max(wish.reference, view.price), view.rate)


def yearly(view: View, symbol: str, kind: str) -> int | None:
    """A symbol's yearly volatility (1e-9 of its price), rounded up; None where it is not known or nothing moved."""
    per_bar = view.returns.volatility(symbol) if view.returns else None
    if not per_bar or view.timeframe <= 0 or not math.isfinite(per_bar):
        return None
    bars = DAYS.get(kind, DAYS_ELSE) * DAY / view.timeframe
    return math.ceil(per_bar * math.sqrt(bars) * NANO)
