"""A table of price levels that are found as bars come: where the price turned, how often, and when they broke."""

from __future__ import annotations

import math

from indicators.compiled import compiled
from strategies.base import Row

COUNT = 20
"""Levels at once; a new one replaces the one touched longest ago."""
PRICE, TOUCHES, FIRST, LAST, VOLUME, PIERCES, PLACE, BROKEN, SIDE = 0, 1, 2, 3, 4, 5, 6, 7, 8
"""The fields of a level: its price (mean of the touches), touches (0: an empty place), bars at the first and the last
one, sum of the touches' volume ratios, bars that pierced it, on which side of it the price is (1 above), and when and
to which side it broke (0: not)."""
FIELDS = 9
LEVEL_SLOTS = COUNT * FIELDS
"""Slots of the table."""
CASCADE, CASCADE_MOST = 0.1, 0.2
"""What each level beside another one adds to its strength, and all of them at most."""
ROUND = 0.05
"""A price is round within this share of the distance of two round ones: one in ten is so by chance."""


@compiled
def at(slot: int, which: int) -> int:
    """Where the fields of a level begin."""
    return slot + which * FIELDS


@compiled
def forget(state: Row, here: int) -> None:
    """An empty place."""
    for field in range(FIELDS):
        state[here + field] = 0.0


@compiled
def touch(
    state: Row, slot: int, price: float, close: float, merge: float, volume: float, apart: float, seen: float
) -> None:
    """The price turned at ``price`` (NaN for none): it touches the nearest level within ``merge``, or makes a new one.

    A level that was touched at most ``apart`` bars ago is touched by the same turn: that counts once. ``volume`` is
    that of the bar which tells the turn over the usual one, NaN where it is not known.
    """
    if math.isnan(price):
        return
    nearest, oldest = -1, 0
    for which in range(COUNT):
        here = at(slot, which)
        if state[here + LAST] < state[at(slot, oldest) + LAST]:
            oldest = which
        away = abs(state[here + PRICE] - price)
        nearer = nearest < 0 or away < abs(state[at(slot, nearest) + PRICE] - price)
        if state[here + TOUCHES] > 0.0 and away <= merge and nearer:
            nearest = which
    if nearest < 0:
        here = at(slot, oldest)
        forget(state, here)
        state[here + PRICE] = price
        state[here + FIRST] = seen
        state[here + PLACE] = 1.0 if close > price else -1.0
    else:
        here = at(slot, nearest)
        if seen - state[here + LAST] <= apart:
            return
    state[here + TOUCHES] += 1.0
    state[here + PRICE] += (price - state[here + PRICE]) / state[here + TOUCHES]
    state[here + LAST] = seen
    state[here + VOLUME] += volume


@compiled
def follow(
    state: Row, slot: int, high: float, low: float, close: float, beyond: float, age: float, seen: float
) -> None:
    """What one bar does to the levels: breaks (a close ``beyond`` the other side), pierces, and the end of old ones.

    A pierce goes ``beyond`` a level but does not close there. A level not touched for ``age`` bars is forgotten.
    """
    for which in range(COUNT):
        here = at(slot, which)
        if state[here + TOUCHES] == 0.0:
            continue
        if seen - state[here + LAST] > age:
            forget(state, here)
            continue
        price, place = state[here + PRICE], state[here + PLACE]
        if -place * (close - price) > beyond:
            state[here + PLACE] = state[here + SIDE] = -place
            state[here + BROKEN] = seen
        elif -place * ((high if place < 0.0 else low) - price) > beyond:
            state[here + PIERCES] += 1.0


@compiled
def strength(state: Row, here: int, age: float, seen: float) -> float:
    """How much a level counts, 0 to 1: touches .4, span .2, volume at the touches .2, few pierces .2.

    Five touches, a span of ``age`` bars, twice the usual volume and no pierces are full; at one bar in five pierced the
    last part is gone. Where volumes are not known the other parts make up the whole.
    """
    touches = state[here + TOUCHES]
    life = seen - state[here + FIRST] + 1.0
    found = 0.4 * min(touches / 5.0, 1.0) + 0.2 * min((state[here + LAST] - state[here + FIRST]) / age, 1.0)
    found += 0.2 * max(1.0 - 5.0 * state[here + PIERCES] / life, 0.0)
    volume = state[here + VOLUME] / touches
    if math.isnan(volume):
        return float(found / 0.8)
    return float(found + 0.2 * min(0.5 * volume, 1.0))


@compiled
def roundness(price: float, within: float) -> float:
    """How round a price is, 0 to 1: by its second digit 1, by halves of it 2/3, by its third digit 1/3.

    For 1.1 that is 0.1, 0.05 and 0.01, for 40,000 it is 1,000, 500 and 100. The price is ``within`` of the round one,
    and no further from it than a twentieth of such a distance.
    """
    away = abs(price)
    if away == 0.0:
        return 0.0
    step = 0.1
    while 100.0 * step <= away:
        step *= 10.0
    while 10.0 * step > away:
        step /= 10.0
    for share, distance in ((1.0, step), (2.0 / 3.0, 0.5 * step), (1.0 / 3.0, 0.1 * step)):
        nearest = distance * math.floor(away / distance + 0.5)
        if abs(away - nearest) <= min(within, ROUND * distance):
            return share
    return 0.0


@compiled
def beside(state: Row, slot: int, which: int, within: float) -> float:
    """What other levels ``within`` this distance add to a level's strength; each of them was touched twice at least."""
    count = 0
    for other in range(COUNT):
        here = at(slot, other)
        near = abs(state[here + PRICE] - state[at(slot, which) + PRICE]) <= within
        if other != which and state[here + TOUCHES] > 1.0 and near:
            count += 1
    return min(CASCADE * count, CASCADE_MOST)
