"""The kill switch of one symbol: the net result of its last trades. There is no symbol that it does not hold for."""

from __future__ import annotations

from domain.money import to_float
from domain.timeframe import DAY
from risk.config import RiskConfig
from risk.protections.base import Past, locked, nanos
from risk.view import Lock


class MaxSymbolLoss:
    keys = (
        *("max_symbol_loss", "max_symbol_loss_trades", "max_symbol_loss_least", "max_symbol_loss_days"),
        "max_symbol_loss_lock",
    )

    def __init__(self, limit: int, most: int, least: int, window: int, length: int) -> None:
        self.limit, self.most, self.least, self.window, self.length = limit, most, least, window, length

    @classmethod
    def build(cls, config: RiskConfig) -> MaxSymbolLoss | None:
        if config.max_symbol_loss is None:
            return None
        window, length = round(config.max_symbol_loss_days * DAY), nanos(config.max_symbol_loss_lock)
        return cls(config.max_symbol_loss, config.max_symbol_loss_trades, config.max_symbol_loss_least, window, length)

    def lock(self, past: Past) -> Lock | None:
        closed = past.closed
        if closed is None:
            return None
        last = past.statistics.recent(closed.symbol, closed.closed_at - self.window)
        if len(last) < self.least:
            return None
        last = last[-self.most :]
        net = sum(one.net for one in last)
        if net >= -self.limit:
            return None
        reason = f"the last {len(last)} trades came to {to_float(net):.2f}, limit -{to_float(self.limit):.2f}"
        return locked("MAX_SYMBOL_LOSS", closed.symbol, closed.closed_at, self.length, reason)
