"""Calendars of economic news, and what of them is near.

``static`` is the calendar that follows from rules alone, for when there is no other. It errs towards too many windows;
a calendar file is exact:

- US employment (NFP): 08:30 New York on the third Friday after the week of the month's 12th day; a week later if that
  is 1 to 3 January, on Thursday if it is the holiday of 4 July. The bureau's own rule, exact but for shutdowns. 45 min.
- US rate decision (FOMC): 14:00 New York every Wednesday, of which one in six is one. 60 minutes.
- US inflation (CPI): 08:30 New York on weekdays from the 10th to the 15th, of which one is it (since 2018). 30 minutes.
- ECB: 14:15 Frankfurt every Thursday, of which one in six is one; the window also holds the older 13:45. 45 minutes.
- Bank of England: 12:00 London every Thursday, of which one in six is one. 45 minutes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from operator import attrgetter

import msgspec

from domain.instrument import Instrument
from domain.timeframe import DAY, HOUR, MINUTE, NEW_YORK
from risk.sessions import local_clock

IMPACTS = ("low", "medium", "high")
STATIC = "static"
EVERY = "ALL"
"""The currency of news that concerns every currency."""

MOST_SOURCES = 16
FOREVER = 2**63 - 1

_WEB = re.compile(r"https://[A-Za-z0-9.\[\]:-]+(/\S*)?", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()
_BLOCK = 128 * DAY  # announcements by rule are computed for so long at once,
_MARGIN = 8 * DAY  # and so much more on either side: windows reach a week
_when = attrgetter("at")


class NewsEvent(msgspec.Struct, frozen=True):
    """``at`` in UTC ns; ``impact`` is high, medium or low; ``window`` (ns) is its own, on either side, where it is
    wider than the configured one."""

    at: int
    currency: str
    impact: str
    title: str
    window: int = 0


class Calendar(msgspec.Struct, frozen=True):
    """Events in the order of their time. ``since`` and ``until`` (UTC ns, the latter not included) are what it knows
    of: 0 and 0 for nothing. ``static`` adds the announcements that follow a rule."""

    events: tuple[NewsEvent, ...] = ()
    until: int = 0
    static: bool = False
    since: int = 0

    @property
    def empty(self) -> bool:
        return self.until <= 0 or not (self.events or self.static)

    def near(
        self, at: int, currencies: Collection[str], impacts: Collection[str], before: int, after: int
    ) -> tuple[NewsEvent, int] | None:
        """The event in whose window ``at`` lies, and when that ends (UTC ns); of several the one that ends last.

        ``before`` and ``after`` are the configured window (ns), its start included, its end not.
        """
        found = _latest(self.events, at, currencies, impacts, before, after, 0)
        if self.static:
            ruled = _latest(announcements(at // _BLOCK), at, currencies, impacts, before, after, HOUR)
            if ruled is not None and (found is None or ruled[1] > found[1]):
                return ruled
        return found


def _latest(
    events: Sequence[NewsEvent],
    at: int,
    currencies: Collection[str],
    impacts: Collection[str],
    before: int,
    after: int,
    widest: int,
) -> tuple[NewsEvent, int] | None:
    """``widest`` is the widest window that any of the events has of its own."""
    found: tuple[NewsEvent, int] | None = None
    last = at + max(before, widest)
    for i in range(bisect_right(events, at - max(after, widest), key=_when), len(events)):
        one = events[i]
        if one.at > last:
            break
        end = one.at + max(after, one.window)
        concerns = one.impact in impacts and (one.currency in currencies or one.currency == EVERY)
        if concerns and one.at - max(before, one.window) <= at < end and (found is None or end > found[1]):
            found = one, end
    return found


def merge(calendars: Iterable[Calendar]) -> Calendar:
    """One calendar of several. It knows no more time than each of them: where one has ended, news may be missing."""
    parts = tuple(calendars)
    events = sorted({one for part in parts for one in part.events}, key=msgspec.structs.astuple)
    until = min((part.until for part in parts), default=0)
    since = max((part.since for part in parts), default=0)
    known = all(not part.empty for part in parts) and since < until
    static = any(part.static for part in parts)
    return Calendar(tuple(events), until if known else 0, static, since if known else 0)


def currencies_of(instrument: Instrument) -> frozenset[str]:
    """Whose news moves it: base and quote; of crypto and what else there is the quote alone.

    A crypto quote of more than three letters is a stablecoin named after its currency: USDT and USDC are USD, EURC EUR.
    """
    if instrument.asset_class in ("forex", "metal"):
        return frozenset((instrument.base, instrument.quote))
    if instrument.asset_class == "crypto":
        return frozenset((instrument.quote[:3],))
    return frozenset((instrument.quote,))


def sources(texts: Sequence[str]) -> tuple[str, ...]:
    """Where calendars come from: ``static``, files, https addresses. Raises ValueError saying what is allowed."""
    found = tuple(text.strip() for text in texts)
    if len(found) > MOST_SOURCES:
        raise ValueError(f"{len(found)} calendars; at most {MOST_SOURCES}")
    for text in found:
        if text != STATIC and not is_web(text) and not text.lower().endswith((".json", ".csv")):
            raise ValueError(f"{text[:200]!r}: allowed: static, a file (.json or .csv), or an address (https://...)")
    if len(set(found)) < len(found):
        raise ValueError("a calendar is there twice")
    return found


def is_web(source: str) -> bool:
    return _WEB.fullmatch(source) is not None


# -- announcements that follow a rule --------------------------------------------------------------


@lru_cache(maxsize=16)
def announcements(block: int) -> tuple[NewsEvent, ...]:
    """Those of 128 days from ``block`` x 128 days since 1970, and of a week on either side, in order."""
    first = _EPOCH + (block * _BLOCK - _MARGIN) // DAY
    last = _EPOCH + ((block + 1) * _BLOCK + _MARGIN) // DAY
    events: list[NewsEvent] = []
    for day in (date.fromordinal(one) for one in range(first, last + 1)):
        weekday = day.weekday()
        if weekday == 2:
            events.append(_event(day, 14, 0, NEW_YORK, "USD", "FOMC", 60))
        if weekday == 3:
            events.append(_event(day, 14, 15, "Europe/Berlin", "EUR", "ECB", 45))
            events.append(_event(day, 12, 0, "Europe/London", "GBP", "BOE", 45))
        if weekday < 5 and 10 <= day.day <= 15:
            events.append(_event(day, 8, 30, NEW_YORK, "USD", "CPI", 30))
        if day.day <= 10 and day == payrolls(day.year, day.month):
            events.append(_event(day, 8, 30, NEW_YORK, "USD", "NFP", 45))
    return tuple(sorted(events, key=_when))


def payrolls(year: int, month: int) -> date:
    """The day of the US employment report that is published in a month."""
    twelfth = date(year - (month == 1), (month - 2) % 12 + 1, 12)
    saturday = twelfth + timedelta(days=(5 - twelfth.weekday()) % 7)  # weeks run from Sunday to Saturday
    friday = saturday + timedelta(days=20)
    if month == 1 and friday.day <= 3:
        return friday + timedelta(days=7)
    return friday - timedelta(days=1) if month == 7 and friday.day in (3, 4) else friday


def _event(day: date, hour: int, minute: int, zone: str, currency: str, title: str, window: int) -> NewsEvent:
    local = (day.toordinal() - _EPOCH) * DAY + hour * HOUR + minute * MINUTE
    return NewsEvent(local_clock(zone).moment(local), currency, "high", title, window * MINUTE)
