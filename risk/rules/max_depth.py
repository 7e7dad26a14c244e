"""An entry is at most a share of the last bar's volume; volume 0 is unknown and limits nothing."""

from __future__ import annotations

import math

from domain.money import NANO, from_decimal, to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxDepth:
    stage = 9
    keys = ("max_depth",)
    code = "MAX_DEPTH"

    def __init__(self, most: float) -> None:
        self.most, self._nano = most, from_decimal(str(most))

    @classmethod
    def build(cls, config: RiskConfig) -> MaxDepth | None:
        return None if config.max_depth is None else cls(config.max_depth)

    def room(self, wish: Wish, view: View, wanted: int) -> int:
        if view.volume == 0:
            return wanted
        return min(wanted, self._most(view)) if 0 < view.volume < math.inf else 0

    def exceeded(self, wish: Wish, view: View, quantity: int) -> Denial | None:
        if view.volume == 0:
            return None
        if not 0 < view.volume < math.inf:
            return Denial("VOLUME_INVALID", str(view.volume), 0)
        if quantity > self._most(view):
            return Denial(self.code, to_float(quantity) / view.volume, self.most)
        return None

    def figures(self, wish: Wish, view: View, quantity: int) -> Figures:
        known = 0 < view.volume < math.inf
        return Figures(to_float(quantity) / view.volume if known else None, self.most)

    def _most(self, view: View) -> int:
        """Units (1e-9) that the volume allows."""
        whole = int(view.volume)
        return (whole * NANO + int((view.volume - whole) * NANO)) * self._nano // NANO
