"""A hand as many bots have one: no order ids of its own, so after a time-out it simply sends again."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import msgspec
import sqlalchemy as sa

from actors import gate_rows as rows
from actors.base import Health, health_of
from actors.risk_manager import GateAnswer
from actors.specs import ExecutorSpec
from domain import order as orders
from domain.errors import ActorLost, DeadlineMissed, Refused, VenueError
from domain.events import Draft
from domain.order import Order, OrderStep, StopChange
from domain.ports import Meter, Peers
from journal import schema as s
from journal.store import Store
from orchestration import parts

TRIES = 3


class NaiveExecutor:
    """Takes whatever the venue says for the truth, and silence for no."""

    def __init__(self, spec: ExecutorSpec, store: Store, peers: Peers) -> None:
        self.spec, self._store, self._peers = spec, store, peers
        self._gateway = f"VenueGateway:{spec.venue}"

    async def start(self, at: int) -> int:
        return 0

    async def record(self, steps: Sequence[OrderStep]) -> tuple[OrderStep, ...]:
        self._write(steps)
        return ()

    async def submit(self, answer: GateAnswer) -> dict[str, str]:
        return {one.order.id: await self._send(one.order, answer.at) for one in answer.approved}

    async def amend(self, changes: Sequence[StopChange], at: int) -> dict[str, str]:
        return {one.id: "NOT_DONE" for one in changes}

    async def cancel(self, order_ids: Sequence[str], at: int) -> dict[str, str]:
        return dict.fromkeys(order_ids, "NOT_DONE")

    def health(self) -> Health:
        return health_of("Executor", True)

    async def _send(self, order: Order, now: int) -> str:
        sent = order
        for _ in range(TRIES):
            self._write([OrderStep(order_id=sent.id, status=orders.SUBMITTED, at=now)])
            try:
                asked = self._peers.ask(self._gateway, "submit", self.spec.run.epoch, sent)
                steps = await self._peers.get(self._gateway, asked, self.spec.deadline)
            except Refused:
                break
            except (ActorLost, DeadlineMissed, VenueError):
                sent = msgspec.structs.replace(order, id=token_hex(16))
                continue
            self._write(steps)
            return orders.ACCEPTED
        self._write([OrderStep(order_id=order.id, status=orders.REJECTED, at=now)])
        return orders.REJECTED

    def _write(self, steps: Sequence[OrderStep]) -> None:
        run = self.spec.run
        with self._store.transaction() as tx:
            ids = [one.fill.id for one in steps if one.fill is not None]
            known = set(tx.connection.execute(sa.select(s.fills.c.id).where(s.fills.c.id.in_(ids))).scalars())
            for one in steps:
                if one.fill is not None and one.fill.id in known:
                    continue
                seq = tx.emit(run.run_id, [Draft(f"ORDER_{one.status}", one.at, token_hex(16), {})])
                tx.insert(s.order_events, [self._row(seq, one)])
                if one.fill is not None:
                    tx.insert(s.fills, [rows.fill_row(run.run_id, seq, one.fill)])
                    known.add(one.fill.id)

    def _row(self, seq: int, step: OrderStep) -> dict[str, Any]:
        return {
            "seq": seq,
            "order_id": step.order_id,
            "account": self.spec.run.account,
            "status": step.status,
            "at": step.at,
            "code": step.code,
            "text": step.text,
            "venue_ref": step.venue_ref,
            "surprising": False,
            "fill_id": step.fill.id if step.fill else None,
        }


def executor(spec: ExecutorSpec, peers: Peers, meter: Meter) -> Any:
    return NaiveExecutor(spec, parts._store(spec.run), peers)
