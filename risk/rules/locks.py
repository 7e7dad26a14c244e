"""No entry while a lock covers the symbol and side."""

from __future__ import annotations

from domain.timeframe import iso
from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class Locks:
    stage = 5
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> Locks:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        for lock in view.locks:
            if lock.covers(wish.symbol, wish.direction, view.now):
                return Denial("LOCKED", lock.code, iso(lock.until_at))
        return None
