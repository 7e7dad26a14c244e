"""Out of a long in a falling trend, and of a short in a rising one."""

from __future__ import annotations

from domain.candidate import Held
from risk.config import ExitConfig
from risk.exits.base import HIGH, Close, Facts, side


class RegimeFlip:
    keys = ("regime_flip",)
    indicators = True

    @classmethod
    def build(cls, config: ExitConfig) -> RegimeFlip | None:
        return cls() if config.regime_flip else None

    def propose(self, held: Held, facts: Facts) -> Close | None:
        return Close("REGIME_FLIP", urgency=HIGH) if facts.reading.trend == -side(held) else None
