"""The planned loss at the stop is at most an amount of the account currency, by asset class and never by name: a
symbol with a broker's suffix is capped like any other of its class."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.planned import PlannedLoss
from risk.view import View, Wish


class MaxRiskMoney(PlannedLoss):
    keys = ("max_risk_money",)
    code = "MAX_RISK_MONEY"

    def __init__(self, most: dict[str, int]) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxRiskMoney | None:
        return cls(config.max_risk_money) if config.max_risk_money else None

    def cap(self, wish: Wish, view: View) -> int | None:
        if view.instrument is None:
            return 0
        return self.most.get(view.instrument.asset_class, self.most.get("default"))
