"""What ``new-strategy`` writes: a whole strategy that works at once, to be changed line by line."""

from __future__ import annotations

_HEAD = '''"""@NAME@: long while the close is above its average, short while it is below."""

from __future__ import annotations

from typing import Annotated, NamedTuple

@IMPORTS@
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between

# The state of one symbol is a row of numbers that all start at 0. The slots before OWN are common to all strategies;
# from OWN on they are yours: give each thing that you remember between bars a place of its own.
@SLOTS@

# Why the stance is what it is: a step writes the place of one of these words into state[REASON].
WORDS = ("AT_AVERAGE", "ABOVE", "BELOW")
AT_AVERAGE, ABOVE, BELOW = 0, 1, 2


class Params(NamedTuple):
    """What --set strategy.KEY=VALUE can set: type, lowest and highest value, unit, meaning, default."""

    length: Annotated[int, Between(2, 10_000, "bars", "length of the average")] = 50
    range_length: Annotated[int, Between(2, 10_000, "bars", "length of the average range")] = 14
    stop_ranges: Annotated[float, Between(0.1, 100, "ranges", "distance of the stop")] = 2.0
    target_ranges: Annotated[float, Between(0.1, 100, "ranges", "distance of the target")] = 3.0


def own_slots(params: Params) -> int:
    """How many slots from OWN on the step uses. One too few, and it would write into the state of another symbol."""
    return END - OWN


def warm_up(params: Params) -> int:
    """Closed bars that it must have seen before it may speak; before, whatever it returns is reported as flat."""
    return max(params.length, params.range_length)


@strategy(params=Params, own_slots=own_slots, warm_up=warm_up, words=WORDS@PLAIN@)
def @NAME@(state: Row, bar: ClosedBar, params: Params) -> int:
    """Long while the close is above its average, short while it is below.

    Called once per closed bar: 1 is long, -1 short, 0 flat. A change of the stance becomes a wish that the risk gate
    judges and sizes. Remember things in ``state`` only, never in variables of the module: that is what makes a restart,
    a replay and a backtest give the same bits.
    """
'''

_COMPILED = """    # Compiled by numba: numbers, if, for, functions marked ``compiled``; no lists, no exceptions.
    average = ema(state, AVERAGE, bar.close, params.length, state[SEEN])
    distance = atr(state, RANGE, bar.high, bar.low, bar.close, params.range_length, state[SEEN])
"""

_PLAIN = """    # Plain Python: slower than compiled, and all of Python. SEEN counts the bars, this one included.
    if state[SEEN] == 1:
        state[AVERAGE] = bar.close
        state[RANGE] = bar.high - bar.low
    state[AVERAGE] += (bar.close - state[AVERAGE]) * 2.0 / (params.length + 1)
    state[RANGE] += (bar.high - bar.low - state[RANGE]) * 2.0 / (params.range_length + 1)
    average, distance = state[AVERAGE], state[RANGE]
"""

_TAIL = """    state[SCORE] = state[PROBABILITY] = 0.5  # 0 to 1: better candidates are judged first
    state[STOP] = params.stop_ranges * distance  # distances from the entry in price units, 0 for none;
    state[TARGET] = params.target_ranges * distance  # most presets deny an entry without a stop
    if distance > 0.0 and bar.close > average:
        state[REASON] = ABOVE
        return 1
    if distance > 0.0 and bar.close < average:
        state[REASON] = BELOW
        return -1
    state[REASON] = AT_AVERAGE
    return int(state[STANCE])  # as before
"""

_COMPILED_IMPORTS = "from indicators.bands import ATR_SLOTS, atr\nfrom indicators.moving import EMA_SLOTS, ema"
_COMPILED_SLOTS = "AVERAGE = OWN\nRANGE = AVERAGE + EMA_SLOTS\nEND = RANGE + ATR_SLOTS"
_PLAIN_SLOTS = "AVERAGE = OWN\nRANGE = AVERAGE + 1\nEND = RANGE + 1"


def text(name: str, plain: bool) -> str:
    """The file of a strategy called ``name``; ``plain``: in plain Python instead of compiled."""
    head = _HEAD.replace("@NAME@", name)
    head = head.replace("@IMPORTS@\n", "" if plain else _COMPILED_IMPORTS + "\n")
    head = head.replace("@SLOTS@", _PLAIN_SLOTS if plain else _COMPILED_SLOTS)
    head = head.replace("@PLAIN@", ", compiled=False" if plain else "")
    return head + (_PLAIN if plain else _COMPILED) + _TAIL
