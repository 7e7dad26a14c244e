"""Reconciling one account with its venue: at the start, after a loss, and in the background of a live run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from actors.executor_records import ORDER, POSITION, ExecutorRecords
from domain import order as orders
from domain import reconcile
from domain.errors import ActorLost, DeadlineMissed, Refused, VenueError
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

Ask = Callable[..., Awaitable[Any]]


class Writer(Protocol):
    """How reconciling has things written down: in the thread that owns the records."""

    async def __call__(self, steps: Sequence[OrderStep], reconciling: bool = False, cursor: int = 0) -> int: ...


class Reconciler:
    """Asks, compares (``domain.reconcile``), and has written down what it means. It sends an order again only
    where the venue recognises the id, and only while the plan lives; what is not ours it never touches."""

    def __init__(
        self,
        records: ExecutorRecords,
        venue: Ask,
        gate: Ask,
        write: Writer,
        expired: Callable[[Order, int], bool],
        clock: Clock,
        epoch: int,
    ) -> None:
        self._records, self._venue, self._gate, self._write = records, venue, gate, write
        self._expired, self._clock, self._epoch = expired, clock, epoch
        self._can: dict[str, bool] = {}
        self._asked: dict[str, tuple[int, int]] = {}  # order -> how often, since when (machine time)
        self._differs: dict[str, tuple[tuple[int, int], int]] = {}  # symbol -> (ours, theirs), how often in a row
        self._told: set[tuple[str, str]] = set()

    async def everything(self, at: int) -> int:
        """Orders, fills, positions over the union of both sides. Returns how many steps were news.

        Raises what a question raised: then nothing is known to be clean, and no order may be taken.
        """
        self._can = await self._venue("capabilities")
        written = 0
        for order in self._records.unsent(at):
            step = OrderStep(order_id=order.id, status=orders.EXPIRED, at=at, code="NEVER_SENT", order=order)
            written += await self._write([step])
        written += await self.fills()
        for order_id in self._records.open_orders():
            written += await self.order_or_unknown(order_id, at)
        written += await self.open_orders(at)
        return written + await self.positions(at, 1)

    # -- orders and fills ------------------------------------------------------------------------

    async def fills(self) -> int:
        """Write down the fills that the venue has and we have not."""
        found = await self._venue("fills", self._records.cursor)
        if not found:
            return 0
        steps = self._records.missing(fill for _, fill in found)
        return await self._write(steps, reconciling=True, cursor=max(cursor for cursor, _ in found))

    async def order_or_unknown(self, order_id: str, at: int) -> int:
        """As ``order``; without an answer the order is unknown, and blocks its symbol, not the others."""
        try:
            return await self.order(order_id, at)
        except NO_ANSWER as error:
            if self._records.status(order_id) in (orders.UNKNOWN, *orders.DONE):
                return 0
            code, text = type(error).__name__, str(error)
            return await self._write([OrderStep(order_id=order_id, status=orders.UNKNOWN, at=at, code=code, text=text)])

    async def order(self, order_id: str, at: int) -> int:
        """Ask by exact id and write down what the answer means. Returns how many steps were news."""
        found: VenueOrder | None = await self._venue("lookup", order_id)
        known = self._records.known(order_id)
        if known is None or known.status in orders.DONE:
            return 0
        if found is None:
            return await self._absent(known, at)
        self._asked.pop(order_id, None)
        written = await self.fills() if found.filled > known.filled else 0
        known = self._records.known(order_id) or known
        if known.status in orders.DONE:
            return written
        return written + await self._write(reconcile.told(known, found, at), reconciling=True)

    async def _absent(self, known: reconcile.Known, at: int) -> int:
        order, moment = known.order, self._clock.now()
        times, since = self._asked.get(order.id, (0, moment))
        self._asked[order.id] = (times + 1, since)
        keeps, finds = self._can.get("idempotent", False), self._can.get("finds_orders", False)
        means = reconcile.absent(times + 1, moment - since, keeps, finds, patience_ns=PATIENCE, times=TIMES)
        if means == reconcile.LOST:
            key = ("ASK_OPERATOR", order.id)
            if key not in self._told:
                self._told.add(key)
                text = f"the venue does not say what became of it: orders resolve {order.id} --as filled|rejected"
                self._records.alert(*key, moment, order.symbol, order_id=order.id, text=text)
        if means != reconcile.NEVER_RECEIVED:
            return 0
        if keeps and not known.filled and not self._expired(order, at):
            return await self._write(await self._venue("submit", self._epoch, order), reconciling=True)
        self._asked.pop(order.id, None)
        status = orders.CANCELLED if known.filled else orders.REJECTED
        return await self._write([OrderStep(order_id=order.id, status=status, at=at, code="NOT_RECEIVED")], True)

    async def open_orders(self, at: int) -> int:
        """What works at the venue: orders of ours are followed; one that we know as ended is cancelled there;
        what is not ours is told."""
        written, foreign = 0, {}
        for one in await self._venue("orders"):
            known = self._records.known(one.order.id)
            if known is None:
                foreign[one.order.id] = (one.order.symbol, one.order.side * (one.order.quantity - one.filled))
            elif known.status in orders.DONE:
                written += await self._revived(one, known.status, at)
            elif known.status in orders.NEXT[orders.SUBMITTED] or known.status == orders.SUBMITTED:
                written += await self.order_or_unknown(one.order.id, at)
        self._records.foreign(ORDER, foreign, self._clock.now())
        return written

    async def _revived(self, one: VenueOrder, status: str, at: int) -> int:
        """An order that has ended for us works at the venue: nobody counts on it, so it goes."""
        order = one.order
        try:
            steps = await self._venue("cancel", self._epoch, order.id, at)
        except Refused:
            steps = []
        self._records.alert("REVIVED_ORDER", f"{order.id}:{at}", at, order.symbol, order_id=order.id, was=status)
        return await self._write([step for step in steps if step.fill is not None], reconciling=True)

    # -- positions -------------------------------------------------------------------------------

    async def positions(self, at: int, times: int = CONFIRMED) -> int:
        """Compare the book with the venue's positions; believe a difference seen ``times`` times in a row."""
        theirs: list[VenuePosition] = await self._venue("positions")
        written = await self.fills()
        ours: list[Holding] = await self._gate("holdings")
        mine = {one.symbol: one for one in ours}
        differing = {one.symbol: one for one in reconcile.differences(ours, theirs)}
        self._differs = {symbol: one for symbol, one in self._differs.items() if symbol in differing}
        foreign: dict[str, tuple[str, int]] = {}
        steps = []
        for symbol, one in differing.items():
            before, seen = self._differs.get(symbol, ((one.ours, one.theirs), 0))
            seen = seen + 1 if before == (one.ours, one.theirs) else 1
            self._differs[symbol] = ((one.ours, one.theirs), seen)
            if seen < times:
                continue
            if one.gone:
                steps.append(reconcile.closed_outside(self._records.run.account, mine[symbol], one.gone, at))
            if one.foreign:
                foreign[symbol] = (symbol, one.foreign)
        written += await self._write(steps, reconciling=True)
        for step in steps:
            assert step.fill is not None
            self._records.alert("CLOSED_OUTSIDE", step.order_id, at, step.fill.symbol, fill_id=step.fill.id)
        self._records.foreign(POSITION, foreign, self._clock.now())
        await self._gate("foreign", {symbol: quantity for symbol, quantity in foreign.values()})
        await self._guard(ours, theirs, at)
        return written

    async def _guard(self, ours: list[Holding], theirs: list[VenuePosition], at: int) -> None:
        """A position of ours whose stop is gone at the venue gets it back."""
        for one in reconcile.unguarded(ours, theirs):
            try:
                await self._venue("modify", self._epoch, one.symbol, one.stop, one.target, at)
                text = "set again"
            except Refused as refusal:
                text = str(refusal)
            self._records.alert("STOP_MISSING", f"{one.symbol}:{self._clock.now()}", at, one.symbol, text=text)
