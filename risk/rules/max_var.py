"""The value at risk of everything held, with this entry, is at most a share of the equity.

From the returns of the last bars (historical simulation), at ``risk.var_level``, over ``risk.var_horizon`` bars by the
square root of time. An entry that makes it no larger passes.
"""

from __future__ import annotations

import math
from typing import Self

from domain.money import to_float
from risk.config import RiskConfig
from risk.returns import LEAST
from risk.rooms import unvalued
from risk.scenarios import VALUE_AT_RISK, Level, Scenarios, beside, known
from risk.view import Denial, Figures, View, Wish


class MaxVar:
    stage = 8
    reads_returns = True
    keys = ("max_var",)
    code = "MAX_VAR"
    which = VALUE_AT_RISK

    def __init__(self, most: float, level: float, horizon: int) -> None:
        self.most, self.level, self.scale = most, Level(level), math.sqrt(horizon)

    @classmethod
    def build(cls, config: RiskConfig) -> Self | None:
        most: float | None = getattr(config, cls.keys[0])
        return None if most is None else cls(most, config.var_level, config.var_horizon)

    def room(self, wish: Wish, view: View, wanted: int) -> int:
        found = self._scenarios(wish, view)
        if isinstance(found, Denial):
            return 0
        if found.measure(wanted, self.level, self.which) <= self._limit(view):
            return wanted
        limit = max(self._limit(view), found.measure(0, self.level, self.which))
        return found.room(wanted, limit, self.level, self.which)

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None:
        found = self._scenarios(wish, view)
        if isinstance(found, Denial):
            return found
        at_risk = found.measure(quantity, self.level, self.which)
        if at_risk <= self._limit(view) or at_risk <= found.measure(0, self.level, self.which):
            return None
        return Denial(self.code, at_risk * self.scale / to_float(view.equity), self.most)

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        found = self._scenarios(wish, view)
        if isinstance(found, Denial):
            return Figures(None, self.most)
        at_risk = found.measure(quantity, self.level, self.which)
        return Figures(at_risk * self.scale / to_float(view.equity), self.most)

    def _limit(self, view: View) -> float:
        """What one bar may cost, in units of the account currency."""
        return self.most * to_float(view.equity) / self.scale

    def _scenarios(self, wish: Wish, view: View) -> Scenarios | Denial:
        stand = view.exposure.stand(wish, view)
        unknown = unvalued(view, of_equity=True)
        if unknown is not None:
            return unknown
        return beside(stand, view) or Denial("VAR_UNKNOWN", known(stand, view), LEAST)
