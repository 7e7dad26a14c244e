"""The venues that a chaos run can trade at: how each is set up, and how its own truth is read.

A venue is one entry of ``VENUES``. Its truth comes from the venue itself, never through an actor.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

import msgspec
import sqlalchemy as sa

from domain.money import from_text
from domain.order import Fill, Order
from domain.venue import VenueOrder
from journal import schema as s
from venues.fills import NEXT_OPEN, SAME_CLOSE


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A position as a venue holds it: signed quantity, cost, stop and target in 1e-9."""

    quantity: int
    cost: int
    stop: int
    target: int


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """All that a venue knows of one account: every order by id, every fill in its order, positions, cash."""

    orders: dict[str, VenueOrder]
    fills: list[Fill]
    positions: dict[str, Held]
    cash: dict[str, int]


class ChaosVenue(Protocol):
    """What a chaos run must know of a venue."""

    def sets(self, seed: int) -> Sequence[str]:
        """Settings of the run, as ``--set`` takes them."""
        ...

    def truth(self, connection: sa.Connection, account: str) -> Truth: ...


_ORDER = msgspec.json.Decoder(Order)
_FILL = msgspec.json.Decoder(Fill)
_CASH = msgspec.json.Decoder(dict[str, str])


class Paper:
    """The paper account's own tables. Volume is scarce in most seeds, so that orders fill in parts; in every third
    a market order fills at once, when it is sent."""

    def sets(self, seed: int) -> Sequence[str]:
        costs = {
            "name": "paper",
            "commission_bps": 1,
            "slippage_bps": 0.5,
            "fill_on": SAME_CLOSE if seed % 3 == 0 else NEXT_OPEN,
            "participation": 0 if seed % 5 == 0 else 0.1,
            "financing_bps": {"default": {"long": 1, "short": -0.5}},
        }
        return (f"venues={json.dumps([costs])}",)

    def truth(self, connection: sa.Connection, account: str) -> Truth:
        def rows(table: sa.Table) -> sa.CursorResult[tuple[object, ...]]:
            return connection.execute(sa.select(table).where(table.c.account == account))

        kept = rows(s.paper_accounts).one_or_none()
        done = sa.select(s.paper_fills.c.body).where(s.paper_fills.c.account == account).order_by(s.paper_fills.c.n)
        return Truth(
            orders={
                row.id: VenueOrder(order=_ORDER.decode(row.body), status=row.status, filled=from_text(row.filled))
                for row in rows(s.paper_orders)
            },
            fills=[_FILL.decode(body) for body in connection.execute(done).scalars()],
            positions={
                row.symbol: Held(
                    quantity=from_text(row.quantity),
                    cost=from_text(row.cost),
                    stop=from_text(row.stop),
                    target=from_text(row.target),
                )
                for row in rows(s.paper_positions)
            },
            cash={} if kept is None else {name: from_text(text) for name, text in _CASH.decode(kept.cash).items()},
        )


VENUES: dict[str, ChaosVenue] = {"paper": Paper()}
