"""What the closed trades say: per symbol, strategy, session and factor."""

from __future__ import annotations

import msgspec


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """One round trip, from flat to flat. ``net`` is money after all costs (1e-9), ``r`` in units of the risk at entry,
    ``reason`` what closed the last part, ``factors`` the reason codes of its candidate."""

    symbol: str
    strategy: str
    side: int
    opened_at: int
    closed_at: int
    net: int
    r: float | None = None
    reason: str = ""
    session: str = ""
    factors: tuple[str, ...] = ()


class Statistics:
    """Closed trades in the order of their closing."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []

    def add(self, trade: Trade) -> None:
        self.trades.append(trade)
