"""The equity of a backtest by periods: the returns that every ratio is made of, and how many of them make a year."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from domain.timeframe import DAY, iso, length
from orchestration.backtest.result import Floats, Result, Times

_SATURDAY, _SUNDAY = 5, 6


class Calendar(msgspec.Struct, frozen=True):
    """What one return spans and how many make a year.

    ``weekends`` False: what happens on Saturday and Sunday (UTC) counts to Monday, and days without bars are none.
    True: every calendar day is one, those without bars with a return of 0. Weeks go from Monday to Sunday, those
    without bars are none.
    """

    period: str
    per_year: int
    weekends: bool
    why: str


WEEKDAYS = Calendar("day", 252, False, "no crypto is traded: 252 trading days")
EVERY_DAY = Calendar("day", 365, True, "crypto is traded: 365 calendar days")
WEEKS = Calendar("week", 52, True, "the bars are longer than a day: 52 weeks")


class Closes(NamedTuple):
    """Equity at the end of each period. ``days`` count from 1970-01-01 (of a week its Monday); ``at`` is the T of each
    value (ns), that of the value before for a day without bars."""

    days: Times
    at: Times
    equity: Floats


def calendar_of(result: Result) -> Calendar:
    """By the timeframe and by what is traded."""
    if length(result.info.timeframe) > DAY:
        return WEEKS
    classes = {one.asset_class for symbol, one in result.instruments.items() if symbol in result.prices}
    return EVERY_DAY if "crypto" in classes else WEEKDAYS


def counted(result: Result) -> tuple[Times, Floats, Floats]:
    """Moments, equity and exposure after the warm-up, without values that are no number."""
    known = (result.moments > result.info.warmed_until) & np.isfinite(result.equity)
    if known.all():
        return result.moments, result.equity, result.exposure
    return result.moments[known], result.equity[known], result.exposure[known]


def closes(moments: Times, equity: Floats, calendar: Calendar) -> Closes:
    """The last value of each period. A bar that closes at midnight belongs to the day that ends."""
    if not len(moments):
        return Closes(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
    days = (moments - 1) // DAY
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    if calendar.period == "week":
        days = days - weekday
    elif not calendar.weekends:
        days = days + np.where(weekday == _SATURDAY, 2, np.where(weekday == _SUNDAY, 1, 0))
    last = np.append(np.flatnonzero(np.diff(days)), len(days) - 1)
    found = days[last]
    if calendar.weekends and calendar.period == "day":
        every = np.arange(found[0], found[-1] + 1)
        last = last[np.searchsorted(found, every, "right") - 1]
        found = every
    return Closes(found, moments[last], equity[last])


def returns_of(start: float, equity: Floats) -> Floats | None:
    """Simple returns, the first one from ``start``. None without values, and once there is nothing left to earn a
    return on (a value of 0 or less)."""
    if not len(equity) or start <= 0 or equity.min() <= 0:
        return None
    found: Floats = equity / np.append(start, equity[:-1]) - 1
    return found


def daily_equity(result: Result) -> dict[str, float]:
    """Equity at the end of each period by its date (ISO): what the returns of ``metrics`` are made of."""
    moments, equity, _ = counted(result)
    found = closes(moments, equity, calendar_of(result))
    return {date_of(int(day)): float(value) for day, value in zip(found.days, found.equity, strict=True)}


def date_of(day: int) -> str:
    """Days since 1970-01-01 as ``2024-01-31``."""
    return iso(day * DAY)[:10]
