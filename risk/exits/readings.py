"""The indicators that policies look at: one state row per symbol, stepped over every bar like a strategy's."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import BAR, Bars
from indicators.bands import ATR_SLOTS, atr
from indicators.compiled import compiled
from indicators.extremes import extreme_slots, highest, lowest
from indicators.momentum import MACD_SLOTS, RSI_SLOTS, macd, rsi
from indicators.moving import sma
from indicators.regime import REGIMES, regime, trend
from indicators.trend import ADX_SLOTS, adx
from risk.config import ExitConfig
from risk.exits.base import NO_READING, Reading

SEEN = 0
"""Closed bars seen since the anchor; what policies see follows in the order of ``Reading``."""
ATR, RSI, MACD_BARS, SMA, HIGHEST, LOWEST, TREND, REGIME = 1, 2, 3, 4, 5, 6, 7, 8

RSI_BARS = 14
MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9
SMA_BARS = 20
REGIME_BARS = 14
"""Bars of ADX and of the average true range by which the regime is told."""
MEAN_BARS = 100
"""Values of that range with whose mean it is compared."""

RANGE = REGIME + 1
STRENGTH = RANGE + ATR_SLOTS
MOMENTUM = STRENGTH + RSI_SLOTS
AVERAGE = MOMENTUM + MACD_SLOTS
DIRECTION = AVERAGE + SMA_BARS
USUAL = DIRECTION + ADX_SLOTS
MEAN = USUAL + ATR_SLOTS
TOP = MEAN + MEAN_BARS
"""The first slot of the highest; the lowest follows, as many slots as the bars it takes."""


class Lengths(NamedTuple):
    """Bars of the average true range, and of the highest and lowest."""

    atr: int
    extreme: int


@compiled
def advance(state: NDArray[np.float64], high: float, low: float, close: float, lengths: Lengths) -> None:
    """One closed bar for one symbol's row."""
    state[SEEN] += 1.0
    seen = state[SEEN]
    found = atr(state, RANGE, high, low, close, lengths.atr, seen)
    state[ATR] = found if seen > lengths.atr else math.nan
    state[RSI] = rsi(state, STRENGTH, close, RSI_BARS, seen)
    _, _, histogram = macd(state, MOMENTUM, close, MACD_FAST, MACD_SLOW, MACD_SIGNAL, seen)
    state[MACD_BARS] = run(state[MACD_BARS], histogram)
    state[SMA] = sma(state, AVERAGE, close, SMA_BARS, seen)
    state[HIGHEST] = highest(state, TOP, high, lengths.extreme, seen)
    state[LOWEST] = lowest(state, TOP + lengths.extreme + 1, low, lengths.extreme, seen)
    strength, plus, minus = adx(state, DIRECTION, high, low, close, REGIME_BARS, seen)
    state[TREND] = trend(strength, plus, minus)
    usual = atr(state, USUAL, high, low, close, REGIME_BARS, seen)
    mean = sma(state, MEAN, usual, MEAN_BARS, seen - REGIME_BARS) if seen > REGIME_BARS else math.nan
    state[REGIME] = regime(strength, usual, mean)


@compiled
def run(before: float, histogram: float) -> float:
    """How many histogram bars are now on one side of zero in a row, negative below it; NaN while not known."""
    if math.isnan(histogram):
        return math.nan
    if histogram > 0.0:
        return before + 1.0 if before > 0.0 else 1.0
    if histogram < 0.0:
        return before - 1.0 if before < 0.0 else -1.0
    return 0.0


@compiled
def advance_all(states: NDArray[np.float64], bars: Bars, local: NDArray[np.int64], lengths: Lengths) -> None:
    """Bars of many symbols in order, each stepping its symbol's row ``local[i]``."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    for i in range(len(bars)):
        advance(states[local[i]], high[i], low[i], close[i], lengths)


@compiled
def advance_series(state: NDArray[np.float64], bars: Bars, lengths: Lengths, said: NDArray[np.float64]) -> None:
    """All bars of one symbol; ``said`` (bars, 8) takes what policies see after each of them."""
    high, low, close = bars["high"], bars["low"], bars["close"]
    for i in range(len(bars)):
        advance(state, high[i], low[i], close[i], lengths)
        for slot in range(ATR, REGIME + 1):
            said[i, slot - ATR] = state[slot]


class Readings:
    """The rows of ``count`` symbols."""

    def __init__(self, config: ExitConfig, count: int) -> None:
        self.lengths = Lengths(config.atr_bars, 1 if config.chandelier_atr is None else config.chandelier_bars)
        self.state: NDArray[np.float64] = np.zeros((count, TOP + 2 * extreme_slots(self.lengths.extreme)))

    def step(self, bars: Bars, local: NDArray[np.int64]) -> None:
        """New closed bars (dtype ``BAR``) of the rows ``local``, in order; several of a symbol are as good as one
        at a time. Raises IndexError for a row there is not, ValueError when bars and rows are not equally many."""
        if len(bars) != len(local):
            raise ValueError(f"{len(bars)} bars for {len(local)} rows")
        if len(local) and not 0 <= local.min() <= local.max() < len(self.state):
            raise IndexError(f"rows {local.min()} to {local.max()}, but there are only 0 to {len(self.state) - 1}")
        bars, local = np.ascontiguousarray(bars, BAR).view(), np.ascontiguousarray(local, np.int64).view()
        for given in (bars, local):  # as arrays from the object store are, so that one signature serves all
            given.setflags(write=False)
        advance_all(self.state, bars, local, self.lengths)

    def series(self, bars: Bars, row: int = 0) -> NDArray[np.float64]:
        """All bars of one symbol at once: what ``reading`` makes a reading of, a line per bar (bars, 8)."""
        said = np.empty((len(bars), REGIME + 1 - ATR))
        bars = np.ascontiguousarray(bars, BAR).view()
        bars.setflags(write=False)
        advance_series(self.state[row], bars, self.lengths, said)
        return said

    def of(self, row: int) -> Reading:
        """What policies see of a row after its latest bar."""
        return reading(self.state[row, ATR : REGIME + 1]) if self.state[row, SEEN] else NO_READING

    def regime(self, row: int) -> str:
        """The regime's name, "" while it is not known."""
        return REGIMES[int(self.state[row, REGIME])]


def reading(line: NDArray[np.float64]) -> Reading:
    """The slots from ``ATR`` to ``REGIME`` of a row, after a bar."""
    range_, strength, bars, average, high, low, direction, kind = line.tolist()
    return Reading(range_, strength, bars, average, high, low, int(direction), REGIMES[int(kind)])
