"""How many nights a holding pays financing for: the rollover at 17:00 New York, pure."""

from __future__ import annotations

from domain.timeframe import HOUR, NEW_YORK, day_start, utc

_WEDNESDAY, _FRIDAY = 2, 4
_ROLLOVER = f"17:00 {NEW_YORK}"


def nights(after: int, until: int, asset_class: str) -> int:
    """Nights of the rollovers in (after, until].

    Forex and metals settle in two days: Wednesday's rollover counts three nights, the weekend's none.
    Everything else pays each day alike.
    """
    days = day_start(_ROLLOVER)
    count = 0
    rollover = days.of(until)
    while rollover > after:
        count += _count(rollover, asset_class)
        rollover = days.of(rollover - HOUR)
    return count


def _count(rollover: int, asset_class: str) -> int:
    if asset_class not in ("forex", "metal"):
        return 1
    weekday = utc(rollover).astimezone(day_start(_ROLLOVER).zone).weekday()
    return 3 if weekday == _WEDNESDAY else int(weekday <= _FRIDAY)
