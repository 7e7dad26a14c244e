"""The value held in one symbol is at most so many times the equity."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.exposure import Exposure, Stand
from risk.rooms import EquityRoom


class MaxSymbolExposure(EquityRoom):
    keys = ("max_symbol_exposure",)
    code = "MAX_SYMBOL_EXPOSURE"

    @classmethod
    def build(cls, config: RiskConfig) -> MaxSymbolExposure | None:
        return None if config.max_symbol_exposure is None else cls(config.max_symbol_exposure)

    def beside(self, stand: Stand, exposure: Exposure) -> int:
        return 0
