"""The symbol is known, and its quote currency converts into the account's."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class InstrumentRule:
    stage = 2
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> InstrumentRule:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if view.instrument is None:
            return Denial("INSTRUMENT_UNKNOWN", wish.symbol)
        if view.rate is None:
            return Denial("CONVERSION_UNKNOWN", view.instrument.quote)
        return None
