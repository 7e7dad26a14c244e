"""Local times to UTC: which offset a zone had, which times it never had, which it had twice."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError
from domain.timeframe import DAY, HOUR, SECOND, iso, utc

Stamps = NDArray[np.int64]

_SHIFTED = re.compile(r"^(?P<name>.+?)(?P<hours>[+-]\d{1,2})$")
ZONE_FORMS = "UTC, EST, a name like Europe/Athens, or one with hours added, like America/New_York+7"


class Zone(NamedTuple):
    """A zone of the tz database whose clock is ``hours`` ahead: America/New_York+7 is what MT5 servers show."""

    text: str
    base: ZoneInfo
    hours: int = 0


def zone(text: str) -> Zone:
    """The zone of its name. Raises ConfigError when there is none."""
    try:
        return Zone(text, ZoneInfo(text))
    except (ValueError, KeyError, OSError):
        shifted = _SHIFTED.match(text)
    try:
        if shifted is None or abs(int(shifted["hours"])) > 14:
            raise ConfigError(_unknown(text))
        return Zone(text, ZoneInfo(shifted["name"]), int(shifted["hours"]))
    except (ValueError, KeyError, OSError):
        raise ConfigError(_unknown(text)) from None


def _unknown(text: str) -> str:
    return f"zone {text!r} is not known; give {ZONE_FORMS}"


def to_utc(local: Stamps, where: Zone, name: str) -> Stamps:
    """UTC nanoseconds of local times (nanoseconds since 1970 by the local clock), in the order of the file.

    An hour that the clock had twice is told apart by the step back in the file. Raises ConfigError for a
    time that the clock never showed, and where nothing tells the two apart.
    """
    if not len(local):
        return local
    moments, offsets = _changes(local, where)
    before, after = offsets[:-1], offsets[1:]
    places = np.searchsorted(moments + np.maximum(before, after), local, "right")
    stamps = np.asarray(local - offsets[places], np.int64)
    if len(moments):
        here = np.minimum(places, len(moments) - 1)
        from_here = (places < len(moments)) & (local >= (moments + np.minimum(before, after))[here])
        forward = (after > before)[here]
        _refuse_never(local, from_here & forward, where, name)
        twice = from_here & ~forward
        for start, end in _stretches(twice, here):
            back = _step_back(local, start, end, where, name)
            stamps[back:end] += (before - after)[here[start]]
    return stamps


def _changes(local: Stamps, where: Zone) -> tuple[Stamps, Stamps]:
    """The moments (UTC) at which the offset changes around these times, and the offsets before and after each."""
    first = (int(local.min()) // DAY - 2) * DAY
    last = int(local.max()) + 2 * DAY
    moments: list[int] = []
    offsets = [_offset(first, where)]
    at = first
    while at < last:
        if _offset(at + DAY, where) != offsets[-1]:
            low, high = at, at + DAY
            while high - low > SECOND:
                middle = (low + high) // 2 // SECOND * SECOND
                low, high = (middle, high) if _offset(middle, where) == offsets[-1] else (low, middle)
            moments.append(high)
            offsets.append(_offset(at + DAY, where))
        at += DAY
    return np.array(moments, np.int64), np.array(offsets, np.int64)


def _offset(at: int, where: Zone) -> int:
    shift = utc(at).astimezone(where.base).utcoffset() or timedelta(0)
    return (shift.days * 86_400 + shift.seconds) * SECOND + where.hours * HOUR


def _refuse_never(local: Stamps, never: NDArray[np.bool_], where: Zone, name: str) -> None:
    places = np.flatnonzero(never)
    if len(places):
        row = int(places[0])
        raise ConfigError(
            f"{name}: row {row + 1}: {_clock(local[row])} was skipped by the clocks of {where.text} (daylight saving),"
            f" so the times are of another zone{_more(len(places))}; give the right --zone"
        )


def _stretches(twice: NDArray[np.bool_], change: NDArray[np.int64]) -> list[tuple[int, int]]:
    """[start, end) of the rows in a repeated hour, one entry per change of the clocks."""
    places = np.flatnonzero(twice)
    if not len(places):
        return []
    breaks = np.flatnonzero((np.diff(places) > 1) | (np.diff(change[places]) != 0)) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(places, breaks)]


def _step_back(local: Stamps, start: int, end: int, where: Zone, name: str) -> int:
    """The row with which the repeated hour begins again."""
    back = np.flatnonzero(np.diff(local[start:end]) <= 0)
    if len(back) != 1:
        raise ConfigError(
            f"{name}: row {start + 1}: {_clock(local[start])} came twice in {where.text} (end of daylight saving), and"
            f" the file does not tell which of the two its {end - start} row{'s are' if end - start > 1 else ' is'};"
            " remove the rows of that hour, or export the file in UTC"
        )
    return start + int(back[0]) + 1


def _clock(local: int | np.int64) -> str:
    return iso(int(local)).removesuffix("Z")


def _more(count: int) -> str:
    return f" ({count} such rows)" if count > 1 else ""
