"""Confluence: how many independent signs point the same way, out of as many as there could be."""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from indicators.compiled import called, compiled
from indicators.higher import ANCHORS, CLOSE, HIGHER_SLOTS, closed, higher
from indicators.moving import sma
from indicators.regime import trend
from indicators.structure import (
    GAP_SLOTS,
    block_slots,
    fair_value_gaps,
    liquidity_sweep,
    order_blocks,
    sweep_slots,
)
from indicators.trend import ADX_SLOTS, adx
from strategies.base import DAY, OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf

MIDDLE, HIGH = OWN, OWN + 1
"""The trend of the middle and of the high timeframe, each followed by how many of its bars there were."""
MIDDLE_SEEN, HIGH_SEEN = OWN + 2, OWN + 3
SWEPT = OWN + 4
"""When lows and when highs were swept last, as a count of bars."""
WON, LOST = OWN + 6, OWN + 7
"""Setups that reached their target and their stop so far."""
SIDE, STOP_AT, TARGET_AT = OWN + 8, OWN + 9, OWN + 10
"""The setup that is followed: its side (0 for none), the price of its stop and that of its target."""
RANGE = OWN + 11
STRENGTH = RANGE + ATR_SLOTS
GAPS = STRENGTH + ADX_SLOTS
MIDDLE_BARS = GAPS + GAP_SLOTS
HIGH_BARS = MIDDLE_BARS + HIGHER_SLOTS
WINDOWS = HIGH_BARS + HIGHER_SLOTS
"""The closes of the three trends, the order blocks, the sweeps."""

AUTO = 0
"""The anchor of the symbol's asset class; the others follow it."""
NO, YES = 0, 1
WORDS = ("WAITING", "CONFLUENCE_UP", "CONFLUENCE_DOWN", "BLOCKED_BY_OPPOSITION", "TOO_LITTLE_LEFT", "NO_RANGE")
UP, DOWN, BLOCKED, LITTLE, NO_RANGE = 1, 2, 3, 4, 5
BODIES = 20
"""Bars whose mean body an order block must exceed, and by how many times."""
BODY_TIMES = 1.5
PRIOR = 20.0
"""How many setups of chance the estimate of the probability starts with."""


class Params(NamedTuple):
    """What can be set."""

    middle: Annotated[int, Between(1, 10_000, "base bars", "length of a bar of the middle timeframe")] = 12
    high: Annotated[int, Between(1, 10_000, "base bars", "length of a bar of the high timeframe")] = 48
    anchor: Annotated[
        int,
        OneOf(
            ("auto", *ANCHORS),
            "where buckets of 4 hours and more begin: midnight UTC, 17:00 New York, or by the asset class",
        ),
    ] = AUTO
    trend: Annotated[int, Between(2, 1_000, "bars", "length of the average of each timeframe")] = 50
    band: Annotated[float, Between(0, 5, "%", "distance from the average within which there is no trend")] = 0.1
    near: Annotated[float, Between(0, 5, "%", "distance from an order block or a gap that counts as near")] = 0.1
    sweep: Annotated[int, Between(2, 1_000, "bars", "bars before, whose extremes are swept")] = 20
    recent: Annotated[int, Between(1, 1_000, "bars", "how long a sweep counts, its own bar included")] = 3
    adx: Annotated[int, Between(2, 1_000, "bars", "length of the directional movement")] = 14
    probability: Annotated[int, OneOf(("no", "yes"), "whether the estimated probability is a sign as well")] = NO
    enter: Annotated[float, Between(0, 1, "of the maximum", "points that take a side, at least")] = 0.5
    leave: Annotated[float, Between(0, 1, "of the maximum", "points below which a side is left")] = 0.25
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range")] = 14
    stop_atr: Annotated[float, Between(0.1, 100, "ATR", "distance of the stop")] = 1.5
    target_atr: Annotated[float, Between(0.1, 100, "ATR", "distance of the target")] = 3.5


@compiled
def maximum(params: Params) -> int:
    """The points that a side has when every sign points to it: 7, and 8 with the probability."""
    return 8 if params.probability == YES else 7


def own_slots(params: Params) -> int:
    return WINDOWS + 3 * params.trend + block_slots(BODIES) + sweep_slots(params.sweep) - OWN


def warm_up(params: Params) -> int:
    """Bars until the trends of all timeframes are known; a first bucket that is partial costs one more."""
    return max(max(params.middle, params.high) * (params.trend + 2), params.sweep + 1, 2 * params.adx, params.atr + 1)


def problems(params: Params) -> list[str]:
    found = []
    if params.high < params.middle:
        found.append(f"strategy.high = {params.high}: must not be below strategy.middle = {params.middle}")
    if params.leave > params.enter:
        found.append(f"strategy.leave = {params.leave:g}: must not be above strategy.enter = {params.enter:g}")
    return found


@compiled
def towards(close: float, average: float, band: float) -> float:
    """1 with the close above its average by more than ``band`` percent, -1 below, 0 within or not known."""
    reach = 0.01 * band * abs(average)
    if math.isnan(average):
        return 0.0
    return 1.0 if close - average > reach else -1.0 if average - close > reach else 0.0


@called
def above(state: Row, slot: int, ring: int, trend: int, seen: int, bars: int, bar: ClosedBar, params: Params) -> None:
    """Follow the trend of a higher timeframe of ``bars`` base bars: it changes only as one of its bars closes."""
    anchor = int(state[DAY]) if params.anchor == AUTO else params.anchor - 1
    ended = higher(state, slot, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume, bars, anchor, state[SEEN])
    for which in range(ended):
        close = state[closed(slot, which) + CLOSE]
        state[seen] += 1.0
        state[trend] = towards(close, sma(state, ring, close, params.trend, state[seen]), params.band)


@compiled
def near(side: int, close: float, level: float, share: float) -> bool:
    """Whether the price stands on its side of a level (NaN for none) and within ``share`` percent of it."""
    return bool(0.0 <= side * (close - level) <= 0.01 * share * abs(close))


@compiled
def opposed(side: int, base: float, middle: float, high: float) -> bool:
    """Whether the trend of a timeframe goes against a side."""
    return bool(side * base < 0.0 or side * middle < 0.0 or side * high < 0.0)


@compiled
def points(
    side: int, base: float, middle: float, high: float, block: bool, gap: bool, swept: bool, strong: bool, likely: bool
) -> int:
    """How many signs point to a side: three trends, four facts and its probability; 0 if a trend opposes."""
    if opposed(side, base, middle, high):
        return 0
    trends = int(abs(base) + abs(middle) + abs(high))
    return trends + int(block) + int(gap) + int(swept) + int(strong) + int(likely)


@compiled
def probability(state: Row, params: Params) -> float:
    """The chance to reach the target before the stop: setups so far, beginning with what chance alone would give.

    A price without a direction reaches a target at distance t before a stop at s with s / (s + t); that counts as
    PRIOR setups, to which those that ended are added.
    """
    chance = params.stop_atr / (params.stop_atr + params.target_atr)
    return float((state[WON] + PRIOR * chance) / (state[WON] + state[LOST] + PRIOR))


@compiled
def learn(state: Row, bar: ClosedBar) -> None:
    """What became of the setup that is followed: the stop counts first where a bar reaches both."""
    side = state[SIDE]
    if side == 0.0:
        return
    worst, best = (bar.low, bar.high) if side > 0.0 else (bar.high, bar.low)
    if side * (worst - state[STOP_AT]) <= 0.0:
        state[LOST] += 1.0
        state[SIDE] = 0.0
    elif side * (best - state[TARGET_AT]) >= 0.0:
        state[WON] += 1.0
        state[SIDE] = 0.0


@called
def signs(state: Row, bar: ClosedBar, params: Params) -> tuple[int, int, float]:
    """(points of a long, points of a short, base trend) at this bar; everything they are made of is followed."""
    seen, close = state[SEEN], bar.close
    base = towards(close, sma(state, WINDOWS, close, params.trend, seen), params.band)
    above(state, MIDDLE_BARS, WINDOWS + params.trend, MIDDLE, MIDDLE_SEEN, params.middle, bar, params)
    above(state, HIGH_BARS, WINDOWS + 2 * params.trend, HIGH, HIGH_SEEN, params.high, bar, params)
    rings = WINDOWS + 3 * params.trend
    block_up, block_down = order_blocks(state, rings, bar.open, bar.high, bar.low, close, BODIES, BODY_TIMES, seen)
    gap_up, gap_down = fair_value_gaps(state, GAPS, bar.high, bar.low, close, seen)
    swept = liquidity_sweep(state, rings + block_slots(BODIES), bar.high, bar.low, close, params.sweep, seen)
    if swept > 0:
        state[SWEPT] = seen
    elif swept < 0:
        state[SWEPT + 1] = seen
    lows, highs = state[SWEPT], state[SWEPT + 1]
    strength, plus, minus = adx(state, STRENGTH, bar.high, bar.low, close, params.adx, seen)
    going = trend(strength, plus, minus)
    learn(state, bar)
    chance = state[PROBABILITY] = probability(state, params)
    likely = params.probability == YES and chance * params.target_atr > (1.0 - chance) * params.stop_atr
    middle, high = state[MIDDLE], state[HIGH]
    up = points(
        1,
        base,
        middle,
        high,
        near(1, close, block_up, params.near),
        near(1, close, gap_up, params.near),
        lows > 0.0 and seen - lows < params.recent,
        going > 0,
        likely,
    )
    down = points(
        -1,
        base,
        middle,
        high,
        near(-1, close, block_down, params.near),
        near(-1, close, gap_down, params.near),
        highs > 0.0 and seen - highs < params.recent,
        going < 0,
        likely,
    )
    return up, down, base


@strategy(
    params=Params,
    own_slots=own_slots,
    warm_up=warm_up,
    words=WORDS,
    problems=problems,
    remembers=(
        "blocks and gaps last until a close crosses them, a held side needs fewer points than a new one, and "
        "the probability counts every setup"
    ),
)
def confluence(state: Row, bar: ClosedBar, params: Params) -> int:
    """The side to which most signs point, once they are a large enough share of the maximum.

    One point each: the trend of the bars themselves and of two higher timeframes (a close beyond its average), a near
    order block, a near fair value gap, a sweep of the other side's liquidity just now, a strong directional movement
    and, if asked for, a probability above break-even. A side against which any of the three trends goes has no points.
    The maximum is 7, 8 with the probability. The score is points / maximum; a tie takes no side.
    """
    stance = int(state[STANCE])
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, state[SEEN])
    up, down, base = signs(state, bar, params)
    most = maximum(params)
    if range_ <= 0.0:
        state[REASON] = NO_RANGE
        return stance
    state[STOP], state[TARGET] = params.stop_atr * range_, params.target_atr * range_
    side, best = int(up > down) - int(down > up), max(up, down)
    if side != 0 and best >= params.enter * most:
        if side != stance and state[SIDE] == 0.0:
            state[SIDE] = side
            state[STOP_AT], state[TARGET_AT] = bar.close - side * state[STOP], bar.close + side * state[TARGET]
        state[SCORE] = best / most
        state[REASON] = UP if side > 0 else DOWN
        return side
    held = up if stance > 0 else down
    state[SCORE] = held / most
    against = opposed(stance, base, state[MIDDLE], state[HIGH])
    if stance != 0 and (against or held < params.leave * most):
        state[REASON] = BLOCKED if against else LITTLE
        return 0
    return stance
