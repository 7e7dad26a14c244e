"""Rows of judged cases as the journal has them, and bars that decide them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np

from domain.market import BAR, Bars
from domain.timeframe import MINUTE

T = 1_704_200_400_000_000_000
HOUR = 60 * MINUTE
PROMPTS = {"bull": "bull@1", "bear": "bear@1", "rebuttal": "rebuttal@1", "judge": "judge@1", "single": "single@1"}


def a_row(number: int = 0, **changed: Any) -> SimpleNamespace:
    """A finished case of a debate, one hour after the one before."""
    usual: dict[str, Any] = {
        "p_win": 0.6,
        "won": 1,
        "touched": "TARGET",
        "r": 2.0,
        "model": "gpt-x",
        "prompts": json.dumps(PROMPTS),
        "regime": "TRENDING",
        "source": "llm",
        "contaminated": False,
        "arm": "debate",
        "verdict": "GO",
        "effect": "NONE",
        "size_factor": 1.0,
        "symbol": "EURUSD",
        "strategy": "ema_cross",
        "direction": 1,
        "at": T + number * HOUR,
        "known_at": T + (number + 1) * HOUR,
    }
    return SimpleNamespace(**{**usual, **changed})


def rows_of(said: Iterable[tuple[float, int]], **changed: Any) -> list[SimpleNamespace]:
    """A row for each (p_win, won), hour by hour."""
    return [
        a_row(n, p_win=p, won=won, touched="TARGET" if won else "STOP", r=2.0 if won else -1.0, **changed)
        for n, (p, won) in enumerate(said)
    ]


def good(count: int) -> list[tuple[float, int]]:
    """Said 80 and 20 per cent in turn, and so it came."""
    return [(0.8, n // 2 % 5 < 4) if n % 2 else (0.2, n // 2 % 5 == 0) for n in range(count)]  # type: ignore[misc]


def bars_of(*bars: tuple[float, float, float, float], start: int = T, row: int = 0, step: int = MINUTE) -> Bars:
    """(open, high, low, close) one after the other from ``start``."""
    made = np.zeros(len(bars), BAR)
    for place, (one, (opened, high, low, close)) in enumerate(zip(made, bars, strict=True)):
        one["row"], one["ts"], one["spread"] = row, start + place * step, np.nan
        one["open"], one["high"], one["low"], one["close"] = opened, high, low, close
    return made
