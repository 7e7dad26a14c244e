"""The checks of the gate as one plain loop over plain numbers: what they cost without rules, names or reasons."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

HOUR, MINUTE = 3_600.0, 60.0


class Holding(NamedTuple):
    """``value`` is signed money in the account currency; ``returns`` of the window, oldest first."""

    base: str
    quote: str
    value: float
    returns: Any


class Account(NamedTuple):
    """Money in the account currency, times in seconds."""

    equity: float
    peak: float
    day_equity: float
    first_cash: float
    now: float
    entries: Sequence[float]


class Asked(NamedTuple):
    """One candidate with plain numbers."""

    base: str
    quote: str
    side: int
    price: float
    stop: float
    target: float
    spread: float
    volume: float
    returns: Any


LIMITS = {
    "leverage": 900.0,
    "currency": 900.0,
    "symbol": 500.0,
    "margin": 0.9,
    "free": 1_000.0,
    "var": 0.9,
    "cvar": 0.95,
    "stress": 0.99,
    "correlation": 0.99,
}


def judge(asked: Asked, holdings: Sequence[Holding], account: Account) -> float:
    """The size in units; 0 for a denial."""
    minute = account.now % 86_400.0 / 60.0
    day = account.now // 86_400.0 + 4
    if day % 7 >= 5 or not (480.0 <= minute < 1_320.0):
        return 0.0
    news = min(abs(account.now % 86_400.0 - one) for one in (48_600.0, 68_400.0))
    if news < 900.0 and day % 7 == 4:
        return 0.0
    if sum(1 for one in account.entries if one > account.now - HOUR) > 10**9:
        return 0.0
    if account.day_equity - account.equity > 500_000 or account.equity < 0.4 * account.peak:
        return 0.0
    if account.equity < 0.4 * account.first_cash or asked.spread / asked.price > 0.005:
        return 0.0
    if (asked.spread + 3e-4 * asked.price) / asked.target > 0.9 or asked.target / asked.stop < 0.5:
        return 0.0
    mean = asked.returns - asked.returns.mean()
    for one in holdings:
        other = one.returns - one.returns.mean()
        rho = float(mean @ other) / math.sqrt(float(mean @ mean) * float(other @ other))
        if rho * asked.side * (1 if one.value > 0 else -1) > LIMITS["correlation"]:
            return 0.0
    units = math.floor(account.equity * 0.0001 / asked.stop / 1_000.0) * 1_000.0
    value = asked.side * units * asked.price
    gross, legs, profits = abs(value), {asked.base: value, asked.quote: -value}, value * asked.returns
    stressed = abs(value) * 1e-4
    for one in holdings:
        gross += abs(one.value)
        legs[one.base] = legs.get(one.base, 0.0) + one.value
        legs[one.quote] = legs.get(one.quote, 0.0) - one.value
        profits = profits + one.value * one.returns
        stressed += one.value * 1e-4
    ordered = np.sort(profits)
    cut = int(len(ordered) * 0.01)
    return (
        units
        if (
            gross <= LIMITS["leverage"] * account.equity
            and max(map(abs, legs.values())) <= LIMITS["currency"] * account.equity
            and abs(value) <= LIMITS["symbol"] * account.equity
            and gross * 0.001 <= LIMITS["margin"] * account.equity
            and account.equity - gross * 0.001 >= LIMITS["free"]
            and -float(ordered[cut]) <= LIMITS["var"] * account.equity
            and -float(ordered[: cut + 1].mean()) <= LIMITS["cvar"] * account.equity
            and abs(stressed) <= LIMITS["stress"] * account.equity
            and units * asked.stop <= min(0.01 * account.equity, 5_000.0)
            and units <= 0.5 * asked.volume
        )
        else 0.0
    )
