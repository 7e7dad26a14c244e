"""The symbol is known and can be traded, and its quote currency converts into the account's."""

from __future__ import annotations

from domain.instrument import Instrument
from domain.money import to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


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
        if view.instrument.max_quantity < view.instrument.min_quantity:
            return Denial("NOT_TRADABLE", *_largest(view.instrument))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """The largest size of an order and the smallest; a symbol that is closed for trading has a largest of 0."""
        return Figures() if view.instrument is None else _largest(view.instrument)


def _largest(instrument: Instrument) -> Figures:
    return Figures(to_float(instrument.max_quantity), to_float(instrument.min_quantity))
