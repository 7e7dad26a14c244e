"""The same number of units each time; denied, not shrunk, where it does not fit."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class FixedUnits:
    shrinks = False

    def __init__(self, units: int) -> None:
        self.units = units

    @classmethod
    def build(cls, config: RiskConfig) -> FixedUnits:
        return cls(config.units)

    def size(self, wish: Wish, view: View) -> int | Denial:
        return self.units
