"""Flat at a time of day: closes at the last bar whose successor would close later."""

from __future__ import annotations

from domain.candidate import Held
from domain.timeframe import DayStart
from risk.config import ExitConfig
from risk.exits.base import HIGH, Close, Facts


class SessionClose:
    keys = ("session_close",)
    indicators = False

    def __init__(self, time_of_day: str) -> None:
        self.day = DayStart(time_of_day)

    @classmethod
    def build(cls, config: ExitConfig) -> SessionClose | None:
        return None if config.session_close is None else cls(config.session_close)

    def propose(self, held: Held, facts: Facts) -> Close | None:
        """A position that lived through the time, for want of a bar or an answer, is closed at the first chance."""
        due = self.day.of(facts.at + facts.timeframe - 1)
        return Close("SESSION_CLOSE", urgency=HIGH) if 0 < held.opened_at < due else None
