"""The spread is not wider than a limit of the asset class, in 1/10,000 of the price (never points, pips or ticks)."""

from __future__ import annotations

import math

from domain.money import NANO, from_decimal, to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxSpread:
    stage = 7
    keys = ("max_spread_bps",)

    def __init__(self, most: dict[str, float]) -> None:
        self.most = most
        self._exact = {kind: from_decimal(str(bps)) for kind, bps in most.items()}

    @classmethod
    def build(cls, config: RiskConfig) -> MaxSpread | None:
        return cls(config.max_spread_bps) if config.max_spread_bps else None

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", wish.symbol)
        if not 0 <= wish.spread < math.inf:
            return Denial("SPREAD_INVALID", to_float(wish.spread), 0.0)
        if not 0 < wish.reference < math.inf:
            return Denial("PRICE_INVALID", to_float(wish.reference), 0.0)
        most = self._exact.get(view.instrument.asset_class, self._exact.get("default"))
        if most is None or wish.spread * 10_000 * NANO <= most * wish.reference:
            return None
        return Denial("MAX_SPREAD", *self.figures(wish, view))

    def figures(self, wish: Wish, view: View) -> Figures:
        """The spread and its limit, both in 1/10,000 of the price."""
        kind = view.instrument.asset_class if view.instrument is not None else ""
        most = self.most.get(kind, self.most.get("default"))
        return Figures(wish.spread / wish.reference * 10_000 if wish.reference > 0 else None, most)
