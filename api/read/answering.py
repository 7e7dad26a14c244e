"""How every route asks and answers: pages and their cursors, moments, runs, JSON with an ETag."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from threading import Lock
from typing import Annotated, Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

from api.errors import Problem
from api.runs import Runs
from api.site import Site, site
from domain.timeframe import nanos

MOST = 1000
"""Rows of a page, at most."""
_FURTHEST = 2**63 - 1
_CLEAN = r"^[^\x00-\x1f\x7f]*$"
"""Text without control characters: PostgreSQL takes none with a zero in it."""

Plain = dict[str, Any]
T = TypeVar("T")

Here = Annotated[Site, Depends(site)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="Rows of the answer, at most.")]
After = Annotated[
    str | None, Query(max_length=400, description="The `next` of the answer before: goes on behind it, older.")
]
OfRun = Annotated[
    str | None,
    Query(
        max_length=64, pattern=_CLEAN, description="Of this run; the beginning of its id is enough. The newest else."
    ),
]
OfSymbol = Annotated[str | None, Query(max_length=200, pattern=_CLEAN, description="Only of this symbol.")]
Symbol = Annotated[str, Path(max_length=200, pattern=_CLEAN, description="A symbol of the run.")]
Id = Annotated[str, Path(max_length=200, pattern=_CLEAN, description="An id, whole.")]


def _moment(value: datetime | None) -> int | None:
    if value is None:
        return None
    at = nanos(value if value.tzinfo else value.replace(tzinfo=UTC))
    return max(-_FURTHEST, min(at, _FURTHEST))


def _no_number(value: object) -> object:
    """Pydantic would take one for seconds or milliseconds since 1970, by its size."""
    if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9.]+", value.strip()):
        raise ValueError("a time in ISO 8601, like 2024-01-02T14:30:00Z")
    return value


Time = Annotated[datetime, BeforeValidator(_no_number)]


def since(
    of: Annotated[Time | None, Query(alias="from", description="Not before this time (ISO 8601, UTC).")] = None,
) -> int | None:
    return _moment(of)


def until(
    to: Annotated[Time | None, Query(description="Before this time (ISO 8601, UTC).")] = None,
) -> int | None:
    return _moment(to)


From = Annotated[int | None, Depends(since)]
To = Annotated[int | None, Depends(until)]


class Listing(NamedTuple):
    """What every list of a run may be asked for."""

    run: str | None
    since: int | None
    until: int | None
    limit: int
    after: str | None

    @property
    def rows(self) -> Plain:
        """Which rows, as ``api.queries`` takes it."""
        return {"limit": self.limit, "since": self.since, "until": self.until}


def listing(rows: int = 100) -> Callable[..., Listing]:
    """As a dependency; so many ``rows`` where nobody says how many."""

    def asked(
        run: OfRun = None, since: From = None, until: To = None, limit: Limit = rows, after: After = None
    ) -> Listing:
        return Listing(run, since, until, limit, after)

    return asked


Listed = Annotated[Listing, Depends(listing())]


# -- answers -----------------------------------------------------------------------------------------


def answered(request: Request, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON with an ETag; 304 without a body where the asker has it already."""
    text = body if isinstance(body, bytes) else encoded(body)
    tag = f'"{blake2b(text, digest_size=12).hexdigest()}"'
    known = request.headers.get("if-none-match", "")
    if status == 200 and any(one.strip().removeprefix("W/") in (tag, "*") for one in known.split(",") if one.strip()):
        return Response(status_code=304, headers={"ETag": tag} | (headers or {}))
    return Response(text, status, {"ETag": tag} | (headers or {}), "application/json")


def encoded(body: Any) -> bytes:
    """Strict JSON: what is no number is null."""
    return msgspec.json.encode(body)


def page(items: Sequence[Plain], next: str | None, **more: Any) -> Plain:
    return {"items": items, "next": next} | more


# -- cursors -----------------------------------------------------------------------------------------


def cursor(*parts: int | str) -> str:
    """Where a page ends, as a text that nobody needs to understand."""
    return base64.urlsafe_b64encode(msgspec.json.encode(parts)).decode().rstrip("=")


def read_cursor(text: str | None, *kinds: type) -> tuple[Any, ...] | None:
    """Its parts, of these types. Raises Problem 422 for one that is not ours."""
    if text is None:
        return None
    try:
        found = msgspec.json.decode(base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        found = None
    fits = isinstance(found, list) and len(found) == len(kinds)
    if not fits or any(type(one) is not kind for one, kind in zip(found, kinds, strict=True)):
        raise Problem(422, "INVALID", "after: not a `next` of an answer of this route")
    if any((isinstance(one, int) and abs(one) > _FURTHEST) or (isinstance(one, str) and "\0" in one) for one in found):
        raise Problem(422, "INVALID", "after: not a `next` of an answer of this route")
    return tuple(found)


# -- what a server remembers beside its database ---------------------------------------------------


_MADE: WeakKeyDictionary[Site, dict[Any, Any]] = WeakKeyDictionary()
_MAKING = Lock()


def kept(here: Site, make: Callable[[], T]) -> T:
    """The one that belongs to this site; made when it is first asked for."""
    with _MAKING:
        made = _MADE.setdefault(here, {})
        if make not in made:
            made[make] = make()
        return made[make]  # type: ignore[no-any-return]


def runs(here: Site) -> Runs:
    return kept(here, Runs)
