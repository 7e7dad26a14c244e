"""Equity has fallen too far from its highest of the last hours (MaxDrawdown, on equity)."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.protections.base import Past, locked, nanos
from risk.view import Lock

CODE = "DRAWDOWN_GUARD"


class DrawdownGuard:
    """Speaks at the look of each cycle; while its lock holds, the next one waits."""

    watches_equity = True
    keys = ("drawdown_guard", "drawdown_guard_lookback", "drawdown_guard_lock")

    def __init__(self, limit: float, length: int) -> None:
        self.limit, self.length = limit, length

    @classmethod
    def build(cls, config: RiskConfig) -> DrawdownGuard | None:
        return None if config.drawdown_guard is None else cls(config.drawdown_guard, nanos(config.drawdown_guard_lock))

    def lock(self, past: Past) -> Lock | None:
        if past.closed is not None:
            return None
        fall = past.equity.fall(past.now)
        if fall < self.limit:
            return None
        reason = f"equity fell by {fall:.2%}, limit {self.limit:.2%}"
        return locked(CODE, None, past.now, self.length, reason)
