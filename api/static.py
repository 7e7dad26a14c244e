"""The page: the files that were built, read and packed once; nothing else of this machine can be asked for."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "page"

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
"""What a page is made of; a file of another kind is not shown."""

_MISSING = (
    b"<!doctype html><meta charset=utf-8><title>Argus</title><p>The page is not part of this installation. "
    b"Programs find everything under /api with a token."
)
_ASSET, _PAGE = "public, max-age=31536000, immutable", "no-cache"
_WORTH = 0.9
"""A file is packed where that leaves at most this share of it."""


class File(msgspec.Struct, frozen=True):
    """A file of the page: its path in an address, what it is and holds, and the same packed by gzip if that helps."""

    path: str
    kind: str
    body: bytes
    etag: str
    kept: str
    packed: bytes | None


def files(folder: Path = FOLDER) -> list[File]:
    """Every file of the page, and ``/``, which is its index."""
    return [_file("/", ".html", _index(folder)), *_others(folder)]


def routes(found: list[File]) -> list[Route]:
    return [Route(one.path, _answering(one), methods=["GET"], include_in_schema=False) for one in found]


def _index(folder: Path) -> bytes:
    index = folder / "index.html"
    return index.read_bytes() if index.is_file() else _MISSING


def _others(folder: Path) -> Iterator[File]:
    inside = folder.resolve()
    for path in sorted(folder.rglob("*")):
        whole = path.resolve()
        if whole.is_file() and whole.is_relative_to(inside) and path.suffix in TYPES:
            yield _file(f"/{path.relative_to(folder).as_posix()}", path.suffix, whole.read_bytes())


def _file(path: str, suffix: str, body: bytes) -> File:
    etag = hashlib.sha256(body).hexdigest()[:32]
    packed = gzip.compress(body, mtime=0)
    kept = _ASSET if path.startswith("/assets/") else _PAGE
    return File(path, TYPES[suffix], body, etag, kept, packed if len(packed) <= _WORTH * len(body) else None)


def _answering(one: File):  # type: ignore[no-untyped-def]
    plain = {"ETag": f'"{one.etag}"', "Cache-Control": one.kept}
    if one.packed is not None:
        plain["Vary"] = "Accept-Encoding"
    packed = plain | {"ETag": f'"{one.etag}-gzip"', "Content-Encoding": "gzip"}

    async def found(request: Request) -> Response:
        body, headers = one.body, plain
        if one.packed is not None and takes_gzip(",".join(request.headers.getlist("accept-encoding"))):
            body, headers = one.packed, packed
        known = request.headers.get("if-none-match", "")
        if headers["ETag"] in (part.strip().removeprefix("W/") for part in known.split(",")):
            return Response(status_code=304, headers={k: v for k, v in headers.items() if k != "Content-Encoding"})
        return Response(body, media_type=one.kind, headers=headers)

    return found


def takes_gzip(accepted: str) -> bool:
    """Whether a header Accept-Encoding allows gzip (RFC 9110, 12.5.3): by its name, else by ``*``; not with q=0."""
    weights = {}
    for part in accepted.lower().split(","):
        name, _, parameter = part.partition(";")
        weights[name.strip()] = _weight(parameter)
    return weights.get("gzip", weights.get("*", 0.0)) > 0


def _weight(parameter: str) -> float:
    name, _, value = parameter.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
