"""The executor's steps as rows and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from actors import gate_rows as rows
from actors.specs import RunSpec
from domain import order as orders
from domain.events import ALERT, POSITION_UPDATE, RISK_APPROVED, TRADE_EXECUTION, Draft, event_id
from domain.money import to_float, to_text
from domain.order import SIDE_NAME, Fill, Order, OrderStep, StopChange


class News(NamedTuple):
    """A step that is news: whether it is surprising, which of its order's steps it is, units filled with it, and
    the order, if it is known."""

    step: OrderStep
    surprising: bool
    number: int
    filled: int
    order: Order | None


def made_there(step: OrderStep) -> bool:
    """Whether the venue made the order by itself: a stop, a target, financing."""
    why = step.fill.reason if step.fill is not None else step.order.purpose if step.order is not None else ""
    return why in orders.MADE_THERE or why == orders.FINANCING


def events_of(run: RunSpec, news: News) -> list[Draft]:
    """The event of the step, and that of its fill."""
    step, fill, order = news.step, news.step.fill, news.order
    if fill is not None and fill.reason == orders.FINANCING:
        return [_charge(fill)]
    symbol = fill.symbol if fill else order.symbol if order else None
    correlation = fill.correlation_id if fill else order.correlation_id if order else step.order_id
    cause = event_id(run.run_id, RISK_APPROVED, step.order_id)
    data: dict[str, Any] = {"order_id": step.order_id}
    if order is not None:
        data |= {"side": SIDE_NAME[order.side], "quantity": to_float(order.quantity), "purpose": order.purpose}
    data |= {"code": step.code, "text": step.text} if step.code else {}
    data |= {"surprising": True} if news.surprising else {}
    kind = f"ORDER_{step.status}"
    key = f"{step.order_id}:{step.status}:{fill.id if fill else news.number}"
    drafts = [Draft(kind, step.at, key, data, symbol, correlation, cause)]
    if fill is not None:
        drafts.append(_execution(run, fill, event_id(run.run_id, kind, key)))
    return drafts


def alerts_of(news: News) -> list[Draft]:
    """What a person should hear of besides: an order of which nothing is certain, more filled than was asked."""
    step, order = news.step, news.order
    if order is None or made_there(step):
        return []
    data: dict[str, Any] = {"order_id": order.id, "code": step.code, "text": step.text}
    if step.status == orders.UNKNOWN:
        kind, key = "ORDER_UNKNOWN", f"{order.id}:{news.number}"
    elif step.fill is not None and news.filled > order.quantity:
        kind, key = "OVERFILL", f"{order.id}:{step.fill.id}"
        data |= {"asked": to_float(order.quantity), "filled": to_float(news.filled)}
    else:
        return []
    return [Draft(ALERT, step.at, f"{kind}:{key}", {"alert": kind} | data, order.symbol, order.correlation_id)]


def _charge(fill: Fill) -> Draft:
    data = {"financing": to_float(fill.commission), "fill_id": fill.id}
    return Draft(POSITION_UPDATE, fill.at, fill.id, data, fill.symbol, fill.correlation_id)


def _execution(run: RunSpec, fill: Fill, cause: str) -> Draft:
    side = SIDE_NAME[fill.side]
    instrument = run.instruments.get(fill.symbol)
    lot = float(instrument.lots(fill.quantity)) if instrument else None
    data = {
        "side": side,
        "direction": side,
        "quantity": to_float(fill.quantity),
        "lot": lot,
        "price": to_float(fill.price),
        "commission": to_float(fill.commission),
        "order_id": fill.order_id,
        "fill_id": fill.id,
        "reason": fill.reason,
        "bar_ts": rows.moment(fill.bar_ts),
    }
    return Draft(TRADE_EXECUTION, fill.at, fill.id, data, fill.symbol, fill.correlation_id, cause)


def rows_of(run: RunSpec, news: Sequence[News], seq: int) -> tuple[list[Any], list[Any], list[Any]]:
    """Order events, fills and attempts; each has the number of its event, the first is ``seq``."""
    events, fills, attempts = [], [], []
    for step, surprising, *_ in news:
        fill = step.fill
        events.append(
            {
                "seq": seq,
                "order_id": step.order_id,
                "account": run.account,
                "status": step.status,
                "at": step.at,
                "code": step.code,
                "text": step.text,
                "venue_ref": step.venue_ref,
                "surprising": surprising,
                "fill_id": fill.id if fill else None,
            }
        )
        if step.status == orders.SUBMITTED:
            attempts.append(attempt_row(run, step.order_id, 1, step.at))
        if fill is not None:
            traded = fill.reason != orders.FINANCING
            fills.append(rows.fill_row(run.run_id, seq + traded, fill))
            seq += traded
        seq += 1
    return events, fills, attempts


def attempt_row(run: RunSpec, order_id: str, n: int, at: int) -> dict[str, Any]:
    return {"order_id": order_id, "n": n, "at": at, "epoch": run.epoch}


def stop_row(run: RunSpec, change: StopChange, state: str, at: int, code: str, text: str) -> dict[str, Any]:
    return {
        "id": change.id,
        "account": run.account,
        "run_id": run.run_id,
        "symbol": change.symbol,
        "purpose": change.purpose,
        "stop": to_text(change.stop),
        "target": to_text(change.target),
        "at": at,
        "state": state,
        "code": code,
        "text": text,
    }


def stop_events(change: StopChange, state: str, at: int, code: str, text: str) -> list[Draft]:
    """That the stop is set; or an alert that the venue has refused it."""
    data: dict[str, Any] = {
        "purpose": change.purpose,
        "stop": to_float(change.stop) if change.stop else None,
        "target": to_float(change.target) if change.target else None,
        "flag": change.flag,
    }
    kind = POSITION_UPDATE
    if state != orders.STOP_SET:
        kind, data = ALERT, {"alert": "STOP_REFUSED", "code": code, "text": text} | data
    return [Draft(kind, at, f"{change.id}:{state}", data, change.symbol, change.correlation_id)]
