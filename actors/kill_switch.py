"""The trading state as the gate keeps it: what latches, what a person has said, and who is told."""

from __future__ import annotations

import time

import msgspec

from actors.records import Records
from domain.events import ALERT, Draft
from domain.ports import Clock
from risk.gate import Rules
from risk.state import HALTED, REBASED, Standing, TradingState, assess

POLL_NS = 250_000_000
"""How often the gate itself looks for a halt between calls of the driver (machine time)."""


class KillSwitch:
    """A hard limit latches, and a halt by a person is obeyed at once."""

    def __init__(
        self, records: Records, rules: Rules, clock: Clock, latch: TradingState | None, state: TradingState
    ) -> None:
        self._records, self._rules, self._clock = records, rules, clock
        self.latch, self.state = latch, state
        self._polled = 0

    def look_at_once(self) -> None:
        """The next ``assess`` asks whether somebody has halted."""
        self._polled = 0

    def assess(self, standing: Standing, at: int) -> bool:
        """The state now. Returns whether a person has just accepted a loss: then drawdown counts from here."""
        moment, accepted = time.monotonic_ns(), False
        if moment - self._polled >= POLL_NS or self._polled == 0:
            self._polled = moment
            self.latch = self._records.latch()
            accepted = self.latch is None and self._accepted()
        if accepted:
            standing = msgspec.structs.replace(standing, peak=standing.equity)
        before = self.state
        self.state = assess(standing, self._rules.limits, self.latch)
        if self.state.name == HALTED and self.latch is None:
            self.latch = self.state
            self._records.latched(self.state, self._clock.now(), self._alert(before, at))
        elif (self.state.name, self.state.code) != (before.name, before.code):
            self._records.emit([self._alert(before, at)])
        return accepted

    def _accepted(self) -> bool:
        said, self._records.accepted = self._records.accepted, False
        return said or (self.state.name == HALTED and self.state.code in REBASED)

    def _alert(self, before: TradingState, at: int) -> Draft:
        state = self.state
        return Draft(
            ALERT,
            at,
            f"{before.name}:{state.name}:{self._clock.now()}",
            {
                "alert": "TRADING_STATE",
                "from": before.name,
                "to": state.name,
                "code": state.code,
                "value": state.value,
                "threshold": state.threshold,
            },
        )
