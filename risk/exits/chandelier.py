"""The stop hangs below the highest high of the last bars, for a short above the lowest low.

Source: C. LeBeau's Chandelier exit.
"""

from __future__ import annotations

from domain.candidate import Held
from domain.money import from_float
from risk.config import ExitConfig
from risk.exits.base import Facts, Tighten


class Chandelier:
    keys = ("chandelier_atr", "chandelier_bars")
    indicators = True

    def __init__(self, ranges: float) -> None:
        self.ranges = ranges

    @classmethod
    def build(cls, config: ExitConfig) -> Chandelier | None:
        return None if config.chandelier_atr is None else cls(config.chandelier_atr)

    def propose(self, held: Held, facts: Facts) -> Tighten | None:
        """A short's stop is reached by the ask: the spread comes on top."""
        now = facts.reading
        if not (now.atr > 0 and now.highest > 0 and now.lowest > 0):
            return None
        distance = from_float(self.ranges * now.atr)
        if held.quantity > 0:
            return Tighten("CHANDELIER", from_float(now.highest) - distance)
        return Tighten("CHANDELIER", from_float(now.lowest) + facts.spread + distance)
