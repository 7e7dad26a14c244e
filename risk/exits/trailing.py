"""The stop follows the best price, the more closely the more it has earned."""

from __future__ import annotations

from domain.candidate import Held
from domain.money import from_float, to_float
from risk.config import ExitConfig
from risk.exits.base import Facts, Tighten, best, side


class Trailing:
    keys = ("trail_from", "trail_to", "trail_wide", "trail_tight")
    indicators = True

    def __init__(self, start: float, end: float, wide: float, tight: float) -> None:
        self.start, self.end, self.wide, self.tight = start, end, wide, tight

    @classmethod
    def build(cls, config: ExitConfig) -> Trailing | None:
        if config.trail_from is None:
            return None
        return cls(config.trail_from, config.trail_to, config.trail_wide, config.trail_tight)

    def propose(self, held: Held, facts: Facts) -> Tighten | None:
        """Everything is counted in average true ranges; the distance shrinks evenly from ``start`` to ``end``."""
        atr = facts.reading.atr
        if not atr > 0 or held.entry <= 0:
            return None
        peak = best(held, facts)
        gained = to_float((peak - held.entry) * side(held)) / atr
        if gained < self.start:
            return None
        way = (gained - self.start) / (self.end - self.start) if gained < self.end else 1.0
        distance = self.wide + (self.tight - self.wide) * way
        return Tighten("TRAILING", peak - side(held) * from_float(distance * atr))
