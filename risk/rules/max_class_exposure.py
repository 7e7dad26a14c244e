"""The value held in one asset class is at most so many times the equity."""

from __future__ import annotations

from domain.money import NANO, from_decimal
from risk.config import RiskConfig
from risk.exposure import Exposure, Stand
from risk.rooms import ExposureRoom
from risk.view import View


class MaxClassExposure(ExposureRoom):
    keys = ("max_class_exposure",)
    code = "MAX_CLASS_EXPOSURE"
    of_equity = True

    def __init__(self, most: dict[str, float]) -> None:
        self.most = most
        self._nano = {kind: from_decimal(str(times)) for kind, times in most.items()}

    @classmethod
    def build(cls, config: RiskConfig) -> MaxClassExposure | None:
        return cls(config.max_class_exposure) if config.max_class_exposure else None

    def limit(self, stand: Stand, view: View) -> int | None:
        times = self._nano.get(stand.kind, self._nano.get("default"))
        return None if times is None else view.equity * times // NANO

    def beside(self, stand: Stand, exposure: Exposure) -> int:
        return stand.of_class(exposure)

    def threshold(self, stand: Stand, view: View) -> float | None:
        return self.most.get(stand.kind, self.most.get("default"))

    def shown(self, money: int, view: View) -> float:
        return money / view.equity
