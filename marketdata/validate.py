"""What bars must be before anything sees them: order, prices, bad prints, the timeframe of their stamps.

Rows are counted from 1 (the header of a CSV file is not a row).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.market import Bar, Bars
from domain.timeframe import HOUR, MINUTE, TIMEFRAMES, iso
from marketdata.compiled import compiled

PRICES = ("open", "high", "low", "close")
BAD_PRINT_LIMIT = 0.20
BAD_PRINT_LIMITS = {"crypto": 0.60}
LOWEST, HIGHEST = 1e-9, 1e12
"""Prices are counted in 1e-9; above 1e12 money no longer fits a float of a summary."""
_STRAY = 0.1

_NAMES = {size: name for name, size in TIMEFRAMES.items()}


def problems(bars: Bars, name: str) -> list[str]:
    """Everything wrong with the bars of ``name``: the first place of each kind, and how many there are."""
    if len(bars) == 0:
        return [f"{name}: there are no bars in it; at least two are needed"]
    found = _order(bars["ts"], name) + row_problems(bars, name)
    if len(bars) == 1 and not found:
        found.append(f"{name}: one row only ({iso(int(bars['ts'][0]))}), so its timeframe cannot be known; add bars")
    return found


def row_problems(bars: Bars, name: str) -> list[str]:
    """What is wrong with the bars each by itself: prices that are none, high below low."""
    found: list[str] = []
    for column in PRICES:
        values = bars[column]
        found += _first(bars, ~np.isfinite(values), name, column, "is not a number; remove the row or repair it")
        found += _first(bars, values <= 0, name, column, "is not above zero; remove the row or repair it")
        beyond = ((values > 0) & (values < LOWEST)) | ((values > HIGHEST) & np.isfinite(values))
        found += _first(bars, beyond, name, column, f"is no price ({LOWEST:g} to {HIGHEST:g}); repair it, or rescale")
    crossed = bars["high"] < bars["low"]
    found += _first(bars, crossed, name, "high", "is below the low; are the columns in the right order?")
    top = ~crossed & (bars["high"] < np.maximum(bars["open"], bars["close"]))
    found += _first(bars, top, name, "high", "is below open or close; are the columns in the right order?")
    bottom = ~crossed & (bars["low"] > np.minimum(bars["open"], bars["close"]))
    found += _first(bars, bottom, name, "low", "is above open or close; are the columns in the right order?")
    return found + _first(bars, bars["volume"] < 0, name, "volume", "is negative; use 0 where it is unknown")


def _order(ts: NDArray[np.int64], name: str) -> list[str]:
    steps = np.diff(ts)
    found = []
    for wrong, what in (
        (steps < 0, "is earlier than the row before it; sort the file by ts"),
        (steps == 0, "repeats the stamp of the row before it; remove the duplicates"),
    ):
        places = np.flatnonzero(wrong)
        if len(places):
            place = int(places[0]) + 1
            found.append(f"{name}: column ts, row {place + 1}: {iso(int(ts[place]))} {what}{_more(len(places))}")
    return found


def _first(bars: Bars, wrong: NDArray[np.bool_], name: str, column: str, what: str) -> list[str]:
    places = np.flatnonzero(wrong)
    if not len(places):
        return []
    place = int(places[0])
    at, value = iso(int(bars["ts"][place])), float(bars[column][place])
    return [f"{name}: column {column}, row {place + 1} ({at}): {value!r} {what}{_more(len(places))}"]


def _more(count: int) -> str:
    return f" ({count} such rows)" if count > 1 else ""


# --- bad prints -------------------------------------------------------------------------------

_GOOD, _COUNT, _LOWEST, _HIGHEST = 0, 1, 2, 3
"""Slots of the filter's state: last good close (0: none yet), bars held back in a row, their closes' range."""


@compiled
def _far(price: float, level: float, limit: float) -> bool:
    return abs(price - level) > limit * level


@compiled
def _outside(level: float, opened: float, high: float, low: float, close: float, limit: float) -> bool:
    return (
        _far(opened, level, limit) or _far(high, level, limit) or _far(low, level, limit) or _far(close, level, limit)
    )


@compiled
def _admit(state: NDArray[np.float64], opened: float, high: float, low: float, close: float, limit: float) -> bool:
    good = state[_GOOD]
    if good > 0.0 and _outside(good, opened, high, low, close, limit):
        joins = (
            state[_COUNT] > 0.0
            and not _outside(state[_LOWEST], opened, high, low, close, limit)
            and not _outside(state[_HIGHEST], opened, high, low, close, limit)
        )
        if not joins:
            state[_COUNT], state[_LOWEST], state[_HIGHEST] = 1.0, close, close
            return False
        state[_COUNT] += 1.0
        state[_LOWEST], state[_HIGHEST] = min(state[_LOWEST], close), max(state[_HIGHEST], close)
        if state[_COUNT] < 3.0:
            return False
    state[_GOOD], state[_COUNT] = close, 0.0
    return True


@compiled
def _held_back(
    state: NDArray[np.float64],
    opened: NDArray[np.float64],
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    close: NDArray[np.float64],
    limit: float,
    mask: NDArray[np.bool_],
) -> None:
    for i in range(len(close)):
        mask[i] = not _admit(state, opened[i], high[i], low[i], close[i], limit)


class PrintFilter:
    """Holds back bad prints of one symbol, bar by bar or many at once; the answers are the same.

    A bar with a price more than ``limit`` (a fraction) from the last good close is held back. The third
    in a row at one new level (each within the limit of the closes before it) is that level and is let
    through; the two before it stay held back.
    """

    def __init__(self, limit: float) -> None:
        self.limit = float(limit)
        self._state = np.zeros(4)

    def admit(self, bar: Bar) -> bool:
        return bool(_admit(self._state, bar.open, bar.high, bar.low, bar.close, self.limit))

    def held_back(self, bars: Bars) -> NDArray[np.bool_]:
        """One answer per bar, True for held back; the state goes on from the bars seen before."""
        mask = np.zeros(len(bars), np.bool_)
        _held_back(self._state, bars["open"], bars["high"], bars["low"], bars["close"], self.limit, mask)
        return mask


def bad_prints(bars: Bars, limit: float) -> NDArray[np.bool_]:
    """Which bars of a whole series are held back (``PrintFilter``)."""
    return PrintFilter(limit).held_back(bars)


def bad_print_limit(symbol: str, asset_class: str, limits: dict[str, float] | None) -> float:
    """The limit set for the symbol, else for its asset class, else 0.60 for crypto and 0.20 for the rest."""
    chosen = BAD_PRINT_LIMITS | (limits or {})
    return chosen.get(symbol, chosen.get(asset_class, BAD_PRINT_LIMIT))


# --- the timeframe of stamps, the decimals of prices ------------------------------------------


def detect_timeframe(ts: NDArray[np.int64], name: str = "the data", stated: str | None = None) -> str:
    """The timeframe of sorted stamps of bar opens.

    It is the step that all stamps are multiples of; from H4 on the most common step, for there
    daylight saving moves the stamps by an hour. ``stated`` is what the file's name says. Raises
    ConfigError when there is none, or when it is not the stated one.
    """
    steps = np.diff(ts)
    if len(steps) == 0:
        raise ConfigError(f"{name}: one row only, so its timeframe cannot be known; add bars")
    values, counts = np.unique(steps, return_counts=True)
    common = int(values[np.argmax(counts)])
    step = int(np.gcd.reduce(values))
    if common in _NAMES and common >= TIMEFRAMES["H4"] and int(values[0]) >= common - HOUR:
        step = common
    if step != common and step != TIMEFRAMES.get(stated or "") and common in _NAMES:
        _refuse_strays(ts, steps, common, name)
    _refuse_close_stamps(ts, step, name)
    if stated is not None and stated in TIMEFRAMES:
        return _agreed(step, int(values[0]), len(ts), stated, name)
    if step not in _NAMES:
        raise ConfigError(f"{name}: its bars are {step / 1e9:g} s apart, which is none of {', '.join(TIMEFRAMES)}")
    return _NAMES[step]


def _agreed(step: int, least: int, count: int, stated: str, name: str) -> str:
    size = TIMEFRAMES[stated]
    if step == size or (step % size == 0 and count < 100):  # few bars: the name may know better
        return stated
    if size >= TIMEFRAMES["H4"] and least >= size - HOUR and step % HOUR == 0:
        return stated
    says = _NAMES.get(step, f"{step / 1e9:g} s")
    raise ConfigError(f"{name}: its name says {stated}, its bars are {says} apart; name it after its timeframe")


def _refuse_strays(ts: NDArray[np.int64], steps: NDArray[np.int64], common: int, name: str) -> None:
    off = np.flatnonzero(steps % common)
    seconds = int(np.gcd.reduce(steps)) < MINUTE <= common and len(off) <= 2 and len(steps) > 4
    if seconds or len(off) <= _STRAY * len(steps):
        place = int(off[0]) + 1
        raise ConfigError(
            f"{name}: column ts, row {place + 1}: {iso(int(ts[place]))} is off the {_NAMES[common]} grid"
            " of the other rows; remove or repair it"
        )


def _refuse_close_stamps(ts: NDArray[np.int64], step: int, name: str) -> None:
    if step >= MINUTE and int(ts[0]) % MINUTE:
        raise ConfigError(
            f"{name}: column ts, row 1: {iso(int(ts[0]))} is not on a whole minute; ts is the bar's open, not its close"
        )


@compiled
def _most_decimals(values: NDArray[np.float64], most: int) -> int:
    found, scale = 0, 1.0
    for i in range(len(values)):
        value = values[i]
        dust = abs(value) * 1e-15  # a few of the last bits: 1.0342800000000001 has five decimals
        while found < most and abs(np.floor(value * scale + 0.5) / scale - value) > dust:
            found += 1
            scale *= 10.0
    return found


def decimals(bars: Bars, most: int = 9) -> int:
    """The most decimals that any price of the bars needs, at most ``most``."""
    found: Any = 0
    for column in PRICES:
        found = max(found, _most_decimals(bars[column], most))
    return int(found)
