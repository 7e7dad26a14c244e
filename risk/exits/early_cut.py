"""Out of a loss before its stop, when at least two of three signs of momentum are against it."""

from __future__ import annotations

import math

from domain.candidate import Held
from domain.money import to_float
from risk.config import ExitConfig
from risk.exits.base import IMMEDIATE, Close, Facts, profit, side

WEAK_RSI = 35.0
"""RSI below which it is against a long; above 100 minus it, against a short."""
BARS = 3
"""MACD histogram bars against the position in a row."""
VOTES = 2


class EarlyCut:
    keys = ("early_cut",)
    indicators = True

    def __init__(self, loss: float) -> None:
        self.loss = loss

    @classmethod
    def build(cls, config: ExitConfig) -> EarlyCut | None:
        return None if config.early_cut is None else cls(config.early_cut)

    def propose(self, held: Held, facts: Facts) -> Close | None:
        """The loss is counted in average true ranges."""
        now = facts.reading
        known = now.atr > 0 and not math.isnan(now.rsi + now.macd_bars + now.sma)
        if not known or held.entry <= 0 or to_float(-profit(held, facts)) <= self.loss * now.atr:
            return None
        long = side(held) > 0
        rsi = now.rsi < WEAK_RSI if long else now.rsi > 100.0 - WEAK_RSI
        macd = now.macd_bars <= -BARS if long else now.macd_bars >= BARS
        close = to_float(facts.close)
        average = close < now.sma if long else close > now.sma
        return Close("EARLY_CUT", urgency=IMMEDIATE) if rsi + macd + average >= VOTES else None
