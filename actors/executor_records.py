"""What the executor writes down: attempts, order events, fills, and the events that tell of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from actors import gate_rows as rows
from actors.specs import RunSpec
from domain import order as orders
from domain.events import POSITION_UPDATE, RISK_APPROVED, TRADE_EXECUTION, Draft, event_id
from domain.money import to_float
from domain.order import SIDE_NAME, Fill, Order, OrderStep
from domain.venue import VenueOrder
from journal import schema as s
from journal.store import Store

REMEMBERED = 10_000
"""Ended orders and fills kept in memory; the database refuses an older one that is told again."""

MADE_BY_THE_VENUE = (orders.STOP, orders.TARGET, orders.FINANCING)
"""Reasons of fills whose order nobody sent."""


class ExecutorRecords:
    """The executor's tables of one account, and the present status of every order that is not done."""

    def __init__(self, store: Store, run: RunSpec) -> None:
        self.store, self.run = store, run
        self._story: dict[str, list[str]] = {}
        self._orders: dict[str, Order] = {}
        self._fills: OrderedDict[str, None] = OrderedDict()
        self._done: deque[str] = deque()
        self._load()

    def _load(self) -> None:
        account = self.run.account
        events = s.order_events
        self._story, self._orders, self._done = {}, {}, deque()
        with self.store.read() as c:
            for row in c.execute(
                sa.select(events.c.order_id, events.c.status).where(events.c.account == account).order_by(events.c.seq)
            ):
                self._story.setdefault(row.order_id, []).append(row.status)
            known = sa.select(s.fills.c.id).where(s.fills.c.account == account).order_by(s.fills.c.seq)
            self._fills = OrderedDict.fromkeys(c.execute(known).scalars())
            self._done.extend(one for one, story in self._story.items() if story[-1] in orders.DONE)
            reserved = sa.select(s.reservations.c.order_id).where(s.reservations.c.account == account)
            for row in c.execute(sa.select(s.orders).where(s.orders.c.id.in_(reserved))):
                self._orders[row.id] = rows.order_of(row)

    # -- what is known ---------------------------------------------------------------------------

    def status(self, order_id: str) -> str:
        """The last status written down; empty if the executor has never touched the order."""
        story = self._story.get(order_id)
        return story[-1] if story else ""

    def order(self, order_id: str) -> Order | None:
        """The order itself while it is not done."""
        return self._orders.get(order_id)

    def open_orders(self) -> list[str]:
        """Orders sent or unknown whose end is not known, oldest first."""
        return [one for one, story in self._story.items() if story[-1] not in orders.DONE]

    def missing(self, fill: Fill) -> list[OrderStep]:
        """The steps that write down a fill which the venue has and we have not."""
        if fill.id in self._fills:
            return []
        if fill.reason == orders.FINANCING:
            return [OrderStep(order_id=fill.order_id, status=orders.FILLED, at=fill.at, fill=fill)]
        return [OrderStep(order_id=fill.order_id, status=orders.PARTIALLY_FILLED, at=fill.at, fill=fill)]

    def outcome(self, order_id: str, found: VenueOrder | None, at: int) -> OrderStep | None:
        """The step that a venue's answer about an open order means; None when nothing new is known.

        A venue that keeps every order and does not know this one never received it.
        """
        status = self.status(order_id)
        if found is None and status == orders.PARTIALLY_FILLED:
            return None
        if found is None:
            return OrderStep(order_id=order_id, status=orders.REJECTED, at=at, code="NOT_RECEIVED")
        if found.status == status:
            return None
        return OrderStep(order_id=order_id, status=found.status, at=at, code="RECONCILED")

    # -- writing ---------------------------------------------------------------------------------

    def write(self, steps: Sequence[OrderStep], reconciling: bool) -> int:
        """All steps that are news, in one transaction. Raises InvalidTransition for a step the table lacks.

        What is remembered is what was committed: if the commit fails, memory is read anew.
        """
        committed = False
        try:
            count = self._write(steps, reconciling)
            committed = True
        finally:
            if not committed:
                self._load()
        return count

    def _write(self, steps: Sequence[OrderStep], reconciling: bool) -> int:
        news = [(step, surprising) for step in steps if (surprising := self._news(step, reconciling)) is not None]
        if not news:
            return 0
        drafts: list[Draft] = []
        for step, surprising in news:
            drafts += self._events(step, surprising)
        with self.store.transaction() as tx:
            seq = tx.emit(self.run.run_id, drafts)
            events, fills, attempts = self._rows(news, seq)
            tx.insert(s.order_events, events)
            tx.insert(s.fills, fills)
            tx.insert(s.attempts, attempts)
        for step, _ in news:
            if step.status in orders.DONE:
                self._orders.pop(step.order_id, None)
                self._done.append(step.order_id)
        while len(self._done) > REMEMBERED:
            self._story.pop(self._done.popleft(), None)
        while len(self._fills) > REMEMBERED:
            self._fills.popitem(last=False)
        return len(news)

    def _news(self, step: OrderStep, reconciling: bool) -> bool | None:
        """Whether the step is surprising; None when it says nothing new. Remembers it."""
        if step.fill is not None and step.fill.id in self._fills:
            return None
        story = self._story.setdefault(step.order_id, [])
        if step.order is not None:
            self._orders[step.order_id] = step.order
        if step.fill is None and story and story[-1] == step.status:
            return None
        made_there = step.fill is not None and step.fill.reason in MADE_BY_THE_VENUE
        before = story[-1] if story else (orders.SUBMITTED if made_there else orders.INTENT)
        surprising = orders.step(step.order_id, before, step.status, reconciling=reconciling, story=tuple(story))
        story.append(step.status)
        if step.fill is not None:
            self._fills[step.fill.id] = None
        return surprising

    def _events(self, step: OrderStep, surprising: bool) -> list[Draft]:
        if step.fill is not None and step.fill.reason == orders.FINANCING:
            return [self._charge(step.fill)]
        number = len(self._story[step.order_id])
        order = step.order or self._orders.get(step.order_id)
        fill = step.fill
        symbol = fill.symbol if fill else order.symbol if order else None
        correlation = fill.correlation_id if fill else order.correlation_id if order else step.order_id
        cause = event_id(self.run.run_id, RISK_APPROVED, step.order_id)
        data: dict[str, Any] = {"order_id": step.order_id}
        if order is not None:
            data |= {"side": SIDE_NAME[order.side], "quantity": to_float(order.quantity), "purpose": order.purpose}
        data |= {"code": step.code, "text": step.text} if step.code else {}
        data |= {"surprising": True} if surprising else {}
        kind = f"ORDER_{step.status}"
        key = f"{step.order_id}:{step.status}:{fill.id if fill else number}"
        drafts = [Draft(kind, step.at, key, data, symbol, correlation, cause)]
        if fill is not None:
            drafts.append(self._execution(fill, event_id(self.run.run_id, kind, key)))
        return drafts

    def _charge(self, fill: Fill) -> Draft:
        data = {"financing": to_float(fill.commission), "fill_id": fill.id}
        return Draft(POSITION_UPDATE, fill.at, fill.id, data, fill.symbol, fill.correlation_id)

    def _execution(self, fill: Fill, cause: str) -> Draft:
        side = SIDE_NAME[fill.side]
        instrument = self.run.instruments.get(fill.symbol)
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

    def _rows(self, news: list[tuple[OrderStep, bool]], seq: int) -> tuple[list[Any], list[Any], list[Any]]:
        events, fills, attempts = [], [], []
        for step, surprising in news:
            fill = step.fill
            events.append(
                {
                    "seq": seq,
                    "order_id": step.order_id,
                    "account": self.run.account,
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
                attempts.append({"order_id": step.order_id, "n": 1, "at": step.at, "epoch": self.run.epoch})
            if fill is not None:
                traded = fill.reason != orders.FINANCING
                fills.append(rows.fill_row(self.run.run_id, seq + traded, fill))
                seq += traded
            seq += 1
        return events, fills, attempts
