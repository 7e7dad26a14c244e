"""What news sources send: RSS, Atom and JSON, read with caps on size, time, depth and number, never with entities.

XML is read by expat; a document type is refused, and with it every entity of its own (no file, address or expansion
can be named). JSON is a list, or an object with ``items``: JSON Feed's ``title``, ``summary`` or ``content_text`` and
``date_published``; also ``published`` or ``date``, and ``currencies``. A calendar of economic news is such a list too
(its ``country`` is a currency): the gate reads it for its blackouts, and an event that is over is a headline.
"""

from __future__ import annotations

import ipaddress
import os
import stat
import time
from collections.abc import Iterable
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

import msgspec

from domain.timeframe import nanos

if TYPE_CHECKING:
    import httpx

WITHIN = 10.0
"""Seconds for an address to answer, redirects and all."""
MOST_BYTES = 2 * 1024 * 1024
MOST_ITEMS = 200
"""Items that are read of a source; further ones are left."""
MOST_DEPTH = 40
MOST_TEXT = 8_000
"""Characters of one element that are read."""
MOST_REDIRECTS = 3

_ITEMS = ("item", "entry")
_TITLES, _SUMMARIES = ("title",), ("description", "summary", "content", "encoded")
_DATES = ("published", "pubDate", "date", "issued", "updated")
"""In this order: an Atom entry is as old as its publication, or where that is not told its last change."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A text as it came. ``published_at`` in ns, None where no date with an offset is told."""

    title: str
    summary: str = ""
    published_at: int | None = None
    currencies: tuple[str, ...] = ()


def items(data: bytes) -> tuple[Item, ...]:
    """The items of a document. Raises ValueError where it is none."""
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if not start:
        return ()
    return tuple(_from_json(data) if start in (b"{", b"[") else _from_xml(data))


# -- JSON ------------------------------------------------------------------------------------------


class _Record(msgspec.Struct):
    title: str | None = ""
    summary: str | None = ""
    content_text: str | None = ""
    date_published: str | None = ""
    published: str | None = ""
    date: str | None = ""
    currencies: list[str] = []
    country: str = ""


class _Feed(msgspec.Struct):
    items: list[_Record]


def _from_json(data: bytes) -> Iterable[Item]:
    try:
        found = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"), type=list[_Record] | _Feed)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(f"no feed: {ascii(str(error))[1:-1][:200]}") from None
    for record in (found.items if isinstance(found, _Feed) else found)[:MOST_ITEMS]:
        yield Item(
            title=(record.title or "")[:MOST_TEXT],
            summary=(record.summary or record.content_text or "")[:MOST_TEXT],
            published_at=_moment(record.date_published or record.published or record.date or ""),
            currencies=tuple(record.currencies) or ((record.country,) if record.country else ()),
        )


# -- XML -------------------------------------------------------------------------------------------


class _Reader:
    """Collects the texts of items, whatever namespaces their elements are of."""

    def __init__(self) -> None:
        self.found: list[dict[str, str]] = []
        self._item: dict[str, str] | None = None
        self._path: list[str] = []
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(name.rpartition(" ")[2])
        if len(self._path) > MOST_DEPTH:
            raise ValueError(f"elements more than {MOST_DEPTH} deep")
        if self._path[-1] in _ITEMS and self._item is None:
            self._item, self._depth = {}, len(self._path)

    def end(self, name: str) -> None:
        if self._item is not None and len(self._path) == self._depth:
            if len(self.found) < MOST_ITEMS:
                self.found.append(self._item)
            self._item = None
        self._path.pop()

    def text(self, data: str) -> None:
        if self._item is None or len(self._path) <= self._depth:
            return
        field = self._path[self._depth]
        self._item[field] = (self._item.get(field, "") + data)[:MOST_TEXT]


def _refuse(*_: Any) -> None:
    raise ValueError("it has a document type, which is not read")


def _from_xml(data: bytes) -> Iterable[Item]:
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"no feed: {ascii(str(error))[1:-1][:200]}") from None
    for one in reader.found:
        yield Item(
            title=_first(one, _TITLES).strip(),
            summary=_first(one, _SUMMARIES).strip(),
            published_at=_moment(_first(one, _DATES)),
        )


def _first(texts: dict[str, str], names: Iterable[str]) -> str:
    return next((texts[name] for name in names if texts.get(name, "").strip()), "")


def _moment(text: str) -> int | None:
    """ISO 8601 or RFC 5322 with an offset; None for anything else: a guessed date would be worse than none."""
    text = text.strip()[:64]
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return nanos(moment) if 1970 < moment.year < 2199 else None
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


# -- where it comes from ---------------------------------------------------------------------------


def read_file(path: str) -> bytes:
    """Raises OSError or ValueError."""
    path = os.path.expanduser(path)
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError("no ordinary file")
    with open(path, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    return data


def read_web(address: str, transport: httpx.BaseTransport | None = None) -> bytes:
    """Everything within ``WITHIN`` seconds. A redirect must keep the scheme and may not lead into a private network.
    No cookies, no proxies of the environment, no compression (its size would not be known). Raises ValueError."""
    import httpx

    deadline = time.monotonic() + WITHIN
    headers = {"Accept-Encoding": "identity", "User-Agent": "argus"}
    try:
        for _ in range(MOST_REDIRECTS + 1):
            with (
                httpx.Client(timeout=WITHIN, transport=transport, headers=headers, trust_env=False) as client,
                client.stream("GET", address) as answer,
            ):
                if not answer.is_redirect:
                    return _body(answer, deadline)
                address = _next(address, answer.headers.get("location", ""))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ValueError(f"cannot be read: {type(error).__name__}") from error
    raise ValueError(f"more than {MOST_REDIRECTS} redirects")


def _body(answer: httpx.Response, deadline: float) -> bytes:
    if answer.status_code != 200:
        raise ValueError(f"answered {answer.status_code}")
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise ValueError("answered compressed, which was not asked for")
    data = bytearray()
    for part in answer.iter_bytes():
        data += part
        if len(data) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        if time.monotonic() > deadline:
            raise ValueError(f"not read within {WITHIN:g} s")
    return bytes(data)


def _next(address: str, location: str) -> str:
    before, after = urlsplit(address), urlsplit(urljoin(address, location))
    if not location or after.scheme != before.scheme:
        raise ValueError("redirected to another scheme")
    if before.hostname != after.hostname and _private(after.hostname or ""):
        raise ValueError("redirected into a private network")
    return after.geturl()


def _private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return False
