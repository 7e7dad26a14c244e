"""Positions and bars for exits, counted in ticks of EURUSD from the entry at 1.1 in the position's favour."""

from __future__ import annotations

import math
from typing import Any

from domain.candidate import Held
from domain.money import NANO, to_float
from domain.timeframe import HOUR, MINUTE
from risk.config import ExitConfig
from risk.exits.base import Facts, Proposal, Reading, decide, policies
from tests.factories import EURUSD, T, nano

ENTRY = nano("1.1")
TICK = EURUSD.tick
R = 200
"""Ticks at risk at entry."""


def at(ticks: float, side: int) -> int:
    """The price so many ticks better than the entry (negative: worse)."""
    return ENTRY + side * round(ticks * TICK)


def a_position(side: int = 1, **changed: Any) -> Held:
    """10,000 units, open for an hour, its stop where it was at entry; prices as ticks."""
    usual: dict[str, Any] = {
        "quantity": side * 10_000 * NANO,
        "entry": 0,
        "stop": -R,
        "best": 0,
        "worst": 0,
        "distance": R * TICK,
        "first": 10_000 * NANO,
        "opened_at": T - HOUR,
    }
    made = usual | changed
    for name in ("entry", "stop", "best", "worst"):
        made[name] = 0 if made[name] is None else at(made[name], side)
    return Held(**made)


def a_bar(close: float, side: int = 1, reading: dict[str, float] | None = None, **changed: Any) -> Facts:
    """A bar of one minute at ``close`` ticks, closed at T."""
    price = at(close, side)
    usual: dict[str, Any] = {"at": T, "timeframe": MINUTE, "tick": TICK, "asset_class": "forex"}
    prices = {name: price for name in ("open", "high", "low", "close")}
    return Facts(**(prices | usual | changed), reading=a_reading(side, **(reading or {})))


def a_reading(
    side: int = 1,
    atr: float = math.nan,
    rsi: float = math.nan,
    macd_bars: float = math.nan,
    sma: float = math.nan,
    highest: float = math.nan,
    lowest: float = math.nan,
    trend: int = 0,
) -> Reading:
    """As a long sees it, in ticks; for a short everything is mirrored."""

    def price(ticks: float) -> float:
        return math.nan if math.isnan(ticks) else to_float(at(ticks, side))

    top, bottom = (highest, lowest) if side > 0 else (lowest, highest)
    return Reading(
        atr=to_float(round(atr * TICK)) if atr == atr else atr,
        rsi=rsi if side > 0 else 100.0 - rsi,
        macd_bars=side * macd_bars,
        sma=price(sma),
        highest=price(top),
        lowest=price(bottom),
        trend=side * trend,
    )


def proposed(config: ExitConfig, held: Held, bar: Facts) -> Proposal | None:
    return decide(held, bar, policies(config))
