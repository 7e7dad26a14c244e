"""Calendars of economic news from files and addresses, read once at the start of a run.

JSON: a list of ``{title, country, date, impact}`` as ForexFactory publishes it (``country`` is a currency or All,
``date`` is ISO 8601 with an offset, ``impact`` High, Medium, Low, or Holiday and Non-Economic, which are not news), or
``{since, until, events}`` with such a list and the days of UTC that it covers, both included. CSV: those columns under
their names (``currency`` for ``country`` if you like). Without declared days a calendar covers the days from its first
event to its last.
"""

from __future__ import annotations

import csv
import io
import os
import stat
import time
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from domain.errors import ConfigError
from domain.timeframe import DAY, nanos
from risk.news import EVERY, FOREVER, IMPACTS, STATIC, Calendar, NewsEvent, is_web, merge

if TYPE_CHECKING:
    import httpx

WITHIN = 15.0
"""Seconds for an address to answer, all of it."""

MOST_BYTES = 8 * 1024 * 1024
MOST_EVENTS = 50_000
MOST_TITLE = 80
SHOWN = 5
"""Bad records that a message names."""

NO_NEWS = ("holiday", "non-economic")
_EPOCH = date(1970, 1, 1).toordinal()


class _Record(msgspec.Struct):
    date: str
    impact: str
    title: str = ""
    country: str = ""
    currency: str = ""


class _Declared(msgspec.Struct, forbid_unknown_fields=True):
    events: list[_Record]
    since: str | None = None
    until: str | None = None


def load(sources: Iterable[str], transport: httpx.BaseTransport | None = None) -> Calendar:
    """One calendar of all sources (see ``risk.news.sources``). Raises ConfigError with every problem: a source with one
    bad record is refused as a whole. One without any record gives a calendar that knows nothing."""
    calendars: list[Calendar] = []
    problems: list[str] = []
    for source in sources:
        if source == STATIC:
            calendars.append(Calendar(static=True, until=FOREVER))
            continue
        try:
            data = _fetched(source, transport) if is_web(source) else _file(source)
            calendars.append(parse(data, csv_text=source.partition("?")[0].lower().endswith(".csv")))
        except (ValueError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            problems.append(f"risk.news: {source.partition('?')[0]}: {why}")
    if problems:
        raise ConfigError(problems)
    return merge(calendars)


def parse(data: bytes, csv_text: bool) -> Calendar:
    """The calendar in the bytes of a file. Raises ValueError naming what is wrong."""
    if not data.strip():
        return Calendar()
    declared = _Declared(list(_from_csv(data))) if csv_text else _from_json(data)
    if len(declared.events) > MOST_EVENTS:
        raise ValueError(f"more than {MOST_EVENTS:,} records")
    events: list[NewsEvent] = []
    times: list[int] = []
    wrong: list[str] = []
    for number, record in enumerate(declared.events, 1):
        try:
            event = _event(record)
        except ValueError as error:
            wrong.append(f"record {number}: {error}")
            continue
        times.append(event.at)
        if event.impact in IMPACTS:
            events.append(event)
    if wrong:
        more = f"; and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        raise ValueError(f"{'; '.join(wrong[:SHOWN])}{more}")
    since = min(times, default=0) // DAY * DAY if declared.since is None else _day(declared.since)
    until = max(times, default=-DAY) // DAY * DAY if declared.until is None else _day(declared.until)
    until += DAY
    if since > until:
        raise ValueError("it ends before it begins")
    return merge([Calendar(tuple(events), until, since=since)])


def _event(record: _Record) -> NewsEvent:
    impact = record.impact.strip().lower()
    if impact not in IMPACTS and impact not in NO_NEWS:
        raise ValueError(f"impact {_shown(record.impact)}; allowed: High, Medium, Low, Holiday, Non-Economic")
    currency = (record.currency or record.country).strip().upper()
    if not (currency == EVERY or (len(currency) == 3 and currency.isascii() and currency.isalpha())):
        raise ValueError(f"country {_shown(record.currency or record.country)}; allowed: a currency as USD, or All")
    return NewsEvent(_moment(record.date), currency, impact, _title(record.title))


def _moment(text: str) -> int:
    allowed = "allowed: ISO 8601 with an offset, as 2024-01-05T08:30:00-05:00, years 1970 to 2199"
    try:
        moment = datetime.fromisoformat(text.strip())
        if not 1970 < moment.year < 2199:
            raise ValueError
        return nanos(moment)  # not without an offset
    except ValueError:
        raise ValueError(f"date {_shown(text)}; {allowed}") from None


def _day(text: str) -> int:
    try:
        day = date.fromisoformat(text)
        if not 1970 <= day.year <= 2199:
            raise ValueError
    except ValueError:
        raise ValueError(f"since or until {_shown(text)}; allowed: a day as 2024-12-31, years 1970 to 2199") from None
    return (day.toordinal() - _EPOCH) * DAY


def _title(text: str) -> str:
    """As it may be shown to people: one line of printable characters."""
    printable = "".join(one if one.isprintable() else " " for one in text[: 4 * MOST_TITLE])
    return " ".join(printable.split())[:MOST_TITLE] or "untitled"


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else text[:40] + "...")


def _from_json(data: bytes) -> _Declared:
    try:
        found = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=list[_Record] | _Declared)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"not a calendar: {ascii(str(error))[1:-1][:200]}") from None
    return found if isinstance(found, _Declared) else _Declared(found)


def _from_csv(data: bytes) -> Iterator[_Record]:
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        names = [name.strip().lower() for name in next(rows, [])]
        if not {"date", "impact"} <= set(names) or not {"country", "currency"} & set(names):
            raise ValueError("not a calendar: allowed: columns title, country, date, impact under these names")
        for row in rows:
            if rows.line_num > MOST_EVENTS + 1:
                raise ValueError(f"more than {MOST_EVENTS:,} lines")
            if row:
                record = dict(zip(names, row, strict=False))
                yield _Record(**{name: record.get(name, "") for name in _Record.__struct_fields__})
    except csv.Error as error:
        raise ValueError(f"not a calendar: {error}") from None
    except UnicodeDecodeError:
        raise ValueError("not a calendar: no UTF-8 text") from None


def _file(path: str) -> bytes:
    path = os.path.expanduser(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("no ordinary file")
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return data


def _fetched(address: str, transport: httpx.BaseTransport | None) -> bytes:
    """No redirects, no compression (its size would not be known), and the deadline is for the whole answer."""
    import httpx

    deadline = time.monotonic() + WITHIN
    data = bytearray()
    headers = {"Accept-Encoding": "identity"}
    try:
        with (
            httpx.Client(timeout=WITHIN, transport=transport, headers=headers) as client,
            client.stream("GET", address) as answer,
        ):
            if answer.status_code != 200:
                raise ValueError(f"answered {answer.status_code}")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise ValueError("answered compressed, which was not asked for")
            for part in answer.iter_bytes():
                data += part
                if len(data) > MOST_BYTES:
                    raise ValueError(f"more than {MOST_BYTES:,} bytes")
                if time.monotonic() > deadline:
                    raise ValueError(f"not read within {WITHIN:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(f"cannot be read: {type(error).__name__}: {ascii(str(error))[1:-1][:200]}") from error
    return bytes(data)
