"""A symbol has lost too often in a row: each further loss locks it again, until it wins."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.protections.base import Past, locked, nanos
from risk.view import Lock


class LossesInARow:
    keys = ("losses_in_a_row", "losses_in_a_row_lock")

    def __init__(self, limit: int, length: int) -> None:
        self.limit, self.length = limit, length

    @classmethod
    def build(cls, config: RiskConfig) -> LossesInARow | None:
        return (
            None if config.losses_in_a_row is None else cls(config.losses_in_a_row, nanos(config.losses_in_a_row_lock))
        )

    def lock(self, past: Past) -> Lock | None:
        closed = past.closed
        if closed is None or closed.net >= 0:
            return None
        count = past.statistics.losses_in_a_row(closed.symbol)
        if count < self.limit:
            return None
        reason = f"{count} losses in a row, limit {self.limit}"
        return locked("LOSSES_IN_A_ROW", closed.symbol, closed.closed_at, self.length, reason)
