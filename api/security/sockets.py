"""How many sockets are open, and why one is ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from api.security.client import Client
from api.security.limits import Limits

AWAY, LATER, BAD, UNPROVED, SLOW = 1001, 1013, 4400, 4401, 4408
"""Codes with which a socket is closed: the server goes away, is full or has no database; bad message; no role; slow."""


class Ended(Exception):
    """The conversation is over, with the code that the client is told."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason
        super().__init__(code, reason)


class Sockets:
    """How many are open, and of whom."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._of: Counter[str] = Counter()
        self.open = self.unproved = self.dropped = 0

    @contextmanager
    def proving(self) -> Iterator[None]:
        """While a client has not proved a role yet. Raises Ended if too many have not."""
        if self.unproved >= self._limits.sockets_unproved:
            raise Ended(LATER, "too many clients that have not proved a role")
        self.unproved += 1
        try:
            yield
        finally:
            self.unproved -= 1

    @contextmanager
    def admitted(self, client: Client) -> Iterator[None]:
        """While it is open. Raises Ended if it is one too many."""
        who = f"{client.role}@{client.address}"
        if self.open >= self._limits.sockets or self._of[who] >= self._limits.sockets_of_one:
            raise Ended(LATER, "too many sockets")
        self.open += 1
        self._of[who] += 1
        try:
            yield
        finally:
            self.open -= 1
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]
