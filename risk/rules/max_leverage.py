"""The value of everything held, with this entry, is at most so many times the equity."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.rooms import EquityRoom


class MaxLeverage(EquityRoom):
    keys = ("max_leverage",)
    code = "MAX_LEVERAGE"

    @classmethod
    def build(cls, config: RiskConfig) -> MaxLeverage | None:
        return None if config.max_leverage is None else cls(config.max_leverage)
