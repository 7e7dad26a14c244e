"""How often an external service may be called, and whether it is called at all while it fails.

State machines over times that are given in seconds of one monotonic clock; neither reads a clock nor waits.
"""

from __future__ import annotations

from collections import deque

import msgspec

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half-open"

REMEMBERED = 100
"""Changes of state a breaker keeps."""

_NOISE = 1e-6
"""Of a token: what rounding may lack."""


class TokenBucket:
    """``rate`` calls a second, and after a pause ``burst`` at once."""

    def __init__(self, rate: float, burst: int) -> None:
        if rate <= 0 or burst < 1:
            raise ValueError(f"a bucket needs a rate above 0 and room for a token, not {rate} and {burst}")
        self.rate, self.burst = rate, burst
        self._tokens = float(burst)
        self._at: float | None = None

    def take(self, now: float, n: int = 1, keep: int = 0) -> float:
        """Take ``n`` tokens if ``keep`` stay behind: 0. Else take none: the seconds until there are so many."""
        if n + keep > self.burst:
            raise ValueError(f"{n} tokens and {keep} to keep are more than this bucket holds, {self.burst}")
        self._fill(now)
        missing = n + keep - self._tokens
        if missing > _NOISE:
            return missing / self.rate
        self._tokens -= n
        return 0.0

    def owe(self, now: float, n: int = 1) -> None:
        """Take ``n`` tokens, there or not: for a call that is made anyhow, so that later ones wait for it."""
        self._fill(now)
        self._tokens -= n

    def _fill(self, now: float) -> None:
        if self._at is not None and now > self._at:
            self._tokens = min(float(self.burst), self._tokens + (now - self._at) * self.rate)
        self._at = now if self._at is None else max(now, self._at)


class Change(msgspec.Struct, frozen=True):
    """A breaker's step from one state to another, in seconds of its clock."""

    at: float
    before: str
    after: str


class Breaker:
    """Closed, until ``failures`` calls in a row have failed; then open, until ``open_for`` seconds are over.
    Then half-open: one call at a time is let through as a probe. ``successes`` of them close it, one failure
    opens it again.

    Every call that is let through has a ticket, with which its outcome is told. An outcome that comes when the
    state has changed since says nothing about the new state, and is passed over.
    """

    def __init__(self, failures: int = 5, open_for: float = 60.0, successes: int = 3) -> None:
        if failures < 1 or successes < 1 or open_for <= 0:
            raise ValueError(f"a breaker needs counts and seconds above 0, not {failures}, {open_for}, {successes}")
        self.failures, self.open_for, self.successes = failures, open_for, successes
        self.state = CLOSED
        self.opens = 0
        self.history: deque[Change] = deque(maxlen=REMEMBERED)
        self._counted = 0
        self._opened = 0.0
        self._ticket = self._before = self._probe = 0

    def allow(self, now: float, urgent: bool = False) -> int:
        """A ticket for one call; 0 if it must not be made. An urgent call is never held back: it is the probe, if
        none is out."""
        if self.state == OPEN and (urgent or now >= self._opened + self.open_for):
            self._change(HALF_OPEN, now)
        if self.state == OPEN or (self.state == HALF_OPEN and self._probe and not urgent):
            return 0
        self._ticket += 1
        if self.state == HALF_OPEN and not self._probe:
            self._probe = self._ticket
        return self._ticket

    def succeeded(self, now: float, ticket: int) -> None:
        """The service has answered, be it no."""
        if not self._speaks(ticket):
            return
        self._probe = 0
        if self.state == CLOSED:
            self._counted = 0
            return
        self._counted += 1
        if self._counted >= self.successes:
            self._change(CLOSED, now)

    def failed(self, now: float, ticket: int) -> None:
        """No answer, or none that can be understood."""
        if not self._speaks(ticket):
            return
        self._counted += 1
        if self.state == HALF_OPEN or self._counted >= self.failures:
            self._change(OPEN, now)

    def dropped(self, ticket: int) -> None:
        """The call was not made after all, or says nothing about the service."""
        if ticket == self._probe:
            self._probe = 0

    def waits(self, now: float) -> float:
        """Seconds until a probe may pass; 0 while closed or half-open."""
        return max(0.0, self._opened + self.open_for - now) if self.state == OPEN else 0.0

    def _speaks(self, ticket: int) -> bool:
        """Whether the outcome of this call counts in the present state."""
        return ticket == self._probe if self.state == HALF_OPEN else ticket > self._before

    def _change(self, to: str, now: float) -> None:
        self.history.append(Change(now, self.state, to))
        if to == OPEN:
            self._opened, self.opens = now, self.opens + 1
        self.state, self._counted, self._probe, self._before = to, 0, 0, self._ticket
