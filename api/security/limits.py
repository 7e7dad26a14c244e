"""How much one client may ask: requests, commands, wrong tokens, sockets; every count is bounded."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from domain.limits import TokenBucket

KEPT = 4096
"""Clients that are remembered; who was not heard for the longest time is forgotten first."""


class Rate(msgspec.Struct, frozen=True):
    """So many a second, and after a pause so many at once."""

    rate: float
    burst: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the server takes. Sizes in bytes, times in seconds.

    ``commands`` are counted beside other requests and ``urgent`` ones (emergency stops) beside both, so that a page
    which asks too much can still be used to stop. ``strangers`` have proved no role yet, ``failures`` are wrong proofs.
    """

    requests: Rate = Rate(50.0, 300)
    commands: Rate = Rate(5.0, 30)
    urgent: Rate = Rate(5.0, 30)
    strangers: Rate = Rate(20.0, 100)
    failures: Rate = Rate(0.5, 10)
    handshakes: Rate = Rate(100.0, 400)
    messages: Rate = Rate(10.0, 50)
    body: int = 256 * 1024
    depth: int = 32
    body_within: float = 10.0
    answer_within: float = 60.0
    sockets: int = 400
    sockets_of_one: int = 300
    sockets_unproved: int = 64
    proof_within: float = 5.0
    message: int = 16 * 1024
    slow: float = 10.0


class Buckets:
    """One bucket for every key, of which the latest are kept."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._buckets: OrderedDict[tuple[str, str], TokenBucket] = OrderedDict()

    def take(self, kind: str, who: str, rate: Rate, now: float) -> float:
        """0 if it may be asked now, else the seconds to wait."""
        bucket = self._buckets.get((kind, who))
        if bucket is None:
            bucket = self._buckets[kind, who] = TokenBucket(rate.rate, rate.burst)
        self._buckets.move_to_end((kind, who))
        while len(self._buckets) > self._kept:
            self._buckets.popitem(last=False)
        return bucket.take(now)
