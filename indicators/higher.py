"""Bars of a higher timeframe inside a kernel, made of the closed base bars it sees.

A higher bar is seen at its end, or at the first base bar after it if its tail is missing; a partial first bucket is
dropped. How long a base bar is follows from the bars: the smallest distance between two of them so far. Times are
whole seconds in nanoseconds, which float64 slots hold exactly.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from indicators.compiled import called, compiled

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
WEEK = 7 * DAY

UTC, NEW_YORK = 0, 1
"""Where buckets of four hours and more begin: midnight UTC (weeks: Monday), or 17:00 New York (weeks: Sunday)."""
ANCHORS = ("utc", "new_york")
"""The same as words, for the parameter of a strategy."""

HIGHER_SLOTS = 19
"""Slots of ``higher``: time of the last base bar, length of a base bar, end of the bucket, whether it counts, its
open, high, low, close and volume, and room for the two bars that one base bar can close at most."""
OPEN, HIGH, LOW, CLOSE, VOLUME = 0, 1, 2, 3, 4
"""The fields of a higher bar, from ``closed`` on."""
BUILDING, CLOSED, FIELDS = 4, 9, 5


@compiled
def sunday(days: int) -> int:
    """The first Sunday on or after a day (counted from 1970-01-01, a Thursday)."""
    return days + (3 - days) % 7


@compiled
def first_of(year: int, month: int) -> int:
    """The first day of a month, counted from 1970-01-01. Source: H. Hinnant, days_from_civil (public domain)."""
    shifted = year - 1 if month <= 2 else year
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled
def summer(days: int) -> bool:
    """Whether New York keeps daylight saving time at 17:00 on this day.

    Source: US law since 1976: from the last Sunday of April (1987: the first; 2007: the second of March) to the last of
    October (2007: the first of November). Days before 1976 follow the rule of 1976.
    """
    year = 1970 + math.floor((days + 0.5) / 365.2425)
    if days < first_of(year, 1):
        year -= 1
    elif days >= first_of(year + 1, 1):
        year += 1
    if year >= 2007:
        return bool(sunday(first_of(year, 3)) + 7 <= days < sunday(first_of(year, 11)))
    begin = sunday(first_of(year, 4)) if year >= 1987 else sunday(first_of(year, 5)) - 7
    return bool(begin <= days < sunday(first_of(year, 11)) - 7)


@compiled
def five_in_new_york(days: int) -> int:
    """17:00 New York on a day, in UTC nanoseconds."""
    return days * DAY + (21 * HOUR if summer(days) else 22 * HOUR)


@called
def bucket(ts: int, length: int, anchor: int) -> tuple[int, int]:
    """[start, end) of the bucket of ``length`` nanoseconds that holds the bar opening at ``ts``.

    As ``domain.timeframe.bucket``, for any length: with NEW_YORK the buckets of a day are counted from 17:00, and the
    last one ends with the day.
    """
    if anchor == UTC or length < 4 * HOUR:
        shift = 4 * DAY if length == WEEK else 0
        start = (ts - shift) // length * length + shift
        return start, start + length
    today = (ts - 21 * HOUR) // DAY
    if ts < five_in_new_york(today):
        today -= 1
    if length >= DAY:
        whole = length // DAY
        first = sunday(today - 6) if length == WEEK else today // whole * whole
        return five_in_new_york(first), five_in_new_york(first + whole)
    begin = five_in_new_york(today)
    start = begin + (ts - begin) // length * length
    return start, min(start + length, five_in_new_york(today + 1))


@compiled
def base_length(state: NDArray[np.float64], slot: int) -> int:
    """The length of a base bar as far as it is known, in nanoseconds; 0 at the first one."""
    return int(state[slot + 1])


@compiled
def closed(slot: int, which: int) -> int:
    """Where the fields of a closed bar begin."""
    return slot + CLOSED + which * FIELDS


@compiled
def close_bucket(state: NDArray[np.float64], slot: int, which: int) -> None:
    """The bar at hand is closed, as the first or the second one of this base bar."""
    for field in range(FIELDS):
        state[closed(slot, which) + field] = state[slot + BUILDING + field]
    state[slot + 3] = 0.0


@compiled
def higher(
    state: NDArray[np.float64],
    slot: int,
    ts: int,
    open_: float,
    high: float,
    low: float,
    close: float,
    volume: float,
    multiple: int,
    anchor: int,
    seen: float,
) -> int:
    """How many bars of ``multiple`` base bars this base bar closes: 0, 1, or 2 where the one before lost its tail.

    They stand at ``closed(slot, 0)`` and ``closed(slot, 1)``, the older one first. While the base length shrinks (its
    first bars were not neighbours) the bucket at hand is dropped.
    """
    count = 0
    if seen == 1:
        for place in range(slot, slot + HIGHER_SLOTS):
            state[place] = 0.0
    else:
        gap = ts - state[slot]
        if state[slot + 1] == 0.0 or 0.0 < gap < state[slot + 1]:
            state[slot + 1] = gap
            if seen > 2:
                state[slot + 2] = state[slot + 3] = 0.0
    state[slot] = ts
    step = int(state[slot + 1])
    length = multiple * step
    if state[slot + 3] > 0.0 and ts >= state[slot + 2]:
        close_bucket(state, slot, 0)
        count = 1
    if step == 0:
        return 0
    building = slot + BUILDING
    if ts >= state[slot + 2]:
        start, end = bucket(ts, length, anchor)
        state[slot + 3] = 0.0 if state[slot + 2] == 0.0 and ts != start else 1.0
        state[slot + 2] = end
        state[building + OPEN], state[building + HIGH], state[building + LOW] = open_, high, low
        state[building + VOLUME] = 0.0
    state[building + HIGH] = max(state[building + HIGH], high)
    state[building + LOW] = min(state[building + LOW], low)
    state[building + CLOSE] = close
    state[building + VOLUME] += volume
    if state[slot + 3] > 0.0 and ts + step >= state[slot + 2]:
        close_bucket(state, slot, count)
        count += 1
    return count
