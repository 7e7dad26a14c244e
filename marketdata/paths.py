"""The simulated market: one compiled step over all symbols, each on a path of its own.

Per bar a symbol is in a regime (range, up, down, wild) that ends at random; its variance clusters
(v' = 0.02 + 0.94 v + 0.04 v z^2) and its shocks z have fat tails (a sum of four uniforms, scaled at
random; kurtosis about 8); jumps are rare. Randomness is counter-based (splitmix64 of key, bar and
draw), so a symbol's path needs no other's. Only +, -, x, / and square roots are used: the same bits
on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.market import Bars
from marketdata.compiled import compiled

VERSION = "1"
"""Changes whenever a path would change; part of a run's inputs."""

PRICE, VARIANCE, REGIME, ANCHOR = 0, 1, 2, 3
STATE = 4
SIGMA, GAP, SPREAD, VOLUME, VOLUME_STEPS, TICKS_UP, TICKS_DOWN = 0, 1, 2, 3, 4, 5, 6
"""Columns of the parameters: relative volatility of a bar and of a reopening, spread (price), volume
(units) and its steps per unit, and the tick as a fraction of whole numbers."""
PARAMETERS = 7

RANGE, UP, DOWN, WILD = 0.0, 1.0, 2.0, 3.0
_SWITCH = 1.0 / 90.0
_JUMP = 1.0 / 3000.0
_TREND = 0.10
_PULL = 0.03
_CALM_FACTOR, _WILD_FACTOR = 0.8, 1.6
_FAT, _FAT_OFFSET = 0.25433, 0.02  # the mean square of the scale is 1: 1 / ln(1.02 / 0.02)

_DRAWS = np.uint64(16)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@compiled
def _uniform(base: np.uint64, draw: int) -> float:
    """Draw number ``draw`` of the bar, in [0, 1)."""
    mixed = base + np.uint64(draw) * _GOLDEN
    mixed = (mixed ^ (mixed >> _S30)) * _MIX_1
    mixed = (mixed ^ (mixed >> _S27)) * _MIX_2
    mixed = mixed ^ (mixed >> _S31)
    return float(np.float64(mixed >> _S11) * _UNIT)


@compiled
def _shock(base: np.uint64) -> float:
    total = _uniform(base, 1) + _uniform(base, 2) + _uniform(base, 3) + _uniform(base, 4)
    return float((total - 2.0) * np.sqrt(3.0) * np.sqrt(_FAT / (_uniform(base, 5) + _FAT_OFFSET)))


@compiled
def _next_regime(regime: float, draw: float) -> float:
    if draw >= _SWITCH:
        return regime
    choice = draw / _SWITCH
    if choice < 0.4:
        return RANGE
    if choice < 0.6:
        return UP
    return DOWN if choice < 0.8 else WILD


@compiled
def _jump(draw: float) -> float:
    """In units of the bar's volatility: mostly 0, else 4 to 10 either way."""
    if draw >= _JUMP:
        return 0.0
    size = 2.0 * (draw / _JUMP) - 1.0
    return 4.0 + 6.0 * size if size >= 0.0 else -4.0 + 6.0 * size


@compiled
def _ticks(price: float, up: float, down: float) -> float:
    return float(np.floor(price * down / up + 0.5))


@compiled
def step(
    keys: NDArray[np.uint64],
    groups: NDArray[np.int64],
    counts: NDArray[np.int64],
    state: NDArray[np.float64],
    parameters: NDArray[np.float64],
    opens: NDArray[np.int64],
    due: NDArray[np.bool_],
    reopened: NDArray[np.bool_],
    out: Bars,
) -> int:
    """One bar for every symbol whose group is due; fills ``out`` in row order and returns how many."""
    made = 0
    for row in range(len(keys)):
        group = groups[row]
        if not due[group]:
            continue
        base = keys[row] + np.uint64(counts[row]) * _DRAWS * _GOLDEN
        counts[row] += 1
        here, fixed = state[row], parameters[row]
        up, down = fixed[TICKS_UP], fixed[TICKS_DOWN]

        price = here[PRICE]
        regime = _next_regime(here[REGIME], _uniform(base, 0))
        if regime != here[REGIME]:
            here[REGIME], here[ANCHOR] = regime, price
        factor = (_WILD_FACTOR if regime == WILD else _CALM_FACTOR) * np.sqrt(here[VARIANCE])
        sigma = fixed[SIGMA] * factor

        if reopened[group]:
            gap = fixed[GAP] * (_uniform(base, 7) + _uniform(base, 8) - 1.0) * np.sqrt(6.0)
        else:
            gap = 0.05 * sigma * (2.0 * _uniform(base, 7) - 1.0)
        shock, jump = _shock(base), _jump(_uniform(base, 6))
        move = sigma * (shock + jump)
        if regime == UP:
            move += _TREND * sigma
        elif regime == DOWN:
            move -= _TREND * sigma
        elif regime == RANGE:
            move -= _PULL * (price / here[ANCHOR] - 1.0)
        least = 10.0 * up / down
        opened = max(price * (1.0 + min(max(gap, -0.5), 1.0)), least)
        closed = max(opened * (1.0 + min(max(move, -0.5), 1.0)), least)
        high_draw, low_draw = _uniform(base, 9), _uniform(base, 10)
        high = max(opened, closed) * (1.0 + 1.2 * sigma * high_draw * high_draw)
        low = min(opened, closed) * (1.0 - min(1.2 * sigma * low_draw * low_draw, 0.5))

        here[PRICE] = closed
        variance = 0.02 + here[VARIANCE] * (0.94 + 0.04 * shock * shock)
        here[VARIANCE] = min(max(variance + (2.0 if jump != 0.0 else 0.0), 0.1), 12.0)

        open_ticks, close_ticks = _ticks(opened, up, down), _ticks(closed, up, down)
        bar = out[made]
        bar.row = row
        bar.flags = 0
        bar.ts = opens[group]
        bar.open = open_ticks * up / down
        bar.high = max(_ticks(high, up, down), open_ticks, close_ticks) * up / down
        bar.low = max(min(_ticks(low, up, down), open_ticks, close_ticks), 1.0) * up / down
        bar.close = close_ticks * up / down
        wide = (3.0 if reopened[group] else 1.0) * (0.75 + 0.5 * _uniform(base, 11)) * (0.5 + 0.6 * factor)
        spread = _ticks(fixed[SPREAD] * wide, up, down)
        bar.spread = (max(spread, 1.0) if fixed[SPREAD] > 0.0 else 0.0) * up / down
        traded = fixed[VOLUME] * (0.3 + 1.4 * _uniform(base, 12)) * (0.4 + 0.7 * factor)
        bar.volume = max(np.floor(traded * fixed[VOLUME_STEPS] + 0.5), 1.0) / fixed[VOLUME_STEPS]
        made += 1
    return made
