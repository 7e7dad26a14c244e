"""What every request passes before anything else sees it: where it comes from, how much, who, and what it may.

Nothing behind the door can forget to ask: only the paths of ``public`` are open, and only GET and HEAD are free of
the operator's role and of the CSRF header.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import Problem, answer
from api.security.asked import Asked, body_of, holds_secret
from api.security.client import OPERATOR, Client
from api.security.desk import Security
from api.security.sessions import Session

SAFE = ("GET", "HEAD")
LOGIN, LOGOUT, SOCKET = "/login", "/logout", "/ws"
FOR_ALL_ROLES = frozenset({LOGOUT, "/api/session/code", "/api/presets/validate"})
"""What is posted and changes nothing of the trading."""
URGENT = frozenset({"/api/engine/emergency-stop", "/api/v1/agent/emergency-stop"})
"""Counted on their own: who has asked too much may still stop."""

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]|%[01][0-9a-f]|%7f", re.IGNORECASE)

_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Door:
    """ASGI middleware. ``public`` are (method, path) pairs that need no role."""

    def __init__(self, app: ASGIApp, security: Security, public: Iterable[tuple[str, str]]) -> None:
        self._app, self._security = app, security
        self._public = frozenset(public)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._request(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._handshake(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    # -- a request -------------------------------------------------------------------------------

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        cookies: list[str] = []
        started = False

        async def sending(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message = {**message, "headers": _with_ours(message.get("headers", ()), cookies)}
            await send(message)

        try:
            asked = Asked(scope)
            state = scope.setdefault("state", {})
            state["client"], session = self._let_in(asked)
            renewed = self._security.sessions.renewed(session) if session is not None else None
            if renewed is not None and asked.path != LOGOUT:
                cookies.append(self._security.set_cookie(renewed))
            body = await body_of(asked, receive, self._security.limits)
            async with asyncio.timeout(self._security.limits.answer_within):
                await self._app(scope, _again(body, receive), sending)
        except Problem as problem:
            self._security.refused += 1
            await answer(problem)(scope, receive, sending)
        except TimeoutError:
            if started:
                _cut(scope)
                return
            late = Problem(503, "TOO_SLOW", "no answer in time: try again", headers={"Retry-After": "1"})
            await answer(late)(scope, receive, sending)

    def _let_in(self, asked: Asked) -> tuple[Client | None, Session | None]:
        """Who asks, and by which session; None for what is public. Raises Problem."""
        self._place(asked)
        failure: Problem | None = None
        client: Client | None = None
        session: Session | None = None
        try:
            client, session = self._who(asked)
        except Problem as problem:
            failure = problem
        public = (asked.method, asked.path) in self._public
        who = f"{client.role}:{client.session or ''}@{client.address}" if client else asked.address
        kind = "strangers" if client is None else "requests"
        if client is not None and asked.method not in SAFE:
            kind = "urgent" if asked.path in URGENT else "commands"
        if failure is None or public:
            self._security.count(kind, who)
        if public:
            return client, session
        if failure is not None:
            raise failure
        if client is None:
            raise Problem(
                401,
                "UNAUTHENTICATED",
                "a token is needed: Authorization: Bearer …, or a session from POST /login",
                headers={"WWW-Authenticate": "Bearer"},
            )
        self._may(asked, client)
        return client, session

    def _place(self, asked: Asked) -> None:
        """Where it was sent to and where it comes from."""
        security = self._security
        host = asked.header(b"host")
        named = _HOST.fullmatch(host.lower()) if host else None
        if named is None:
            raise Problem(400, "BAD_REQUEST", "no Host header, or one that names no host")
        if named[1].strip("[]") not in security.hosts:
            raise Problem(403, "HOST_NOT_ALLOWED", "this server is not asked by that name; --allow-host names others")
        if _CONTROL.search(asked.query) or _CONTROL.search(asked.path):
            raise Problem(400, "BAD_REQUEST", "an address has no control characters")
        if holds_secret(asked.query, security.tokens):
            raise Problem(
                400,
                "TOKEN_IN_QUERY",
                "secrets do not belong into an address, which is kept in logs and histories: send Authorization: "
                "Bearer, and if this was a real token, remove its file and start again for a new one",
            )
        origin = asked.header(b"origin")
        if origin is not None and origin.lower() not in {f"{asked.scheme}://{host}".lower(), f"https://{host}".lower()}:
            raise Problem(403, "ORIGIN_NOT_ALLOWED", "a page of another site may not ask here")

    def _who(self, asked: Asked) -> tuple[Client | None, Session | None]:
        security = self._security
        given = asked.header(b"authorization")
        if given is not None:
            scheme, _, token = given.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise security.failed(asked.address, "UNAUTHENTICATED", "the only form is Authorization: Bearer TOKEN")
            return security.proved(token.strip(), asked.address), None
        cookie = asked.cookie
        if cookie is None:
            return None, None
        session = security.sessions.read(cookie)
        if session is None:
            raise security.failed(asked.address, "UNAUTHENTICATED", "this session is not one of this server's")
        if not security.sessions.holds(session):
            security.count("strangers", asked.address)
            raise Problem(
                401, "SESSION_EXPIRED", "the session is over: log in again", headers={"WWW-Authenticate": "Bearer"}
            )
        return Client(role=session.role, address=asked.address, session=session.id), session

    def _may(self, asked: Asked, client: Client) -> None:
        if asked.method in SAFE:
            return
        if client.session is not None:
            given = asked.header(b"x-csrf-token") or ""
            if not hmac.compare_digest(given.encode("latin-1"), self._security.sessions.csrf(client.session).encode()):
                raise Problem(403, "CSRF", "the header X-CSRF-Token is missing or wrong: GET /api/session tells it")
        if client.role != OPERATOR and asked.path not in FOR_ALL_ROLES:
            raise Problem(403, "FORBIDDEN", "the role read-only may look, and change nothing")

    # -- a handshake -----------------------------------------------------------------------------

    async def _handshake(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            asked = Asked(scope)
            self._place(asked)
            self._security.count("handshakes", asked.address)
            client, _ = self._who(asked)
            if client is not None and client.session is not None and asked.header(b"origin") is None:
                raise Problem(403, "ORIGIN_NOT_ALLOWED", "a session's socket says the page that it is opened by")
            if asked.path != SOCKET:
                raise Problem(404, "NOT_FOUND", "there is no socket at that path")
        except Problem as problem:
            self._security.refused += 1
            await _denied(scope, receive, send, problem)
            return
        scope.setdefault("state", {})["client"] = client
        await self._app(scope, receive, send)


def _with_ours(headers: Iterable[tuple[bytes, bytes]], cookies: list[str]) -> list[tuple[bytes, bytes]]:
    """The headers with ours, where the answer does not say something else itself."""
    found = list(headers)
    said = {name.lower() for name, _ in found}
    found += [(name, value) for name, value in HEADERS if name not in said]
    if b"set-cookie" not in said:
        found += [(b"set-cookie", one.encode("latin-1")) for one in cookies]
    return found


def _again(body: bytes, receive: Receive) -> Receive:
    """The body that was read already, then what comes after it."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _denied(scope: Scope, receive: Receive, send: Send, problem: Problem) -> None:
    """A handshake that is refused, with its reason where the server can say one."""
    await receive()
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 4401 if problem.status == 401 else 4400, "reason": problem.code})
        return

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": _with_ours(message["headers"], [])}
        await send({**message, "type": f"websocket.{message['type']}"})

    await answer(problem)({**scope, "type": "http"}, receive, sending)


def _cut(scope: Scope) -> None:
    """End a connection whose client does not take its answer."""
    abort = scope.get("state", {}).get("abort")
    if abort is not None:
        abort()
