"""Texts that mean something: symbols, dates, paths, addresses. Each raises ValueError saying what is allowed."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from domain.timeframe import DayStart, nanos
from orchestration.alerts import channels, rules
from risk import holidays, news, sessions

MOST_SYMBOLS = 100_000
_SYMBOL = re.compile(r"[A-Za-z0-9._-]{1,32}", re.ASCII)
_URL = re.compile(r"(sqlite|postgresql)(\+[a-z0-9]+)?://.*", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#]+[^\s]*", re.ASCII)
_ADDRESS = re.compile(r"local|auto|(ray://)?[A-Za-z0-9._\[\]:-]+:\d{1,5}", re.ASCII)


def symbols(value: str | list[str]) -> tuple[str, ...]:
    """A list, or one text with commas; as they were written, in their order."""
    names = [one.strip() for one in (value.split(",") if isinstance(value, str) else value)]
    if not any(names):
        raise ValueError("no symbols; write some, like EURUSD,BTC")
    if len(names) > MOST_SYMBOLS:
        raise ValueError(f"{len(names):,} symbols; at most {MOST_SYMBOLS:,}")
    wrong = [one for one in names if not _SYMBOL.fullmatch(one)]
    if wrong:
        raise ValueError(
            f"{_few(wrong)} cannot be a symbol; allowed: 1 to 32 letters, digits, . _ -, with commas between symbols"
        )
    seen: set[str] = set()
    twice = [one for one in names if one in seen or seen.add(one)]  # type: ignore[func-returns-value]
    if twice:
        raise ValueError(f"{_few(twice)} is there twice; give every symbol once")
    return tuple(names)


def _few(names: list[str]) -> str:
    shown = [repr(one if len(one) <= 40 else one[:40] + "…") for one in names[:5]]
    return ", ".join(shown) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9]{2,7}", value, re.ASCII):
        raise ValueError("allowed: 3 to 8 capital letters or digits, like USD or USDT")
    return value


def timerange(value: str) -> tuple[int, int]:
    """``20160104-20160331``, UTC dates, both inclusive, to [from, until) in nanoseconds."""
    found = re.fullmatch(r"(\d{8})-(\d{8})", value, re.ASCII)
    if not found:
        raise ValueError("allowed: two UTC dates like 20160104-20160331, both inclusive")
    first, last = (_date(text) for text in found.groups())
    if last < first:
        raise ValueError(f"ends before it begins; did you mean {found[2]}-{found[1]}?")
    return nanos(first), nanos(last + timedelta(days=1))


def _date(text: str) -> datetime:
    try:
        found = datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(f"{text} is not a date; allowed: YYYYMMDD-YYYYMMDD") from None
    if not 1970 <= found.year <= 2199:
        raise ValueError(f"{text} is out of reach; allowed: years 1970 to 2199")
    return found


def day_start(value: str) -> str:
    return DayStart(value).text


def data(value: str | list[str]) -> tuple[str | None, dict[str, str]]:
    """(folder, files by symbol), one of them empty, as absolute paths."""
    texts = [value] if isinstance(value, str) else value
    if not texts or not all(one.strip() for one in texts):
        raise ValueError("allowed: a folder, or SYMBOL=FILE for each symbol")
    pairs = [one.partition("=") for one in texts]
    files: dict[str, str] = {}
    for symbol, equals, path in pairs:
        if not equals:
            continue
        if not _SYMBOL.fullmatch(symbol) or not path.strip():
            raise ValueError(f"{symbol + equals + path!r}: allowed: SYMBOL=FILE, like EURUSD=eurusd.parquet")
        if symbol in files:
            raise ValueError(f"{symbol} has two files; give one")
        files[symbol] = _absolute(path)
    if not files and len(texts) == 1:
        return _absolute(texts[0]), {}
    if len(files) != len(texts):
        raise ValueError("allowed: one folder, or SYMBOL=FILE for each symbol, not both")
    return None, files


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))


def folder(value: str) -> str:
    """Its absolute path."""
    whole = _absolute(value)
    if not os.path.isdir(whole):
        raise ValueError(f"there is no folder {whole}")
    return whole


def address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        near = difflib.get_close_matches(value, ("local", "auto"), 1)
        raise ValueError(f"allowed: local, auto, or host:port{f'; did you mean {near[0]}?' if near else ''}")
    return value


def url(value: str) -> str:
    if not _URL.fullmatch(value):
        raise ValueError("allowed: sqlite:///path/to/argus.db or postgresql://user@host/name")
    return value


def web(value: str) -> str:
    if not _WEB.fullmatch(value):
        raise ValueError("allowed: http://host/path or https://host/path")
    return value


def day(value: str) -> str:
    """A UTC date such as 2025-06-30."""
    try:
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise ValueError("allowed: a UTC date like 2025-06-30") from None


def headlines(value: list[str]) -> Any:
    """Sources of headlines, as ``research.headlines`` reads them."""
    from research.headlines import sources

    return sources(value)


def score_factors(value: dict[str, float]) -> tuple[tuple[float, float], ...]:
    """(score from which, factor of the size), lowest first."""
    try:
        found = sorted((float(score), float(factor)) for score, factor in value.items())
    except ValueError:
        found = [(2.0, 0.0)]
    if not all(0 <= score <= 1 for score, _ in found):
        raise ValueError("allowed: scores from 0 to 1, each with its factor, such as {'0.5': 1, '0.8': 1.5}")
    return tuple(found)


def targets(value: list[dict[str, float]]) -> tuple[tuple[float, float], ...]:
    """(at, fraction) of each partial close: profits rise, fractions sum up to 1 at most."""
    if not all(set(one) == {"at", "fraction"} for one in value):
        raise ValueError("allowed: a list of {at: profit in r, fraction: of the first size}")
    found = tuple((float(one["at"]), float(one["fraction"])) for one in value)
    if any(later[0] <= one[0] for one, later in pairwise(found)):
        raise ValueError("each target must be farther than the one before")
    if sum(fraction for _, fraction in found) > 1 + 1e-12:
        raise ValueError("the fractions sum up to more than 1")
    return found


def window(value: str) -> sessions.Window | sessions.Overlap:
    """``22:00-07:00 Europe/Berlin``."""
    return sessions.windows([value])[0]


PARSERS: dict[str, Callable[[Any], Any]] = {
    "symbols": symbols,
    "currency": currency,
    "timerange": timerange,
    "day_start": day_start,
    "data": data,
    "folder": folder,
    "address": address,
    "url": url,
    "web": web,
    "day": day,
    "headlines": headlines,
    "score_factors": score_factors,
    "targets": targets,
    "sessions": sessions.windows,
    "time_of_day": sessions.time_of_day,
    "window": window,
    "channels": channels.names,
    "alert_rules": rules.parsed,
    "holidays": holidays.days,
    "news": news.sources,
}
