"""What kind of market it is: trending, ranging, volatile or normal."""

from __future__ import annotations

import math

from indicators.compiled import compiled

REGIMES = ("", "TRENDING", "RANGING", "VOLATILE", "NORMAL")
"""The regimes by number; the first one is not known yet."""
UNKNOWN, TRENDING, RANGING, VOLATILE, NORMAL = 0, 1, 2, 3, 4

STRONG = 25.0
"""ADX above which there is a trend."""
WEAK = 20.0
"""ADX below which there is none."""
WILD = 1.5
"""Times its mean at which the average true range is called volatile."""


@compiled
def regime(adx: float, atr: float, mean_atr: float) -> int:
    """The number of the regime: VOLATILE with the range above 1.5 x its mean, else by ADX TRENDING above 25,
    RANGING below 20, else NORMAL; UNKNOWN while any of them is NaN."""
    if math.isnan(adx) or math.isnan(atr) or math.isnan(mean_atr):
        return UNKNOWN
    if atr > WILD * mean_atr:
        return VOLATILE
    if adx > STRONG:
        return TRENDING
    return RANGING if adx < WEAK else NORMAL


@compiled
def trend(adx: float, plus: float, minus: float) -> int:
    """The direction of a trend: 1 rising, -1 falling, 0 without one (ADX not above 25, or not known)."""
    if not adx > STRONG:
        return 0
    return 1 if plus > minus else -1 if minus > plus else 0
