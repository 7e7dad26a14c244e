"""Some time lies between two entries in a symbol (``risk.cooldown``, seconds)."""

from __future__ import annotations

from domain.money import from_decimal, to_float
from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class Cooldown:
    stage = 4
    keys = ("cooldown",)

    def __init__(self, least: int) -> None:
        self.least = least  # ns

    @classmethod
    def build(cls, config: RiskConfig) -> Cooldown | None:
        return None if config.cooldown is None else cls(from_decimal(str(config.cooldown)))

    def check(self, wish: Wish, view: View) -> Denial | None:
        last = view.last_entry.get(wish.symbol)
        if last is not None and view.now - last < self.least:
            return Denial("COOLDOWN", *self.figures(wish, view))
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """Seconds since the symbol's last entry."""
        last = view.last_entry.get(wish.symbol)
        return Figures(None if last is None else to_float(view.now - last), to_float(self.least))
