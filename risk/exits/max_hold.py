"""Nothing is held longer than a time."""

from __future__ import annotations

from domain.candidate import Held
from risk.config import ExitConfig
from risk.exits.base import HIGH, Close, Facts, age, exact


class MaxHold:
    keys = ("max_hold",)
    indicators = False

    def __init__(self, longest: int) -> None:
        self.longest = longest

    @classmethod
    def build(cls, config: ExitConfig) -> MaxHold | None:
        return None if config.max_hold is None else cls(exact(config.max_hold))

    def propose(self, held: Held, facts: Facts) -> Close | None:
        return Close("MAX_HOLD", urgency=HIGH) if age(held, facts) >= self.longest else None
