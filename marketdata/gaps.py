"""Bars that are missing: the hours a market is open, and how many bars the others leave out."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.timeframe import DAY, HOUR, NEW_YORK, bucket, day_start, length, nanos, utc
from marketdata.sessions import is_weekly

Stamps = NDArray[np.int64]
_LAST = 2**63 - 1


class Gap(NamedTuple):
    """``missing`` bars between the row (from 1) before it and the next; ``after`` and ``until`` are their opens."""

    row: int
    after: int
    until: int
    missing: int


def gaps(ts: Stamps, timeframe: str, asset_class: str) -> list[Gap]:
    """Where bars are missing while the market is open; daily and weekly bars may come an hour later."""
    size = length(timeframe)
    steps = np.diff(ts)
    places = np.flatnonzero(steps > size)
    if not len(places):
        return []
    starts, ends = ts[places] + size, ts[places + 1]
    missing = (ends - starts - _closed(starts, ends, asset_class) + size // 2) // size
    return [
        Gap(int(place) + 1, int(ts[place]), int(ts[place + 1]), int(count))
        for place, count in zip(places, missing, strict=True)
        if count > 0
    ]


def _closed(starts: Stamps, ends: Stamps, asset_class: str) -> Stamps:
    """How long the market is closed within [start, end), in nanoseconds."""
    if not is_weekly(asset_class):
        return np.zeros(len(starts), np.int64)
    shut, opened = _closures(int(starts[0]) // DAY, int(ends[-1]) // DAY + 1, asset_class == "metal")
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(opened - shut)])

    def before(at: Stamps) -> Stamps:
        place = np.searchsorted(shut, at, "right")
        last = np.maximum(place - 1, 0)
        running = np.where(place > 0, np.minimum(at, opened[last]) - shut[last], 0)
        return np.asarray(sums[last] + running, np.int64)

    return before(ends) - before(starts)


@lru_cache(maxsize=8)
def _closures(first: int, last: int, daily: bool) -> tuple[Stamps, Stamps]:
    """Closed times as starts and ends: from Friday to Sunday 17:00 New York; metals also for the hour after 17:00."""
    at, end = first * DAY - 7 * DAY, last * DAY + 7 * DAY
    shut: list[int] = []
    opened: list[int] = []
    zone = day_start(f"17:00 {NEW_YORK}").zone
    while at < end:
        start, at = bucket(at, "W1", "forex")
        sunday = utc(start).astimezone(zone)
        for day in range(1, 5) if daily else ():
            pause = nanos(sunday + timedelta(days=day))
            shut.append(pause)
            opened.append(pause + HOUR)
        shut.append(nanos(sunday + timedelta(days=5)))
        opened.append(at + (HOUR if daily else 0))
    return _stamps(shut), _stamps(opened)


def _stamps(moments: list[int]) -> Stamps:
    """As an array; what is before 1678 or after 2261 at the end of that."""
    return np.array([min(max(one, -_LAST), _LAST) for one in moments], np.int64)
