"""What stands before every call to one external service: its rate limit and its circuit breaker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from domain.errors import Halted, Refused, StaleEpoch, Unavailable
from domain.limits import Breaker, TokenBucket

Value = TypeVar("Value")

PATIENCE = 1.0
"""Seconds that a call waits for its token, at most."""

OFF = "off"
"""The state of a breaker that is not there."""


def nothing() -> None:
    """No check."""


class Guard:
    """Lets a call pass, or raises Unavailable before anything is sent. Used by one thread; times in seconds.

    Urgent calls (what ends risk, and what asks about an order) are never held back: the last third of the burst
    is theirs; when the bucket has no token in time they go all the same, and later calls wait for it; an open
    breaker takes them as its probes.
    """

    def __init__(
        self,
        name: str,
        bucket: TokenBucket | None,
        breaker: Breaker | None,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._name, self._bucket, self._breaker = name, bucket, breaker
        self._clock, self._sleep = clock, sleep
        self._reserve = max(1, bucket.burst // 3) if bucket and bucket.burst > 1 else 0

    def call(
        self,
        work: Callable[..., Value],
        *args: object,
        urgent: bool = False,
        first: Callable[[], None] = nothing,
    ) -> Value:
        """The service's answer. ``first`` is the last check before the call; what it raises counts neither way.

        Unavailable, Unknown and errors that nobody expected count as failures; a no is an answer.
        """
        breaker = self._breaker
        ticket = self._admitted(breaker, urgent) if breaker is not None else 0
        good: bool | None = None
        try:
            if self._bucket is not None:
                self._take(self._bucket, urgent)
            first()
            good = False
            answer = work(*args)
            good = True
            return answer
        except (Refused, Halted):
            good = True
            raise
        except StaleEpoch:
            good = None
            raise
        finally:
            if breaker is not None:
                self._tell(breaker, ticket, good)

    def state(self) -> tuple[str, int]:
        """The breaker's state and how often it has opened."""
        return (self._breaker.state, self._breaker.opens) if self._breaker else (OFF, 0)

    def _admitted(self, breaker: Breaker, urgent: bool) -> int:
        now = self._clock()
        ticket = breaker.allow(now, urgent)
        if not ticket:
            wait = breaker.waits(now)
            when = f"in {wait:.0f} s" if wait else "when the one under way has answered"
            raise Unavailable(f"{self._name} has failed too often; the next call passes {when}", "CIRCUIT_OPEN")
        return ticket

    def _take(self, bucket: TokenBucket, urgent: bool) -> None:
        now = self._clock()
        until, keep = now + PATIENCE, 0 if urgent else self._reserve
        while wait := bucket.take(now, keep=keep):
            if now + wait > until and urgent:
                bucket.owe(now)
                return
            if now + wait > until:
                raise Unavailable(
                    f"{self._name} takes {bucket.rate:g} calls a second; the next one passes in {wait:.1f} s",
                    "RATE_LIMITED",
                )
            self._sleep(wait)
            now = self._clock()

    def _tell(self, breaker: Breaker, ticket: int, good: bool | None) -> None:
        if good is None:
            breaker.dropped(ticket)
        elif good:
            breaker.succeeded(self._clock(), ticket)
        else:
            breaker.failed(self._clock(), ticket)
