"""What has become of earlier trades of each setup (strategy and symbol), folded from the journal's closes."""

from __future__ import annotations

from collections import defaultdict

from research.evidence import Past
from risk.statistics import Folding, Part


class Pasts:
    """Fed with every close in the order in which the gate settled it."""

    def __init__(self) -> None:
        self._folding = Folding()
        self._trades: dict[tuple[str, str], list[tuple[bool, float | None]]] = defaultdict(list)

    def add(self, part: Part) -> None:
        """One close; the position's result counts once nothing of it is left."""
        trade = self._folding.add(part)
        if trade is not None:
            self._trades[trade.strategy, trade.symbol].append((trade.net > 0, trade.r))

    def of(self, strategy: str, symbol: str) -> Past | None:
        """None before the first trade."""
        trades = self._trades.get((strategy, symbol))
        if not trades:
            return None
        known = [r for _, r in trades if r is not None]
        mean = round(sum(known) / len(known), 6) if known else None
        return Past(len(trades), sum(won for won, _ in trades), mean)
