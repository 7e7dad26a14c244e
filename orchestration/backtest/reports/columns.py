"""The parquet tables of a backtest: times are timestamps in UTC, numbers float64, names dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from domain.money import to_float
from domain.order import SIDE_NAME
from orchestration.backtest.result import Result

TIME, NUMBER, TEXT = pa.timestamp("ns", tz="UTC"), pa.float64(), pa.string()
NAME = pa.dictionary(pa.int32(), pa.string())

TRADES = {
    "symbol": NAME,
    "strategy": NAME,
    "side": NAME,
    "quantity": NUMBER,
    "entry": NUMBER,
    "exit": NUMBER,
    "opened_at": TIME,
    "closed_at": TIME,
    "gross": NUMBER,
    "commission": NUMBER,
    "net": NUMBER,
    "r": NUMBER,
    "reason": NAME,
    "flat": pa.bool_(),
    "session": NAME,
    "factors": pa.list_(TEXT),
}
ORDERS = {
    "id": TEXT,
    "at": TIME,
    "symbol": NAME,
    "strategy": NAME,
    "purpose": NAME,
    "side": NAME,
    "kind": NAME,
    "quantity": NUMBER,
    "reduces": NUMBER,
    "price": NUMBER,
    "stop": NUMBER,
    "target": NUMBER,
    "status": NAME,
    "filled": NUMBER,
    "ended_at": TIME,
    "code": NAME,
}
EQUITY = {"ts": TIME, "equity": NUMBER, "exposure": NUMBER}
DENIALS = {
    "at": TIME,
    "symbol": NAME,
    "strategy": NAME,
    "side": NAME,
    "price": NUMBER,
    "score": NUMBER,
    "code": NAME,
    "value": TEXT,
    "threshold": TEXT,
}
FILLS = {
    "ts": TIME,
    "symbol": NAME,
    "strategy": NAME,
    "side": NAME,
    "quantity": NUMBER,
    "price": NUMBER,
    "commission": NUMBER,
    "stop": NUMBER,
    "target": NUMBER,
    "order_id": TEXT,
    "reason": NAME,
}


def tables(result: Result) -> dict[str, pa.Table]:
    """Name to table. Commission is in the account currency in ``trades`` and in the quote currency in ``fills``; a
    price that is not set is null."""
    return {
        "trades": _table(TRADES, map(_trade, result.closes)),
        "orders": _table(ORDERS, map(_order, result.orders)),
        "equity": pa.table([result.moments, result.equity, result.exposure], schema=pa.schema(EQUITY)),
        "denials": _table(DENIALS, map(_denial, result.refusals)),
        "fills": _table(FILLS, map(_fill, result.fills)),
    }


def _table(schema: dict[str, pa.DataType], rows: Iterable[Sequence[Any]]) -> pa.Table:
    lines = list(rows)
    columns = list(zip(*lines, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.values(), strict=True)]
    return pa.table(arrays, schema=pa.schema(schema))


def _price(value: int) -> float | None:
    return to_float(value) if value else None


def _text(value: float | str | None) -> str | None:
    return None if value is None else str(value)


def _trade(line: tuple[Any, Any]) -> tuple[Any, ...]:
    closed, part = line
    return (
        closed.symbol,
        closed.strategy,
        SIDE_NAME[closed.side],
        to_float(closed.quantity),
        to_float(closed.entry),
        to_float(closed.exit),
        closed.opened_at,
        closed.closed_at,
        to_float(closed.pnl),
        to_float(closed.commission),
        to_float(part.net),
        part.r,
        closed.reason,
        part.flat,
        part.session,
        list(part.factors),
    )


def _order(sent: Any) -> tuple[Any, ...]:
    order = sent.order
    return (
        order.id,
        order.at,
        order.symbol,
        order.strategy,
        order.purpose,
        SIDE_NAME[order.side],
        order.kind,
        to_float(order.quantity),
        to_float(order.reduces),
        _price(order.price),
        _price(order.stop),
        _price(order.target),
        sent.status,
        to_float(sent.filled),
        sent.ended_at or None,
        sent.code or None,
    )


def _denial(refusal: Any) -> tuple[Any, ...]:
    candidate, denied = refusal.candidate, refusal.denied
    return (
        denied.at,
        denied.symbol,
        candidate.strategy,
        SIDE_NAME.get(candidate.direction),
        to_float(candidate.price),
        candidate.score,
        denied.code,
        _text(denied.value),
        _text(denied.threshold),
    )


def _fill(fill: Any) -> tuple[Any, ...]:
    return (
        fill.at,
        fill.symbol,
        fill.strategy,
        SIDE_NAME[fill.side],
        to_float(fill.quantity),
        to_float(fill.price),
        to_float(fill.commission),
        _price(fill.stop),
        _price(fill.target),
        fill.order_id,
        fill.reason,
    )
