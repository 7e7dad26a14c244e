"""Days without entries: the holidays of forex, of exchanges, and dates that somebody names.

The days of an exchange come from the package ``holidays`` (whole days only, no early closes), which is imported when an
exchange is configured and not before; a rule computes them once, when it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from domain.timeframe import DAY, HOUR, NEW_YORK
from risk.sessions import WEEKLY, LocalClock, local_clock

EXCHANGES = {
    "XNYS": NEW_YORK,
    "XNAS": NEW_YORK,
    "XCME": "America/Chicago",
    "XTSE": "America/Toronto",
    "XMEX": "America/Mexico_City",
    "XBOG": "America/Bogota",
    "XBUE": "America/Argentina/Buenos_Aires",
    "BVMF": "America/Sao_Paulo",
    "XLON": "Europe/London",
    "IFEU": "Europe/London",
    "XECB": "Europe/Berlin",
    "XETR": "Europe/Berlin",
    "XFRA": "Europe/Berlin",
    "XMAD": "Europe/Madrid",
    "XSWX": "Europe/Zurich",
    "XWAR": "Europe/Warsaw",
    "XIST": "Europe/Istanbul",
    "XJSE": "Africa/Johannesburg",
    "XSAU": "Asia/Riyadh",
    "XKAR": "Asia/Karachi",
    "XBOM": "Asia/Kolkata",
    "XNSE": "Asia/Kolkata",
    "XSES": "Asia/Singapore",
    "XHKG": "Asia/Hong_Kong",
    "XSHG": "Asia/Shanghai",
    "XSHE": "Asia/Shanghai",
    "XTAI": "Asia/Taipei",
    "XKRX": "Asia/Seoul",
    "XJPX": "Asia/Tokyo",
    "XASX": "Australia/Sydney",
    "XNZE": "Pacific/Auckland",
}
"""Codes of exchanges, and the zones of their days; XECB is the payment system of the euro (TARGET)."""

FIRST, LAST = 1970, 2099
"""Years whose holidays are computed; an exchange's may be known from a later one only."""

FOREX = "forex"
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()


class Days(NamedTuple):
    """Holidays, as days since 1970 by a clock that is moved on by ``shift`` (ns).

    ``known`` are the first and the last year of which they are known; None of ``classes`` means every asset class.
    """

    name: str
    days: frozenset[int]
    clock: LocalClock
    shift: int = 0
    classes: frozenset[str] | None = None
    known: tuple[int, int] = (FIRST, LAST)

    def day(self, at: int) -> int:
        """The day that holds ``at`` (UTC ns)."""
        return (self.clock.of(at) + self.shift) // DAY

    def date(self, at: int) -> date:
        return date.fromordinal(_EPOCH + self.day(at))

    def end(self, at: int) -> int:
        """When that day ends, in UTC ns."""
        return self.clock.moment((self.day(at) + 1) * DAY - self.shift)


def days(texts: Sequence[str]) -> tuple[str, ...]:
    """The names as they are compared. Raises ValueError saying what is allowed."""
    return tuple(_name(text.strip()) for text in texts)


def _name(text: str) -> str:
    if text.lower() == FOREX:
        return FOREX
    if text.upper() in EXCHANGES:
        return text.upper()
    try:
        found = date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        raise ValueError(f"{text}: no such day; allowed: YYYY-MM-DD") from None
    if found is None:
        raise ValueError(f"{text!r}: allowed: forex, a date (YYYY-MM-DD), or an exchange: {', '.join(EXCHANGES)}")
    if not FIRST <= found.year <= LAST:
        raise ValueError(f"{text} is out of reach; allowed: years {FIRST} to {LAST}")
    return text


def closed(texts: Sequence[str], classes: Sequence[str]) -> tuple[Days, ...]:
    """What each name closes: ``forex`` forex and metals, an exchange the asset ``classes``, a date everything.

    The day of forex begins at 17:00 New York on the evening before; a date is a day of UTC.
    """
    names = days(texts)
    found = [_exchange(name, frozenset(classes)) for name in dict.fromkeys(names) if name in EXCHANGES]
    if FOREX in names:
        both = (date(year, *day) for year in range(FIRST, LAST + 1) for day in ((1, 1), (12, 25)))
        found.append(Days(FOREX, _numbers(both), local_clock(NEW_YORK), 7 * HOUR, frozenset(WEEKLY)))
    dates = _numbers(date.fromisoformat(name) for name in names if _DATE.fullmatch(name))
    if dates:
        found.append(Days("configured", dates, local_clock("UTC")))
    return tuple(found)


def _exchange(code: str, classes: frozenset[str]) -> Days:
    from holidays import financial_holidays  # 50 ms, and only for those who name an exchange

    found = financial_holidays(code, years=range(FIRST, LAST + 1))
    years = (min(found).year, max(found).year)
    return Days(code, _numbers(found), local_clock(EXCHANGES[code]), 0, classes, years)


def _numbers(dates: Iterable[date]) -> frozenset[int]:
    return frozenset(one.toordinal() - _EPOCH for one in dates)
