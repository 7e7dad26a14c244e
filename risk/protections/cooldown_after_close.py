"""A symbol rests after each of its closes (CooldownPeriod)."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.protections.base import Past, locked, nanos
from risk.view import Lock


class CooldownAfterClose:
    keys = ("cooldown_after_close",)

    def __init__(self, length: int) -> None:
        self.length = length

    @classmethod
    def build(cls, config: RiskConfig) -> CooldownAfterClose | None:
        return None if config.cooldown_after_close is None else cls(nanos(config.cooldown_after_close))

    def lock(self, past: Past) -> Lock | None:
        closed = past.closed
        if closed is None:
            return None
        reason = f"closed by {closed.reason or 'nobody knows what'}"
        return locked("COOLDOWN", closed.symbol, closed.closed_at, self.length, reason)
