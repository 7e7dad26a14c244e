"""The one hand: writes the attempt down, sends, and writes down what the venue answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

import msgspec
import stamina

from actors.base import Health, health_of
from actors.executor_records import ExecutorRecords
from actors.reconciler import NO_ANSWER, UNSURE, Reconciler
from actors.risk_manager import GateAnswer
from actors.specs import ExecutorSpec
from domain import order as orders
from domain import reconcile
from domain.errors import DatabaseAway, Halted, InvalidTransition, Refused, StaleEpoch, Unavailable
from domain.money import to_float
from domain.order import STOP_REFUSED, STOP_SET, Approved, Order, OrderStep, StopChange
from domain.ports import Clock, Meter, Peers
from domain.timeframe import SECOND
from domain.venue import VenuePosition
from journal.store import Store

stamina.instrumentation.set_on_retry_hooks(())  # retries are attempts in the database, not lines on a screen

Value = TypeVar("Value")

QUESTIONS = 5
"""How often an unknown order is asked about at once; then reconciling goes on asking."""


class Executor:
    """Bounded by permits, one writer a symbol. It takes no order before it has reconciled.

    Its commits run in one thread that owns the records, so that its loop stays free. Whenever it is not certain
    what has been committed it reconciles again, from the database, before it takes another order.
    """

    def __init__(self, spec: ExecutorSpec, store: Store, peers: Peers, clock: Clock, meter: Meter) -> None:
        self.spec, self.run = spec, spec.run
        self._records = ExecutorRecords(store, spec.run, spec.venue)
        self._peers, self._clock, self._meter = peers, clock, meter
        self._permits = asyncio.Semaphore(spec.permits)
        self._symbols: dict[str, tuple[asyncio.Lock, int]] = {}
        self._thread = ThreadPoolExecutor(1, "executor-records")
        self._gateway = f"VenueGateway:{spec.venue}"
        self._reconciler = Reconciler(self._records, self, clock, spec.run.epoch)
        self._ready = False
        self._starting = asyncio.Lock()
        self._now = 0
        self._failed = ""
        self._queued = 0
        self._in_flight = 0
        self.background: asyncio.Task[None] | None = None

    async def start(self, at: int) -> int:
        """Reconcile whatever earlier runs or an earlier self left open; then accept orders. Returns how much
        had to be written down. Asked again it does nothing more."""
        self._now = max(self._now, at)
        async with self._starting:
            if self._ready:
                return 0
            await self._idle()
            await self.in_thread(self._records.load)
            written = await self._reconciler.everything(at)
            self._ready = True
        self._look_after(self.run.live or bool(self._unknown()))
        return written

    async def record(self, steps: Sequence[OrderStep]) -> tuple[OrderStep, ...]:
        """Write down what a price-driven venue did when it was advanced. Twice is once. Nothing is left to record."""
        doubted = self._doubted()
        if doubted and not doubted.isdisjoint(step.order_id for step in steps):
            await self._reconciler.fills()  # it may have filled before, unheard
        await self.write(steps, reconciling=True)
        return ()

    async def submit(self, answer: GateAnswer) -> dict[str, str]:
        """Send what the gate approved, at most ``permits`` at once. Returns order id -> status."""
        if not self._ready:
            raise Unavailable("the executor is reconciling", "NOT_READY")
        self._now = max(self._now, answer.at)
        sending = (self._send(one, answer.at) for one in answer.approved)
        done = await asyncio.gather(*sending, return_exceptions=True)
        self._look_after(bool(self._unknown()))
        for one in done:
            if isinstance(one, BaseException):
                raise one
        return {one.order.id: str(status) for one, status in zip(answer.approved, done, strict=True)}

    async def amend(self, changes: Sequence[StopChange], at: int) -> dict[str, str]:
        """Have the venue set stops. Returns change id -> SET or REFUSED, or why there is no answer; what has none is
        said again, which is the same as saying it once."""
        if not self._ready:
            raise Unavailable("the executor is reconciling", "NOT_READY")
        self._now = max(self._now, at)
        found = await asyncio.gather(*(self._amend(one, at) for one in changes), return_exceptions=True)
        for one in found:
            if isinstance(one, BaseException):
                raise one
        return {one.id: str(said) for one, said in zip(changes, found, strict=True)}

    async def cancel(self, order_ids: Sequence[str], at: int) -> dict[str, str]:
        """Cancel working orders at the venue. Returns order id -> status, or why the venue refused."""
        self._now = max(self._now, at)
        found = await asyncio.gather(*(self._cancel(one, at) for one in order_ids))
        self._look_after(bool(self._unknown()))
        return dict(zip(order_ids, found, strict=True))

    async def resolve(self, order_id: str, status: str, quantity: int, price: int, at: int, who: str) -> str:
        """What an operator says of an order that the venue cannot tell about: FILLED (units and price in 1e-9,
        0 for all that is left at the price it was meant for) or REJECTED. Raises Refused for any other order."""
        known = self._records.known(order_id)
        if known is None:
            raise Refused(f"no order {order_id} of account {self.run.account}", "NO_SUCH_ORDER")
        async with self.alone(known.order.symbol):
            known = self._records.known(order_id) or known
            if known.status not in (orders.UNKNOWN, orders.SUBMITTED):
                raise Refused(f"order {order_id} is {known.status}: only an UNKNOWN one is resolved", "NOT_UNKNOWN")
            await self.write(reconcile.said(known, status, quantity, price, at, who), reconciling=True)
        return self._records.status(order_id)

    async def emergency(self, answer: GateAnswer, now: int) -> dict[str, Any]:
        """Cancel the working entries, send the exits (also those that a driver which hangs was given and has not
        sent), and say what the venue then has."""
        await self.start(min((one.order.at for one in answer.approved), default=self._now))
        waiting = await self.in_thread(self._records.exits_unsent)
        asked = {one.order.id: one for one in (*map(Approved, waiting), *answer.approved)}
        exits = msgspec.structs.replace(answer, approved=tuple(asked.values()))
        cancelled, closing = await asyncio.gather(self.cancel(answer.cancels, now), self.submit(exits))
        return {"cancelled": cancelled, "orders": closing} | await self.verify()

    async def verify(self) -> dict[str, Any]:
        """Asked at the venue: entries that still work there, symbols that an exit works for, and what is held
        there (signed units)."""
        working = await self.ask("orders")
        positions = await self.ask("positions")
        return {
            "left": sorted(one.order.id for one in working if one.order.opens),
            "closing": sorted({one.order.symbol for one in working if not one.order.opens}),
            "positions": {one.symbol: to_float(one.quantity) for one in positions},
        }

    def health(self) -> Health:
        return health_of(
            "Executor",
            self._ready,
            self._queued,
            in_flight=self._in_flight,
            unknown=len(self._unknown()),
            failed=self._failed,
        )

    # -- one order -------------------------------------------------------------------------------

    async def _send(self, approved: Approved, now: int) -> str:
        order = approved.order
        if self.expired(order, now):
            return await self._end(order, orders.EXPIRED, now)
        self._count(queued=1)
        waiting = True
        try:
            async with self.alone(order.symbol):
                async with self._permits:
                    self._count(queued=-1, in_flight=1)
                    waiting = False
                    status = await self._attempt(order, now)
                if status == orders.UNKNOWN:
                    await self._ask_again(order.id, now)
                return self._records.status(order.id)
        finally:
            self._count(queued=-1) if waiting else self._count(in_flight=-1)

    @asynccontextmanager
    async def alone(self, symbol: str) -> AsyncIterator[None]:
        """One writer a symbol."""
        lock, users = self._symbols.get(symbol, (asyncio.Lock(), 0))
        self._symbols[symbol] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._symbols[symbol]
            if users == 1:
                del self._symbols[symbol]
            else:
                self._symbols[symbol] = (lock, users - 1)

    def busy(self, symbol: str) -> bool:
        """Whether an order of the symbol is being sent or cancelled at this moment."""
        return symbol in self._symbols

    def _count(self, queued: int = 0, in_flight: int = 0) -> None:
        self._queued += queued
        self._in_flight += in_flight
        self._meter.gauge("argus_orders_queued", self._queued)
        self._meter.gauge("argus_orders_in_flight", self._in_flight)

    async def _attempt(self, order: Order, now: int) -> str:
        """The order's status when it has been sent and the answer written down."""
        if not self._ready:
            raise Unavailable("the executor is reconciling", "NOT_READY")
        known = self._records.status(order.id, order.at)
        if known not in ("", orders.INTENT):
            return known  # sent before: reconciled, never sent again
        if self.expired(order, now):
            return await self._end(order, orders.EXPIRED, now)
        await self.write([OrderStep(order_id=order.id, status=orders.SUBMITTED, at=now, order=order)])
        if self.expired(order, now):  # the commit may have taken its time
            return await self._end(order, orders.EXPIRED, now)
        try:
            steps = await self._sent(order, now)
        except (Refused, Halted) as refusal:
            return await self._end(order, orders.REJECTED, now, refusal.code or "HALTED", refusal.what)
        except Unavailable as error:
            status = orders.EXPIRED if self.expired(order, now) else orders.REJECTED
            return await self._end(order, status, now, error.code or "UNAVAILABLE", error.what)
        except NO_ANSWER as error:
            return await self._end(order, orders.UNKNOWN, now, type(error).__name__, str(error))
        if any(self._of_symbol(one, order.symbol) for one in self._doubted() - {order.id}):
            with suppress(*NO_ANSWER):  # the answer that is here is written down in any case
                await self._reconciler.fills()
        await self.write(steps, reconciling=True)
        return self._records.status(order.id)

    async def _sent(self, order: Order, now: int) -> list[OrderStep]:
        """The venue's answer; tried again while the plan lives if the venue says that nothing was sent."""
        retries = stamina.retry_context(
            on=_passing, attempts=None, timeout=self._life(order), wait_initial=0.1, wait_max=1.0, wait_jitter=0.2
        )
        async for attempt in retries:
            with attempt:
                if attempt.num > 1:
                    if self.expired(order, now):
                        break
                    await self.in_thread(partial(self._records.again, order.id, attempt.num, now))
                    if self.expired(order, now):  # the commit may have taken its time
                        break
                steps: list[OrderStep] = await self.ask("submit", self.run.epoch, order)
                return steps
        raise Unavailable("the plan expired while the venue could not be reached", "EXPIRED")

    def _life(self, order: Order) -> float:
        """Seconds for which sending may be tried: what is left of the plan, and no longer than one deadline."""
        if not (self.run.live and order.expires_at and order.opens):
            return self.spec.deadline
        return min(self.spec.deadline, max(0.01, (order.expires_at - self._clock.now()) / SECOND))

    async def _ask_again(self, order_id: str, now: int) -> None:
        """Ask about an unknown order while the venue comes back. It stays unknown if the question fails."""
        for attempt in range(QUESTIONS):
            if attempt:
                await asyncio.sleep(0.5 * attempt)
            with suppress(*NO_ANSWER):
                await self._reconciler.order(order_id, now)
            if self._records.status(order_id) not in UNSURE:
                return

    async def _amend(self, change: StopChange, at: int) -> str:
        """SET, REFUSED, or why there is no answer. What was answered before is never sent again."""
        async with self.alone(change.symbol):
            said = await self.in_thread(partial(self._records.stop_answer, change.id))
            for attempt in range(1 if self.run.live else QUESTIONS):
                if said in (STOP_SET, STOP_REFUSED):
                    break
                if attempt:
                    await asyncio.sleep(0.5 * attempt)
                async with self._permits:
                    said = await self._modify(change, at, attempt + 1)
            return said

    async def _modify(self, change: StopChange, at: int, attempt: int) -> str:
        if not self._ready:
            raise Unavailable("the executor is reconciling", "NOT_READY")
        await self.in_thread(partial(self._records.again, change.id, attempt, at))
        wanted = (change.symbol, change.side, change.stop, change.target, change.at, change.entry_order)
        state, code, text = STOP_SET, "", ""
        try:
            try:
                await self.ask("modify", self.run.epoch, *wanted)
            except (Refused, Halted) as refusal:
                if not await self._stands(change):
                    state, code, text = STOP_REFUSED, refusal.code or "HALTED", refusal.what
        except NO_ANSWER as error:
            self._meter.count("argus_stop_unanswered", reason=type(error).__name__)
            return type(error).__name__
        await self.in_thread(partial(self._records.stop_told, change, state, at, code=code, text=text))
        return state

    async def _stands(self, change: StopChange) -> bool:
        """Whether the venue holds what it has refused: it may have set it before, with an answer that was lost."""
        found: list[VenuePosition] = await self.ask("positions")
        wanted = (change.symbol, change.stop, change.target)
        return any((one.symbol, one.stop, one.target) == wanted and one.quantity * change.side > 0 for one in found)

    async def _cancel(self, order_id: str, at: int) -> str:
        known = self._records.known(order_id)
        if known is None:
            return "NO_SUCH_ORDER"
        async with self.alone(known.order.symbol):
            known = self._records.known(order_id) or known
            status = known.status
            if orders.PENDING_CANCEL not in orders.NEXT.get(status, ()):
                return status or orders.INTENT
            await self.write([OrderStep(order_id=order_id, status=orders.PENDING_CANCEL, at=at)])
            try:
                await self.write(await self.ask("cancel", self.run.epoch, order_id, at), reconciling=True)
            except (Refused, Unavailable) as error:  # it works as before
                back = orders.PARTIALLY_FILLED if known.filled else orders.ACCEPTED
                await self.write([OrderStep(order_id=order_id, status=back, at=at, code=error.code, text=error.what)])
                return error.code
            except NO_ANSWER:
                await self._ask_again(order_id, at)
            return self._records.status(order_id)

    async def _end(self, order: Order, status: str, at: int, code: str = "", text: str = "") -> str:
        await self.write([OrderStep(order_id=order.id, status=status, at=at, code=code, text=text, order=order)])
        return status

    def expired(self, order: Order, now: int) -> bool:
        moment = self._clock.now() if self.run.live else now
        return bool(order.expires_at) and moment > order.expires_at and order.opens > 0

    # -- in the background -----------------------------------------------------------------------

    def _unknown(self) -> list[str]:
        """Orders of which nothing is certain, and that nobody is asking about at this moment."""
        if self._in_flight:
            return []
        return [one for one in self._records.open_orders() if self._records.status(one) in UNSURE]

    def _doubted(self) -> set[str]:
        """Orders that may have filled, unheard."""
        return {one for one in self._records.open_orders() if self._records.status(one) == orders.UNKNOWN}

    def _of_symbol(self, order_id: str, symbol: str) -> bool:
        known = self._records.known(order_id)
        return known is not None and known.order.symbol == symbol

    def _look_after(self, needed: bool) -> None:
        if needed and (self.background is None or self.background.done()):
            self.background = asyncio.create_task(self._background())
            self.background.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        """Nobody awaits it: what ended it is told by ``health``."""
        error = None if task.cancelled() else task.exception()
        self._failed = f"{type(error).__name__}: {error}" if error is not None else ""
        self._ready = self._ready and error is None

    async def _background(self) -> None:
        """Reconcile continuously while the run is live; else until nothing is unknown any more."""
        spec, last = self.spec, time.monotonic()
        due = {"open": last + spec.ask_open, "positions": last + spec.ask_positions}
        while self.run.live or self._unknown():
            await asyncio.sleep(spec.ask_in_flight)
            at = self._clock.now() if self.run.live else self._now
            try:
                await self.start(self._now)
                for order_id in self._unknown():
                    known = self._records.known(order_id)
                    if known is not None and not self.busy(known.order.symbol):
                        async with self.alone(known.order.symbol):
                            await self._reconciler.order(order_id, at)
                if self.run.live and time.monotonic() >= due["open"]:
                    due["open"] = time.monotonic() + spec.ask_open
                    await self._reconciler.open_orders(at)
                if self.run.live and time.monotonic() >= due["positions"]:
                    due["positions"] = time.monotonic() + spec.ask_positions
                    await self._reconciler.positions(at)
            except StaleEpoch:
                self._ready = False
                raise
            except (*NO_ANSWER, DatabaseAway, InvalidTransition) as error:
                self._ready = self._ready and not isinstance(error, InvalidTransition)
                self._meter.count("argus_reconcile_failed", reason=type(error).__name__)

    async def _idle(self) -> None:
        """Wait until nothing is being sent, so that what is in flight is not taken for lost."""
        until = time.monotonic() + self.spec.deadline
        while self._in_flight:
            if time.monotonic() > until:
                raise Unavailable("orders are still being sent", "BUSY")
            await asyncio.sleep(0.01)

    # -- out and down ----------------------------------------------------------------------------

    async def ask(self, method: str, *args: Any) -> Any:
        reference = self._peers.ask(self._gateway, method, *args)
        return await self._peers.get(self._gateway, reference, self.spec.deadline)

    async def ask_gate(self, method: str, *args: Any) -> Any:
        reference = self._peers.ask("RiskManager", method, *args)
        return await self._peers.get("RiskManager", reference, self.spec.deadline)

    async def write(self, steps: Sequence[OrderStep], reconciling: bool = False, cursor: int = 0) -> int:
        if not steps and not cursor:
            return 0
        return await self.in_thread(lambda: self._records.write(steps, reconciling, cursor))

    async def in_thread(self, work: Callable[[], Value]) -> Value:
        sure = False
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._thread, work)
            sure = True
            return done
        finally:
            if not sure:
                self._ready = False  # what was committed is not certain: reconcile before anything else


def _passing(error: Exception) -> bool:
    """Whether sending may work in a moment: nothing was sent, and the way out is not closed for longer."""
    return isinstance(error, Unavailable) and error.code not in ("CIRCUIT_OPEN", "EXPIRED")
