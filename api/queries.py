"""What the routes ask of the database beside ``journal.views``: pages by key, never by counting rows over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select

from actors.snapshot import GateSnapshot, decode
from domain.events import CANDIDATE, CRITIC_REVIEW, ENGINE_STATE, HEALTH, POSITION_UPDATE, SCAN_SUMMARY, event_id
from domain.order import DENIED, ENTRY, INTENT
from journal import schema as s

Plain = dict[str, Any]
Place = tuple[int, int, str]
"""Where a page of orders ends: time, rank, id."""

_STATUS = (
    select(s.order_events.c.status)
    .where(s.order_events.c.order_id == s.orders.c.id)
    .order_by(s.order_events.c.seq.desc())
    .limit(1)
    .scalar_subquery()
)
APPROVED = "APPROVED"
WORKING = "WORKING"
"""Stands for every status of an order that may still fill."""


# -- orders ------------------------------------------------------------------------------------------


def orders(
    c: Connection,
    run_id: str,
    *,
    limit: int,
    after: Place | None = None,
    answer: str | None = None,
    symbol: str | None = None,
    statuses: Sequence[str] = (),
    code: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Plain]:
    """Rows of a run's orders with ``status``, the newest first."""
    of = s.orders.c
    query = select(s.orders, _STATUS.label("step")).where(of.run_id == run_id)
    query = _bounded(query, of.at, since, until)
    for column, value in ((of.answer, answer), (of.symbol, symbol), (of.code, code)):
        if value is not None:
            query = query.where(column == value)
    if after is not None:
        at, rank, id = after
        query = query.where(or_(of.at < at, and_(of.at == at, or_(of.rank < rank, and_(of.rank == rank, of.id < id)))))
    if statuses:
        query = query.where(_has(statuses))
    query = query.order_by(of.at.desc(), of.rank.desc(), of.id.desc()).limit(limit)
    rows = [dict(row) for row in c.execute(query).mappings()]
    for row in rows:
        row["status"] = row.pop("step") or (DENIED if row["answer"] == DENIED else INTENT)
    return rows


def _has(statuses: Sequence[str]) -> ColumnElement[bool]:
    """Whether an order has one of these statuses: the working ones are few, and known by their reservations."""
    wanted: list[ColumnElement[bool]] = []
    of = s.orders.c
    if WORKING in statuses:
        wanted.append(of.id.in_(select(s.reservations.c.order_id)))
    if DENIED in statuses:
        wanted.append(of.answer == DENIED)
    if INTENT in statuses:
        wanted.append(and_(_STATUS.is_(None), of.answer != DENIED))
    others = [one for one in statuses if one not in (WORKING, DENIED, INTENT)]
    if others:
        wanted.append(_STATUS.in_(others))
    return or_(*wanted)


def order(c: Connection, id: str) -> Plain | None:
    """One order with its ``status``."""
    row = c.execute(select(s.orders, _STATUS.label("step")).where(s.orders.c.id == id)).mappings().one_or_none()
    if row is None:
        return None
    found = dict(row)
    found["status"] = found.pop("step") or (DENIED if found["answer"] == DENIED else INTENT)
    return found


def orders_by_id(c: Connection, ids: Sequence[str]) -> dict[str, Plain]:
    found: dict[str, Plain] = {}
    for part in _parts(ids):
        query = select(s.orders, _STATUS.label("step")).where(s.orders.c.id.in_(part))
        for row in c.execute(query).mappings():
            one = dict(row)
            one["status"] = one.pop("step") or (DENIED if one["answer"] == DENIED else INTENT)
            found[one["id"]] = one
    return found


def filled(c: Connection, ids: Sequence[str]) -> dict[str, list[Plain]]:
    """Order to its fills, oldest first: id, quantity, price, commission and at."""
    of, step = s.fills.c, s.order_events.c
    found: dict[str, list[Plain]] = {}
    for part in _parts(ids):
        query = (
            select(step.order_id, of.id, of.quantity, of.price, of.commission, of.at)
            .join(s.fills, step.fill_id == of.id)
            .where(step.order_id.in_(part))
            .order_by(step.seq)
        )
        for row in c.execute(query).mappings():
            found.setdefault(row["order_id"], []).append(dict(row))
    return found


def last_steps(c: Connection, ids: Sequence[str]) -> dict[str, Plain]:
    """Order to code, text and time of its last step."""
    of = s.order_events.c
    found: dict[str, Plain] = {}
    for part in _parts(ids):
        last = select(func.max(of.seq)).where(of.order_id.in_(part)).group_by(of.order_id)
        query = select(of.order_id, of.code, of.text, of.at, of.venue_ref).where(of.seq.in_(last))
        found |= {row["order_id"]: dict(row) for row in c.execute(query).mappings()}
    return found


def steps(c: Connection, order_id: str) -> list[Plain]:
    """Every step of an order, oldest first."""
    of = s.order_events.c
    return [
        dict(row)
        for row in c.execute(select(s.order_events).where(of.order_id == order_id).order_by(of.seq)).mappings()
    ]


def denials_by_code(c: Connection, run_id: str) -> dict[str, int]:
    """How often each code denied, the most frequent first."""
    of = s.orders.c
    count = func.count()
    query = select(of.code, count).where(of.run_id == run_id, of.answer == DENIED).group_by(of.code)
    return {str(code): int(many) for code, many in c.execute(query.order_by(count.desc(), of.code))}


def entries_of(c: Connection, run_id: str, symbol: str, limit: int) -> list[Plain]:
    """The newest wishes to enter a symbol, approved and denied, newest first."""
    of = s.orders.c
    query = select(s.orders, _STATUS.label("step")).where(of.run_id == run_id, of.symbol == symbol, of.purpose == ENTRY)
    rows = [dict(row) for row in c.execute(query.order_by(of.at.desc(), of.rank.desc()).limit(limit)).mappings()]
    for row in rows:
        row["status"] = row.pop("step") or (DENIED if row["answer"] == DENIED else INTENT)
    return rows


# -- trades and fills ------------------------------------------------------------------------------


def trades(
    c: Connection,
    account: str,
    *,
    limit: int,
    run_id: str | None = None,
    after: tuple[int, str] | None = None,
    symbol: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Plain]:
    """Closes of an account, the newest first; ``place`` is the number of the event that told of the fill.

    The fills have the index that the trades lack: each close is the row beside its closing fill.
    """
    of, fill = s.trades.c, s.fills.c
    query = select(s.trades, fill.seq.label("place")).select_from(
        s.fills.join(s.trades, and_(of.account == fill.account, of.fill_id == fill.id))
    )
    query = _bounded(query.where(fill.account == account), of.closed_at, since, until)
    if run_id is not None:
        query = query.where(of.run_id == run_id)
    if symbol is not None:
        query = query.where(of.symbol == symbol)
    if after is not None:
        seq, id = after
        query = query.where(or_(fill.seq < seq, and_(fill.seq == seq, fill.id < id)))
    query = query.order_by(fill.seq.desc(), fill.id.desc()).limit(limit)
    return [dict(row) for row in c.execute(query).mappings()]


def closes(c: Connection, account: str, after: int) -> list[Any]:
    """Closes of an account that were told after this number, oldest first."""
    of = s.trades.c
    return list(c.execute(select(s.trades).where(of.account == account, of.seq > after).order_by(of.seq, of.fill_id)))


def fills(c: Connection, account: str, symbol: str, limit: int) -> list[Plain]:
    """The newest fills of a symbol, newest first."""
    of = s.fills.c
    query = select(s.fills).where(of.account == account, of.symbol == symbol).order_by(of.seq.desc()).limit(limit)
    return [dict(row) for row in c.execute(query).mappings()]


# -- cycles ----------------------------------------------------------------------------------------


class Standing(msgspec.Struct, frozen=True):
    """What a cycle's snapshot says of the account (money in 1e-9), without what is held."""

    at: int
    equity: int
    balance: int
    peak: int
    day_equity: int


_STANDING = msgspec.msgpack.Decoder(Standing)


def last_cycle(c: Connection, run_id: str) -> Plain | None:
    """Number, T, whether it is closed, and the clock's time of the run's last cycle."""
    of = s.cycles.c
    query = select(of.n, of.at, of.closed, of.now).where(of.run_id == run_id).order_by(of.n.desc()).limit(1)
    row = c.execute(query).mappings().one_or_none()
    return None if row is None else dict(row)


def snapshot(c: Connection, run_id: str) -> GateSnapshot | None:
    """The gate at the run's last cycle."""
    of = s.cycles.c
    body = c.execute(select(of.snapshot).where(of.run_id == run_id).order_by(of.n.desc()).limit(1)).scalar()
    return decode(body) if body else None


def standings(c: Connection, run_id: str, numbers: Sequence[int]) -> list[Standing]:
    """The account at these cycles, in their order."""
    of = s.cycles.c
    found: list[Standing] = []
    for part in _parts(list(numbers)):
        query = select(of.snapshot).where(of.run_id == run_id, of.n.in_(part)).order_by(of.n)
        found += [_STANDING.decode(body) for body in c.execute(query).scalars() if body]
    return found


def moments(c: Connection, run_id: str, after: int) -> list[tuple[int, int]]:
    """(number, T) of the cycles behind this one."""
    of = s.cycles.c
    query = select(of.n, of.at).where(of.run_id == run_id, of.n > after).order_by(of.n)
    return [(int(n), int(at)) for n, at in c.execute(query)]


def cycle_at(c: Connection, run_id: str, at: int, after: bool) -> int | None:
    """The number of the first cycle at or after a T, else of the last one before it: T grows with the number."""
    of = s.cycles.c
    last = c.execute(select(func.max(of.n)).where(of.run_id == run_id)).scalar()
    if last is None:
        return None
    low, high = 1, int(last) + 1
    while low < high:  # the table has no index by time
        middle = (low + high) // 2
        found = c.execute(select(of.at).where(of.run_id == run_id, of.n == middle)).scalar()
        if found is None or found < at:
            low = middle + 1
        else:
            high = middle
    return low if after else low - 1


# -- events ----------------------------------------------------------------------------------------


def events(
    c: Connection,
    run_id: str,
    *,
    limit: int,
    after: int | None = None,
    before: int | None = None,
    types: Sequence[str] = (),
    symbol: str | None = None,
    since: int | None = None,
    until: int | None = None,
    without: Sequence[str] = (),
) -> list[Plain]:
    """Rows in the order of ``seq``: the first ones ``after`` a number, or the last ones ``before`` one. ``without``
    leaves out types, of POSITION_UPDATE only what is of no symbol: the lists of all positions."""
    of = s.events.c
    query = _bounded(select(s.events).where(of.run_id == run_id), of.at, since, until)
    if after is not None:
        query = query.where(of.seq > after)
    if before is not None:
        query = query.where(of.seq < before)
    if types:
        query = query.where(of.type.in_(types))
    if without:
        query = query.where(of.type.not_in(set(without) - {POSITION_UPDATE}))
    if POSITION_UPDATE in without:
        query = query.where((of.type != POSITION_UPDATE) | of.symbol.is_not(None))
    if symbol is not None:
        query = query.where(of.symbol == symbol)
    backwards = before is not None and after is None
    query = query.order_by(of.seq.desc() if backwards else of.seq).limit(limit)
    rows = [dict(row) for row in c.execute(query).mappings()]
    return rows[::-1] if backwards else rows


def event(c: Connection, id: str) -> Plain | None:
    row = c.execute(select(s.events).where(s.events.c.id == id)).mappings().one_or_none()
    return None if row is None else dict(row)


def newest(c: Connection, run_id: str, kind: str, limit: int, before: int | None = None) -> list[Plain]:
    """The newest events of a type, newest first."""
    of = s.events.c
    query = select(s.events).where(of.type == kind, of.run_id == run_id)
    if before is not None:
        query = query.where(of.seq < before)
    return [dict(row) for row in c.execute(query.order_by(of.seq.desc()).limit(limit)).mappings()]


def candidates(
    c: Connection,
    run_id: str,
    *,
    limit: int,
    before: int | None = None,
    symbol: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> list[Plain]:
    """CANDIDATE events, newest first, with numbers below ``before``."""
    of = s.events.c
    query = _bounded(select(s.events).where(of.type == CANDIDATE, of.run_id == run_id), of.at, since, until)
    if symbol is not None:
        query = query.where(of.symbol == symbol)
    if before is not None:
        query = query.where(of.seq < before)
    return [dict(row) for row in c.execute(query.order_by(of.seq.desc()).limit(limit)).mappings()]


class _Scored(msgspec.Struct):
    score: Any = None


_SCORED = msgspec.json.Decoder(_Scored)


def scores(c: Connection, run_id: str, limit: int) -> dict[str, float | None]:
    """Symbol to the score of its last candidate, among the newest ones."""
    of = s.events.c
    query = select(of.symbol, of.body).where(of.type == CANDIDATE, of.run_id == run_id)
    found: dict[str, float | None] = {}
    for symbol, body in c.execute(query.order_by(of.seq.desc()).limit(limit)):
        if symbol not in found:
            score = _SCORED.decode(body).score
            found[symbol] = score if isinstance(score, int | float) else None
    return found


def scans(c: Connection, run_id: str, limit: int) -> list[Plain]:
    """seq, at and packed body of the newest SCAN_SUMMARY events, newest first."""
    of = s.events.c
    query = select(of.seq, of.at, of.body).where(of.type == SCAN_SUMMARY, of.run_id == run_id)
    return [dict(row) for row in c.execute(query.order_by(of.seq.desc()).limit(limit)).mappings()]


def engine_states(c: Connection, run_id: str, limit: int) -> list[Plain]:
    """The newest ENGINE_STATE events, oldest of them first, bodies read."""
    return [read(one) for one in newest(c, run_id, ENGINE_STATE, limit)][::-1]


def health(c: Connection, run_id: str, limit: int) -> list[Plain]:
    """The newest HEALTH events, newest first, bodies read."""
    return [read(one) for one in newest(c, run_id, HEALTH, limit)]


def read(row: Plain) -> Plain:
    """An event with its JSON body as ``data``."""
    return row | {"data": msgspec.json.decode(row["body"])}


def last_seq(c: Connection) -> int:
    """The number of the newest event of the database."""
    return int(c.execute(select(s.sequence.c.seq).where(s.sequence.c.id == 1)).scalar() or 0)


def of_one_story(c: Connection, run_id: str, correlation_id: str, first: int) -> list[Plain]:
    """Every event with this correlation id, from the number ``first`` on to the end of what its orders did, and the
    fills that closed its position, whose order may belong to another story."""
    of, step, order, trade = s.events.c, s.order_events.c, s.orders.c, s.trades.c
    mine = select(order.id, order.account).where(order.run_id == run_id, order.correlation_id == correlation_id)
    found = {id: account for id, account in c.execute(mine)}
    last, working = first, False
    for part in _parts(list(found)):
        last = max(last, c.execute(select(func.max(step.seq)).where(step.order_id.in_(part))).scalar() or 0)
        reserved = select(func.count()).select_from(s.reservations).where(s.reservations.c.order_id.in_(part))
        working = working or bool(c.execute(reserved).scalar())
    for account in set(found.values()):
        closed = select(func.max(trade.seq)).where(trade.account == account, trade.correlation_id == correlation_id)
        last = max(last, c.execute(closed).scalar() or 0)
    last = max(last, _reviewed(c, run_id, correlation_id))
    held = select(s.positions.c.symbol).where(s.positions.c.correlation_id == correlation_id).limit(1)
    query = select(s.events).where(of.run_id == run_id, of.seq >= first, of.correlation_id == correlation_id)
    if not working and c.execute(held).first() is None:
        told = _told_by(c, run_id, last)
        query = query if told is None else query.where(of.seq <= told)
    rows = [dict(row) for row in c.execute(query.order_by(of.seq)).mappings()]
    known = {one["id"] for one in rows}
    for part in _parts(
        [one["causation_id"] for one in rows if one["causation_id"] and one["causation_id"] not in known]
    ):
        rows += [dict(row) for row in c.execute(select(s.events).where(of.id.in_(part))).mappings()]
    return sorted(rows, key=lambda one: int(one["seq"]))


def _reviewed(c: Connection, run_id: str, case_id: str) -> int:
    """The number of the last review's event; 0 without one."""
    of = s.research_reviews.c
    ids = c.execute(select(of.id).where(of.run_id == run_id, of.case_id == case_id)).scalars()
    told = [event_id(run_id, CRITIC_REVIEW, one) for one in ids]
    return c.execute(select(func.max(s.events.c.seq)).where(s.events.c.id.in_(told))).scalar() or 0


def _told_by(c: Connection, run_id: str, seq: int) -> int | None:
    """By when everything of an order that ended there has been told: two cycles later; None if they are not over."""
    of = s.events.c
    query = select(of.seq).where(of.type == SCAN_SUMMARY, of.run_id == run_id, of.seq > seq)
    found = list(c.execute(query.order_by(of.seq).limit(3)).scalars())
    return int(found[2]) if len(found) == 3 else None


# -- how it is asked -------------------------------------------------------------------------------


def _bounded(query: Select[Any], column: ColumnElement[int], since: int | None, until: int | None) -> Select[Any]:
    if since is not None:
        query = query.where(column >= since)
    return query if until is None else query.where(column < until)


def _parts(ids: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """So many at once as every database takes."""
    return (ids[start : start + 500] for start in range(0, len(ids), 500))
