"""Lower bars to higher ones, by the buckets of ``domain.timeframe``.

A higher bar opens at its bucket's start: open first, high highest, low lowest, close last, volume the
sum in order, spread the last. It exists once its end is reached (its last base bar closes there) or a
later bar has come. A first bucket that the data does not begin with is dropped.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.market import BAR, Bars, empty_bars
from domain.timeframe import DAY, HOUR, NEW_YORK, bucket, day_start, forex_anchored, iso, length
from marketdata.compiled import compiled

Stamps = NDArray[np.int64]


def digest(bars: Bars) -> str:
    """SHA-256 (hex) of the bars' bytes."""
    return hashlib.sha256(bars.tobytes()).hexdigest()


def buckets(ts: Stamps, timeframe: str, asset_class: str) -> tuple[Stamps, Stamps]:
    """[start, end) of the bucket of each sorted stamp; the same as ``domain.timeframe.bucket``, for arrays."""
    size = length(timeframe)
    if not forex_anchored(timeframe, asset_class):
        offset = 4 * DAY if timeframe == "W1" else 0
        starts = (ts - offset) // size * size + offset
        return starts, starts + size
    edges = _edges(int(ts[0]), int(ts[-1]), "W1" if timeframe == "W1" else "D1", asset_class)
    place = np.searchsorted(edges, ts, "right")
    starts, ends = edges[place - 1], edges[place]
    if timeframe not in ("D1", "W1"):
        starts = starts + (ts - starts) // size * size
        ends = np.minimum(starts + size, ends)
    return starts, ends


def _edges(first: int, last: int, timeframe: str, asset_class: str) -> Stamps:
    """The bounds of the anchored days or weeks from the one that holds ``first`` to past ``last``."""
    start, end = bucket(first, timeframe, asset_class)
    found = [start, end]
    day = day_start(f"17:00 {NEW_YORK}")
    while found[-1] <= last:
        at = found[-1]
        found.append(bucket(at, timeframe, asset_class)[1] if timeframe == "W1" else day.of(at + 26 * HOUR))
    return np.array(found, np.int64)


def closes(bars: Bars, timeframe: str, asset_class: str) -> Stamps:
    """T of each bar: its open plus the timeframe, and never before the end of its bucket (a week with the
    autumn change of the clocks has an hour more)."""
    ends = bars["ts"] + length(timeframe)
    if len(bars) and forex_anchored(timeframe, asset_class):
        ends = np.maximum(ends, buckets(bars["ts"], timeframe, asset_class)[1])
    return np.ascontiguousarray(ends)


@compiled
def _fold(
    starts: Stamps,
    high: NDArray[np.float64],
    low: NDArray[np.float64],
    volume: NDArray[np.float64],
    firsts: Stamps,
    highs: NDArray[np.float64],
    lows: NDArray[np.float64],
    volumes: NDArray[np.float64],
) -> int:
    """Fills one entry per bucket and returns how many there are."""
    count = 0
    for i in range(len(starts)):
        if i == 0 or starts[i] != starts[i - 1]:
            firsts[count] = i
            highs[count], lows[count], volumes[count] = high[i], low[i], volume[i]
            count += 1
        else:
            highs[count - 1] = max(highs[count - 1], high[i])
            lows[count - 1] = min(lows[count - 1], low[i])
            volumes[count - 1] += volume[i]
    return count


class Resampler:
    """Higher bars from base bars that come one by one or in chunks; the chunks change nothing.

    Raises ConfigError when the timeframe is not a multiple of the base, or when base bars cross the
    bounds of its buckets.
    """

    def __init__(self, from_tf: str, to_tf: str, asset_class: str) -> None:
        if length(to_tf) < length(from_tf):
            raise ConfigError(f"timeframe {to_tf} is below the data's {from_tf}; ask for {from_tf} or higher")
        if length(to_tf) % length(from_tf):
            raise ConfigError(f"timeframe {to_tf} is not a multiple of the data's {from_tf}")
        self.from_tf, self.to_tf, self.asset_class = from_tf, to_tf, asset_class
        self._rest: Bars = empty_bars()
        self._dropped: int | None = None  # the start of a first bucket that the data does not begin with
        self._begun = False

    def add(self, bars: Bars) -> Bars:
        """The higher bars that these base bars (later than all before) complete."""
        if self.from_tf == self.to_tf or len(bars) == 0:
            return bars
        base = np.concatenate([self._rest, bars]) if len(self._rest) else bars
        starts, ends = buckets(base["ts"], self.to_tf, self.asset_class)
        self._refuse_crossing(base["ts"], ends)
        if not self._begun:
            self._begun = True
            self._dropped = int(starts[0]) if base["ts"][0] > starts[0] else None
        higher, firsts = _higher(base, starts)
        if base["ts"][-1] + length(self.from_tf) >= ends[-1]:
            self._rest = empty_bars()
        else:
            self._rest = base[firsts[-1] :].copy()
            higher = higher[:-1]
        if self._dropped is not None and len(higher):
            higher = higher[higher["ts"] != self._dropped]
        return higher

    def _refuse_crossing(self, ts: Stamps, ends: Stamps) -> None:
        crossing = np.flatnonzero(ts + length(self.from_tf) > ends)
        if len(crossing):
            raise ConfigError(
                f"the {self.from_tf} bar of {iso(int(ts[crossing[0]]))} crosses the end of its {self.to_tf} bar"
                f" at {iso(int(ends[crossing[0]]))}; use data of a lower timeframe"
            )


def _higher(base: Bars, starts: Stamps) -> tuple[Bars, Stamps]:
    size = len(base)
    firsts = np.empty(size, np.int64)
    highs, lows, volumes = np.empty(size), np.empty(size), np.empty(size)
    count = _fold(starts, base["high"], base["low"], base["volume"], firsts, highs, lows, volumes)
    firsts = firsts[:count]
    lasts = np.append(firsts[1:], size) - 1
    higher = np.zeros(count, BAR)
    higher["row"] = base["row"][firsts]
    higher["ts"] = starts[firsts]
    higher["open"] = base["open"][firsts]
    higher["high"], higher["low"], higher["volume"] = highs[:count], lows[:count], volumes[:count]
    higher["close"], higher["spread"] = base["close"][lasts], base["spread"][lasts]
    return higher, firsts


def resample(bars: Bars, from_tf: str, to_tf: str, asset_class: str) -> Bars:
    """All complete higher bars of a whole series. Raises ConfigError as ``Resampler`` does."""
    return Resampler(from_tf, to_tf, asset_class).add(bars)
