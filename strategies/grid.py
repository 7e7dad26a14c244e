"""Grid: levels at equal steps around a centre; one rung is held at a time, from its level back to the one before."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from indicators.compiled import compiled
from indicators.trend import ADX_SLOTS, adx
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf

CENTRE, STEP, SINCE, RUNG, BEFORE = OWN, OWN + 1, OWN + 2, OWN + 3, OWN + 4
"""The middle of the grid, the distance of its levels (0: there is no grid), when it was laid, the level at which the
held rung was taken (negative below the centre), and the level of the close before."""
RANGE = OWN + 5
TREND = RANGE + ATR_SLOTS
END = TREND + ADX_SLOTS

BOTH, LONG_ONLY, SHORT_ONLY = 0, 1, 2
WORDS = ("WAITING", "RUNG_TAKEN_BELOW", "RUNG_TAKEN_ABOVE", "RUNG_EARNED", "OUT_OF_GRID")
BELOW, ABOVE, EARNED, OUT = 1, 2, 3, 4


class Params(NamedTuple):
    """What can be set."""

    levels: Annotated[int, Between(1, 100, "", "levels on each side of the centre")] = 5
    spacing: Annotated[float, Between(0.1, 50, "ATR", "distance of the levels when the grid is laid")] = 2.0
    side: Annotated[int, OneOf(("both", "long", "short"), "long below the centre, short above it, or both")] = BOTH
    adx: Annotated[float, Between(15, 100, "ADX", "a rung is taken only while the trend is weaker than this")] = 25.0
    renew: Annotated[int, Between(1, 100_000, "bars", "a grid without a rung is laid anew after so long")] = 200
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range and of the ADX")] = 14


def warm_up(params: Params) -> int:
    """Bars until the range and the strength of the trend are known."""
    return 2 * params.atr


@compiled
def level(close: float, centre: float, step: float) -> float:
    """How many whole levels the price is away from the centre, with its sign."""
    away = (close - centre) / step
    return math.floor(away) if away >= 0.0 else -math.floor(-away)


@compiled
def lay(state: Row, close: float, step: float) -> None:
    """A new grid around this close."""
    state[CENTRE], state[STEP], state[SINCE], state[BEFORE] = close, step, state[SEEN], 0.0


@strategy(
    params=Params,
    own_slots=lambda params: END - OWN,
    warm_up=warm_up,
    words=WORDS,
    remembers="its levels stand where its first bars and every grid since have put them",
)
def grid(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long from a level below the centre until the price is one level higher, short mirrored; flat outside the grid.

    A close that reaches a level further from the centre takes that rung, unless there is a trend; the rung is over one
    level back towards the centre, and then the same level can be taken again. One net position holds one rung: rungs
    further out are not added while one is held. The stop is one step beyond the last level; out there the grid is
    given up and laid anew around the price. The score is the depth of the rung.
    """
    seen, stance = state[SEEN], int(state[STANCE])
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, seen)
    strength, _, _ = adx(state, TREND, bar.high, bar.low, bar.close, params.atr, seen)
    state[PROBABILITY] = 0.5
    if seen <= 2 * params.atr:
        return stance
    if state[STEP] == 0.0 or (stance == 0 and seen - state[SINCE] >= params.renew):
        lay(state, bar.close, params.spacing * range_)
        return stance
    step = state[STEP]
    here, before = level(bar.close, state[CENTRE], step), state[BEFORE]
    state[BEFORE] = here
    if abs(bar.close - state[CENTRE]) >= (params.levels + 1) * step:
        lay(state, bar.close, params.spacing * range_)
        state[REASON] = OUT
        return 0
    if stance != 0:
        back = state[CENTRE] + (state[RUNG] + stance) * step
        if stance * (bar.close - back) < 0.0:
            return stance
        state[REASON] = EARNED
        return 0
    side = -1 if here > 0.0 else 1
    allowed = params.side == BOTH or (params.side == LONG_ONLY) == (side > 0)
    if not allowed or abs(here) < 1.0 or -side * here <= max(-side * before, 0.0) or not strength < params.adx:
        return stance
    state[RUNG] = here
    state[SCORE] = min(abs(here) / params.levels, 1.0)
    state[TARGET] = side * (state[CENTRE] + (here + side) * step - bar.close)
    state[STOP] = side * (bar.close - state[CENTRE]) + (params.levels + 1) * step
    state[REASON] = BELOW if side > 0 else ABOVE
    return side
