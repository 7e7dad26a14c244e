"""A plan that has expired is never sent."""

from __future__ import annotations

from domain.timeframe import iso
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class NotExpired:
    stage = 4
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> NotExpired:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        if wish.expires_at and view.now > wish.expires_at:
            return Denial("EXPIRED", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(iso(view.now), iso(wish.expires_at) if wish.expires_at else "none")
