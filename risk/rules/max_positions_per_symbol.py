"""At most so many positions in one symbol, working entries included; a reversal keeps its own slot.

A netting account holds one position a symbol, so every further entry on the same side counts as one more.
"""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, Figures, View, Wish


class MaxPositionsPerSymbol:
    stage = 8
    keys = ("max_positions_per_symbol",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxPositionsPerSymbol | None:
        return None if config.max_positions_per_symbol is None else cls(config.max_positions_per_symbol)

    def check(self, wish: Wish, view: View) -> Denial | None:
        count = _count(wish, view)
        return Denial("MAX_POSITIONS_PER_SYMBOL", count, self.most) if count >= self.most else None

    def figures(self, wish: Wish, view: View) -> Figures:
        return Figures(_count(wish, view), self.most)


def _count(wish: Wish, view: View) -> int:
    """Entries that hold or may come to hold the symbol on the wish's side."""
    book = view.book
    position = book.positions.get(wish.symbol)
    entries = sum(1 for one in book.in_flight(wish.symbol) if one.order.opens)
    reverses = position is not None and position.quantity * wish.direction < 0
    held = position.entries if position is not None and not reverses else 0
    return held + entries
