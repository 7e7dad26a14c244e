"""What a recorded run and a backtest leave behind, in the same words: decisions, their orders and fills, by key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from actors.gate_rows import fill_of
from domain import order as orders
from domain.errors import ConfigError
from domain.money import to_float
from domain.order import Fill
from domain.timeframe import iso, nanos
from journal import schema as s
from orchestration.backtest.result import Result

Facts = dict[str, Any]


class Key(NamedTuple):
    """What both sides are paired by. ``at`` is T (ns), ``number`` counts those that are otherwise the same."""

    at: int
    symbol: str
    strategy: str
    purpose: str
    number: int = 0


class Sent(NamedTuple):
    """An order as it ended; ``number`` of its key is its attempt."""

    id: str
    key: Key
    status: str
    code: str
    text: str = ""


class Deed(msgspec.Struct, kw_only=True):
    """What one side decided under a key, and what came of it. ``decision`` has the values of a decision; what the
    venue did by itself has none."""

    decision: Facts | None = None
    order: Sent | None = None
    fills: list[Fill] = []


class Side(NamedTuple):
    """One side; ``fills`` in the order in which they were booked."""

    deeds: dict[Key, Deed]
    fills: list[tuple[Key, Fill]]


def side(decisions: Iterable[bytes], sent: Iterable[Sent], fills: Iterable[Fill]) -> Side:
    """Raises ConfigError for a decision that cannot be read."""
    deeds: dict[Key, Deed] = {}
    counted: dict[Key, int] = {}

    def deed(key: Key) -> Deed:
        return deeds.setdefault(key, Deed(fills=[]))

    def numbered(key: Key) -> Key:
        counted[key] = counted.get(key, -1) + 1
        return key._replace(number=counted[key])

    for body in decisions:
        found = _decision(body)
        key = Key(_moment(found["T"]), found["symbol"], found["strategy"], found["purpose"])
        deed(numbered(key)).decision = found
    counted.clear()
    key_of: dict[str, Key] = {}
    done = list(fills)
    for one in sorted(_dated(sent, done), key=lambda one: one.key):
        key_of[one.id] = numbered(one.key._replace(number=0))
        deed(key_of[one.id]).order = one
    counted.clear()
    booked = []
    for fill in done:
        known = key_of.get(fill.order_id)
        if known is None:
            known = numbered(Key(fill.at, fill.symbol, fill.strategy, fill.reason))
        deed(known).fills.append(fill)
        booked.append((known, fill))
    return Side(deeds, booked)


def _dated(sent: Iterable[Sent], fills: Sequence[Fill]) -> Iterator[Sent]:
    """What the venue made by itself belongs to the T of its first fill; without one it is not yet known of."""
    first: dict[str, int] = {}
    for fill in fills:
        first.setdefault(fill.order_id, fill.at)
    for one in sent:
        if one.key.purpose not in orders.MADE_THERE:
            yield one
        elif one.id in first:
            yield one._replace(key=one.key._replace(at=first[one.id]))


def _decision(body: bytes) -> Facts:
    try:
        found = msgspec.json.decode(body)
        if isinstance(found, dict) and {"T", "symbol", "strategy", "purpose", "answer", "quantity"} <= found.keys():
            return found
    except msgspec.DecodeError:
        pass
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else str(body)
    raise ConfigError(f"a recorded decision cannot be read ({text[:80]}): somebody has edited the database")


def _moment(text: str) -> int:
    try:
        whole, _, fraction = text.removesuffix("Z").partition(".")
        return nanos(datetime.fromisoformat(f"{whole}+00:00")) + int((fraction or "0").ljust(9, "0"))
    except ValueError as error:
        raise ConfigError(f"a recorded decision has no time ({text[:40]}): somebody has edited the database") from error


# -- a backtest ------------------------------------------------------------------------------------


def of_result(result: Result) -> Side:
    sent = [
        Sent(
            one.order.id,
            Key(one.order.at, one.order.symbol, one.order.strategy, one.order.purpose, one.order.attempt),
            one.status,
            one.code,
        )
        for one in result.orders
    ]
    return side(result.decisions, sent, result.fills)


# -- a run -----------------------------------------------------------------------------------------


def of_run(c: sa.Connection, run_id: str, until: int, live: bool) -> Side:
    """What is recorded of a run up to the T ``until``. Raises ConfigError for what a hand has made unreadable."""
    return side(_bodies(c, run_id, until), _sent(c, run_id, until, live), _fills(c, run_id, until))


def _bodies(c: sa.Connection, run_id: str, until: int) -> list[bytes]:
    of = s.decisions.c
    body: Any = sa.type_coerce(of.body, sa.types.NullType())  # as it is: a hand may have made text of it
    some = sa.select(body).where(of.run_id == run_id, of.at <= until).order_by(of.at, of.rank)
    return [one.encode() if isinstance(one, str) else bytes(one) for one in c.execute(some).scalars()]


def _sent(c: sa.Connection, run_id: str, until: int, live: bool) -> list[Sent]:
    """Orders with their last step; what a live run's clock has written counts whenever it came."""
    of, step = s.orders.c, s.order_events.c
    mine = (of.run_id == run_id) & (of.at <= until)
    seen = sa.select(sa.func.max(step.seq)).join(s.orders, of.id == step.order_id).where(mine)
    seen = seen if live else seen.where(step.at <= until)
    last = sa.select(step.order_id, step.status, step.code, step.text)
    ended = {row.order_id: row for row in c.execute(last.where(step.seq.in_(seen.group_by(step.order_id))))}
    made = sa.select(of.id, of.at, of.symbol, of.strategy, of.purpose, of.attempt)
    found = []
    for row in c.execute(made.where(mine, of.answer != orders.DENIED)):
        key = Key(row.at, row.symbol, row.strategy, row.purpose, row.attempt)
        known = ended.get(row.id)
        found.append(
            Sent(row.id, key, known.status, known.code, known.text)
            if known is not None
            else Sent(row.id, key, orders.INTENT, "")
        )
    return found


def _fills(c: sa.Connection, run_id: str, until: int) -> list[Fill]:
    of = s.fills.c
    some = sa.select(s.fills).where(of.run_id == run_id, of.at <= until).order_by(of.seq)
    try:
        return [fill_of(row) for row in c.execute(some)]
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(f"a recorded fill cannot be read ({error}): somebody has edited the database") from error


# -- what is told of one ---------------------------------------------------------------------------


def told(deed: Deed | None) -> Facts | None:
    """As JSON values; None where there is nothing."""
    if deed is None:
        return None
    facts: Facts = {} if deed.decision is None else dict(deed.decision)
    facts["status"] = deed.order.status if deed.order is not None else None
    if deed.order is not None and deed.order.code:
        facts["order_code"], facts["order_text"] = deed.order.code, deed.order.text
    facts["fills"] = [_fill(one) for one in deed.fills]
    return facts


def _fill(one: Fill) -> Facts:
    return {
        "ts": iso(one.at),
        "side": orders.SIDE_NAME[one.side],
        "quantity": to_float(one.quantity),
        "price": to_float(one.price),
        "commission": to_float(one.commission),
        "reason": one.reason,
    }


def total(fills: Sequence[Fill]) -> int:
    """Units (1e-9)."""
    return sum(one.quantity for one in fills)
