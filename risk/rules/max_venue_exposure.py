"""The value of everything held at the entry's venue is at most so many times the equity. A run has one venue."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.rooms import EquityRoom


class MaxVenueExposure(EquityRoom):
    keys = ("max_venue_exposure",)
    code = "MAX_VENUE_EXPOSURE"

    @classmethod
    def build(cls, config: RiskConfig) -> MaxVenueExposure | None:
        return None if config.max_venue_exposure is None else cls(config.max_venue_exposure)
