"""Momentum: the change over many bars, measured in what so many bars usually change."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from indicators.rolling import EWMA_SLOTS, back, ewma_variance, remember
from indicators.trend import ADX_SLOTS, adx
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf

VARIANCE = OWN
RANGE = VARIANCE + EWMA_SLOTS
TREND = RANGE + ATR_SLOTS
CLOSES = TREND + ADX_SLOTS

BOTH, LONG_ONLY, SHORT_ONLY = 0, 1, 2
WORDS = ("WAITING", "RISING", "FALLING", "FADED")
RISING, FALLING, FADED = 1, 2, 3
FULL = 3.0
"""Deviations of a change with score 1."""


class Params(NamedTuple):
    """What can be set."""

    length: Annotated[int, Between(2, 5_000, "bars", "bars over which the change is measured")] = 48
    decay: Annotated[float, Between(0.5, 0.9999, "", "weight of the past in the variance of one bar's change")] = 0.97
    enter: Annotated[float, Between(0, 10, "deviations", "change that takes a side; above leave")] = 1.5
    leave: Annotated[float, Between(0, 10, "deviations", "change below which a side is left")] = 0.25
    side: Annotated[int, OneOf(("both", "long", "short"), "which sides are taken; the other one is flat")] = BOTH
    adx: Annotated[float, Between(0, 100, "ADX", "strength of the trend to take a side, at least; 0 for any")] = 20.0
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range and of the ADX")] = 14
    stop_atr: Annotated[float, Between(0, 100, "ATR", "distance of the stop, 0 for none")] = 2.5
    target_atr: Annotated[float, Between(0, 100, "ATR", "distance of the target, 0 for none")] = 5.0


def own_slots(params: Params) -> int:
    return CLOSES + params.length + 1 - OWN


def warm_up(params: Params) -> int:
    """Bars until the change, the range and the strength of the trend are known."""
    return max(params.length + 1, 2 * params.atr)


def problems(params: Params) -> list[str]:
    if params.leave <= params.enter:
        return []
    return [f"strategy.leave = {params.leave:g}: must not be above strategy.enter = {params.enter:g}"]


@strategy(
    params=Params,
    own_slots=own_slots,
    warm_up=warm_up,
    words=WORDS,
    problems=problems,
    remembers="a held side needs less than a new one, and variance, ATR and ADX are recursive",
)
def momentum(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long while the price has risen by more than so many deviations, short while it has fallen; flat once that fades.

    The change over ``length`` bars is divided by the deviation of one bar's change (exponentially weighted) times the
    square root of the length, so that 1 is what chance brings. A side needs ``enter`` and a trend by ADX; it is kept
    until the change is below ``leave``. The score is the change in deviations over 3, at most 1.
    """
    seen = state[SEEN]
    n = params.length + 1
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, seen)
    strength, _, _ = adx(state, TREND, bar.high, bar.low, bar.close, params.atr, seen)
    stance = int(state[STANCE])
    remember(state, CLOSES, bar.close, n, seen)
    if seen == 1:
        return stance
    variance = ewma_variance(state, VARIANCE, bar.close - back(state, CLOSES, n, seen, 1), params.decay, seen - 1)
    if seen < n or variance <= 0.0 or range_ <= 0.0:
        return stance
    change = (bar.close - back(state, CLOSES, n, seen, params.length)) / math.sqrt(variance * params.length)
    state[SCORE], state[PROBABILITY] = min(abs(change) / FULL, 1.0), 0.5
    state[STOP], state[TARGET] = params.stop_atr * range_, params.target_atr * range_
    side = 1 if change > 0.0 else -1
    if abs(change) > params.enter and (strength >= params.adx or side == stance):
        if (side > 0 and params.side == SHORT_ONLY) or (side < 0 and params.side == LONG_ONLY):
            state[REASON] = FADED
            return 0
        state[REASON] = RISING if side > 0 else FALLING
        return side
    if stance != 0 and stance * change < params.leave:
        state[REASON] = FADED
        return 0
    return stance
