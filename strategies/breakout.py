"""Breakout: levels where the price turned several times, entered as they break or when the price comes back to them."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from indicators.compiled import compiled
from indicators.extremes import donchian, donchian_slots
from indicators.rolling import median, median_slots, ranked
from indicators.structure import swing_high, swing_low, swing_slots
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, ClosedBar, Row, strategy
from strategies.levels import (
    BROKEN,
    COUNT,
    LEVEL_SLOTS,
    PRICE,
    SIDE,
    TOUCHES,
    at,
    beside,
    follow,
    roundness,
    strength,
    touch,
)
from strategies.parameters import Between, OneOf
from strategies.setups import SETUP_SLOTS, begin, ended

USUAL = OWN
"""The median volume of the bars before, NaN while it is not known."""
EDGES = OWN + 1
"""The lower and the upper edge of the channel of the bars before, and whether the bar before reached them."""
SETUP = OWN + 5
RANGE = SETUP + SETUP_SLOTS
LEVELS = RANGE + ATR_SLOTS
WINDOWS = LEVELS + LEVEL_SLOTS
"""Highs and lows of the swings, the extremes of the recent bars, the channel of the bars before, the volumes."""

VOLUMES = 19
"""Bars before, whose median volume is the usual one."""
EITHER, MOMENTUM, RETEST = 0, 1, 2
WORDS = (
    "WAITING",
    "STOP_REACHED",
    "TARGET_REACHED",
    "HELD_TOO_LONG",
    "BROKE_UP",
    "BROKE_DOWN",
    "RETESTED_FROM_ABOVE",
    "RETESTED_FROM_BELOW",
)
BROKE_UP, BROKE_DOWN, FROM_ABOVE, FROM_BELOW = 4, 5, 6, 7


class Params(NamedTuple):
    """What can be set."""

    entry: Annotated[int, OneOf(("either", "momentum", "retest"), "enter on the break, on the way back, or both")] = (
        EITHER
    )
    swing: Annotated[int, Between(1, 50, "bars", "bars on each side of a swing")] = 2
    channel: Annotated[int, Between(0, 500, "bars", "bars before, whose extremes turn the price, 0 for none")] = 20
    loud: Annotated[float, Between(0, 0.5, "", "share of bars whose volume makes them turns, 0 for none")] = 0.15
    merge: Annotated[float, Between(0.1, 10, "ATR", "turns so near to a level touch it")] = 0.5
    touches: Annotated[int, Between(1, 20, "", "touches of a level, at least")] = 3
    strength: Annotated[float, Between(0, 1, "", "strength of a level, at least")] = 0.6
    round: Annotated[float, Between(0, 1, "", "strength that a round number adds, at most; 0 for none")] = 0.3
    cascade: Annotated[float, Between(0, 10, "ATR", "levels so near to each other add strength, 0 for none")] = 1.5
    age: Annotated[int, Between(10, 20_000, "bars", "a level not touched for so long is forgotten")] = 500
    beyond: Annotated[float, Between(0, 10, "ATR", "how far beyond a level a close is a break")] = 0.1
    volume: Annotated[float, Between(0, 20, "", "volume of a break over the usual, at least; 0 for any")] = 1.3
    body: Annotated[float, Between(0, 1, "", "share of a break's range that is body, at least")] = 0.5
    after: Annotated[int, Between(1, 10_000, "bars", "bars from a break to its retest, at least")] = 12
    within: Annotated[int, Between(1, 20_000, "bars", "bars from a break to its retest, at most; not below after")] = (
        288
    )
    near: Annotated[float, Between(0, 10, "ATR", "a retest comes so near to the level")] = 0.5
    pierce: Annotated[float, Between(0, 10, "ATR", "a retest goes no further through the level")] = 0.3
    recent: Annotated[int, Between(2, 500, "bars", "bars whose extreme may be the stop of a break")] = 10
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range")] = 14
    stop_atr: Annotated[
        float, Between(0.1, 20, "ATR", "stop of a break, at most; the recent extreme may be nearer")
    ] = 1.2
    retest_stop_atr: Annotated[float, Between(0.1, 20, "ATR", "stop of a retest, from the level")] = 1.0
    target_r: Annotated[float, Between(0, 50, "stops", "distance of the target, 0 for none")] = 2.0
    longest: Annotated[int, Between(0, 10_000, "bars", "longest life of a setup, 0 for no end")] = 100


def own_slots(params: Params) -> int:
    channels = donchian_slots(params.recent) + donchian_slots(params.channel)
    return WINDOWS + 2 * swing_slots(params.swing, params.swing) + channels + median_slots(VOLUMES) - OWN


def warm_up(params: Params) -> int:
    """Bars until range, extremes and usual volume are known and swings had room to be touched twice."""
    return max(params.atr, params.recent, params.channel, VOLUMES, 5 * params.swing) + params.swing + 1


def problems(params: Params) -> list[str]:
    if params.after <= params.within:
        return []
    return [f"strategy.within = {params.within}: must not be below strategy.after = {params.after}"]


@compiled
def worth(state: Row, which: int, params: Params, range_: float) -> float:
    """How much a level counts, 0 to 1: its strength, and what a round number and levels beside it add."""
    here = at(LEVELS, which)
    found = strength(state, here, params.age, state[SEEN])
    if params.round > 0.0:
        found += params.round * roundness(state[here + PRICE], params.merge * range_)
    if params.cascade > 0.0:
        found += beside(state, LEVELS, which, params.cascade * range_)
    return min(found, 1.0)


@compiled
def channel_turns(state: Row, bar: ClosedBar, slot: int, params: Params, merge: float) -> tuple[float, float]:
    """(lower, upper) edge of the channel of the bars before where this bar came to it and closed inside, NaN for none.

    Of bars that stay at an edge the first one counts.
    """
    if params.channel == 0:
        return math.nan, math.nan
    lower, upper = state[EDGES], state[EDGES + 1]
    known = state[SEEN] > params.channel
    reached_low, reached_high = known and bar.low <= lower + merge, known and bar.high >= upper - merge
    low = lower if reached_low and state[EDGES + 2] == 0.0 and bar.close >= lower else math.nan
    high = upper if reached_high and state[EDGES + 3] == 0.0 and bar.close <= upper else math.nan
    state[EDGES + 2], state[EDGES + 3] = 1.0 if reached_low else 0.0, 1.0 if reached_high else 0.0
    state[EDGES], _, state[EDGES + 1] = donchian(state, slot, bar.high, bar.low, params.channel, state[SEEN])
    return low, high


@compiled
def loud_turn(bar: ClosedBar, loudest: float) -> float:
    """The end of a bar with more volume than ``loudest`` that its close is away from; NaN for none."""
    up, down = bar.high - bar.close, bar.close - bar.low
    if not bar.volume > loudest or up == down:
        return math.nan
    return bar.high if up > down else bar.low


@compiled
def nearest_first(close: float, below: float, above: float) -> tuple[float, float]:
    """Two prices, the one nearer to the close first: in the mirrored market the mirrored one."""
    return (below, above) if close - below < above - close else (above, below)


@compiled
def broken(state: Row, bar: ClosedBar, params: Params, busy: float, range_: float) -> tuple[int, float]:
    """(side, strength) of the strongest level that this bar breaks with body and volume, (0, 0) for none."""
    side, best = 0, 0.0
    for which in range(COUNT):
        here = at(LEVELS, which)
        if state[here + BROKEN] != state[SEEN] or state[here + TOUCHES] < params.touches:
            continue
        to = int(state[here + SIDE])
        body = to * (bar.close - bar.open)
        if body <= 0.0 or body < params.body * (bar.high - bar.low) or busy < params.volume:
            continue
        held = worth(state, which, params, range_)
        if held >= params.strength and held > best:
            side, best = to, held
    return side, best


@compiled
def retested(state: Row, bar: ClosedBar, params: Params, range_: float) -> tuple[int, float, float]:
    """(side, strength, price) of the strongest broken level from which this bar turns back, (0, 0, 0) for none.

    Each break is retested once.
    """
    found, best = -1, 0.0
    for which in range(COUNT):
        here = at(LEVELS, which)
        since = state[SEEN] - state[here + BROKEN]
        to = state[here + SIDE]
        if to == 0.0 or not params.after <= since <= params.within:
            continue
        price = state[here + PRICE]
        depth = to * ((bar.low if to > 0.0 else bar.high) - price)
        turned = to * (bar.close - price) > 0.0 and to * (bar.close - bar.open) > 0.0
        if not turned or not -params.pierce * range_ <= depth <= params.near * range_:
            continue
        held = worth(state, which, params, range_)
        if state[here + TOUCHES] >= params.touches and held >= params.strength and held > best:
            found, best = which, held
    if found < 0:
        return 0, 0.0, 0.0
    here = at(LEVELS, found)
    side = int(state[here + SIDE])
    state[here + SIDE] = 0.0
    return side, best, float(state[here + PRICE])


@strategy(
    params=Params,
    own_slots=own_slots,
    warm_up=warm_up,
    words=WORDS,
    problems=problems,
    remembers="a level lives as long as it is touched, and its price is the mean of all its touches",
)
def breakout(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long when a level breaks upwards (momentum) or holds from above after such a break (retest); short mirrored.

    Levels are prices where the price turned: confirmed swings, the edges of the channel of the bars before, the ends
    of bars with high volume. Turns near each other are touches of one level; touches, span, volume and pierces are
    its strength, to which round numbers and levels beside it add. A break closes beyond the level with body and
    volume; a retest comes back to it a while later and turns. Where no volume is known none is asked for. The score
    is the strength with, for a break, its volume and body.
    """
    seen = state[SEEN]
    end = ended(state, SETUP, bar, params.longest)
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, seen)
    tops, n = WINDOWS, swing_slots(params.swing, params.swing)
    lowest, _, highest = donchian(state, tops + 2 * n, bar.high, bar.low, params.recent, seen)
    usual = state[USUAL] if seen > VOLUMES else math.nan
    known = usual > 0.0
    ratio = bar.volume / usual if known else math.nan
    channel = tops + 2 * n + donchian_slots(params.recent)
    volumes = channel + donchian_slots(params.channel)
    loudest = ranked(state, volumes, VOLUMES, 1.0 - params.loud) if known and params.loud > 0.0 else math.inf
    state[USUAL] = median(state, volumes, bar.volume, VOLUMES, seen)
    top = swing_high(state, tops, bar.high, params.swing, params.swing, seen)
    bottom = swing_low(state, tops + n, bar.low, params.swing, params.swing, seen)
    merge = params.merge * range_
    low, high = channel_turns(state, bar, channel, params, merge)
    stance = int(state[STANCE])
    if range_ > 0.0:
        follow(state, LEVELS, bar.high, bar.low, bar.close, params.beyond * range_, params.age, seen)
        swings, edges = nearest_first(bar.close, bottom, top), nearest_first(bar.close, low, high)
        for price in (*swings, *edges, loud_turn(bar, loudest)):
            touch(state, LEVELS, price, bar.close, merge, ratio, n, seen)
        side, stop, score, reason = 0, 0.0, 0.0, 0
        if params.entry != RETEST:
            side, held = broken(state, bar, params, ratio if known else math.inf, range_)
            stop = min(side * (bar.close - (lowest if side > 0 else highest)), params.stop_atr * range_)
            share = abs(bar.close - bar.open) / max(bar.high - bar.low, 1e-300)
            score = 0.5 * held + 0.3 * (min(ratio / 5.0, 1.0) if known else 0.0) + 0.2 * share
            reason = BROKE_UP if side > 0 else BROKE_DOWN
        if side == 0 and params.entry != MOMENTUM and not (known and ratio < 0.8):
            side, score, price = retested(state, bar, params, range_)
            stop = side * (bar.close - price) + params.retest_stop_atr * range_
            reason = FROM_ABOVE if side > 0 else FROM_BELOW
        if side != 0 and side != stance and stop > 0.0:
            begin(state, SETUP, bar.close, side, stop, params.target_r * stop)
            state[SCORE], state[PROBABILITY], state[REASON] = min(score, 1.0), 0.5, reason
            return side
    if end > 0:
        state[REASON] = end
        return 0
    return stance
