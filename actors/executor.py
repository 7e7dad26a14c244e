"""The one hand: writes the attempt down, sends, and writes down what the venue answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from actors.base import Health, health_of
from actors.executor_records import ExecutorRecords
from actors.risk_manager import GateAnswer
from actors.specs import ExecutorSpec
from domain import order as orders
from domain.errors import ActorLost, DeadlineMissed, Refused, StaleEpoch, Unavailable, VenueError
from domain.order import Approved, Order, OrderStep
from domain.ports import Clock, Meter, Peers
from journal.store import Store

Value = TypeVar("Value")

QUESTIONS = 5
"""How often an unknown order is asked about at once; then reconciling goes on asking."""


class Executor:
    """Bounded by permits, one writer a symbol. It takes no order before it has reconciled.

    Its commits run in one thread that owns the records, so that its loop stays free.
    """

    def __init__(self, spec: ExecutorSpec, store: Store, peers: Peers, clock: Clock, meter: Meter) -> None:
        self.spec, self.run = spec, spec.run
        self._records = ExecutorRecords(store, spec.run)
        self._peers, self._clock, self._meter = peers, clock, meter
        self._permits = asyncio.Semaphore(spec.permits)
        self._symbols: dict[str, asyncio.Lock] = {}
        self._thread = ThreadPoolExecutor(1, "executor-records")
        self._gateway = f"VenueGateway:{spec.venue}"
        self._ready = False
        self._may_repeat = False
        self._queued = 0
        self._in_flight = 0

    async def start(self, at: int) -> int:
        """Reconcile whatever earlier runs or an earlier self left open; then accept orders. Returns how much
        had to be written down. Asked again it does nothing more."""
        if self._ready:
            return 0
        self._may_repeat = (await self._ask("capabilities")).get("idempotent", False)
        written = 0
        known = await self._ask("fills", 0)
        missing = [step for _, fill in known for step in self._records.missing(fill)]
        if missing:
            written += await self._write(missing, reconciling=True)
        for order_id in self._records.open_orders():
            written += await self._resolve(order_id, at)
        self._ready = True
        return written

    async def record(self, steps: Sequence[OrderStep]) -> tuple[OrderStep, ...]:
        """Write down what a price-driven venue did when it was advanced. Twice is once. Nothing is left to record."""
        await self._write(steps)
        return ()

    async def submit(self, answer: GateAnswer) -> dict[str, str]:
        """Send what the gate approved, at most ``permits`` at once. Returns order id -> status."""
        if not self._ready:
            raise Unavailable("the executor is reconciling", "NOT_READY")
        done = await asyncio.gather(*(self._send(one, answer.at) for one in answer.approved))
        return dict(zip((one.order.id for one in answer.approved), done, strict=True))

    async def cancel(self, order_ids: Sequence[str], at: int) -> dict[str, str]:
        """Cancel working orders at the venue. Returns order id -> status."""
        found = {}
        for order_id in order_ids:
            try:
                steps = await self._ask("cancel", self.run.epoch, order_id, at)
            except Refused as refusal:
                found[order_id] = refusal.code
                continue
            await self._write(steps)
            found[order_id] = self._records.status(order_id)
        return found

    def health(self) -> Health:
        return health_of("Executor", self._ready, self._queued, in_flight=self._in_flight)

    # -- one order -------------------------------------------------------------------------------

    async def _send(self, approved: Approved, now: int) -> str:
        order = approved.order
        if self._expired(order, now):
            return await self._end(order, orders.EXPIRED, now)
        self._count(queued=1)
        lock = self._symbols.setdefault(order.symbol, asyncio.Lock())
        try:
            async with self._permits, lock:
                self._count(queued=-1, in_flight=1)
                try:
                    return await self._attempt(order, now)
                finally:
                    self._count(in_flight=-1)
        finally:
            if not lock.locked():
                self._symbols.pop(order.symbol, None)

    def _count(self, queued: int = 0, in_flight: int = 0) -> None:
        self._queued += queued
        self._in_flight += in_flight
        self._meter.gauge("argus_orders_queued", self._queued)
        self._meter.gauge("argus_orders_in_flight", self._in_flight)

    async def _attempt(self, order: Order, now: int) -> str:
        known = self._records.status(order.id)
        if known not in ("", orders.INTENT):
            return known  # sent before: reconciled, never sent again
        if self._expired(order, now):
            return await self._end(order, orders.EXPIRED, now)
        await self._write([OrderStep(order_id=order.id, status=orders.SUBMITTED, at=now, order=order)])
        if self._expired(order, now):  # the commit may have taken its time
            return await self._end(order, orders.EXPIRED, now)
        try:
            steps = await self._ask("submit", self.run.epoch, order)
        except Refused as refusal:
            return await self._end(order, orders.REJECTED, now, refusal.code, refusal.what)
        except (ActorLost, DeadlineMissed, VenueError) as error:
            if isinstance(error, Unavailable):
                return await self._end(order, orders.REJECTED, now, error.code or "UNAVAILABLE", error.what)
            await self._end(order, orders.UNKNOWN, now, type(error).__name__, str(error))
            await self._ask_again(order.id, now)
            return self._records.status(order.id)
        await self._write(steps)
        return self._records.status(order.id)

    async def _ask_again(self, order_id: str, now: int) -> None:
        """Ask about an unknown order while the venue comes back. It stays unknown if the question fails."""
        for attempt in range(QUESTIONS):
            try:
                await self._resolve(order_id, now)
                return
            except (ActorLost, DeadlineMissed, VenueError):
                await asyncio.sleep(0.5 * (attempt + 1))

    async def _resolve(self, order_id: str, now: int) -> int:
        """Ask by exact id and write down what the answer means. Returns how many steps were news.

        A venue that knows no such order never received it. Only one that recognises an id it has seen,
        whatever is still on its way, may be given the same order again, and only while the plan lives.
        """
        found = await self._ask("lookup", order_id)
        order = self._records.order(order_id)
        if found is None and self._may_repeat and order is not None and not self._expired(order, now):
            return await self._write(await self._ask("submit", self.run.epoch, order), reconciling=True)
        step = self._records.outcome(order_id, found, now)
        return await self._write([step], reconciling=True) if step is not None else 0

    async def _end(self, order: Order, status: str, at: int, code: str = "", text: str = "") -> str:
        await self._write([OrderStep(order_id=order.id, status=status, at=at, code=code, text=text, order=order)])
        return status

    def _expired(self, order: Order, now: int) -> bool:
        moment = self._clock.now() if self.run.live else now
        return bool(order.expires_at) and moment > order.expires_at and order.opens > 0

    # -- out and down ----------------------------------------------------------------------------

    async def _ask(self, method: str, *args: Any) -> Any:
        reference = self._peers.ask(self._gateway, method, *args)
        return await self._peers.get(self._gateway, reference, self.spec.deadline)

    async def _write(self, steps: Sequence[OrderStep], reconciling: bool = False) -> int:
        return await self._in_thread(lambda: self._records.write(steps, reconciling))

    async def _in_thread(self, work: Callable[[], Value]) -> Value:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except StaleEpoch:
            self._ready = False
            raise
