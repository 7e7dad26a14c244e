"""Rows of the database as answers: amounts as numbers, times as ISO 8601, ids and names as they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from domain.order import SIDE_NAME
from domain.timeframe import iso

Plain = dict[str, Any]


def moment(at: int | None) -> str | None:
    """None for no time, and for 0."""
    return iso(at) if at else None


def amount(text: str | None) -> float | None:
    """None for none, and for 0: a stop, a target or a price that is not set."""
    return (float(text) or None) if text is not None else None


def number(text: str | None) -> float | None:
    return None if text is None else float(text)


def value(text: str | None) -> Any:
    """JSON text as its value; what is no JSON as the text it is."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def order(row: Plain, fills: Sequence[Plain] = (), last: Plain | None = None) -> Plain:
    filled = sum(float(one["quantity"]) for one in fills)
    paid = sum(float(one["quantity"]) * float(one["price"]) for one in fills)
    last = last or {}
    return {
        "id": row["id"],
        "at": iso(row["at"]),
        "symbol": row["symbol"],
        "side": SIDE_NAME.get(row["side"], str(row["side"])),
        "quantity": float(row["quantity"]),
        "filled": filled,
        "price_average": paid / filled if filled else None,
        "reduces": float(row["reduces"]),
        "kind": row["kind"],
        "price": amount(row["price"]),
        "entry": amount(row["entry"]),
        "stop": amount(row["stop"]),
        "target": amount(row["target"]),
        "purpose": row["purpose"],
        "strategy": row["strategy"],
        "status": row["status"],
        "code": row["code"] or last.get("code") or "",
        "text": last.get("text") or "",
        "value": value(row["value"]),
        "threshold": value(row["threshold"]),
        "reasons": value(row["reasons"]) or [],
        "venue": row["venue"],
        "venue_ref": last.get("venue_ref") or "",
        "account": row["account"],
        "run_id": row["run_id"],
        "correlation_id": row["correlation_id"],
        "expires_at": moment(row["expires_at"]),
        "attempt": row["attempt"],
        "rank": row["rank"],
    }


def fill(row: Plain) -> Plain:
    return {
        "id": row["id"],
        "at": iso(row["at"]),
        "quantity": float(row["quantity"]),
        "price": float(row["price"]),
        "commission": float(row["commission"]),
    }


def trade(row: Plain) -> Plain:
    pnl, commission = float(row["pnl"]), float(row["commission"])
    return {
        "fill_id": row["fill_id"],
        "symbol": row["symbol"],
        "strategy": row["strategy"],
        "side": SIDE_NAME.get(row["side"], str(row["side"])),
        "quantity": float(row["quantity"]),
        "entry": float(row["entry"]),
        "exit": float(row["exit"]),
        "opened_at": iso(row["opened_at"]),
        "closed_at": iso(row["closed_at"]),
        "pnl": pnl,
        "commission": commission,
        "net": pnl - commission,
        "r": row["r"],
        "reason": row["reason"],
        "flat": bool(row["flat"]),
        "session": row["session"],
        "factors": value(row["factors"]) or [],
        "run_id": row["run_id"],
        "account": row["account"],
        "correlation_id": row["correlation_id"],
    }


def candidate(event: Plain, order: Plain | None, fills: Sequence[Plain]) -> Plain:
    """A CANDIDATE event and what became of it; ``order`` is the row of its decision."""
    told = event["data"]
    answer = None if order is None else order["answer"]
    return {
        "id": event["id"],
        "seq": event["seq"],
        "at": iso(event["at"]),
        "symbol": event["symbol"],
        **{name: told.get(name) for name in ("direction", "strategy", "score", "probability", "price", "limit")},
        **{name: told.get(name) for name in ("stop_distance", "target_distance")},
        "reasons": told.get("reasons") or [],
        "order_id": event["correlation_id"],
        "answer": answer,
        "code": None if order is None else order["code"] or None,
        "value": None if order is None else value(order["value"]),
        "threshold": None if order is None else value(order["threshold"]),
        "status": None if order is None else order["status"],
        "quantity": None if order is None else float(order["quantity"]),
        "filled": sum(float(one["quantity"]) for one in fills),
        "correlation_id": event["correlation_id"],
    }


def clean(rows: Iterable[Plain], *names: str) -> list[Plain]:
    return [{name: row[name] for name in names} for row in rows]
