"""A symbol has earned too little within a time (LowProfitPairs)."""

from __future__ import annotations

from domain.money import to_float
from risk.config import RiskConfig
from risk.protections.base import Past, locked, nanos
from risk.view import Lock


class LowProfitGuard:
    reads_equity = True
    keys = ("low_profit_guard", "low_profit_guard_trades", "low_profit_guard_lookback", "low_profit_guard_lock")

    def __init__(self, limit: float, least: int, window: int, length: int) -> None:
        self.limit, self.least, self.window, self.length = limit, least, window, length

    @classmethod
    def build(cls, config: RiskConfig) -> LowProfitGuard | None:
        if config.low_profit_guard is None:
            return None
        window, length = nanos(config.low_profit_guard_lookback), nanos(config.low_profit_guard_lock)
        return cls(config.low_profit_guard, config.low_profit_guard_trades, window, length)

    def lock(self, past: Past) -> Lock | None:
        closed = past.closed
        if closed is None:
            return None
        found = past.statistics.within(closed.symbol, closed.closed_at - self.window)
        if found.trades < self.least:
            return None
        equity = past.equity.last or 0
        share = found.net / equity if equity > 0 else None  # without equity nothing is a share of it
        if share is not None and share >= self.limit:
            return None
        of = "of no equity" if share is None else f"{share:.2%} of equity"
        reason = f"{found.trades} trades earned {to_float(found.net):.2f}, {of}, limit {self.limit:.2%}"
        return locked("LOW_PROFIT_GUARD", closed.symbol, closed.closed_at, self.length, reason)
