"""Timeframes, their buckets, and the risk day.

Buckets are by UTC; H4, D1 and W1 of forex and metals are anchored at 17:00 New York with daylight
saving, which is also the risk day of accounts with forex and the day of the swap.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

TIMEFRAMES: dict[str, int] = {
    "S1": SECOND,
    "S5": 5 * SECOND,
    "S15": 15 * SECOND,
    "S30": 30 * SECOND,
    "M1": MINUTE,
    "M2": 2 * MINUTE,
    "M3": 3 * MINUTE,
    "M5": 5 * MINUTE,
    "M10": 10 * MINUTE,
    "M15": 15 * MINUTE,
    "M30": 30 * MINUTE,
    "H1": HOUR,
    "H2": 2 * HOUR,
    "H4": 4 * HOUR,
    "H6": 6 * HOUR,
    "H8": 8 * HOUR,
    "H12": 12 * HOUR,
    "D1": DAY,
    "W1": 7 * DAY,
}
"""Name to length in nanoseconds."""

NEW_YORK = "America/New_York"


def length(timeframe: str) -> int:
    """Nanoseconds of one bar. Raises KeyError on an unknown name."""
    return TIMEFRAMES[timeframe]


def utc(nanos: int) -> datetime:
    """UTC nanoseconds to a datetime (microseconds kept)."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanos // 1000)


def nanos(moment: datetime) -> int:
    """An aware datetime to UTC nanoseconds. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment}")
    delta = moment.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * SECOND + delta.microseconds * 1000


@lru_cache(maxsize=1024)
def iso(at: int) -> str:
    """ISO 8601 UTC with a Z; fractions only where there are any."""
    whole, rest = divmod(at, SECOND)
    days, seconds = divmod(whole, 86_400)
    text = f"{_date(days)}T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{text}.{rest:09d}".rstrip("0") + "Z" if rest else text + "Z"


@lru_cache(maxsize=1024)
def _date(days: int) -> str:
    return utc(days * DAY).strftime("%Y-%m-%d")


class DayStart:
    """When a risk day begins: a local time of day in a zone, daylight saving included.

    ``17:00 America/New_York`` or ``00:00 UTC``. Raises ValueError on anything else.
    """

    def __init__(self, text: str) -> None:
        try:
            clock, zone = text.split()
            hour, minute = (int(part) for part in clock.split(":"))
            self.zone = ZoneInfo(zone)
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(f"{text!r} is not like '17:00 America/New_York' or '00:00 UTC'") from error
        if not (0 <= hour < 24 and 0 <= minute < 60):
            raise ValueError(f"{text!r}: no such time of day")
        self.text, self.hour, self.minute = text, hour, minute
        self._day: tuple[int, int] = (0, 0)

    def of(self, at: int) -> int:
        """The start of the risk day that holds ``at``, in UTC nanoseconds."""
        start, end = self._day
        if not start <= at < end:
            start, end = self._day = self._bounds(at)
        return start

    def end(self, at: int) -> int:
        """The end of the risk day that holds ``at``."""
        self.of(at)
        return self._day[1]

    def _bounds(self, at: int) -> tuple[int, int]:
        local = utc(at).astimezone(self.zone)
        start = local.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0, fold=0)
        if nanos(start) > at:  # by UTC: a local hour may come twice, or never
            start = self._shift(start, -1)
        return nanos(start), nanos(self._shift(start, 1))

    @staticmethod
    def _shift(moment: datetime, days: int) -> datetime:
        return moment + timedelta(days=days)  # wall-clock arithmetic: same local time on another day


@lru_cache(maxsize=8)
def day_start(text: str) -> DayStart:
    return DayStart(text)


def default_day_start(asset_classes: set[str]) -> str:
    return f"17:00 {NEW_YORK}" if asset_classes & {"forex", "metal"} else "00:00 UTC"


def forex_anchored(timeframe: str, asset_class: str) -> bool:
    """Whether this timeframe's buckets follow 17:00 New York instead of UTC midnight."""
    return asset_class in ("forex", "metal") and length(timeframe) >= 4 * HOUR


def bucket(at: int, timeframe: str, asset_class: str) -> tuple[int, int]:
    """[start, end) of the bucket of ``timeframe`` that holds the bar opening at ``at``."""
    size = length(timeframe)
    if not forex_anchored(timeframe, asset_class):
        start = at // size * size
        if timeframe == "W1":  # 1970-01-01 was a Thursday; weeks start on Monday
            start = (at - 4 * DAY) // size * size + 4 * DAY
        return start, start + size
    day = day_start(f"17:00 {NEW_YORK}")
    start = day.of(at)
    end = day.of(start + 26 * HOUR)
    if timeframe == "D1":
        return start, end
    if timeframe == "W1":  # the forex week opens on Sunday 17:00 New York
        opened = utc(start).astimezone(day.zone)
        sunday = opened - timedelta(days=(opened.weekday() + 1) % 7)
        return nanos(sunday), nanos(sunday + timedelta(days=7))
    start += (at - start) // size * size
    return start, min(start + size, end)
