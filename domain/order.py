"""An order, its id, and the table of its steps (design section 6)."""

from __future__ import annotations

import msgspec

from domain.candidate import identity
from domain.errors import InvalidTransition
from domain.timeframe import SECOND

INTENT = "INTENT"
DENIED = "DENIED"
SUBMITTED = "SUBMITTED"
ACCEPTED = "ACCEPTED"
TRIGGERED = "TRIGGERED"
PARTIALLY_FILLED = "PARTIALLY_FILLED"
PENDING_CANCEL = "PENDING_CANCEL"
FILLED = "FILLED"
CANCELLED = "CANCELLED"
EXPIRED = "EXPIRED"
REJECTED = "REJECTED"
UNKNOWN = "UNKNOWN"

_WORKING = frozenset({PENDING_CANCEL, TRIGGERED, PARTIALLY_FILLED, FILLED, CANCELLED, EXPIRED, REJECTED, UNKNOWN})

NEXT: dict[str, frozenset[str]] = {
    INTENT: frozenset({DENIED, EXPIRED, CANCELLED, SUBMITTED}),
    SUBMITTED: frozenset({ACCEPTED, PARTIALLY_FILLED, FILLED, REJECTED, CANCELLED, EXPIRED, UNKNOWN}),
    ACCEPTED: _WORKING,
    TRIGGERED: _WORKING - {TRIGGERED},
    PARTIALLY_FILLED: _WORKING - {TRIGGERED},
    PENDING_CANCEL: _WORKING - {PENDING_CANCEL} | {ACCEPTED},
    UNKNOWN: _WORKING - {PENDING_CANCEL, UNKNOWN} | {ACCEPTED},  # only reconciling leads out
}
SURPRISING: dict[str, frozenset[str]] = {  # real; taken, and marked
    CANCELLED: frozenset({PARTIALLY_FILLED, FILLED}),
    EXPIRED: frozenset({PARTIALLY_FILLED, FILLED}),
    REJECTED: frozenset({PARTIALLY_FILLED, FILLED}),
    FILLED: frozenset({FILLED}),  # more than was asked for
}

STATUSES = (*NEXT, DENIED, FILLED, CANCELLED, EXPIRED, REJECTED)
DONE = frozenset({DENIED, FILLED, CANCELLED, EXPIRED, REJECTED})
DEFINITE = DONE  # ended for certain; UNKNOWN never counts

BUY, SELL = 1, -1
SIDE_NAME = {BUY: "BUY", SELL: "SELL"}

ENTRY = "ENTRY"
SIGNAL = "SIGNAL"
STOP = "STOP"
TARGET = "TARGET"
EMERGENCY = "EMERGENCY"
"""Why everything is closed when a halt asked for it and the driver did not act."""
OUTSIDE = "OUTSIDE"
"""Why a position of ours was closed by nobody of us: by hand, or by the venue, which told no reason."""
PARTIAL_TARGET = "TP"
"""How the purposes begin that close a part of what was held first (TP1, TP2, ...), once each."""
FINANCING = "FINANCING"
"""Why a fill without quantity was booked: interest for a position held overnight, in its ``commission``."""
MADE_THERE = frozenset({STOP, TARGET, OUTSIDE})
"""Reasons of fills whose order nobody of us sent."""


def step(order_id: str, status: str, to: str, *, reconciling: bool = False, story: tuple[str, ...] = ()) -> bool:
    """Whether the step is surprising. Raises InvalidTransition if the table does not have it.

    UNKNOWN is left by reconciling only.
    """
    if status == UNKNOWN and not reconciling:
        raise InvalidTransition(order_id, status, to, story)
    if to in NEXT.get(status, frozenset()):
        return False
    if to in SURPRISING.get(status, frozenset()):
        return True
    raise InvalidTransition(order_id, status, to, story)


def order_id(scope: str, strategy: str, symbol: str, at: int, purpose: str, attempt: int) -> str:
    """The same decision always makes the same id, so that a repeat is recognised.

    It begins with the bar's close in seconds, so that the ids of one moment lie side by side in an index.
    """
    return f"{at // SECOND & 0xFFFFFFFF:08x}{identity(scope, strategy, symbol, at, purpose, attempt)[:24]}"


class Order(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A request to trade. Quantities in 1e-9 units, prices in 1e-9, times in UTC nanoseconds.

    ``reduces`` is the part of ``quantity`` that only closes what is held: it never opens, so that a
    stop that fired first leaves nothing to turn around. ``price`` is the limit or trigger (0 for a
    market order), ``stop`` and ``target`` are prices that live at the venue with the position.
    """

    id: str
    account: str
    venue: str
    symbol: str
    strategy: str
    purpose: str
    side: int
    quantity: int
    reduces: int = 0
    kind: str = "MARKET"
    price: int = 0
    stop: int = 0
    target: int = 0
    entry: int = 0
    at: int = 0
    rank: int = 0
    attempt: int = 0
    expires_at: int = 0
    correlation_id: str = ""

    @property
    def opens(self) -> int:
        """The part that opens or enlarges a position."""
        return self.quantity - self.reduces


class Fill(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A trade that happened at the venue; ``id`` is the venue's own and recognised when seen again.

    ``commission`` is in the quote currency; ``stop`` and ``target`` are those of the position after
    the fill. ``bar_ts`` is the open of the bar inside which it happened (0 at a live venue).
    """

    id: str
    order_id: str
    account: str
    symbol: str
    side: int
    quantity: int
    price: int
    commission: int
    at: int
    reason: str
    bar_ts: int = 0
    stop: int = 0
    target: int = 0
    strategy: str = ""
    correlation_id: str = ""


class OrderStep(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the venue said of an order: its next status, with the fill if there is one.

    ``order`` comes along only for orders that the venue itself made (a stop, a target).
    """

    order_id: str
    status: str
    at: int
    fill: Fill | None = None
    code: str = ""
    text: str = ""
    venue_ref: str = ""
    order: Order | None = None


class StopChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A position's stop and target as they shall be at the venue (prices in 1e-9, 0 for none): an absolute wish, so
    that saying it twice is saying it once. ``entry_order`` and ``side`` name the position; ``flag`` is what is
    remembered of it once the venue has confirmed."""

    id: str
    symbol: str
    strategy: str
    side: int
    entry_order: str
    purpose: str
    stop: int
    target: int
    at: int
    flag: str = ""
    correlation_id: str = ""


STOP_SET, STOP_REFUSED = "SET", "REFUSED"
"""What a venue says of a change of a stop; without an answer it is said again."""


class Approved(msgspec.Struct, frozen=True, gc=False):
    """The gate's yes: a sized order, written down as an intent, with its room kept until the fill."""

    order: Order


class Denied(msgspec.Struct, frozen=True, gc=False):
    """Our gate said no, and by how much. ``value`` and ``threshold``: number, text or nothing."""

    order_id: str
    symbol: str
    code: str
    value: float | str | None
    threshold: float | str | None
    at: int
