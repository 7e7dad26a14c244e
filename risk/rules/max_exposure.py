"""The value of everything held, with this entry, stays within an amount of the account currency."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.exposure import Stand
from risk.rooms import ExposureRoom
from risk.view import View


class MaxExposure(ExposureRoom):
    keys = ("max_exposure",)
    code = "MAX_EXPOSURE"

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxExposure | None:
        return None if config.max_exposure is None else cls(config.max_exposure)

    def limit(self, stand: Stand, view: View) -> int:
        return self.most
