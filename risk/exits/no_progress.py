"""After a time, only what has earned a part of its risk is held on."""

from __future__ import annotations

from domain.candidate import Held
from domain.money import NANO
from risk.config import ExitConfig
from risk.exits.base import Close, Facts, age, exact, profit


class NoProgress:
    keys = ("no_progress", "no_progress_r")
    indicators = False

    def __init__(self, after: int, least: int) -> None:
        self.after, self.least = after, least

    @classmethod
    def build(cls, config: ExitConfig) -> NoProgress | None:
        return None if config.no_progress is None else cls(exact(config.no_progress), exact(config.no_progress_r))

    def propose(self, held: Held, facts: Facts) -> Close | None:
        late = held.distance > 0 and age(held, facts) >= self.after
        return Close("NO_PROGRESS") if late and profit(held, facts) * NANO < self.least * held.distance else None
