"""Questions about the database for people and programs: plain values, numbers as floats, times as ISO 8601."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from domain.events import ALERT, ENGINE_STATE
from domain.order import DENIED, INTENT, SIDE_NAME
from domain.timeframe import iso
from journal import commands, schema

Plain = dict[str, Any]

_AMOUNTS = {
    *("quantity", "cost", "price", "stop", "target", "entry", "exit", "pnl", "commission", "risk", "realised"),
    *("reduces", "balance", "started_cash"),
}
_TIMES = {
    *("at", "beat_at", "started_at", "ended_at", "opened_at", "closed_at", "expires_at", "from_at", "until_at"),
    *("removed_at", "reset_at", "warmed_until", "bar_ts"),
}
_JSON = {"config", "symbols", "codes", "inputs", "value", "threshold", "flags"}

_STATUS = (
    select(schema.order_events.c.status)
    .where(schema.order_events.c.order_id == schema.orders.c.id)
    .order_by(schema.order_events.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
_NEWEST_RUN = (schema.runs.c.epoch.desc(), schema.runs.c.started_at.desc(), schema.runs.c.run_id)


def runs(c: Connection) -> list[Plain]:
    """Every run, the newest first."""
    return [_plain(row) for row in _rows(c, select(schema.runs).order_by(*_NEWEST_RUN))]


def run(c: Connection, run_id: str) -> Plain | None:
    return _first(c, select(schema.runs).where(schema.runs.c.run_id == run_id))


def latest_run(c: Connection) -> Plain | None:
    return _first(c, select(schema.runs).order_by(*_NEWEST_RUN).limit(1))


def status(c: Connection) -> Plain:
    """The newest run, its engine's last state, its account and its last cycle, and who holds the database.

    The engine's state is what it said last: whether it still lives is to be judged by the lease's beat.
    """
    newest = latest_run(c)
    account = None if newest is None else newest["account"]
    run_id = None if newest is None else newest["run_id"]
    holder = _first(c, select(schema.lease))
    if holder is not None:
        del holder["id"]
    return {
        "run": newest,
        "engine": _engine(c, run_id),
        "lease": holder,
        "account": _first(c, select(schema.accounts).where(schema.accounts.c.account == account)),
        "positions": _count(c, schema.positions, schema.positions.c.account == account),
        "open_orders": _count(c, schema.reservations, schema.reservations.c.account == account),
        "latches": standing_latches(c, account),
        "cycle": _last_cycle(c, run_id),
    }


def positions(c: Connection, account: str | None = None) -> list[Plain]:
    """What is held, with the average price paid."""
    query = _only(select(schema.positions), (schema.positions.c.account, account))
    rows = _rows(c, query.order_by(schema.positions.c.account, schema.positions.c.symbol))
    return [_plain(row) | {"price": _average(row)} | _protection(row) for row in rows]


def orders(
    c: Connection, run_id: str | None = None, account: str | None = None, limit: int | None = 100
) -> list[Plain]:
    """The newest orders, oldest of them first; ``status`` is that of the last step, else INTENT or DENIED."""
    query = _only(
        select(schema.orders, _STATUS.label("status")),
        (schema.orders.c.run_id, run_id),
        (schema.orders.c.account, account),
    )
    newest = query.order_by(schema.orders.c.at.desc(), schema.orders.c.rank.desc(), schema.orders.c.id).limit(limit)
    rows = [_plain(row) for row in _rows(c, newest)]
    for row in rows:
        row["status"] = row["status"] or (DENIED if row["answer"] == DENIED else INTENT)
    return rows[::-1]


def trades(
    c: Connection, run_id: str | None = None, account: str | None = None, limit: int | None = None
) -> list[Plain]:
    """The newest closed trades, oldest of them first."""
    query = _only(select(schema.trades), (schema.trades.c.run_id, run_id), (schema.trades.c.account, account))
    newest = query.order_by(schema.trades.c.closed_at.desc(), schema.trades.c.fill_id).limit(limit)
    return [_plain(row) for row in _rows(c, newest)][::-1]


def fills(
    c: Connection, run_id: str | None = None, account: str | None = None, limit: int | None = None
) -> list[Plain]:
    """The newest fills, oldest of them first."""
    query = _only(select(schema.fills), (schema.fills.c.run_id, run_id), (schema.fills.c.account, account))
    return [_plain(row) for row in _rows(c, query.order_by(schema.fills.c.seq.desc()).limit(limit))][::-1]


def locks(c: Connection, account: str | None = None, at: int | None = None, ended: bool = False) -> list[Plain]:
    """Locks that nobody has removed and that still hold at ``at`` (None: whenever they end), with their ``state``.

    With ``ended`` also those that are over (EXPIRED) or were removed (REMOVED).
    """
    query = _only(select(schema.locks), (schema.locks.c.account, account))
    rows = _rows(c, query.order_by(schema.locks.c.until_at, schema.locks.c.id))
    found = [_plain(row) | {"state": _state(row, at)} for row in rows]
    return [row for row in found if ended or row["state"] == "ACTIVE"]


def standing_latches(c: Connection, account: str | None = None) -> list[Plain]:
    """Kill switches that are latched: those of every account (``*``), and with ``account`` of that one only."""
    query = select(schema.latches).where(schema.latches.c.reset_at.is_(None))
    if account is not None:
        query = query.where(schema.latches.c.account.in_(("*", account)))
    return [_plain(row) for row in _rows(c, query.order_by(schema.latches.c.account))]


def events(c: Connection, run_id: str | None = None, after: int = 0, limit: int = 1000) -> list[Plain]:
    """Rows of the event table with a greater ``seq``, as they are: ``codec.envelope`` makes them public."""
    query = _only(select(schema.events).where(schema.events.c.seq > after), (schema.events.c.run_id, run_id))
    return _rows(c, query.order_by(schema.events.c.seq).limit(limit))


def alerts(c: Connection, run_id: str | None, limit: int = 5) -> list[Plain]:
    """The newest ALERT events of a run, oldest of them first."""
    columns = schema.events.c
    mine = select(columns.at, columns.body).where(columns.type == ALERT, columns.run_id == run_id)
    rows = c.execute(mine.order_by(columns.seq.desc()).limit(limit)).all()
    return [{"at": iso(row.at)} | msgspec.json.decode(row.body) for row in rows][::-1]


def decisions(c: Connection, run_id: str) -> Iterator[bytes]:
    """The run's decisions in (T, rank) order, as they were hashed."""
    columns = schema.decisions.c
    query = select(columns.body).where(columns.run_id == run_id).order_by(columns.at, columns.rank)
    yield from c.execute(query).scalars()


def pending_commands(c: Connection, after_id: int = 0) -> list[Plain]:
    """Commands that wait for an answer, in the order in which they came; times in nanoseconds, for the engine."""
    waiting = (schema.commands.c.id > after_id) & (schema.commands.c.state == commands.PENDING)
    query = select(schema.commands).where(waiting).order_by(schema.commands.c.id)
    return [commands.plain(row) for row in _rows(c, query)]


def taken_commands(c: Connection, run_id: str) -> list[Plain]:
    """Commands that took effect in a run, with cycle and step: what a replay gives again."""
    taken = select(schema.commands).where(schema.commands.c.run_id == run_id).order_by(schema.commands.c.id)
    return [commands.plain(row) for row in _rows(c, taken)]


# -- how it is asked ---------------------------------------------------------------------------------


def _engine(c: Connection, run_id: str | None) -> Plain | None:
    last = (
        select(schema.events.c.at, schema.events.c.body)
        .where(schema.events.c.type == ENGINE_STATE, schema.events.c.run_id == run_id)
        .order_by(schema.events.c.seq.desc())
        .limit(1)
    )
    row = c.execute(last).one_or_none()
    return None if row is None else {"at": iso(row.at)} | msgspec.json.decode(row.body)


def _last_cycle(c: Connection, run_id: str | None) -> Plain | None:
    columns = select(schema.cycles.c.n, schema.cycles.c.at, schema.cycles.c.closed)
    return _first(c, columns.where(schema.cycles.c.run_id == run_id).order_by(schema.cycles.c.n.desc()).limit(1))


def _count(c: Connection, table: Table, which: ColumnElement[bool]) -> int:
    return int(c.execute(select(func.count()).select_from(table).where(which)).scalar_one())


def _only(query: Select[Any], *wanted: tuple[ColumnElement[Any], str | None]) -> Select[Any]:
    for column, value in wanted:
        if value is not None:
            query = query.where(column == value)
    return query


def _rows(c: Connection, query: Select[Any]) -> list[Plain]:
    return [dict(row) for row in c.execute(query).mappings()]


def _first(c: Connection, query: Select[Any]) -> Plain | None:
    rows = _rows(c, query)
    return _plain(rows[0]) if rows else None


def _state(lock: Plain, at: int | None) -> str:
    if lock["removed_at"] is not None:
        return "REMOVED"
    return "EXPIRED" if at is not None and lock["until_at"] <= at else "ACTIVE"


def _average(row: Plain) -> float | None:
    quantity = Decimal(row["quantity"])
    return float(Decimal(row["cost"]) / quantity) if quantity else None


def _protection(row: Plain) -> Plain:
    """Stop and target prices; None where there is none."""
    return {name: float(row[name]) or None for name in ("stop", "target")}


def _plain(row: Plain) -> Plain:
    return {name: _value(name, value) for name, value in row.items()}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _AMOUNTS:
        return float(value)
    if name in _TIMES:
        return iso(value) if value else None  # 0 is no time
    if name in _JSON:
        return _read(value)
    return SIDE_NAME[value] if name == "side" else value


def _read(text: str) -> Any:
    """JSON text as its value; what is no JSON as the text it is."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
