"""What a symbol's own bars say, as drafts of facts: each a short text, its number, a lean and a weight.

Leans (-1 bearish to 1 bullish) follow these rules. Where a measure can mean going on or turning back, the regime
decides: in a trend it means going on (+), in a range turning back (-), else nothing (0).

- trend: (EMA 20 - EMA 50) in ATR, at most 1; below 50 bars the close against EMA 20 alone.
- adx: (+DI - -DI) / (+DI + -DI), once ADX is above 25.
- regime: none; it names the market.
- rsi: (RSI - 50) / 50, by regime.
- macd: the histogram over a tenth of the ATR, at most 1.
- bands: 2 x place - 1 of the close between the bands, by regime.
- atr: none.
- resistance, support: 1 at the swing, falling to 0 two ATR away; resistance is bearish, support bullish.
- range: 2 x place - 1 of the close in 50 bars, by regime.
- momentum: over 5 bars the move in ATR over 2, over 20 bars over 4.
- volume: the sign of the last 5 bars' move times (ratio - 1), from 0 to 1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from domain.market import Bars

if TYPE_CHECKING:
    from indicators.measures import Measures  # which brings numba along

KINDS = (
    "trend",
    "adx",
    "regime",
    "rsi",
    "macd",
    "bands",
    "atr",
    "resistance",
    "support",
    "range",
    "momentum",
    "volume",
)

WEIGHTS = {
    "trend": 0.8,
    "adx": 0.6,
    "rsi": 0.4,
    "macd": 0.4,
    "bands": 0.3,
    "resistance": 0.3,
    "support": 0.3,
    "range": 0.2,
    "momentum": 0.4,
    "volume": 0.2,
}
"""How much each kind counts; the others say something without leaning."""

NEAR = 2.0
"""ATR within which a swing counts."""


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A fact without its number, in the order of a fact's fields."""

    kind: str
    text: str
    value: float | None
    lean: float
    weight: float


def draft(kind: str, text: str, value: float | None, lean: float = 0.0, weight: float | None = None) -> Draft:
    """Lean and weight are rounded to three digits. A fact that leans nowhere has no weight."""
    lean = round(clipped(lean), 3) + 0.0
    chosen = WEIGHTS.get(kind, 0.0) if weight is None else weight
    return Draft(kind, text, value, lean, round(chosen, 3) if lean else 0.0)


def clipped(number: float) -> float:
    """Into -1 to 1; what is no number is 0."""
    return 0.0 if math.isnan(number) else min(1.0, max(-1.0, number))


def gauged(window: Bars) -> Iterable[Draft]:
    """Drafts of what the window is long enough for, in the order of ``KINDS``."""
    from indicators.measures import measure

    seen = measure(window)
    if not len(window) or not seen.atr > 0.0:
        return
    yield from _trend(seen)
    yield from _oscillators(seen)
    yield from _places(seen)
    yield from _moves(seen)


def _trend(seen: Measures) -> Iterable[Draft]:
    from indicators.regime import REGIMES, STRONG

    if _known(seen.fast):
        away = _shown((seen.close - seen.fast) / seen.atr)
        text, lean = f"the close is {_above(away)} EMA 20", away
        if _known(seen.middle):
            lean = _shown((seen.fast - seen.middle) / seen.atr)
            text += f"; EMA 20 is {_above(lean)} EMA 50"
        if _known(seen.slow):
            text += f"; EMA 50 is {_above(_shown((seen.middle - seen.slow) / seen.atr))} EMA 200"
        yield draft("trend", text, lean, lean)
    if _known(seen.adx):
        strength = _shown(seen.adx, 1)
        text = f"ADX 14 is {strength:.1f}, +DI {seen.plus:.1f}, -DI {seen.minus:.1f}"
        moved = seen.plus + seen.minus
        lean = (seen.plus - seen.minus) / moved if seen.adx > STRONG and moved > 0.0 else 0.0
        yield draft("adx", text, strength, lean)
    if seen.regime:
        yield draft("regime", f"regime {REGIMES[int(seen.regime)]}", None)


def _oscillators(seen: Measures) -> Iterable[Draft]:
    sense = _sense(seen)
    if _known(seen.rsi):
        strength = _shown(seen.rsi, 1)
        yield draft("rsi", f"RSI 14 is {strength:.1f}", strength, sense * (strength - 50.0) / 50.0)
    if _known(seen.histogram):
        histogram = _shown(seen.histogram / seen.atr)
        side = "above" if seen.macd > 0.0 else "below"
        text = f"MACD is {side} zero, its histogram {histogram:+.2f} ATR"
        yield draft("macd", text, histogram, 10.0 * histogram)
    if _known(seen.upper) and seen.upper > seen.lower:
        place = _shown((seen.close - seen.lower) / (seen.upper - seen.lower))
        text = f"the close stands at {place:.2f} between the Bollinger bands (0 lower, 1 upper)"
        yield draft("bands", text, place, sense * (2.0 * place - 1.0))


def _places(seen: Measures) -> Iterable[Draft]:
    share = _shown(100.0 * seen.atr / seen.close, 3)
    text, value = f"ATR 14 is {share:.3f} % of the price", share
    if _known(seen.mean_atr) and seen.mean_atr > 0.0:
        value = _shown(seen.atr / seen.mean_atr)
        text += f", {value:.2f} times its mean of 100 bars"
    yield draft("atr", text, value)
    if _known(seen.resistance):
        away = _shown((seen.resistance - seen.close) / seen.atr)
        yield draft("resistance", f"the nearest swing high is {away:.2f} ATR above", away, min(0.0, away / NEAR - 1.0))
    if _known(seen.support):
        away = _shown((seen.close - seen.support) / seen.atr)
        yield draft("support", f"the nearest swing low is {away:.2f} ATR below", away, max(0.0, 1.0 - away / NEAR))
    if _known(seen.top) and seen.top > seen.bottom:
        place = _shown((seen.close - seen.bottom) / (seen.top - seen.bottom))
        text = f"the close stands at {place:.2f} of the range of 50 bars (0 lowest, 1 highest)"
        yield draft("range", text, place, _sense(seen) * (2.0 * place - 1.0))


def _moves(seen: Measures) -> Iterable[Draft]:
    for bars, moved in ((5, seen.short), (20, seen.long)):
        if _known(moved):
            ranges = _shown(moved / seen.atr)
            lean = ranges / (2.0 if bars == 5 else 4.0)
            yield draft("momentum", f"the price moved {ranges:+.2f} ATR in {bars} bars", ranges, lean)
    if _known(seen.volume) and seen.volume > 0.0:
        ratio = _shown(seen.volume)
        side = 0.0 if not _known(seen.short) else math.copysign(1.0, seen.short) if seen.short else 0.0
        text = f"volume is {ratio:.2f} times its mean of 20 bars"
        yield draft("volume", text, ratio, side * max(0.0, ratio - 1.0))


def _sense(seen: Measures) -> float:
    """1 where a move is expected to go on, -1 where it is expected to turn back, 0 where neither is."""
    from indicators.regime import RANGING, TRENDING

    return {TRENDING: 1.0, RANGING: -1.0}.get(int(seen.regime) if _known(seen.regime) else 0, 0.0)


def _known(number: float) -> bool:
    return math.isfinite(number)


def _shown(number: float, digits: int = 2) -> float:
    """Rounded as it is shown, and never -0."""
    return round(number, digits) + 0.0


def _above(ranges: float) -> str:
    return f"{abs(ranges):.2f} ATR {'below' if ranges < 0.0 else 'above'}"
