"""What a venue knows of one account, as values: asked in reconciling, and what the paper venue keeps durably."""

from __future__ import annotations

import msgspec

from domain.order import Fill, Order


class VenueOrder(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An order as the venue has it; ``filled`` in 1e-9 units, ``submitted_at`` the T of the cycle that sent it,
    ``price`` the average of its fills if the venue tells it (1e-9, else 0)."""

    order: Order
    status: str
    filled: int = 0
    submitted_at: int = 0
    price: int = 0


class VenuePosition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A net position at the venue: signed quantity, its cost (signed quantity x price, 1e-9 money of the
    quote currency), and the stop and target prices that live there (0 for none)."""

    symbol: str
    quantity: int
    cost: int
    stop: int = 0
    target: int = 0
    opened_at: int = 0
    entry_order: str = ""
    strategy: str = ""
    correlation_id: str = ""


class VenueAccount(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One account at a venue: cash per currency (1e-9), and the last T it has been advanced to."""

    account: str
    cash: dict[str, int]
    at: int = 0


class VenueBook(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Everything a venue keeps of one account."""

    account: VenueAccount
    positions: tuple[VenuePosition, ...] = ()
    orders: tuple[VenueOrder, ...] = ()


class VenueChange(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one act changed, written in one transaction: flat positions have quantity 0."""

    account: VenueAccount
    positions: tuple[VenuePosition, ...] = ()
    orders: tuple[VenueOrder, ...] = ()
    fills: tuple[Fill, ...] = ()
