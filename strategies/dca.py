"""Buying by the clock and on dips (dollar-cost averaging), one purchase after the other."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from indicators.bands import ATR_SLOTS, atr
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, ClosedBar, Row, strategy
from strategies.parameters import Between, OneOf
from strategies.setups import SETUP_SLOTS, begin, ended

PERIOD, PEAK = OWN, OWN + 1
"""The number of the last period (since 1970), and the highest close since the last purchase ended."""
SETUP = OWN + 2
RANGE = SETUP + SETUP_SLOTS
END = RANGE + ATR_SLOTS

EITHER, TIME, LEVEL = 0, 1, 2
WORDS = ("WAITING", "STOP_REACHED", "TARGET_REACHED", "HELD_TOO_LONG", "TIME_TO_BUY", "DIP")
CLOCK, DIP = 4, 5
FULL = 3.0
"""Times the asked dip with score 1."""
HOUR = 3600 * 1_000_000_000


class Params(NamedTuple):
    """What can be set."""

    by: Annotated[int, OneOf(("either", "time", "level"), "what makes it buy: the clock, a dip, or either")] = EITHER
    every: Annotated[float, Between(0.25, 8760, "hours", "length of a period; one purchase at the start of each")] = (
        24.0
    )
    dip: Annotated[float, Between(0.5, 100, "ATR", "fall from the highest close since the last purchase ended")] = 5.0
    atr: Annotated[int, Between(1, 1_000, "bars", "length of the average true range")] = 14
    stop_atr: Annotated[float, Between(0, 100, "ATR", "distance of the stop, 0 for none")] = 6.0
    target_atr: Annotated[float, Between(0.5, 100, "ATR", "distance of the target")] = 4.0
    longest: Annotated[int, Between(0, 100_000, "bars", "longest life of a purchase, 0 for no end")] = 500


def warm_up(params: Params) -> int:
    """Bars until the average true range is known."""
    return params.atr + 1


@strategy(
    params=Params,
    own_slots=lambda params: END - OWN,
    warm_up=warm_up,
    words=WORDS,
    remembers="a held purchase hides those that fall due meanwhile, so that two starts can stay out of step",
)
def dca(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long at the first bar of each period (by UTC) or after a dip, flat at the target, the stop or the longest life.

    One net position holds one purchase: those that fall due while one is held are left out, so the average over time
    is made of purchases one after the other, not of a growing position. It never sells short. The score of a purchase
    is how deep the dip is.
    """
    seen, stance = state[SEEN], int(state[STANCE])
    range_ = atr(state, RANGE, bar.high, bar.low, bar.close, params.atr, seen)
    end = ended(state, SETUP, bar, params.longest)
    period = float(bar.ts // int(params.every * HOUR))
    due = seen > 1 and period != state[PERIOD]
    state[PERIOD] = period
    if end > 0:
        state[PEAK] = bar.close
        state[REASON] = end
        return 0
    state[PEAK] = bar.close if seen == 1 else max(state[PEAK], bar.close)
    fall = state[PEAK] - bar.close
    if stance != 0 or range_ <= 0.0:
        return stance
    deep = params.by != TIME and fall >= params.dip * range_
    if not deep and not (due and params.by != LEVEL):
        return stance
    begin(state, SETUP, bar.close, 1, params.stop_atr * range_, params.target_atr * range_)
    state[SCORE] = min(fall / (FULL * params.dip * range_), 1.0)
    state[PROBABILITY] = 0.5
    state[REASON] = DIP if deep else CLOCK
    return 1
