"""Break of structure: a strong bar closes beyond the extreme of the bars before it."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from indicators.compiled import compiled
from indicators.moving import sma
from indicators.structure import liquidity_sweep, sweep_slots
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf
from strategies.setups import SETUP_SLOTS, begin, ended

BEFORE = OWN
"""The close of the bar before."""
SIDE, LEVEL, BEHIND, FRONT, AGE, STRENGTH = OWN + 1, OWN + 2, OWN + 3, OWN + 4, OWN + 5, OWN + 6
"""The break that waits for its confirmation: its side (0 for none), the level, the far and the near end of its bar,
bars since, and its score."""
SWEPT = OWN + 7
"""When lows and when highs were swept last, as a count of bars."""
SETUP = OWN + 9
RANGE = SETUP + SETUP_SLOTS
STRUCTURE = RANGE + ATR_SLOTS

NO, YES = 0, 1
AT_ONCE, HOLD, PULLBACK = 0, 1, 2
WORDS = ("WAITING", "STOP_REACHED", "TARGET_REACHED", "HELD_TOO_LONG", "BROKE_UP", "BROKE_DOWN")
UP, DOWN = 4, 5
FULL = 3.0
"""Average true ranges of a breakout bar with score 1."""


class Params(NamedTuple):
    """What can be set."""

    lookback: Annotated[int, Between(2, 1_000, "bars", "bars before, whose extremes are the structure")] = 20
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range")] = 14
    range_atr: Annotated[float, Between(0, 20, "ATR", "range of the breakout bar, at least")] = 1.5
    body: Annotated[float, Between(0, 1, "", "share of the range that is body, at least")] = 0.5
    expanding: Annotated[int, OneOf(("no", "yes"), "whether the ATR must be above its mean over the lookback")] = YES
    sweep: Annotated[int, Between(0, 1_000, "bars", "how recent a sweep of the other side must be, 0 for none")] = 20
    free_body: Annotated[float, Between(0, 20, "ATR", "body that needs no sweep")] = 3.0
    confirm: Annotated[int, OneOf(("at_once", "hold", "pullback"), "what must follow the break")] = HOLD
    pullback: Annotated[float, Between(0, 1, "", "share of the break's range to come back, for confirm=pullback")] = 0.3
    wait: Annotated[int, Between(1, 100, "bars", "how long a break may wait for its confirmation")] = 5
    target_r: Annotated[float, Between(0, 50, "stops", "distance of the target, 0 for none")] = 2.5
    longest: Annotated[int, Between(0, 10_000, "bars", "longest life of a setup, 0 for no end")] = 60


def own_slots(params: Params) -> int:
    return STRUCTURE + sweep_slots(params.lookback) + params.lookback - OWN


def warm_up(params: Params) -> int:
    """Bars until the structure, the average true range and its mean are known."""
    return params.lookback + params.atr + 1


@compiled
def breaks(state: Row, bar: ClosedBar, params: Params, lower: float, upper: float, swept: int) -> int:
    """The side of a break on this bar, 0 for none; range and mean are followed at every bar."""
    seen = state[SEEN]
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, seen)
    mean = sma(state, STRUCTURE + sweep_slots(params.lookback), range_, params.lookback, seen)
    if swept > 0:
        state[SWEPT] = seen
    elif swept < 0:
        state[SWEPT + 1] = seen
    before = state[BEFORE]
    state[BEFORE] = bar.close
    side = int(before <= upper < bar.close) - int(before >= lower > bar.close)
    if side == 0 or range_ == 0.0 or seen <= params.lookback + params.atr:
        return 0
    reach, body = bar.high - bar.low, side * (bar.close - bar.open)
    if reach < params.range_atr * range_ or body < params.body * reach or body <= 0.0:
        return 0
    if params.expanding == YES and not range_ > mean:
        return 0
    when = state[SWEPT] if side > 0 else state[SWEPT + 1]
    if params.sweep > 0 and body < params.free_body * range_ and (when == 0.0 or seen - when > params.sweep):
        return 0
    state[STRENGTH] = min(reach / (FULL * range_), 1.0)
    return side


@compiled
def confirmed(state: Row, bar: ClosedBar, params: Params) -> int:
    """The side of the waiting break if this bar confirms it, else 0; one that fell back or waited too long is over."""
    side = int(state[SIDE])
    if side == 0:
        return 0
    state[AGE] += 1.0
    if side * (bar.close - state[LEVEL]) <= 0.0 or state[AGE] > params.wait:
        state[SIDE] = 0.0
        return 0
    worst = bar.low if side > 0 else bar.high
    back = side * (state[FRONT] - worst)
    if params.confirm == PULLBACK and back < params.pullback * side * (state[FRONT] - state[BEHIND]):
        return 0
    state[SIDE] = 0.0
    return side


@strategy(
    params=Params,
    own_slots=own_slots,
    warm_up=warm_up,
    words=WORDS,
    remembers="a held setup hides the breaks that come meanwhile, so that two starts can stay out of step",
)
def bos(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long after a break of the highest high of the bars before, short after one of the lowest low.

    A break is a bar that closes beyond the structure while the close before stood inside, with a large range and
    body, a growing average true range, and a sweep of the other side not long ago. It is traded once confirmed: by
    a later bar that closes beyond the level still (hold), after coming back some way (pullback), or at_once. The
    stop is the far end of the breakout bar; a setup that reached stop, target or its longest life is flat.
    """
    end = ended(state, SETUP, bar, params.longest)
    lower, upper = state[STRUCTURE], state[STRUCTURE + 1]
    swept = liquidity_sweep(state, STRUCTURE, bar.high, bar.low, bar.close, params.lookback, state[SEEN])
    side = breaks(state, bar, params, lower, upper, swept)
    signal = confirmed(state, bar, params)
    if side != 0 and side != signal:
        state[SIDE], state[AGE] = side, 0.0
        state[LEVEL] = upper if side > 0 else lower
        state[BEHIND], state[FRONT] = (bar.low, bar.high) if side > 0 else (bar.high, bar.low)
        signal = 0
        if params.confirm == AT_ONCE:
            state[SIDE] = 0.0
            signal = side
    stance = int(state[STANCE])
    stop = signal * (bar.close - state[BEHIND])
    if signal != 0 and signal != stance and stop > 0.0:
        begin(state, SETUP, bar.close, signal, stop, params.target_r * stop)
        state[SCORE], state[PROBABILITY] = state[STRENGTH], 0.5
        state[REASON] = UP if signal > 0 else DOWN
        return signal
    if end > 0:
        state[REASON] = end
        return 0
    return stance
