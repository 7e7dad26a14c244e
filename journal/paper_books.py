"""Where the paper venue keeps its account: ``domain.ports.VenueBooks`` over the database."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, Row, delete, select

from domain.money import from_text, to_text
from domain.order import DONE, Fill, Order
from domain.venue import VenueAccount, VenueBook, VenueChange, VenueOrder, VenuePosition
from journal.schema import paper_accounts, paper_fills, paper_orders, paper_positions
from journal.store import Store, Tx

_JSON = msgspec.json.Encoder()
_ORDER = msgspec.json.Decoder(Order)
_FILL = msgspec.json.Decoder(Fill)
_CASH = msgspec.json.Decoder(dict[str, str])

_AMOUNTS = ("quantity", "cost", "stop", "target")


class PaperBooks:
    """The paper accounts of one database. Every change is one transaction, refused to an engine that is stale."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def load(self, account: str) -> VenueBook | None:
        """The account with its positions and the orders that have not ended; None if there is no such account."""
        with self._store.read() as connection:
            found = connection.execute(select(paper_accounts).where(paper_accounts.c.account == account)).one_or_none()
            if found is None:
                return None
            cash = {currency: from_text(text) for currency, text in _CASH.decode(found.cash).items()}
            return VenueBook(
                account=VenueAccount(account=account, cash=cash, at=found.at),
                positions=_positions(connection, account),
                orders=_open_orders(connection, account),
            )

    def commit(self, change: VenueChange) -> None:
        """One act, all of it or nothing. Raises StaleEpoch when another engine has started."""
        account = change.account.account
        with self._store.transaction() as tx:
            cash = {currency: to_text(amount) for currency, amount in change.account.cash.items()}
            row = {"account": account, "cash": _JSON.encode(cash).decode(), "at": change.account.at}
            tx.upsert(paper_accounts, [row])
            _keep_positions(tx, account, change.positions)
            tx.upsert(paper_orders, [_order_row(account, one) for one in change.orders])
            tx.insert_new(
                paper_fills, [{"id": one.id, "account": account, "body": _JSON.encode(one)} for one in change.fills]
            )

    def order(self, account: str, order_id: str) -> VenueOrder | None:
        """One order by its exact id, ended or not."""
        mine = (paper_orders.c.account == account) & (paper_orders.c.id == order_id)
        with self._store.read() as connection:
            row = connection.execute(select(paper_orders).where(mine)).one_or_none()
        return None if row is None else _order(row)

    def fills(self, account: str, after: int) -> list[tuple[int, Fill]]:
        """Fills with a cursor greater than ``after``, in the order in which they happened."""
        columns = select(paper_fills.c.n, paper_fills.c.body)
        later = (paper_fills.c.account == account) & (paper_fills.c.n > after)
        with self._store.read() as connection:
            rows = connection.execute(columns.where(later).order_by(paper_fills.c.n)).all()
        return [(n, _FILL.decode(body)) for n, body in rows]


def _positions(connection: Connection, account: str) -> tuple[VenuePosition, ...]:
    mine = select(paper_positions).where(paper_positions.c.account == account).order_by(paper_positions.c.symbol)
    return tuple(_position(row) for row in connection.execute(mine))


def _position(row: Row[Any]) -> VenuePosition:
    fields = dict(row._mapping)
    del fields["account"]
    return VenuePosition(**fields | {name: from_text(fields[name]) for name in _AMOUNTS})


def _keep_positions(tx: Tx, account: str, positions: tuple[VenuePosition, ...]) -> None:
    flat = [one.symbol for one in positions if one.quantity == 0]
    if flat:
        mine = paper_positions.c.account == account
        tx.connection.execute(delete(paper_positions).where(mine, paper_positions.c.symbol.in_(flat)))
    tx.upsert(paper_positions, [_position_row(account, one) for one in positions if one.quantity])


def _position_row(account: str, position: VenuePosition) -> dict[str, Any]:
    fields = msgspec.structs.asdict(position)
    return {"account": account} | fields | {name: to_text(fields[name]) for name in _AMOUNTS}


def _open_orders(connection: Connection, account: str) -> tuple[VenueOrder, ...]:
    working = (paper_orders.c.account == account) & paper_orders.c.status.not_in(sorted(DONE))
    rows = connection.execute(
        select(paper_orders).where(working).order_by(paper_orders.c.submitted_at, paper_orders.c.id)
    )
    return tuple(_order(row) for row in rows)


def _order(row: Row[Any]) -> VenueOrder:
    return VenueOrder(
        order=_ORDER.decode(row.body), status=row.status, filled=from_text(row.filled), submitted_at=row.submitted_at
    )


def _order_row(account: str, order: VenueOrder) -> dict[str, Any]:
    return {
        "account": account,
        "id": order.order.id,
        "status": order.status,
        "filled": to_text(order.filled),
        "submitted_at": order.submitted_at,
        "body": _JSON.encode(order.order),
    }
