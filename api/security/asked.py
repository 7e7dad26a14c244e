"""The head of a request, read strictly, and its body, read whole."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

import msgspec
from starlette.types import Receive, Scope

from api.errors import Problem
from api.security.depth import deeper
from api.security.limits import Limits
from api.security.sessions import COOKIE
from api.security.tokens import Tokens

_ONCE = (b"host", b"origin", b"authorization", b"content-length", b"content-type", b"x-csrf-token")
"""Of these there is one at most."""

_SECRETS = frozenset(
    {"token", "access_token", "api_token", "apikey", "api_key", "bearer", "authorization", "session", COOKIE, "csrf"}
)

_CLOSE = {"Connection": "close"}
_LINGER = 1024 * 1024
"""Bytes of a body that is too large that are read before the answer: a connection cut earlier loses it."""


class Asked:
    """The head of a request or of a handshake."""

    def __init__(self, scope: Scope) -> None:
        self.socket = scope["type"] == "websocket"
        self.method = "GET" if self.socket else str(scope["method"])
        self.path = str(scope["path"])
        self.query = bytes(scope["query_string"]).decode("latin-1")
        self.scheme = "https" if scope["scheme"] in ("https", "wss") else "http"
        client = scope.get("client")
        self.address = client[0] if client else "unknown"
        self._headers: dict[bytes, list[str]] = {}
        for name, value in scope["headers"]:
            self._headers.setdefault(name.lower(), []).append(value.decode("latin-1"))
        for name in _ONCE:
            if len(self._headers.get(name, ())) > 1:
                raise Problem(400, "BAD_REQUEST", f"more than one header {name.decode()}")

    def header(self, name: bytes) -> str | None:
        found = self._headers.get(name)
        return found[0] if found else None

    @property
    def cookie(self) -> str | None:
        """The session's cookie; of several nobody knows which is meant."""
        found = [one for text in self._headers.get(b"cookie", ()) for one in text.split(";")]
        values = [one.strip().partition("=")[2] for one in found if one.strip().partition("=")[0] == COOKIE]
        if len(values) > 1:
            raise Problem(400, "BAD_REQUEST", "more than one session in the cookies")
        return values[0] if values and values[0] else None


def holds_secret(query: str, tokens: Tokens) -> bool:
    if not query:
        return False
    named = {name.strip().lower().replace("-", "_") for name, _ in parse_qsl(query, keep_blank_values=True)}
    return not named.isdisjoint(_SECRETS) or tokens.inside(query)


async def body_of(asked: Asked, receive: Receive, limits: Limits) -> bytes:
    """The whole body, no larger and no deeper than the limits, and JSON. Raises Problem."""
    length = asked.header(b"content-length")
    if length is None and asked.header(b"transfer-encoding") is None:
        return b""
    try:
        async with asyncio.timeout(limits.body_within):
            body = await _whole(receive, limits.body)
    except TimeoutError:
        raise Problem(408, "TOO_SLOW", "the body did not arrive in time", headers=_CLOSE) from None
    if body is None:
        raise Problem(413, "TOO_LARGE", f"a body has at most {limits.body:,} bytes", headers=_CLOSE)
    if body:
        _json(asked, body, limits.depth)
    return body


async def _whole(receive: Receive, most: int) -> bytes | None:
    """What is sent; None if it is more. A little more is taken and forgotten, so that the client hears the answer."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= most + _LINGER:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "BAD_REQUEST", "the body ended early")
        size += len(message.get("body", b""))
        if size <= most:
            parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts) if size <= most else None


def _json(asked: Asked, body: bytes, depth: int) -> None:
    """Raises Problem for what is not strict JSON of UTF-8: no NaN, no half characters, no deep nesting."""
    if (asked.header(b"content-type") or "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "NOT_JSON", "a body is JSON: Content-Type: application/json")
    if b"\0" in body:  # another encoding of Unicode
        raise Problem(400, "BAD_JSON", "the body is not JSON in UTF-8")
    if deeper(body, depth):
        raise Problem(400, "TOO_DEEP", f"JSON here is nested at most {depth} deep")
    try:
        msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError):
        raise Problem(400, "BAD_JSON", "the body is not JSON in UTF-8") from None
