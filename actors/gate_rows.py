"""The gate's values as rows and events, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from domain import order as orders
from domain.book import Applied, Book, Closed, Position
from domain.candidate import Candidate, Exit
from domain.events import (
    ACCOUNT_UPDATE,
    ALERT,
    CANDIDATE,
    POSITION_CLOSED,
    POSITION_OPENED,
    POSITION_UPDATE,
    RISK_APPROVED,
    RISK_DENIED,
    TRADE_EXECUTION,
    Draft,
    event_id,
)
from domain.instrument import Instrument
from domain.money import from_text, to_float, to_text
from domain.order import SIDE_NAME, Denied, Fill, Order
from domain.timeframe import iso
from risk.gate import Answer
from risk.statistics import Part
from risk.view import Lock

MOST_TOLD = 200
"""Positions of one event: more are only told one by one, as they open and close."""

_AMOUNTS = ("quantity", "reduces", "price", "stop", "target", "entry")
_KEPT = ("orders", "distance", "first")
"""Fields of a position that are kept beside its flags."""
_POSITION_AMOUNTS = ("quantity", "cost", "stop", "target", "risk", "realised", "commission")


def text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def value(found: str | None) -> Any:
    return None if found is None else msgspec.json.decode(found)


# -- rows ------------------------------------------------------------------------------------------


def order_row(run_id: str, order: Order, reasons: tuple[str, ...] = ()) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(order)
    for name in _AMOUNTS:
        row[name] = to_text(row[name])
    return row | {
        "run_id": run_id,
        "answer": "APPROVED",
        "code": "",
        "value": None,
        "threshold": None,
        "reasons": text(reasons),
    }


def denied_row(run_id: str, account: str, venue: str, wish: Candidate, answer: Answer, rank: int) -> dict[str, Any]:
    assert answer.denial is not None
    code, found, threshold = answer.denial
    return {
        "id": answer.id,
        "account": account,
        "run_id": run_id,
        "venue": venue,
        "symbol": wish.symbol,
        "strategy": wish.strategy,
        "purpose": orders.ENTRY,
        "side": wish.direction,
        "quantity": "0",
        "reduces": "0",
        "kind": "LIMIT" if wish.limit else "MARKET",
        "price": to_text(wish.limit),
        "stop": to_text(answer.stop),
        "target": to_text(answer.target),
        "entry": to_text(wish.price),
        "at": wish.at,
        "rank": rank,
        "attempt": 0,
        "expires_at": wish.expires_at,
        "correlation_id": answer.id,
        "answer": "DENIED",
        "code": code,
        "value": text(found),
        "threshold": text(threshold),
        "reasons": text(wish.reasons),
    }


def order_of(row: Any) -> Order:
    fields = {name: getattr(row, name) for name in Order.__struct_fields__}
    return Order(**fields | {name: from_text(fields[name]) for name in _AMOUNTS})


def denied_of(row: Any) -> Denied:
    return Denied(row.id, row.symbol, row.code, value(row.value), value(row.threshold), row.at)


def fill_of(row: Any) -> Fill:
    fields = {name: getattr(row, name) for name in Fill.__struct_fields__}
    amounts = ("quantity", "price", "commission", "stop", "target")
    return Fill(**fields | {name: from_text(fields[name]) for name in amounts})


def fill_row(run_id: str, seq: int, fill: Fill) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(fill)
    for name in ("quantity", "price", "commission", "stop", "target"):
        row[name] = to_text(row[name])
    return row | {"run_id": run_id, "seq": seq}


def venue_order(fill: Fill, venue: str) -> Order:
    """The order behind a fill that the venue made by itself: a stop or a target that was hit."""
    return Order(
        id=fill.order_id,
        account=fill.account,
        venue=venue,
        symbol=fill.symbol,
        strategy=fill.strategy,
        purpose=fill.reason,
        side=fill.side,
        quantity=fill.quantity,
        reduces=fill.quantity,
        kind={orders.STOP: "STOP", orders.TARGET: "LIMIT"}.get(fill.reason, "MARKET"),
        price=fill.price,
        at=fill.at,
        correlation_id=fill.correlation_id,
    )


def position_row(account: str, position: Position) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(position)
    for name in _POSITION_AMOUNTS:
        row[name] = to_text(row[name])
    kept = {name: row.pop(name) for name in _KEPT}
    row["flags"] = text({**position.flags, **kept})
    return row | {"account": account}


def position_of(row: Any) -> Position:
    names = set(Position.__struct_fields__) - {"flags", *_KEPT}
    fields = {name: getattr(row, name) for name in names}
    flags = value(row.flags)
    kept = {name: flags.pop(name) for name in _KEPT if name in flags}
    amounts = {name: from_text(fields[name]) for name in _POSITION_AMOUNTS}
    return Position(**fields | amounts | kept | {"orders": tuple(kept["orders"])}, flags=flags)


def trade_row(account: str, run_id: str, closed: Closed, part: Part, seq: int) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(closed)
    for name in ("quantity", "entry", "exit", "pnl", "commission"):
        row[name] = to_text(row[name])
    counted = {"flat": part.flat, "session": part.session, "factors": text(part.factors)}
    return row | counted | {"account": account, "run_id": run_id, "seq": seq}


def part_of(row: Any) -> Part:
    """A line of the trade journal as statistics count it."""
    return Part(
        fill_id=row.fill_id,
        symbol=row.symbol,
        strategy=row.strategy,
        side=row.side,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        quantity=from_text(row.quantity),
        net=from_text(row.pnl) - from_text(row.commission),
        r=row.r,
        reason=row.reason,
        flat=row.flat,
        session=row.session,
        factors=tuple(value(row.factors)),
    )


def lock_of(row: Any) -> Lock:
    return Lock(**{name: getattr(row, name) for name in Lock.__struct_fields__})


def lock_row(account: str, lock: Lock) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.structs.asdict(lock)
    return row | {"account": account, "removed_at": None, "removed_why": None}


# -- events ----------------------------------------------------------------------------------------


def candidate_event(wish: Candidate, answer: Answer) -> Draft:
    data = {
        "direction": SIDE_NAME.get(wish.direction, str(wish.direction)),
        "strategy": wish.strategy,
        "score": wish.score,
        "probability": wish.probability,
        "price": to_float(wish.price),
        "limit": to_float(wish.limit) if wish.limit else None,
        "stop_distance": to_float(wish.stop),
        "target_distance": to_float(wish.target),
        "reasons": wish.reasons,
    }
    return Draft(CANDIDATE, wish.at, answer.id, data, wish.symbol, answer.id)


def risk_events(run_id: str, wish: Candidate | Exit, answer: Answer) -> list[Draft]:
    cause = event_id(run_id, CANDIDATE, answer.id) if isinstance(wish, Candidate) else None
    drafts = []
    if answer.denial is not None and isinstance(wish, Candidate):
        code, found, threshold = answer.denial
        data: dict[str, Any] = {"code": code, "value": found, "threshold": threshold, "order_id": answer.id}
        data |= {"direction": SIDE_NAME.get(wish.direction, str(wish.direction)), "strategy": wish.strategy}
        drafts.append(Draft(RISK_DENIED, wish.at, answer.id, data, wish.symbol, answer.id, cause))
    if answer.order is not None:
        order = answer.order
        data = {
            "order_id": order.id,
            "purpose": order.purpose,
            "direction": SIDE_NAME[order.side],
            "side": SIDE_NAME[order.side],
            "quantity": to_float(order.quantity),
            "reduces": to_float(order.reduces),
            "entry": to_float(order.entry),
            "stop": to_float(order.stop) if order.stop else None,
            "target": to_float(order.target) if order.target else None,
        }
        drafts.append(Draft(RISK_APPROVED, wish.at, order.id, data, wish.symbol, order.correlation_id, cause))
    return drafts


def position_events(run_id: str, book: Book, fill: Fill, applied: Applied) -> list[Draft]:
    """POSITION_CLOSED when flat was reached or passed, POSITION_OPENED when it was left; both on a reversal."""
    cause = event_id(run_id, TRADE_EXECUTION, fill.id)
    drafts = []
    closed = applied.closed
    if closed is not None and (applied.flat or applied.opened):
        data: dict[str, Any] = {
            "side": SIDE_NAME[closed.side],
            "quantity": to_float(closed.quantity),
            "entry": to_float(closed.entry),
            "exit": to_float(closed.exit),
            "pnl": to_float(closed.pnl),
            "commission": to_float(closed.commission),
            "r": closed.r,
            "reason": closed.reason,
        }
        drafts.append(Draft(POSITION_CLOSED, fill.at, fill.id, data, fill.symbol, closed.correlation_id, cause))
    if applied.opened:
        position = book.positions[fill.symbol]
        data = {
            "side": SIDE_NAME[fill.side],
            "quantity": to_float(abs(position.quantity)),
            "entry": to_float(position.price),
            "stop": to_float(position.stop) if position.stop else None,
            "target": to_float(position.target) if position.target else None,
            "order_id": fill.order_id,
        }
        drafts.append(Draft(POSITION_OPENED, fill.at, fill.id, data, fill.symbol, fill.correlation_id, cause))
    return drafts


def lock_event(lock: Lock) -> Draft:
    data = {
        "alert": "LOCKED",
        "lock": lock.id,
        "code": lock.code,
        "side": SIDE_NAME[lock.side] if lock.side else None,
        "until": iso(lock.until_at),
        "reason": lock.reason,
    }
    return Draft(ALERT, lock.from_at, f"LOCKED:{lock.id}", data, lock.symbol)


def unlock_event(lock: Lock, at: int, why: str, who: str) -> Draft:
    data = {"alert": "UNLOCKED", "lock": lock.id, "code": lock.code, "reason": why, "by": who}
    return Draft(ALERT, at, f"UNLOCKED:{lock.id}", data, lock.symbol)


def account_event(book: Book, name: str, currency: str, day_equity: int, at: int, key: str) -> Draft:
    equity = book.equity()
    account = {
        "balance": to_float(book.balance),
        "equity": to_float(equity),
        "profit": to_float(equity - book.balance),
        "currency": currency,
        "leverage": None,
        "day_pl": to_float(equity - day_equity),
    }
    return Draft(ACCOUNT_UPDATE, at, key, {"account": account, "name": name})


def positions_event(book: Book, instruments: Mapping[str, Instrument], at: int, key: str) -> list[Draft]:
    """All that is held, with system 002's names; nothing while it is more than ``MOST_TOLD``."""
    if len(book.positions) > MOST_TOLD:
        return []
    found = []
    for symbol, one in sorted(book.positions.items()):
        instrument, units = instruments.get(symbol), abs(one.quantity)
        found.append(
            {
                "ticket": one.entry_order,
                "symbol": symbol,
                "type": 0 if one.quantity > 0 else 1,
                "direction": SIDE_NAME[1 if one.quantity > 0 else -1],
                "volume": float(instrument.lots(units)) if instrument else None,
                "quantity": to_float(units),
                "entry_price": to_float(one.price),
                "price_current": to_float(book.marks[symbol]),
                "sl_price": to_float(one.stop) if one.stop else None,
                "tp_price": to_float(one.target) if one.target else None,
                "profit": to_float(book.unrealised(symbol)),
                "strategy": one.strategy,
            }
        )
    return [Draft(POSITION_UPDATE, at, f"positions:{key}", {"positions": found})]


def moment(at: int) -> str | None:
    """ISO time for an event's data; None where the venue gave none."""
    return iso(at) if at else None
