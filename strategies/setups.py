"""Setups: stances that a single bar takes, with a stop and a target, and that end at one of them or with time.

A strategy knows no positions. It follows its own setup from the close of the bar that spoke, so that the stance is flat
again once the setup is over and the next one is a change of stance. The position may have ended earlier or later: it
was entered at the next price, and its exits may have moved its stop.
"""

from __future__ import annotations

from indicators.compiled import compiled
from strategies.base import STANCE, STOP, TARGET, ClosedBar, Row

SETUP_SLOTS = 3
"""Slots that ``begin`` and ``ended`` use: the price of the stop, that of the target, the age in bars."""

RUNNING, STOPPED, REACHED, EXPIRED = 0, 1, 2, 3
"""What ``ended`` says of the setup."""


@compiled
def begin(state: Row, slot: int, close: float, side: int, stop: float, target: float) -> None:
    """A setup on ``side`` from this close, with the distances to its stop and target (0 for none) as facts."""
    state[slot] = close - side * stop
    state[slot + 1] = close + side * target
    state[slot + 2] = 0.0
    state[STOP] = stop
    state[TARGET] = target


@compiled
def ended(state: Row, slot: int, bar: ClosedBar, longest: int) -> int:
    """How the setup stands after this bar; the stop counts first where a bar reaches both. RUNNING while flat.

    ``longest`` is its longest life in bars, 0 for no end.
    """
    side = state[STANCE]
    if side == 0.0:
        return RUNNING
    state[slot + 2] += 1.0
    worst, best = (bar.low, bar.high) if side > 0.0 else (bar.high, bar.low)
    if state[STOP] > 0.0 and side * (worst - state[slot]) <= 0.0:
        return STOPPED
    if state[TARGET] > 0.0 and side * (best - state[slot + 1]) >= 0.0:
        return REACHED
    return EXPIRED if 0 < longest <= state[slot + 2] else RUNNING
