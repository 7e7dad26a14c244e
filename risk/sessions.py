"""When markets are open: windows of the local day, the weekend of forex and metals, and the session of a moment.

Local time is UTC plus the zone's offset, daylight saving included; the offset is looked up once per UTC day.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from domain.timeframe import DAY, HOUR, MINUTE, NEW_YORK, SECOND, nanos, utc

WEEKLY = ("forex", "metal")
"""Asset classes that close from Friday to Sunday 17:00 New York; the others know no weekend."""

SHUT = 17 * HOUR
"""New York time at which they close on Friday and open on Sunday, and at which metals pause for an hour every day."""

OPEN, WEEKEND, BREAK = "OPEN", "WEEKEND", "BREAK"

_WINDOW = re.compile(r"(\d\d):(\d\d)-(\d\d):(\d\d) (\S+)", re.ASCII)
_TIME = re.compile(r"(\d\d):(\d\d) (\S+)", re.ASCII)


class LocalClock:
    """The wall clock of a zone. Raises ValueError for a zone that does not exist."""

    def __init__(self, zone: str) -> None:
        try:
            self.zone = ZoneInfo(zone)
        except (ValueError, KeyError, OSError) as error:
            raise ValueError(f"{zone!r} is no time zone; allowed: UTC or Area/City, as Europe/London") from error
        self._start = self._end = self._offset = 0

    def of(self, at: int) -> int:
        """What the wall clock shows at UTC nanoseconds, as nanoseconds since 1970 on that clock."""
        if not self._start <= at < self._end:
            self._turn(at)
        return at + self._offset

    def moment(self, local: int) -> int:
        """UTC nanoseconds of a wall-clock time: the first one if it comes twice, an hour on if it never comes."""
        return nanos(utc(local).replace(tzinfo=self.zone))

    def _turn(self, at: int) -> None:
        """Remember the offset around ``at``: for the UTC day, or the part of it before or after a change."""
        start = at // DAY * DAY
        end = start + DAY
        if self._offset_at(start) != self._offset_at(end):
            before, change = start, end
            while change - before > SECOND:
                middle = (before + change) // 2 // SECOND * SECOND
                if self._offset_at(middle) == self._offset_at(start):
                    before = middle
                else:
                    change = middle
            start, end = (start, change) if at < change else (change, end)
        self._start, self._end, self._offset = start, end, self._offset_at(start)

    def _offset_at(self, at: int) -> int:
        offset = utc(at).astimezone(self.zone).utcoffset()
        assert offset is not None
        return (offset.days * 86_400 + offset.seconds) * SECOND


@lru_cache(maxsize=256)
def local_clock(zone: str) -> LocalClock:
    return LocalClock(zone)


def weekday(local: int) -> int:
    """Monday is 0; of a wall-clock time in nanoseconds."""
    return (local // DAY + 3) % 7  # 1970-01-01 was a Thursday


class Window:
    """A part of every local day, start included, end not; it may pass midnight. ``weekdays``: those that begin on
    Monday to Friday only."""

    def __init__(self, text: str, start: int, end: int, zone: str, weekdays: bool = False) -> None:
        self.text, self.start, self.end, self.weekdays = text, start, end, weekdays
        self._clock = local_clock(zone)

    def holds(self, at: int) -> bool:
        local = self._clock.of(at)
        time = local % DAY
        if self.start < self.end:
            inside = self.start <= time < self.end
        else:
            inside = time >= self.start or time < self.end
            if time < self.end:
                local -= DAY  # it began on the day before
        return inside and (not self.weekdays or weekday(local) < 5)


class Overlap:
    """The hours that two windows share."""

    def __init__(self, text: str, one: Window, other: Window) -> None:
        self.text, self._one, self._other = text, one, other

    def holds(self, at: int) -> bool:
        return self._one.holds(at) and self._other.holds(at)


LONDON = Window("london", 8 * HOUR, 17 * HOUR, "Europe/London", weekdays=True)
NEW_YORK_DAY = Window("new_york", 8 * HOUR, 17 * HOUR, NEW_YORK, weekdays=True)
TOKYO = Window("tokyo", 9 * HOUR, 18 * HOUR, "Asia/Tokyo", weekdays=True)
SYDNEY = Window("sydney", 7 * HOUR, 16 * HOUR, "Australia/Sydney", weekdays=True)
OVERLAP = Overlap("overlap", LONDON, NEW_YORK_DAY)

NAMED: dict[str, Window | Overlap] = {one.text: one for one in (LONDON, NEW_YORK_DAY, TOKYO, SYDNEY, OVERLAP)}
"""The customary hours of the currency market, Monday to Friday; overlap is what London and New York share."""


def windows(texts: Sequence[str]) -> tuple[Window | Overlap, ...]:
    """Named windows, or ``08:00-16:30 Europe/London`` (every day). Raises ValueError saying what is allowed."""
    if not texts:
        raise ValueError("no window; name some, or leave sessions out for the whole day")
    return tuple(NAMED.get(text.strip().lower()) or _window(text.strip()) for text in texts)


def _window(text: str) -> Window:
    found = _WINDOW.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r}: allowed: {', '.join(NAMED)}, or a window like '08:00-16:30 Europe/London'")
    start, end = _clock(found[1], found[2], text), _clock(found[3], found[4], text, last=True)
    if start == end:
        raise ValueError(f"{text!r} ends when it starts; the whole day is '00:00-24:00 {found[5]}'")
    local_clock(found[5])
    return Window(text, start, end, found[5])


def _clock(hour: str, minute: str, text: str, last: bool = False) -> int:
    time = int(hour) * HOUR + int(minute) * MINUTE
    if int(minute) > 59 or time >= DAY + last:
        raise ValueError(f"{text!r}: no such time of day; allowed: 00:00 to 23:59{', 24:00 as an end' if last else ''}")
    return time


class TimeOfDay:
    """A time of every local day, as ``16:55 America/New_York``."""

    def __init__(self, text: str, time: int, zone: str) -> None:
        self.text, self.time = text, time
        self._clock = local_clock(zone)
        self._known = (0, 0)

    def after(self, at: int) -> int:
        """The first such moment later than ``at``, in UTC nanoseconds."""
        start, moment = self._known
        if not start <= at < moment:
            local = self._clock.of(at) // DAY * DAY + self.time
            moment = self._clock.moment(local)
            if moment <= at:
                moment = self._clock.moment(local + DAY)
            self._known = at, moment
        return moment


def time_of_day(text: str) -> TimeOfDay:
    """Raises ValueError saying what is allowed."""
    found = _TIME.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r}: allowed: a time and a zone, like '16:55 America/New_York'")
    local_clock(found[3])
    return TimeOfDay(found[0], _clock(found[1], found[2], text), found[3])


# -- the market's own hours ------------------------------------------------------------------------


def market_state(asset_class: str, at: int, breaks: bool = True) -> str:
    """OPEN, WEEKEND or BREAK (the daily hour of metals from 17:00 New York, where ``breaks`` counts it)."""
    if asset_class not in WEEKLY:
        return OPEN
    local = _new_york.of(at)
    day, time = weekday(local), local % DAY
    if day == 5 or (day == 4 and time >= SHUT) or (day == 6 and time < SHUT):
        return WEEKEND
    if breaks and asset_class == "metal" and SHUT <= time < SHUT + HOUR:
        return BREAK
    return OPEN


def market_opens_at(asset_class: str, at: int, breaks: bool = True) -> int:
    """When a market that is closed at ``at`` opens again (UTC ns); ``at`` if it is open."""
    state = market_state(asset_class, at, breaks)
    if state == OPEN:
        return at
    local = _new_york.of(at)
    midnight = local // DAY * DAY
    if state == WEEKEND:
        midnight += (6 - weekday(local)) * DAY
    return _new_york.moment(midnight + SHUT + (HOUR if breaks and asset_class == "metal" else 0))


def market_closes_at(asset_class: str, at: int) -> int | None:
    """The first weekly close later than ``at`` (UTC ns); None for what knows no weekend."""
    return _friday.after(at) if asset_class in WEEKLY else None


class _Friday:
    """17:00 New York on Fridays."""

    def __init__(self) -> None:
        self._known = (0, 0)

    def after(self, at: int) -> int:
        start, moment = self._known
        if not start <= at < moment:
            local = _new_york.of(at)
            friday = local // DAY * DAY + (4 - weekday(local)) % 7 * DAY + SHUT
            moment = _new_york.moment(friday)
            if moment <= at:
                moment = _new_york.moment(friday + 7 * DAY)
            self._known = at, moment
        return moment


_new_york = local_clock(NEW_YORK)
_friday = _Friday()


# -- the session of a moment, for statistics -------------------------------------------------------


def session_of(at: int) -> str:
    """OVERLAP, LONDON, NEW_YORK, TOKYO, SYDNEY or OFF: the first of these that is open (weekends are OFF)."""
    return _session(at // HOUR * HOUR)


@lru_cache(maxsize=64)
def _session(at: int) -> str:
    """All of them begin and end at full hours, everywhere."""
    london, new_york = LONDON.holds(at), NEW_YORK_DAY.holds(at)
    if london:
        return "OVERLAP" if new_york else "LONDON"
    if new_york:
        return "NEW_YORK"
    if TOKYO.holds(at):
        return "TOKYO"
    return "SYDNEY" if SYDNEY.holds(at) else "OFF"
