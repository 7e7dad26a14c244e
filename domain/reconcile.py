"""Ours against theirs: what a venue's answers mean for an order and for the positions (design section 6).

A query that failed is not among the arguments: nothing here is ever concluded from silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from domain import order as orders
from domain.candidate import identity
from domain.errors import Refused
from domain.money import to_float
from domain.order import Fill, Order, OrderStep
from domain.venue import VenueOrder, VenuePosition

LOST, ASK_AGAIN, NEVER_RECEIVED = "LOST", "ASK_AGAIN", "NEVER_RECEIVED"
INFERRED, OPERATOR = "INFERRED", "OPERATOR"
"""Codes of steps whose fill no venue has told: computed from what it counts, or said by a person."""
STANDING_IN = frozenset({INFERRED, OPERATOR})


class Known(msgspec.Struct, frozen=True):
    """What we have written down of one order: its last status and the units that have filled."""

    order: Order
    status: str
    filled: int


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """One position of the book as reconciling needs it; ``mark`` is the last price, ``cursor`` how far
    the book has read the order events. Prices in 1e-9."""

    symbol: str
    quantity: int
    stop: int = 0
    target: int = 0
    mark: int = 0
    cursor: int = 0
    strategy: str = ""
    entry_order: str = ""
    correlation_id: str = ""


class Difference(msgspec.Struct, frozen=True):
    """One symbol of which the venue holds something else: ``gone`` units of ours are no longer there (signed as
    our position), ``foreign`` units are there that no order of ours explains (signed)."""

    symbol: str
    ours: int
    theirs: int
    gone: int
    foreign: int


def absent(asked: int, age_ns: int, keeps_orders: bool, finds_orders: bool, *, patience_ns: int, times: int) -> str:
    """What it means that a venue knows nothing of an order.

    A venue that keeps every id it has taken never received it. One that only searches its history may not
    have it there yet: asked ``times`` times, and not before ``patience_ns`` have passed since it was sent.
    Any other venue's silence means nothing: a person must look.
    """
    if keeps_orders:
        return NEVER_RECEIVED
    if not finds_orders:
        return LOST
    return NEVER_RECEIVED if asked >= times and age_ns >= patience_ns else ASK_AGAIN


def told(known: Known, found: VenueOrder, at: int) -> list[OrderStep]:
    """The steps from what we know of an order to what the venue says of it.

    Units that the venue counts and no fill of its list explains become one inferred fill; its id is computed
    from what it bridges, so that inferring twice is once.
    """
    order, steps = known.order, []
    missing = found.filled - known.filled
    if missing > 0:
        last = orders.FILLED if found.status == orders.FILLED else orders.PARTIALLY_FILLED
        fill = _stand_in(known, INFERRED, missing, found.filled, found.price, at)
        steps.append(OrderStep(order_id=order.id, status=last, at=at, fill=fill, code=INFERRED))
    status = steps[-1].status if steps else known.status
    for said in _way(status, found):
        steps.append(OrderStep(order_id=order.id, status=said, at=at, code="RECONCILED"))
    return steps


def said(known: Known, status: str, quantity: int, price: int, at: int, who: str) -> list[OrderStep]:
    """The steps of what a person says of an order: FILLED (units and price in 1e-9, 0 for all that is left at the
    price it was meant for) or REJECTED. The rest of one that filled in part will never fill.

    Raises Refused for more units than it has left.
    """
    order, left, fill = known.order, known.order.quantity - known.filled, None
    if status == orders.FILLED:
        units = quantity or left
        if not 0 < units <= left:
            raise Refused(f"{to_float(units):g} is not what order {order.id} has left to fill", "BAD_QUANTITY")
        fill = _stand_in(known, OPERATOR, units, units, price, at)
        status = orders.FILLED if units == left else orders.PARTIALLY_FILLED
    steps = [OrderStep(order_id=order.id, status=status, at=at, fill=fill, code=OPERATOR, text=who)]
    if status == orders.PARTIALLY_FILLED:
        steps.append(OrderStep(order_id=order.id, status=orders.CANCELLED, at=at, code=OPERATOR, text=who))
    return steps


def _stand_in(known: Known, code: str, units: int, until: int, price: int, at: int) -> Fill:
    """A fill that no venue has told; its id is computed from what it bridges."""
    order = known.order
    return Fill(
        id=identity(order.id, code, known.filled, until),
        order_id=order.id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        quantity=units,
        price=price or order.price or order.entry,
        commission=0,
        at=at,
        reason=order.purpose,
        stop=order.stop if order.opens else 0,
        target=order.target if order.opens else 0,
        strategy=order.strategy,
        correlation_id=order.correlation_id,
    )


def _way(status: str, found: VenueOrder) -> list[str]:
    """The statuses that lead from ours to theirs; none if theirs says nothing that ours does not."""
    said = found.status
    if said == orders.PENDING_CANCEL and status in (orders.SUBMITTED, orders.UNKNOWN):
        said = orders.ACCEPTED  # it works; that somebody wants it gone is no news of it
    elif said == orders.PENDING_CANCEL:
        return []
    if said == orders.ACCEPTED and found.filled:
        said = orders.PARTIALLY_FILLED
    if said in (status, orders.UNKNOWN):
        return []
    if said in orders.NEXT.get(status, ()):
        return [said]
    if status == orders.SUBMITTED and said in orders.NEXT[orders.ACCEPTED]:
        return [orders.ACCEPTED, said]
    return []


def differences(ours: Sequence[Holding], theirs: Sequence[VenuePosition]) -> list[Difference]:
    """Symbols in which the two do not hold the same, over the union of both sides, by symbol."""
    mine = {one.symbol: one.quantity for one in ours}
    there: dict[str, int] = {}
    for one in theirs:
        there[one.symbol] = there.get(one.symbol, 0) + one.quantity
    found = []
    for symbol in sorted({*mine, *there}):
        held, says = mine.get(symbol, 0), there.get(symbol, 0)
        if held == says:
            continue
        kept = says if held * says > 0 and abs(says) < abs(held) else held if held * says > 0 else 0
        found.append(Difference(symbol, held, says, held - kept, says - kept))
    return found


def closed_outside(account: str, holding: Holding, units: int, at: int) -> OrderStep:
    """The fill that took ``units`` (signed as the position) of ours away while nobody told us of it.

    At the last price that is known: the venue has no fill to tell of. Its id is computed from what it bridges.
    """
    side = -1 if units > 0 else 1
    key = identity(account, holding.symbol, holding.entry_order, holding.quantity, units, holding.cursor)
    fill = Fill(
        id=key,
        order_id=key,
        account=account,
        symbol=holding.symbol,
        side=side,
        quantity=abs(units),
        price=holding.mark,
        commission=0,
        at=at,
        reason=orders.OUTSIDE,
        stop=holding.stop,
        target=holding.target,
        strategy=holding.strategy,
        correlation_id=holding.correlation_id,
    )
    return OrderStep(order_id=key, status=orders.FILLED, at=at, fill=fill, code=INFERRED)


def unguarded(ours: Sequence[Holding], theirs: Sequence[VenuePosition]) -> list[Holding]:
    """Positions of ours whose stop is not at the venue any more, or further away there."""
    there = {(one.symbol, one.quantity > 0): one.stop for one in theirs}
    beside = ((one, there.get((one.symbol, one.quantity > 0))) for one in ours if one.stop)
    return [one for one, stop in beside if stop is not None and (not stop or (one.stop - stop) * one.quantity > 0)]
