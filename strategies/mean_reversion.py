"""Mean reversion: a band is pierced, the close comes back inside, and momentum did not follow the new extreme."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr, bollinger
from indicators.compiled import compiled
from indicators.momentum import RSI_SLOTS, rsi
from indicators.rolling import back, remember
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf
from strategies.setups import SETUP_SLOTS, begin, ended

PIERCED = OWN
"""Whether the bar before pierced the lower band, and the upper one."""
SETUP = OWN + 2
RANGE = SETUP + SETUP_SLOTS
STRENGTH = RANGE + ATR_SLOTS
WINDOW = STRENGTH + RSI_SLOTS
"""Lows, highs and strengths of the bars in which a divergence is looked for, then the bands."""

NO, YES = 0, 1
TARGET_ONLY, MEAN = 0, 1
WORDS = (
    "WAITING",
    "STOP_REACHED",
    "TARGET_REACHED",
    "HELD_TOO_LONG",
    "BACK_ABOVE_LOWER_BAND",
    "BACK_BELOW_UPPER_BAND",
    "MEAN_REACHED",
)
BACK_UP, BACK_DOWN, AT_MEAN = 4, 5, 6
EQUAL = 1e-9
"""Points of RSI that are rounding."""
FULL = 20.0
"""Points of RSI between both extremes with score 1."""


class Params(NamedTuple):
    """What can be set."""

    bands: Annotated[int, Between(2, 1_000, "bars", "length of the bands")] = 20
    width: Annotated[float, Between(0.1, 10, "deviations", "half width of the bands")] = 2.5
    rsi: Annotated[int, Between(2, 1_000, "bars", "length of the relative strength index")] = 14
    divergence: Annotated[int, OneOf(("no", "yes"), "whether the RSI must not follow the new extreme")] = YES
    lookback: Annotated[int, Between(3, 500, "bars", "bars back to the extreme that is compared with")] = 15
    gap: Annotated[float, Between(0, 50, "RSI", "points by which the RSI must differ from that of then")] = 0.0
    beyond: Annotated[float, Between(0, 5, "", "share added to the way to the extreme, for the stop")] = 0.1
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range")] = 14
    stop_atr: Annotated[float, Between(0, 20, "ATR", "distance of the stop, at least")] = 0.5
    target_r: Annotated[float, Between(0, 50, "stops", "distance of the target, 0 for none")] = 1.5
    leave: Annotated[int, OneOf(("target", "mean"), "where a setup ends: at its target, or at the middle band")] = (
        TARGET_ONLY
    )
    longest: Annotated[int, Between(0, 10_000, "bars", "longest life of a setup, 0 for no end")] = 60


def own_slots(params: Params) -> int:
    return WINDOW + 3 * (params.lookback + 1) + params.bands - OWN


def warm_up(params: Params) -> int:
    """Bars until the bands, the range, and the RSI of the whole lookback are known."""
    return max(params.bands, params.atr, params.rsi + params.lookback) + 1


@compiled
def divergence(state: Row, params: Params, side: int) -> tuple[float, float]:
    """(the extreme of the last two bars, how far the RSI stayed behind it), or a negative way where there is none.

    It is compared with the extreme of the bars from ``lookback`` to 2 ago: the new one must be beyond it, and the RSI
    of both last bars counts; of equal extremes the oldest. The extremes of a long are lows, those of a short highs.
    """
    n, seen = params.lookback + 1, state[SEEN]
    prices = WINDOW if side > 0 else WINDOW + n
    strengths = WINDOW + 2 * n
    extreme = side * min(side * back(state, prices, n, seen, 0), side * back(state, prices, n, seen, 1))
    earlier = 2
    for age in range(3, n):
        if side * back(state, prices, n, seen, age) <= side * back(state, prices, n, seen, earlier):
            earlier = age
    if side * extreme >= side * back(state, prices, n, seen, earlier):
        return extreme, -1.0
    weakest = min(side * back(state, strengths, n, seen, 0), side * back(state, strengths, n, seen, 1))
    return extreme, weakest - side * back(state, strengths, n, seen, earlier)


@strategy(
    params=Params,
    own_slots=own_slots,
    warm_up=warm_up,
    words=WORDS,
    remembers="a held setup hides the turns that come meanwhile, so that two starts can stay out of step",
)
def mean_reversion(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long when the price went below the lower Bollinger band and closes above it again; short mirrored.

    With divergence=yes the new low must be below that of the bars before while its RSI is higher than then. The
    stop is beyond the extreme, the target a multiple of the stop. A setup that reached its stop, its target (or the
    middle band) or its longest life is flat. The score is the divergence, 0.5 where none is asked for.
    """
    n, seen = params.lookback + 1, state[SEEN]
    end = ended(state, SETUP, bar, params.longest)
    lower, middle, upper = bollinger(state, WINDOW + 3 * n, bar.close, params.bands, params.width, seen)
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, seen)
    remember(state, WINDOW, bar.low, n, seen)
    remember(state, WINDOW + n, bar.high, n, seen)
    remember(state, WINDOW + 2 * n, rsi(state, STRENGTH, bar.close, params.rsi, seen) - 50.0, n, seen)
    below, above = bar.low < lower, bar.high > upper
    up = (below or state[PIERCED] > 0.0) and lower < bar.close < middle
    down = (above or state[PIERCED + 1] > 0.0) and middle < bar.close < upper
    state[PIERCED], state[PIERCED + 1] = 1.0 if below else 0.0, 1.0 if above else 0.0
    stance = int(state[STANCE])
    side = int(up) - int(down)
    if side != 0 and side != stance and seen >= n and range_ > 0.0:
        extreme, behind = divergence(state, params, side)
        stop = max(side * (bar.close - extreme) * (1.0 + params.beyond), params.stop_atr * range_)
        if stop > 0.0 and (params.divergence == NO or (behind > EQUAL and behind >= params.gap)):
            begin(state, SETUP, bar.close, side, stop, params.target_r * stop)
            state[SCORE] = min(behind / FULL, 1.0) if params.divergence == YES else 0.5
            state[PROBABILITY] = 0.5
            state[REASON] = BACK_UP if side > 0 else BACK_DOWN
            return side
    if end == 0 and params.leave == MEAN and stance * (bar.close - middle) > 0.0:
        end = AT_MEAN
    if end > 0:
        state[REASON] = end
        return 0
    return stance
