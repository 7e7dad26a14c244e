"""What the door knows: tokens, sessions, codes, names, and how much was asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

from api.errors import Problem
from api.security.client import Client
from api.security.limits import Buckets, Limits
from api.security.sessions import COOKIE, Codes, Session, Sessions
from api.security.sockets import Sockets
from api.security.tokens import Tokens


class Security:
    """What the door knows: tokens, sessions, codes, names, and how much was asked. Belongs to one event loop.

    ``hosts`` are the names of a Host header; ``secure`` says whether TLS is spoken; ``ended`` is the file of sessions
    that were ended.
    """

    def __init__(
        self,
        tokens: Tokens,
        hosts: frozenset[str],
        secure: bool,
        limits: Limits,
        seconds: Callable[[], int],
        ticks: Callable[[], float],
        ended: Path | None = None,
    ) -> None:
        self.tokens, self.hosts, self.secure, self.limits = tokens, hosts, secure, limits
        self.sessions = Sessions(tokens.key(), seconds, ended)
        self.codes = Codes(ticks)
        self._ticks = ticks
        self._buckets = Buckets()
        self.sockets = Sockets(limits)
        self.refused = 0

    def proved(self, token: str, address: str) -> Client:
        """Who has a token. Raises Problem for a wrong one: 401, and 429 for too many."""
        role = self.tokens.role(token)
        if role is None:
            raise self.failed(address, "WRONG_TOKEN", "this token is not one of this server's")
        return Client(role=role, address=address)

    def failed(self, address: str, code: str, message: str) -> Problem:
        """The answer to a wrong proof."""
        waits = self._buckets.take("failures", address, self.limits.failures, self._ticks())
        if waits:
            return too_many(waits, "too many wrong tokens or codes")
        return Problem(401, code, message, headers={"WWW-Authenticate": "Bearer"})

    def count(self, kind: str, who: str) -> None:
        """Raises Problem 429 if it is too much for this ``kind`` of the limits."""
        waits = self._buckets.take(kind, who, getattr(self.limits, kind), self._ticks())
        if waits:
            raise too_many(waits, "too many requests")

    def set_cookie(self, session: Session) -> str:
        return self._cookie(self.sessions.cookie(session), session.expires - session.begun)

    def no_cookie(self) -> str:
        return self._cookie("", 0)

    def _cookie(self, value: str, age: int) -> str:
        secure = "; Secure" if self.secure else ""
        return f"{COOKIE}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={age}{secure}"


def too_many(waits: float, message: str) -> Problem:
    return Problem(429, "TOO_MANY_REQUESTS", message, headers={"Retry-After": str(max(1, math.ceil(waits)))})
