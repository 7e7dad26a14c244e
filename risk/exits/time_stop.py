"""After a time, only what is in profit is held on."""

from __future__ import annotations

from domain.candidate import Held
from risk.config import ExitConfig
from risk.exits.base import Close, Facts, age, exact, profit


class TimeStop:
    keys = ("time_stop",)
    indicators = False

    def __init__(self, after: int) -> None:
        self.after = after

    @classmethod
    def build(cls, config: ExitConfig) -> TimeStop | None:
        return None if config.time_stop is None else cls(exact(config.time_stop))

    def propose(self, held: Held, facts: Facts) -> Close | None:
        late = held.entry > 0 and age(held, facts) >= self.after
        return Close("TIME_STOP") if late and profit(held, facts) <= 0 else None
