"""A fraction of equity at risk between entry and stop, in the account currency."""

from __future__ import annotations

from domain.money import NANO, from_decimal, to_float
from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class FixedFraction:
    shrinks = True

    def __init__(self, fraction: int) -> None:
        self.fraction = fraction  # 1e-9

    @classmethod
    def build(cls, config: RiskConfig) -> FixedFraction:
        return cls(from_decimal(str(config.risk_fraction)))

    def size(self, wish: Wish, view: View) -> int | Denial:
        """Units (1e-9) = equity x fraction / (stop distance x conversion), rounded down."""
        assert view.rate is not None
        if wish.stop <= 0:
            return Denial("STOP_REQUIRED", to_float(wish.stop), 0)
        if view.equity <= 0:
            return Denial("NO_EQUITY", to_float(view.equity), 0)
        numerator, denominator = view.rate
        at_risk = view.equity * self.fraction // NANO
        return at_risk * NANO * denominator // (wish.stop * numerator)
