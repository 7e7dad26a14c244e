"""The stop goes to the entry, or a little beyond, once the best price was a multiple of the risk away."""

from __future__ import annotations

from domain.candidate import Held
from domain.money import NANO, divide
from risk.config import ExitConfig
from risk.exits.base import Facts, Tighten, best, exact, side

BREAKEVEN = "BREAKEVEN"


class Breakeven:
    keys = ("breakeven_at", "breakeven_lock")
    indicators = False

    def __init__(self, at: int, lock: int) -> None:
        self.at, self.lock = at, lock

    @classmethod
    def build(cls, config: ExitConfig) -> Breakeven | None:
        return None if config.breakeven_at is None else cls(exact(config.breakeven_at), exact(config.breakeven_lock))

    def propose(self, held: Held, facts: Facts) -> Tighten | None:
        """Once: until the venue has confirmed it is proposed again, even if the price has come back a little."""
        if held.distance <= 0 or BREAKEVEN in held.flags:
            return None
        if (best(held, facts) - held.entry) * side(held) * NANO < self.at * held.distance:
            return None
        locked = divide(self.lock * held.distance, NANO)
        return Tighten(BREAKEVEN, held.entry + side(held) * locked, flag=BREAKEVEN)
