"""The worst of the configured shocks would cost at most a share of the equity: everything held, with this entry.

A shock changes the prices of each asset class by a fraction at once. Where none is configured, all prices fall or
rise together: forex by 5 %, metals by 10 %, crypto by 30 %, everything else by 20 %.
"""

from __future__ import annotations

from domain.money import NANO, from_decimal
from risk.config import RiskConfig
from risk.exposure import Exposure, Stand, fitting
from risk.portfolio import Shocks, shock_loss, shocks_of
from risk.rooms import unvalued
from risk.view import Denial, Figures, View, Wish


class MaxStressLoss:
    stage = 8
    keys = ("max_stress_loss",)
    code = "MAX_STRESS_LOSS"

    def __init__(self, most: float, shocks: Shocks) -> None:
        self.most, self.shocks = most, shocks
        self._nano = from_decimal(str(most))

    @classmethod
    def build(cls, config: RiskConfig) -> MaxStressLoss | None:
        return None if config.max_stress_loss is None else cls(config.max_stress_loss, shocks_of(config.stress))

    def room(self, wish: Wish, view: View, wanted: int) -> int:
        exposure = view.exposure
        stand = exposure.stand(wish, view)
        if exposure.missing or view.equity <= 0:
            return 0
        limit = view.equity * self._nano
        for shocks in self.shocks.values():
            against = -stand.side * shocks.get(stand.kind, shocks.get("default", 0))
            if against > 0:
                left = limit - self._beside(shocks, stand, exposure) - against * stand.end
                wanted = min(wanted, fitting(left // against, stand.price, stand.rate))
        return wanted

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None:
        stand = view.exposure.stand(wish, view)
        unknown = unvalued(view, of_equity=True)
        if unknown is not None:
            return unknown
        worst = self._worst(stand, view.exposure, quantity, only_worse=True)
        if worst > view.equity * self._nano:
            return Denial(self.code, worst / NANO / view.equity, self.most)
        return None

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        stand = view.exposure.stand(wish, view)
        if unvalued(view, of_equity=True) is not None:
            return Figures(None, self.most)
        return Figures(self._worst(stand, view.exposure, quantity, only_worse=False) / NANO / view.equity, self.most)

    def _worst(self, stand: Stand, exposure: Exposure, quantity: int, only_worse: bool) -> int:
        """The largest loss (1e-18), of the shocks that the wish makes worse or of all."""
        worst = 0
        for shocks in self.shocks.values():
            against = -stand.side * shocks.get(stand.kind, shocks.get("default", 0))
            if against > 0:
                worst = max(worst, self._beside(shocks, stand, exposure) + against * stand.after(quantity))
            elif not only_worse:
                other = -stand.low if stand.side > 0 else stand.high
                worst = max(worst, self._beside(shocks, stand, exposure) - against * other)
        return worst

    def _beside(self, shocks: dict[str, int], stand: Stand, exposure: Exposure) -> int:
        """The loss (1e-18) of everything but the wish's symbol."""
        loss = shock_loss(shocks, exposure)
        before = stand.before
        if before is None:
            return loss
        shock = shocks.get(stand.kind, shocks.get("default", 0))
        return loss + shock * (before.low if shock > 0 else before.high)
