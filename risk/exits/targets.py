"""Parts are closed at multiples of the risk fixed at entry, one a bar: TP1, TP2 and so on."""

from __future__ import annotations

from domain.candidate import Held
from domain.money import NANO
from risk.config import ExitConfig
from risk.exits.base import Close, Facts, exact, profit


class Targets:
    keys = ("targets",)
    indicators = False

    def __init__(self, targets: tuple[tuple[float, float], ...]) -> None:
        closed = 0
        found = []
        for number, (at, fraction) in enumerate(targets, 1):
            closed += exact(fraction)
            part = 1.0 if closed >= NANO - number else fraction  # three thirds are 1
            found.append((exact(at), exact(part), Close(f"TP{number}", part)))
        self.targets = tuple(found)

    @classmethod
    def build(cls, config: ExitConfig) -> Targets | None:
        return cls(config.targets) if config.targets else None

    def propose(self, held: Held, facts: Facts) -> Close | None:
        """The nearest target not yet confirmed; the one that completes the fractions takes all that is left.

        A part smaller than the least order is left to the targets after it.
        """
        if held.distance <= 0:
            return None
        for at, fraction, close in self.targets:
            too_small = fraction < NANO and held.first * fraction // NANO < facts.least
            if close.reason not in held.flags and not too_small:
                return close if profit(held, facts) * NANO >= at * held.distance else None
        return None
