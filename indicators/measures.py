"""Everything that is measured of one symbol at its newest closed bar, from a window of its bars alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.market import BAR, Bars
from indicators.bands import ATR_SLOTS, atr, bollinger
from indicators.compiled import compiled
from indicators.momentum import MACD_SLOTS, RSI_SLOTS, macd, rsi
from indicators.moving import EMA_SLOTS, seeded_ema, sma
from indicators.regime import regime
from indicators.rolling import volume_ratio
from indicators.structure import swing_high, swing_low
from indicators.trend import ADX_SLOTS, adx

FAST, MIDDLE, SLOW = 20, 50, 200
LENGTH = 14
MACD_FAST, MACD_SLOW, MACD_SIGNAL = 12, 26, 9
BAND_BARS, BAND_WIDTH = 20, 2.0
MEAN_BARS = 100
"""Values of the average true range with whose mean it is compared."""
SWING = 3
"""Bars on either side of a swing."""
RANGE_BARS = 50
VOLUME_BARS = 20
SHORT, LONG = 5, 20
"""Bars of the two momenta."""


class Measures(NamedTuple):
    """Prices and distances in price units, NaN for what is not known yet. ``regime`` is its number; ``resistance`` and
    ``support`` are the nearest confirmed swings above and below the close that no later bar has gone through; ``top``
    and ``bottom`` the extremes of ``RANGE_BARS`` bars; ``short`` and ``long`` what the close has moved in so many bars;
    ``volume`` is over its mean."""

    close: float
    fast: float
    middle: float
    slow: float
    adx: float
    plus: float
    minus: float
    rsi: float
    macd: float
    signal: float
    histogram: float
    lower: float
    upper: float
    atr: float
    mean_atr: float
    regime: float
    resistance: float
    support: float
    top: float
    bottom: float
    short: float
    long: float
    volume: float
    bars: float


_OUT = len(Measures._fields)
_FAST = 0
_MIDDLE = _FAST + EMA_SLOTS
_SLOW = _MIDDLE + EMA_SLOTS
_ADX = _SLOW + EMA_SLOTS
_RSI = _ADX + ADX_SLOTS
_MACD = _RSI + RSI_SLOTS
_BANDS = _MACD + MACD_SLOTS
_ATR = _BANDS + BAND_BARS
_MEAN = _ATR + ATR_SLOTS
_HIGHS = _MEAN + MEAN_BARS
_LOWS = _HIGHS + 2 * SWING + 1
_VOLUME = _LOWS + 2 * SWING + 1
_SLOTS = _VOLUME + VOLUME_BARS


@compiled
def measure_all(bars: Bars, state: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    """Fill ``out`` in the order of ``Measures``; ``state`` is a row of zeros."""
    highs, lows, closes, volumes = bars["high"], bars["low"], bars["close"], bars["volume"]
    count = len(bars)
    for place in range(len(out)):
        out[place] = math.nan
    resistance, support = np.empty(count), np.empty(count)
    above, below = 0, 0
    for i in range(count):
        high, low, close, seen = highs[i], lows[i], closes[i], i + 1.0
        out[0] = close
        out[1] = seeded_ema(state, _FAST, close, FAST, seen)
        out[2] = seeded_ema(state, _MIDDLE, close, MIDDLE, seen)
        out[3] = seeded_ema(state, _SLOW, close, SLOW, seen)
        out[4], out[5], out[6] = adx(state, _ADX, high, low, close, LENGTH, seen)
        out[7] = rsi(state, _RSI, close, LENGTH, seen)
        out[8], out[9], out[10] = macd(state, _MACD, close, MACD_FAST, MACD_SLOW, MACD_SIGNAL, seen)
        out[11], _, out[12] = bollinger(state, _BANDS, close, BAND_BARS, BAND_WIDTH, seen)
        usual = atr(state, _ATR, high, low, close, LENGTH, seen)
        if seen > LENGTH:
            out[13] = usual
            out[14] = sma(state, _MEAN, usual, MEAN_BARS, seen - LENGTH)
        out[22] = volume_ratio(state, _VOLUME, volumes[i], VOLUME_BARS, seen)
        while above > 0 and resistance[above - 1] <= high:
            above -= 1
        while below > 0 and support[below - 1] >= low:
            below -= 1
        top = swing_high(state, _HIGHS, high, SWING, SWING, seen)
        if not math.isnan(top):
            resistance[above] = top
            above += 1
        bottom = swing_low(state, _LOWS, low, SWING, SWING, seen)
        if not math.isnan(bottom):
            support[below] = bottom
            below += 1
    if count == 0:
        return
    out[15] = regime(out[4], out[13], out[14])
    if above > 0:
        out[16] = resistance[above - 1]
    if below > 0:
        out[17] = support[below - 1]
    if count >= RANGE_BARS:
        out[18], out[19] = highs[count - 1], lows[count - 1]
        for i in range(count - RANGE_BARS, count - 1):
            out[18], out[19] = max(out[18], highs[i]), min(out[19], lows[i])
    if count > SHORT:
        out[20] = closes[count - 1] - closes[count - 1 - SHORT]
    if count > LONG:
        out[21] = closes[count - 1] - closes[count - 1 - LONG]
    out[23] = count


def measure(bars: Bars) -> Measures:
    """Bars of one symbol (dtype ``BAR``), oldest first."""
    bars = np.ascontiguousarray(bars, BAR).view()
    bars.setflags(write=False)
    out = np.empty(_OUT)
    measure_all(bars, np.zeros(_SLOTS), out)
    return Measures(*out.tolist())
