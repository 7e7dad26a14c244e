"""The page's sessions: signed cookies that live shortly and are renewed, and one-time codes that begin one."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import msgspec

from api.security.client import ROLES
from api.security.ended import Ended

COOKIE = "argus_session"
LIFE = 30 * 60
"""Seconds without a request after which a session ends."""
LONGEST = 24 * 3600
"""Seconds after which it ends in any case."""
CODE_LIFE = 15 * 60
CODES = 64
"""Codes that wait to be used."""
REMEMBERED = 4096

_MOST = 1024


class Session(msgspec.Struct, frozen=True, array_like=True):
    """What a cookie says. Times in seconds since 1970."""

    id: str
    role: str
    begun: int
    expires: int


class Sessions:
    """Signs, reads, renews and ends them. They outlive the server's process: nothing but ends is remembered.

    ``seconds`` tells the time since 1970; ``file`` is where ends are kept.
    """

    def __init__(self, key: bytes, seconds: Callable[[], int], file: Path | None = None) -> None:
        self._key, self._seconds = key, seconds
        self._ended = Ended(file, seconds)
        self._until: OrderedDict[str, int] = OrderedDict()

    def begin(self, role: str) -> Session:
        now = self._seconds()
        return self._known(Session(secrets.token_urlsafe(16), role, now, now + LIFE))

    def renewed(self, session: Session) -> Session | None:
        """The session with a later end, once half of its life is over; None while it is not, or cannot be longer."""
        now = self._seconds()
        until = min(now + LIFE, session.begun + LONGEST)
        if session.expires - now > LIFE / 2 or until <= session.expires:
            return None
        return self._known(msgspec.structs.replace(session, expires=until))

    def end(self, id: str) -> None:
        """It counts no more, also after a restart. Raises OSError where that cannot be kept."""
        self._ended.add(id, self._seconds() + LIFE)  # no cookie of before is good for longer

    def alive(self, id: str) -> bool:
        """Whether a session that was seen before still holds."""
        return id not in self._ended and self._until.get(id, 0) > self._seconds()

    def until(self, id: str) -> int | None:
        """When a session that was seen before ends."""
        return self._until.get(id)

    def cookie(self, session: Session) -> str:
        body = msgspec.json.encode(session)
        return f"{_text(body)}.{_text(self._mark(b'cookie', body))}"

    def read(self, cookie: str) -> Session | None:
        """The session of a cookie, also of one that is over (see ``holds``); None for one that is not ours."""
        head, dot, tail = cookie.partition(".")
        if not dot or len(cookie) > _MOST:
            return None
        try:
            body, mark = _bytes(head), _bytes(tail)
        except (binascii.Error, ValueError):
            return None
        if not hmac.compare_digest(mark, self._mark(b"cookie", body)):
            return None
        found = msgspec.json.decode(body, type=Session)
        return found if found.role in ROLES else None

    def holds(self, session: Session) -> bool:
        now = self._seconds()
        if session.id in self._ended or session.expires <= now or session.begun + LONGEST <= now:
            return False
        self._known(session)
        return True

    def csrf(self, id: str) -> str:
        """What a page sends back in a header: another site's page cannot know it."""
        return _text(self._mark(b"csrf", id.encode()))

    def _known(self, session: Session) -> Session:
        self._until[session.id] = max(session.expires, self._until.pop(session.id, 0))
        while len(self._until) > REMEMBERED:
            self._until.popitem(last=False)
        return session

    def _mark(self, what: bytes, body: bytes) -> bytes:
        return hmac.new(self._key, what + b"\0" + body, hashlib.sha256).digest()


class Codes:
    """Each is good once, and for some minutes. ``ticks`` tells seconds of a monotonic clock."""

    def __init__(self, ticks: Callable[[], float]) -> None:
        self._ticks = ticks
        self._waiting: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    def issue(self, role: str) -> str:
        code = secrets.token_urlsafe(24)
        self._waiting[_digest(code)] = (role, self._ticks() + CODE_LIFE)
        while len(self._waiting) > CODES:
            self._waiting.popitem(last=False)
        return code

    def spend(self, code: str) -> str | None:
        """The role that it was good for; None for one that is unknown, used or too old."""
        role, until = self._waiting.pop(_digest(code), (None, 0.0))
        return role if until > self._ticks() else None


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode("utf-8", "surrogatepass")).digest()


def _text(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
