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


DETAILED = (
    "",
    "VOLATILE_HIGH",
    "BREAKOUT_BULL",
    "BREAKOUT_BEAR",
    "VOLATILE_LOW",
    "REVERSAL_BULL",
    "REVERSAL_BEAR",
    "TRENDING_BULL",
    "TRENDING_BEAR",
    "RANGING",
    "NORMAL",
)
"""The detailed regimes by number, in the order in which they are asked for; the first one is not known yet."""


@compiled
def detailed(
    adx: float,
    plus: float,
    minus: float,
    atr: float,
    mean_atr: float,
    width: float,
    place: float,
    volume: float,
    fast: float,
    slow: float,
) -> int:
    """The number of the detailed regime; UNKNOWN while any but the volume is NaN.

    ``width`` is the Bollinger bands' distance over their middle, ``place`` where the close stands between them (0 the
    lower, 1 the upper), ``volume`` its ratio to the usual (NaN: not known, then no breakout), ``fast`` and ``slow`` two
    averages. VOLATILE_HIGH: range above 2 x its mean. BREAKOUT: volume above 1.5, range above 1.3 x its mean, and the
    close in the outer fifth on the averages' side. VOLATILE_LOW: range below 0.6 x its mean and width below 1 %. With
    ADX above 25: REVERSAL when the directional movement goes against the averages, else TRENDING; below 20 RANGING.
    """
    facts = adx + plus + minus + atr + mean_atr + width + place + fast + slow
    if math.isnan(facts):
        return UNKNOWN
    side = 1 if fast > slow else -1 if fast < slow else 0
    if atr > 2.0 * mean_atr:
        return 1
    if volume > 1.5 and atr > 1.3 * mean_atr:
        if side > 0 and place > 0.8:
            return 2
        if side < 0 and place < 0.2:
            return 3
    if atr < 0.6 * mean_atr and width < 0.01:
        return 4
    going = trend(adx, plus, minus)
    if going != 0:
        if going == -side:
            return 5 if going > 0 else 6
        return 7 if going > 0 else 8
    return 9 if adx < WEAK else 10
