"""Positions and money from a venue's fills alone, reckoned here a second time so that the book has a judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from domain.money import divide, times
from domain.order import FINANCING, PARTIAL_TARGET, Fill


class Made(msgspec.Struct, kw_only=True):
    """A position as its fills make it; amounts in 1e-9."""

    quantity: int = 0
    cost: int = 0
    risk: int = 0
    realised: int = 0
    commission: int = 0
    opened_at: int = 0
    entry_order: str = ""
    orders: list[str] = []
    first: int = 0
    distance: int = 0
    parts: list[str] = []
    """Purposes for which a part was closed."""


class Closing(NamedTuple):
    """What one fill closed, and whether nothing of the position was left."""

    fill_id: str
    quantity: int
    pnl: int
    reason: str
    opened_at: int
    flat: bool


class Replayed(msgspec.Struct):
    """What all fills have come to. The quote currency is the account's."""

    held: dict[str, Made] = {}
    pnl: int = 0
    commission: int = 0
    closes: list[Closing] = []


def replayed(fills: Sequence[Fill]) -> Replayed:
    """Average cost; a fill against the position closes it first, and turns it around with what is left."""
    found = Replayed()
    for fill in fills:
        found.commission += fill.commission
        one = found.held.get(fill.symbol)
        if fill.reason == FINANCING:
            if one is not None:
                one.commission += fill.commission
            continue
        closing = min(fill.quantity, abs(one.quantity)) if one and one.quantity * fill.side < 0 else 0
        share = divide(fill.commission * closing, fill.quantity)
        if one is not None and closing:
            _close(found, one, fill, closing)
            if not one.quantity:
                del found.held[fill.symbol]
                one = None
        if fill.quantity > closing:
            _open(found, one, fill, fill.quantity - closing, fill.commission - share)
    return found


def _close(found: Replayed, one: Made, fill: Fill, quantity: int) -> None:
    held = abs(one.quantity)
    cost = one.cost if quantity == held else -fill.side * divide(abs(one.cost) * quantity, held)
    pnl = -fill.side * times(fill.price, quantity) - cost
    if quantity < held:
        one.risk -= divide(one.risk * quantity, held)
        one.commission -= divide(one.commission * quantity, held)
    one.quantity += fill.side * quantity
    one.cost -= cost
    one.realised += pnl
    if fill.reason.startswith(PARTIAL_TARGET) and fill.reason not in one.parts:
        one.parts = [*one.parts, fill.reason]
    found.pnl += pnl
    found.closes.append(Closing(fill.id, quantity, pnl, fill.reason, one.opened_at, not one.quantity))


def _open(found: Replayed, one: Made | None, fill: Fill, quantity: int, commission: int) -> None:
    if one is None:
        distance = abs(fill.price - fill.stop) if fill.stop else 0
        one = found.held[fill.symbol] = Made(opened_at=fill.at, entry_order=fill.order_id, distance=distance)
    one.quantity += fill.side * quantity
    one.first = max(one.first, abs(one.quantity))
    one.cost += fill.side * times(fill.price, quantity)
    one.commission += commission
    if fill.stop:
        one.risk += times(abs(fill.price - fill.stop), quantity)
    if fill.order_id not in one.orders:
        one.orders = [*one.orders, fill.order_id]
