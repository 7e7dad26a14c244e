"""A plan that has expired is never sent."""

from __future__ import annotations

from domain.timeframe import iso
from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class NotExpired:
    stage = 4
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> NotExpired:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if wish.expires_at and view.now > wish.expires_at:
            return Denial("EXPIRED", iso(view.now), iso(wish.expires_at))
        return None
