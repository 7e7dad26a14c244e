"""What an account holds at one moment, taken out of a database so that another one can go on from there.

It has what gate, executor and paper venue rebuild themselves from: positions, what is reserved or working with its
story, the answers of the last days, locks and latches, the last snapshot. What has ended long ago is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, func, select, update

from domain.order import DONE
from domain.timeframe import DAY
from journal import schema as s
from journal.store import Tx

RECENT = 3 * DAY
"""Orders so far before the account's last one are kept: more than a risk day."""

Rows = list[dict[str, Any]]


def copy_of(c: Connection, account: str) -> bytes:
    """The account as it is now."""
    tables: dict[str, Rows] = {table.name: _rows(c, table, which) for table, which in _whole(account)}
    tables["orders"], known = _orders(c, account)
    tables["order_events"], tables["fills"], tables["attempts"] = [], [], []
    for table in (s.order_events, s.fills, s.attempts):
        for part in _parts(known):
            tables[table.name] += _rows(c, table, table.c.order_id.in_(part))
    tables["paper_orders"] = _paper_orders(c, account, known)
    recorded = select(s.fills.c.id).where(s.fills.c.account == account)
    tables["paper_fills"] = _rows(
        c, s.paper_fills, (s.paper_fills.c.account == account) & s.paper_fills.c.id.not_in(recorded)
    )
    tables["runs"], tables["cycles"] = _last_cycle(c, account)
    seq = c.execute(select(s.sequence.c.seq).where(s.sequence.c.id == 1)).scalar_one()
    return msgspec.msgpack.encode((seq, tables))


def restore(tx: Tx, body: bytes) -> None:
    """The account as it was, in a database that does not have it yet. Afterwards ``seq`` goes on from there."""
    seq, tables = msgspec.msgpack.decode(body)
    for name, rows in tables.items():
        tx.insert(s.metadata.tables[name], rows)
    tx.connection.execute(update(s.sequence).where(s.sequence.c.id == 1).values(seq=seq))


def _whole(account: str) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """The tables that are kept small by whoever writes them, and the closed trades, which sizes and locks count.

    Locks that somebody took away say from when on a fall of equity counts.
    """
    for table in (
        *(s.accounts, s.positions, s.reservations, s.counters, s.venue_cursors, s.foreign_holdings),
        *(s.paper_accounts, s.paper_positions, s.trades, s.locks),
    ):
        yield table, table.c.account == account
    yield s.latches, (s.latches.c.account == account) & s.latches.c.reset_at.is_(None)


def _orders(c: Connection, account: str) -> tuple[Rows, list[str]]:
    """Orders that are reserved or recent, and their ids."""
    mine = s.orders.c.account == account
    newest = c.execute(select(func.max(s.orders.c.at)).where(mine)).scalar() or 0
    reserved = select(s.reservations.c.order_id).where(s.reservations.c.account == account)
    found = _rows(c, s.orders, mine & ((s.orders.c.at >= newest - RECENT) | s.orders.c.id.in_(reserved)))
    return found, [one["id"] for one in found]


def _paper_orders(c: Connection, account: str, known: list[str]) -> Rows:
    table = s.paper_orders
    mine = table.c.account == account
    found = {one["id"]: one for one in _rows(c, table, mine & table.c.status.not_in(sorted(DONE)))}
    for part in _parts(known):
        found |= {one["id"]: one for one in _rows(c, table, mine & table.c.id.in_(part))}
    return list(found.values())


def _last_cycle(c: Connection, account: str) -> tuple[Rows, Rows]:
    """The account's newest cycle with its run: the snapshot that a gate begins with."""
    newest = (
        select(s.cycles.c.run_id, s.cycles.c.n)
        .join(s.runs, s.runs.c.run_id == s.cycles.c.run_id)
        .where(s.runs.c.account == account)
        .order_by(s.runs.c.epoch.desc(), s.cycles.c.n.desc())
        .limit(1)
    )
    last = c.execute(newest).first()
    if last is None:
        return [], []
    cycle = (s.cycles.c.run_id == last.run_id) & (s.cycles.c.n == last.n)
    return _rows(c, s.runs, s.runs.c.run_id == last.run_id), _rows(c, s.cycles, cycle)


def _rows(c: Connection, table: Table, which: ColumnElement[bool]) -> Rows:
    order = table.primary_key.columns
    return [dict(row) for row in c.execute(select(table).where(which).order_by(*order)).mappings()]


def _parts(ids: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]
