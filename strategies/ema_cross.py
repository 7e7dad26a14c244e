"""Two exponential moving averages of the close; the stance is the side on which the fast one stands."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from indicators.compiled import compiled
from indicators.moving import EMA_SLOTS, ema
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf

FAST = OWN
SLOW = FAST + EMA_SLOTS
RANGE = SLOW + EMA_SLOTS
END = RANGE + ATR_SLOTS

BOTH, LONG_ONLY, SHORT_ONLY = 0, 1, 2
WORDS = ("FAST_EQUALS_SLOW", "FAST_ABOVE_SLOW", "FAST_BELOW_SLOW", "NO_RANGE")
EQUAL, ABOVE, BELOW, NO_RANGE = 0, 1, 2, 3


class Params(NamedTuple):
    """What can be set. With ``stop_atr`` and ``target_atr`` both 0 the average true range is not used."""

    fast: Annotated[int, Between(1, 10_000, "bars", "length of the fast average")] = 10
    slow: Annotated[int, Between(2, 10_000, "bars", "length of the slow average, above fast")] = 30
    side: Annotated[int, OneOf(("both", "long", "short"), "which sides are taken; the other one is flat")] = BOTH
    atr: Annotated[int, Between(1, 10_000, "bars", "length of the average true range")] = 14
    stop_atr: Annotated[float, Between(0, 100, "ATR", "distance of the stop, 0 for none")] = 2.0
    target_atr: Annotated[float, Between(0, 100, "ATR", "distance of the target, 0 for none")] = 3.0


@compiled
def measures(params: Params) -> bool:
    """Whether stop or target are measured in average true ranges."""
    return params.stop_atr > 0.0 or params.target_atr > 0.0


def warm_up(params: Params) -> int:
    """Bars until the slow average has seen its length, and the average true range, where used, is known."""
    return max(params.slow, params.atr) if measures(params) else params.slow


def problems(params: Params) -> list[str]:
    if params.fast < params.slow:
        return []
    return [f"strategy.fast = {params.fast}: must be below strategy.slow = {params.slow}; lower fast or raise slow"]


@strategy(
    params=Params,
    own_slots=lambda params: END - OWN,
    warm_up=warm_up,
    words=WORDS,
    problems=problems,
    remembers="its averages are recursive and never lose their first close quite, and equal ones keep the last stance",
)
def ema_cross(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long while the fast EMA of the close is above the slow one, short while below; equal keeps the last stance.

    Stop and target are multiples of the average true range, and without a range to measure them by the last
    stance is kept. The score is the distance of the two averages in average true ranges, at most 1; 0.5
    where no range is used.
    """
    fast = ema(state, FAST, bar.close, params.fast, state[SEEN])
    slow = ema(state, SLOW, bar.close, params.slow, state[SEEN])
    state[SCORE] = state[PROBABILITY] = 0.5
    if measures(params):
        distance = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, state[SEEN])
        state[STOP] = params.stop_atr * distance
        state[TARGET] = params.target_atr * distance
        if distance == 0.0:
            state[REASON] = NO_RANGE
            return int(state[STANCE])
        state[SCORE] = min(abs(fast - slow) / distance, 1.0)
    if fast > slow:
        state[REASON] = ABOVE
        return 0 if params.side == SHORT_ONLY else 1
    if fast < slow:
        state[REASON] = BELOW
        return 0 if params.side == LONG_ONLY else -1
    state[REASON] = EQUAL
    return int(state[STANCE])
