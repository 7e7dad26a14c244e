"""At most so many positions in one symbol, working entries included; a reversal keeps its own slot.

A netting account holds one position a symbol, so every further entry on the same side counts as one more.
"""

from __future__ import annotations

from risk.config import RiskConfig
from risk.view import Denial, View, Wish


class MaxPositionsPerSymbol:
    stage = 8
    keys = ("max_positions_per_symbol",)

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def build(cls, config: RiskConfig) -> MaxPositionsPerSymbol | None:
        return None if config.max_positions_per_symbol is None else cls(config.max_positions_per_symbol)

    def check(self, wish: Wish, view: View) -> Denial | None:
        book = view.book
        position = book.positions.get(wish.symbol)
        entries = sum(1 for one in book.in_flight(wish.symbol) if one.order.opens)
        reverses = position is not None and position.quantity * wish.direction < 0
        held = position.entries if position is not None and not reverses else 0
        if held + entries >= self.most:
            return Denial("MAX_POSITIONS_PER_SYMBOL", held + entries, self.most)
        return None
