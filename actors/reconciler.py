"""Reconciling one account with its venue: at the start, after a loss, and in the background of a live run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any, Protocol, TypeVar

from actors.executor_records import ExecutorRecords
from actors.strangers import ORDER, POSITION
from domain import order as orders
from domain import reconcile
from domain.errors import ActorLost, DeadlineMissed, Refused, Unavailable, VenueError
from domain.order import Order, OrderStep
from domain.ports import Clock
from domain.reconcile import Holding
from domain.timeframe import SECOND
from domain.venue import VenueOrder, VenuePosition

PATIENCE = 5 * SECOND
"""So long after it was sent an order may be missing at a venue that only searches its history."""
TIMES = 5
"""How often a missing order is asked about before its absence means anything."""
CONFIRMED = 3
"""In how many checks of a running system a position must differ before it is believed."""

NO_ANSWER = (ActorLost, DeadlineMissed, VenueError)
"""What a question can end in that says nothing of its subject."""

QUIET = 5
"""How often positions and fills are asked in turn until nothing fills in between."""

UNSURE = frozenset({orders.UNKNOWN, orders.SUBMITTED, orders.PENDING_CANCEL})
"""Statuses in which it is not certain what the venue has made of an order."""

Value = TypeVar("Value")


class Hand(Protocol):
    """What reconciling needs of the executor: its questions to venue and gate, its thread, and what it is doing."""

    async def ask(self, method: str, *args: Any) -> Any: ...

    async def ask_gate(self, method: str, *args: Any) -> Any: ...

    async def write(self, steps: Sequence[OrderStep], reconciling: bool = False, cursor: int = 0) -> int: ...

    async def in_thread(self, work: Callable[[], Value]) -> Value: ...

    def expired(self, order: Order, now: int) -> bool: ...

    def alone(self, symbol: str) -> AbstractAsyncContextManager[None]:
        """One writer a symbol."""
        ...

    def busy(self, symbol: str) -> bool:
        """Whether an order of the symbol is being sent or cancelled at this moment."""
        ...


class Reconciler:
    """Asks, compares (``domain.reconcile``), and has written down what it means. It sends an order again only
    where the venue recognises the id, has never had it, the plan lives and the gate still lets it; what is not
    ours it never touches."""

    def __init__(self, records: ExecutorRecords, hand: Hand, clock: Clock, epoch: int) -> None:
        self._records, self._hand, self._clock, self._epoch = records, hand, clock, epoch
        self._can: dict[str, bool] = {}
        self._asked: dict[str, tuple[int, int]] = {}  # order -> how often without an answer, since when (clock)
        self._differs: dict[str, tuple[tuple[int, int], int]] = {}  # symbol -> (ours, theirs), how often in a row

    async def everything(self, at: int) -> int:
        """Orders, fills, positions over the union of both sides. Returns how many steps were news.

        Raises what a question raised: then nothing is known to be clean, and no order may be taken.
        """
        self._can = await self._hand.ask("capabilities")
        written = 0
        for order in self._records.unsent(at):
            step = OrderStep(order_id=order.id, status=orders.EXPIRED, at=at, code="NEVER_SENT", order=order)
            written += await self._hand.write([step])
        written += await self.fills()
        return written + await self.open_orders(at) + await self.positions(at, 1)

    # -- orders and fills ------------------------------------------------------------------------

    async def fills(self) -> int:
        """Write down the fills that the venue has and we have not."""
        found = await self._hand.ask("fills", self._records.cursor)
        if not found:
            return 0
        steps = await self._hand.in_thread(lambda: self._records.missing(fill for _, fill in found))
        made_there = (one.order_id for one in steps if one.fill is not None and one.fill.reason in orders.MADE_THERE)
        for order_id in dict.fromkeys(made_there):
            steps += await self._end_of(order_id, max(one.at for one in steps))
        return await self._hand.write(steps, reconciling=True, cursor=max(cursor for cursor, _ in found))

    async def _end_of(self, order_id: str, at: int) -> list[OrderStep]:
        """How an order that the venue made by itself has ended there; nothing if it has not."""
        found: VenueOrder | None = await self._hand.ask("lookup", order_id)
        if found is not None and found.status not in orders.DONE:
            return []
        status = found.status if found is not None else orders.FILLED
        return [OrderStep(order_id=order_id, status=status, at=at, code="RECONCILED")]

    async def order_or_unknown(self, order_id: str, at: int) -> int:
        """As ``order``; without an answer the order is unknown, and blocks its symbol, not the others."""
        try:
            return await self.order(order_id, at)
        except NO_ANSWER as error:
            return await self._unknown(order_id, at, type(error).__name__, str(error))

    async def _unknown(self, order_id: str, at: int, code: str, text: str) -> int:
        if self._records.status(order_id) in (orders.UNKNOWN, *orders.DONE):
            return 0
        step = OrderStep(order_id=order_id, status=orders.UNKNOWN, at=at, code=code, text=text)
        return await self._hand.write([step], reconciling=True)

    async def order(self, order_id: str, at: int) -> int:
        """Ask by exact id and write down what the answer means. Returns how many steps were news."""
        found: VenueOrder | None = await self._hand.ask("lookup", order_id)
        known = self._records.known(order_id)
        if known is None or known.status in orders.DONE:
            return 0
        if found is None and known.order.purpose in orders.MADE_THERE:
            return await self._hand.write(await self._end_of(order_id, at), reconciling=True)
        if found is None:
            return await self._absent(known, at)
        written = 0
        if found.filled > known.filled:
            written = await self.fills()
            known = self._records.known(order_id) or known
            if found.filled > known.filled and not self._twice(order_id):
                return written  # its list of fills may lag behind: look once more before a fill is inferred
        self._asked.pop(order_id, None)
        if known.status in orders.DONE:
            return written
        return written + await self._hand.write(reconcile.told(known, found, at), reconciling=True)

    def _twice(self, order_id: str) -> bool:
        times, since = self._asked.get(order_id, (0, self._clock.now()))
        self._asked[order_id] = (times + 1, since)
        return times > 0

    async def _absent(self, known: reconcile.Known, at: int) -> int:
        order, moment = known.order, self._clock.now()
        times, since = self._asked.get(order.id, (0, moment))
        self._asked[order.id] = (times + 1, since)
        keeps, finds = self._can.get("idempotent", False), self._can.get("finds_orders", False)
        means = reconcile.absent(times + 1, moment - since, keeps, finds, patience_ns=PATIENCE, times=TIMES)
        if means == reconcile.ASK_AGAIN:
            return 0
        if means == reconcile.LOST:
            text = f"the venue does not say what became of it: orders resolve {order.id} --as filled|rejected"
            written = await self._unknown(order.id, at, "LOST", text)
            await self._alert("ASK_OPERATOR", order.id, moment, order.symbol, order_id=order.id, text=text)
            return written
        never = self._records.never_there(order.id)
        if keeps and never and not self._hand.expired(order, at) and await self._hand.ask_gate("may_send", order):
            steps: list[OrderStep] = await self._hand.ask("submit", self._epoch, order)
            taken = [step for step in steps if step.fill is None and step.status == orders.ACCEPTED]
            written = await self._hand.write(taken, reconciling=True)
            with suppress(*NO_ANSWER):  # what filled before it comes before it; the answer that is here is not lost
                written += await self.fills()
            return written + await self._hand.write(steps, reconciling=True)
        self._asked.pop(order.id, None)
        status = orders.REJECTED if never else orders.CANCELLED
        step = OrderStep(order_id=order.id, status=status, at=at, code="NOT_RECEIVED")
        return await self._hand.write([step], reconciling=True)

    async def open_orders(self, at: int) -> int:
        """What is open over the union of both sides: orders of ours are asked about; one that we know as ended is
        cancelled there; what is not ours is told."""
        written = 0
        foreign: dict[str, tuple[str, int]] = {}
        working: list[VenueOrder] = await self._hand.ask("orders")
        for one in working:
            known = self._records.known(one.order.id)
            if known is not None and known.status in orders.DONE:
                written += await self._revived(one, known.status, at)
            elif known is None and one.order.purpose not in orders.MADE_THERE:
                foreign[one.order.id] = (one.order.symbol, one.order.side * (one.order.quantity - one.filled))
        for order_id in self._records.open_orders():
            known = self._records.known(order_id)
            if known is None or self._hand.busy(known.order.symbol):
                continue
            async with self._hand.alone(known.order.symbol):
                written += await self.order_or_unknown(order_id, at)
        now = self._clock.now()
        await self._hand.in_thread(lambda: self._records.strangers.keep(ORDER, foreign, now))
        return written

    async def _revived(self, one: VenueOrder, status: str, at: int) -> int:
        """An order that has ended for us works at the venue: nobody counts on it, so it goes."""
        order, steps = one.order, []
        try:
            steps = await self._hand.ask("cancel", self._epoch, order.id, at)
        except Refused as refusal:
            status = f"{status}, and it was not cancelled: {refusal}"
        await self._alert("REVIVED_ORDER", f"{order.id}:{at}", at, order.symbol, order_id=order.id, was=status)
        return await self._hand.write([step for step in steps if step.fill is not None], reconciling=True)

    # -- positions -------------------------------------------------------------------------------

    async def positions(self, at: int, times: int = CONFIRMED) -> int:
        """Compare the book with the venue's positions; believe a difference seen ``times`` times in a row."""
        theirs, written = await self._quiet()
        ours: list[Holding] = await self._hand.ask_gate("holdings")
        mine = {one.symbol: one for one in ours}
        unsure = self._unsure()
        differing = {one.symbol: one for one in reconcile.differences(ours, theirs) if one.symbol not in unsure}
        self._differs = {symbol: one for symbol, one in self._differs.items() if symbol in differing}
        before = self._records.strangers.known(POSITION)
        foreign = {symbol: one for symbol, one in before.items() if symbol in unsure}
        steps = []
        for symbol, one in differing.items():
            pair, seen = self._differs.get(symbol, ((one.ours, one.theirs), 0))
            seen = seen + 1 if pair == (one.ours, one.theirs) else 1
            self._differs[symbol] = ((one.ours, one.theirs), seen)
            if seen < times:
                if symbol in before:
                    foreign[symbol] = before[symbol]
                continue
            if one.gone:
                steps.append(reconcile.closed_outside(self._records.run.account, mine[symbol], one.gone, at))
            if one.foreign:
                foreign[symbol] = (symbol, one.foreign)
        written += await self._hand.write(steps, reconciling=True)
        for step in steps:
            assert step.fill is not None
            await self._alert("CLOSED_OUTSIDE", step.order_id, at, step.fill.symbol, fill_id=step.fill.id)
        now = self._clock.now()
        await self._hand.in_thread(lambda: self._records.strangers.keep(POSITION, foreign, now))
        await self._hand.ask_gate("foreign", {symbol: quantity for symbol, quantity in foreign.values()})
        if self._can.get("venue_stops", False):
            await self._guard(ours, theirs, at)
        return written

    async def _quiet(self) -> tuple[list[VenuePosition], int]:
        """The venue's positions at a moment at which all of its fills are written down."""
        written = 0
        for _ in range(QUIET):
            theirs: list[VenuePosition] = await self._hand.ask("positions")
            news = await self.fills()
            written += news
            if not news:
                return theirs, written
        raise Unavailable("the venue fills faster than it can be asked what it holds", "BUSY")

    def _unsure(self) -> set[str]:
        """Symbols about which nothing is concluded now: an order of theirs is in doubt, or on its way."""
        known = (self._records.known(one) for one in self._records.open_orders())
        return {
            one.order.symbol for one in known if one and (one.status in UNSURE or self._hand.busy(one.order.symbol))
        }

    async def _guard(self, ours: list[Holding], theirs: list[VenuePosition], at: int) -> None:
        """A position of ours whose stop is gone at the venue, or was loosened there, gets it back."""
        for symbol in [one.symbol for one in reconcile.unguarded(ours, theirs)]:
            async with self._hand.alone(symbol):  # looked at again: a change of it may have been on its way
                theirs, ours = await self._hand.ask("positions"), await self._hand.ask_gate("holdings")
                for one in reconcile.unguarded(ours, theirs):
                    if one.symbol == symbol:
                        await self._guard_again(one, at)

    async def _guard_again(self, one: Holding, at: int) -> None:
        text = "set again"
        try:
            side = 1 if one.quantity > 0 else -1
            await self._hand.ask("modify", self._epoch, one.symbol, side, one.stop, one.target, at)
        except Refused as refusal:
            text = str(refusal)
        await self._alert("STOP_MISSING", f"{one.symbol}:{self._clock.now()}", at, one.symbol, text=text)

    async def _alert(self, alert: str, key: str, at: int, symbol: str, **data: Any) -> None:
        await self._hand.in_thread(partial(self._records.strangers.alert, alert, key, at, symbol, **data))
