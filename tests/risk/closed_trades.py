"""Closed trades and their parts, one thing changed: a win of 100 by its target, an hour long."""

from __future__ import annotations

from typing import Any

from domain.money import NANO
from domain.timeframe import HOUR
from risk.statistics import Part, Statistics, Trade
from tests.factories import T


def a_trade(net: float = 100, at: int = T, **changed: Any) -> Trade:
    """``net`` in money, closed ``at``; its reason is TARGET if it won, else STOP."""
    usual: dict[str, Any] = {
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "side": 1,
        "opened_at": at - HOUR,
        "closed_at": at,
        "net": round(net * NANO),
        "r": net / 100,
        "reason": "TARGET" if net > 0 else "STOP",
    }
    return Trade(**usual | changed)


def a_part(fill_id: str = "f1", net: float = 100, at: int = T, **changed: Any) -> Part:
    """The whole of 10,000 units; ``flat`` False for a part of it."""
    usual: dict[str, Any] = {
        "fill_id": fill_id,
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "side": 1,
        "opened_at": T - HOUR,
        "closed_at": at,
        "quantity": 10_000 * NANO,
        "net": round(net * NANO),
        "r": net / 100,
        "reason": "TARGET",
    }
    return Part(**usual | changed)


def counted(*trades: Trade) -> Statistics:
    statistics = Statistics()
    for one in trades:
        statistics.add(one)
    return statistics
