"""The net value in one currency is at most so many times the equity, if the entry would make it larger.

Every pair counts as its two legs, +base and -quote, the account's own currency like any other. An entry moves both;
the limit is on the side to which it moves them, so that what makes a net smaller passes.
"""

from __future__ import annotations

from risk.config import RiskConfig
from risk.exposure import Exposure, Stand
from risk.rooms import EquityRoom


class MaxCurrencyExposure(EquityRoom):
    keys = ("max_currency_exposure",)
    code = "MAX_CURRENCY_EXPOSURE"

    @classmethod
    def build(cls, config: RiskConfig) -> MaxCurrencyExposure | None:
        return None if config.max_currency_exposure is None else cls(config.max_currency_exposure)

    def beside(self, stand: Stand, exposure: Exposure) -> int:
        base, quote = exposure.net(stand.instrument.base), exposure.net(stand.instrument.quote)
        before = stand.before
        if stand.side > 0:
            return max(base[1], -quote[0]) - (before.high if before else 0)
        return max(-base[0], quote[1]) + (before.low if before else 0)
