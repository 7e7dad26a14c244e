"""What an invented market is made of, and what its world knows."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Any

Plain = dict[str, Any]

NAMES = ("EURUSD", "BTC", "GBPUSD", "USDJPY", "ETH", "XAUUSD", "AUDUSD", "SOL", "USDCHF", "SP500", "NAS100", "BRENT")
STARTS = {"EURUSD": 1.0843, "BTC": 64_123.0, "USDJPY": 156.42, "ETH": 3_121.0, "XAUUSD": 2_334.0, "SP500": 5_312.0}
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\u202egnp.exe\u202c",
    "javascript:alert(1)",
    "A\u0000B\u200bC\u2066D",
    "a/b?c#d%20%",
)
LONG = "<b>" + "x" * 10_000
RUN = "20261120T090000-mock"
SPAN = 900
LIMITS = (
    ("max_trades_per_day", 14, 40, ""),
    ("max_daily_loss_share", 0.0081, 0.03, "share"),
    ("max_drawdown_soft", 0.0312, 0.06, "share"),
    ("max_drawdown", 0.0312, 0.10, "share"),
    ("max_open_positions", 5, 6, ""),
    ("max_orders_in_flight", 2, 5, ""),
    ("max_currency_exposure", 1.32, 1.5, "times"),
    ("max_exposure", 163_000.0, 150_000.0, "money"),
    ("max_leverage", 1.6, 5, "times"),
    ("max_margin", 0.22, 0.5, "share"),
    ("max_var", 0.0123, 0.02, "share"),
    ("max_stress_loss", None, 0.15, "share"),
)


BOOK = {
    "var": 0.0123,
    "cvar": 0.0161,
    "parametric": 0.0119,
    "stress": 0.071,
    "scenario": "dollar +5 %",
    "gross": 163_000.0,
    "leverage": 1.6,
}
BOOK |= {"margin": 5_433.0, "missing": []}


class Facts:
    """What the world has come to; whoever tells of it reads this."""

    hostile: bool
    begun: datetime
    market_at: datetime
    prices: dict[str, float]
    reasons: dict[str, str]
    scores: dict[str, float]
    positions: dict[str, Plain]
    orders: dict[str, Plain]
    trades: list[Plain]
    """Closes, oldest first."""
    past: list[Plain]
    """Closes of the days before, oldest first."""
    locks: dict[str, Plain]
    latches: list[Plain]
    events: list[Plain]
    seq: int
    cycle: int
    times: list[float]
    balance: float
    equity: float
    opening: float
    peak: float
    equities: list[Plain]
    state_name: str
    since: str
    why: str
    moves: list[Plain]
    _bars: dict[str, deque[list[Any]]]


def iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def now() -> str:
    return iso(datetime.now(UTC))
