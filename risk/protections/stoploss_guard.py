"""Too many round trips ended at a stop, at a loss, within a time (StoplossGuard)."""

from __future__ import annotations

from domain.order import OUTSIDE, STOP
from risk.config import RiskConfig
from risk.protections.base import Past, locked, nanos
from risk.statistics import Trade
from risk.view import Lock

STOPS = frozenset({STOP, OUTSIDE})
"""Stops that were moved fill as STOP too. OUTSIDE is a close at the venue for which it told no reason: at a loss it is
taken for its stop."""


def stopped_out(trade: Trade) -> bool:
    return trade.net < 0 and trade.reason in STOPS


class StoplossGuard:
    keys = ("stoploss_guard_trades", "stoploss_guard_lookback", "stoploss_guard_lock", "stoploss_guard_per_symbol")

    def __init__(self, limit: int, window: int, length: int, per_symbol: bool) -> None:
        self.limit, self.window, self.length, self.per_symbol = limit, window, length, per_symbol

    @classmethod
    def build(cls, config: RiskConfig) -> StoplossGuard | None:
        if config.stoploss_guard_trades is None:
            return None
        window, length = nanos(config.stoploss_guard_lookback), nanos(config.stoploss_guard_lock)
        return cls(config.stoploss_guard_trades, window, length, config.stoploss_guard_per_symbol)

    def lock(self, past: Past) -> Lock | None:
        closed = past.closed
        if closed is None or not stopped_out(closed):
            return None
        symbol, since = closed.symbol if self.per_symbol else None, closed.closed_at - self.window
        count = sum(map(stopped_out, past.statistics.recent(symbol, since)))
        if count < self.limit:
            return None
        reason = f"{count} stops at a loss, limit {self.limit}"
        return locked("STOPLOSS_GUARD", symbol, closed.closed_at, self.length, reason)
