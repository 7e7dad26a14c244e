"""No entry while a lock covers the symbol and side."""

from __future__ import annotations

from domain.timeframe import iso
from risk.config import RiskConfig
from risk.protections import KEYS
from risk.view import Denial, Figures, Lock, View, Wish


class Locks:
    stage = 5
    keys = KEYS

    @classmethod
    def build(cls, config: RiskConfig) -> Locks:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        lock = self._lock(wish, view)
        return None if lock is None else Denial("LOCKED", lock.code, iso(lock.until_at))

    def figures(self, wish: Wish, view: View) -> Figures:
        """The code of the lock and until when."""
        lock = self._lock(wish, view)
        return Figures() if lock is None else Figures(lock.code, iso(lock.until_at))

    def _lock(self, wish: Wish, view: View) -> Lock | None:
        """The one that lasts longest."""
        symbol, side, found, until = wish.symbol, wish.direction, None, view.now
        for lock in view.locks:
            if lock.until_at > until and lock.symbol in (None, symbol) and lock.side in (None, side):
                found, until = lock, lock.until_at
        return found
