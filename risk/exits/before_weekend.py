"""Flat so many seconds before the market's weekend (Friday 17:00 New York); crypto has none."""

from __future__ import annotations

from domain.candidate import Held
from risk.config import ExitConfig
from risk.exits.base import HIGH, Close, Facts, exact
from risk.sessions import WEEKEND, market_closes_at, market_state

LIKE = "forex"
"""Whose weekend everything but crypto keeps."""


class BeforeWeekend:
    keys = ("before_weekend",)
    indicators = False

    def __init__(self, before: int) -> None:
        self.before = before

    @classmethod
    def build(cls, config: ExitConfig) -> BeforeWeekend | None:
        return None if config.before_weekend is None else cls(exact(config.before_weekend))

    def propose(self, held: Held, facts: Facts) -> Close | None:
        """At the last bar whose successor closes too late, and at any after it until the market opens again."""
        closes_at = None if facts.asset_class == "crypto" else market_closes_at(LIKE, facts.at)
        if closes_at is None:
            return None
        following = facts.at + facts.timeframe
        late = following > closes_at - self.before or following >= closes_at
        return Close("WEEKEND", urgency=HIGH) if late or market_state(LIKE, facts.at) == WEEKEND else None
