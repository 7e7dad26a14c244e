"""What an agent proposes and reports: candidates, exits, and a reason for every symbol."""

from __future__ import annotations

import math
from hashlib import blake2b

import msgspec
import numpy as np

FLAT = 0

REASONS = (
    "NO_SIGNAL",
    "NO_NEW_BAR",
    "WARMING_UP",
    "CANDIDATE",
    "HOLDING",
    "EXIT",
    "BAD_PRINT",
    "HOST_DOWN",
    "ERROR",
    "DENIED",
    "APPROVED",
    "SUBMITTED",
    "FILLED",
    "REJECTED",
    "EXPIRED",
    "UNKNOWN",
    "NOT_SENT",
)
"""Reason codes of a symbol in a cycle; a row holds the index, so only append."""

CODE = {reason: number for number, reason in enumerate(REASONS)}

REPORT = np.dtype([("code", np.uint16), ("stance", np.int8), ("flags", np.uint8), ("close", np.float64)])
"""One row per symbol and cycle, 12 bytes: reason code, stance, flags (bit 0: a text goes with it), last close."""

HAS_TEXT = 1


class Veto(msgspec.Struct, frozen=True, gc=False):
    """Why research stops a candidate: a denial's code, what was found and the threshold it broke."""

    code: str
    value: float | str | None = None
    threshold: float | str | None = None


class Candidate(msgspec.Struct, frozen=True, gc=False):
    """A stance that has changed: what and why, never how much. Prices and distances in 1e-9.

    ``at`` is the close of the bar that spoke (T); ``stop`` and ``target`` are distances from the
    entry, 0 for none; ``limit`` is 0 for a market entry. ``expires_at`` is when the plan dies. ``factor`` is what
    research makes of the size (0 to 1), ``veto`` what it says against it.
    """

    symbol: str
    strategy: str
    direction: int
    at: int
    price: int
    stop: int
    target: int
    score: float
    probability: float
    expires_at: int
    limit: int = 0
    reasons: tuple[str, ...] = ()
    regime: str = ""
    factor: float = 1.0
    veto: Veto | None = None


class Exit(msgspec.Struct, frozen=True, gc=False):
    """A wish to close an open position, or a part of it. ``purpose`` is SIGNAL, or an operator's key."""

    symbol: str
    strategy: str
    purpose: str
    at: int
    price: int
    fraction: float = 1.0


class Amend(msgspec.Struct, frozen=True, gc=False):
    """A wish to move the stop of an open position to a price (1e-9): it may only tighten. ``purpose`` names the policy,
    ``flag`` what is remembered of the position once the venue has confirmed ("" for nothing), ``entry_order`` the
    position it is meant for ("" for whichever is open)."""

    symbol: str
    strategy: str
    purpose: str
    at: int
    price: int
    stop: int
    flag: str = ""
    entry_order: str = ""


class Held(msgspec.Struct, frozen=True, gc=False):
    """What an agent must know of its symbol's position; ``closing`` is already on its way out.

    ``entry``, ``stop`` (also one that the venue has not confirmed) and ``target`` are prices, ``distance`` is R: the
    price distance from the entry to the first stop, fixed at entry (0 without a stop). ``first`` is the quantity that
    was held at most. ``best`` and ``worst`` are the extremes of the price since the entry, this bar included.
    ``flags`` are set when the venue has confirmed; while a change of the stop is not confirmed, ``amending`` says so.
    """

    quantity: int
    closing: int = 0
    entry: int = 0
    stop: int = 0
    target: int = 0
    distance: int = 0
    first: int = 0
    opened_at: int = 0
    best: int = 0
    worst: int = 0
    flags: tuple[str, ...] = ()
    amending: bool = False
    entry_order: str = ""


class HostReport(msgspec.Struct, frozen=True):
    """One host's answer for one T: a ``REPORT`` row per symbol (as bytes), and what it proposes.

    ``behind`` means the host does not hold the state of the cycle before (it restarted) and must be
    loaded from the anchor before it can answer.
    """

    at: int
    rows: bytes
    candidates: tuple[Candidate, ...] = ()
    exits: tuple[Exit, ...] = ()
    texts: dict[str, str] = {}
    behind: bool = False
    amends: tuple[Amend, ...] = ()


def ranked(candidates: list[Candidate]) -> list[Candidate]:
    """Best first: score, then probability (one that is no number comes last), then the symbol's name."""
    return sorted(candidates, key=lambda one: (-_comparable(one.score), -_comparable(one.probability), one.symbol))


def _comparable(number: float) -> float:
    return -math.inf if math.isnan(number) else number


def identity(*parts: object) -> str:
    """A computed id: the same parts always make the same id (128 bits, hex)."""
    return blake2b("\x1f".join(map(str, parts)).encode(), digest_size=16).hexdigest()
