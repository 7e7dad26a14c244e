"""Everything that is exposed has a price, a conversion and a known instrument, where a limit on exposure is set."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.rooms import unvalued
from risk.view import Denial, Figures, View, Wish


class Quotes:
    stage = 8
    keys = (
        "max_currency_exposure",
        "max_symbol_exposure",
        "max_class_exposure",
        "max_venue_exposure",
        "max_exposure",
        "max_leverage",
        "max_margin",
        "min_free_balance",
        "max_var",
        "max_cvar",
        "max_stress_loss",
    )

    @classmethod
    def build(cls, config: RiskConfig) -> Quotes | None:
        return cls() if any(getattr(config, key) not in (None, {}) for key in cls.keys) else None

    def check(self, wish: Wish, view: View) -> Denial | None:
        view.exposure.look(view.now)
        return unvalued(view, of_equity=False)

    def figures(self, wish: Wish, view: View) -> Figures:
        view.exposure.look(view.now)
        return Figures(len(view.exposure.missing), 0)
