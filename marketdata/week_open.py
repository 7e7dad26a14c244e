"""The zone that stamps seem to be in, from the weeks of the data: forex opens on Sunday and closes on Friday at 17:00
New York.

Data may begin its weeks late or end them early, and then one of the two is off; stamps of another zone move both the
same way.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from domain.timeframe import DAY, HOUR, MINUTE, NEW_YORK, bucket, day_start, length, nanos, utc
from marketdata.sessions import is_weekly

LEAST_WEEKS = 3
SHARE = 0.5
"""So many weeks of a season, and so many of them at one hour, tell something."""
_TOLERANCE = 15 * MINUTE
_MOST = 14
_NEAR = {5: "Europe/London", 6: "Europe/Berlin", 7: "Europe/Athens"}


class WeekOpen(NamedTuple):
    """How many hours the stamps are ahead of UTC in New York's winter and summer; None where nothing tells."""

    winter: int | None
    summer: int | None
    weeks: int

    @property
    def fits(self) -> bool:
        return {self.winter, self.summer} <= {0, None}

    @property
    def zone(self) -> str | None:
        """The zone the stamps seem to be in, as --zone takes it; None where no zone is like that."""
        winter, summer = self.winter, self.summer
        if winter is None or summer is None or winter == summer:
            hours = winter if winter is not None else summer or 0
            return "EST" if hours == -5 else f"UTC{hours:+d}"
        if summer == winter + 1:
            return NEW_YORK + (f"{winter + 5:+d}" if winter != -5 else "")
        return None

    @property
    def words(self) -> str:
        """The same for people."""
        winter, summer = self.winter, self.summer
        if winter is None or summer is None:
            season = "summer" if winter is None else "winter"
            return f"{self.zone} (in New York's {season}; the rest of the year does not tell)"
        near = _NEAR.get(winter + 5) if summer == winter + 1 else None
        return f"{self.zone or 'of no zone'} ({winter:+d} h in New York's winter, {summer:+d} h in its summer" + (
            f"; nearly {near})" if near else ")"
        )


def week_open(ts: NDArray[np.int64], timeframe: str, asset_class: str) -> WeekOpen | None:
    """None for markets without weekends, bars above H1, and data that does not tell."""
    if not is_weekly(asset_class) or length(timeframe) > HOUR:
        return None
    late = 1 if asset_class == "metal" else 0
    zone = day_start(f"17:00 {NEW_YORK}").zone
    opens: dict[bool, list[int]] = {False: [], True: []}
    closes: dict[bool, list[int]] = {False: [], True: []}
    for place in np.flatnonzero(np.diff(ts) >= DAY).tolist():
        last, first = int(ts[place]) + length(timeframe), int(ts[place + 1])
        start = bucket(first + 7 * DAY // 2, "W1", "forex")[0]
        sunday = utc(start).astimezone(zone)
        summer = sunday.dst() != timedelta(0)
        opens[summer].append((first - start + _TOLERANCE) // HOUR)
        closes[summer].append((last - nanos(sunday - timedelta(days=2)) + HOUR - _TOLERANCE) // HOUR)
    winter, summer_shift = (_shift(opens[one], closes[one], late) for one in (False, True))
    if winter is None and summer_shift is None:
        return None
    return WeekOpen(winter, summer_shift, len(opens[False]) + len(opens[True]))


def _shift(opens: list[int], closes: list[int], late: int) -> int | None:
    """The hours that explain both ends: no more than the open's, no less than the close's, as few as possible.

    ``late`` is by how many hours the market may open later: metals do at some venues.
    """
    opened, closed = _most(opens), _most(closes)
    if opened is None or closed is None or closed > opened:
        return None
    if opened - late >= closed:
        opened -= late
    return min(max(0, closed), opened)


def _most(hours: list[int]) -> int | None:
    near = [one for one in hours if abs(one) <= _MOST]
    if len(near) < LEAST_WEEKS:
        return None
    hour, count = Counter(near).most_common(1)[0]
    return hour if count >= SHARE * len(near) else None
