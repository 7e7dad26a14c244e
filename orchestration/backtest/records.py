"""The gate's records and the venue's book in memory: what a run writes to its database, kept for the result."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence

from actors.records import Memory, Step
from domain import order as orders
from domain.book import Book, Closed
from domain.candidate import Amend, Candidate, Exit
from domain.errors import Refused
from domain.events import Draft
from domain.order import Denied, Fill, Order, OrderStep, StopChange
from domain.ports import Venue
from domain.venue import VenueBook, VenueChange, VenueOrder
from orchestration.backtest.result import Refusal, Sent
from risk.gate import Answer, change_of, decision_of
from risk.state import TradingState
from risk.statistics import Part
from risk.view import Lock

_FAILED = (orders.CANCELLED, orders.EXPIRED, orders.REJECTED)


class MemoryRecords:
    """``actors.records.Records`` of an account that begins with ``cash`` (1e-9), and of its orders."""

    def __init__(self, cash: int) -> None:
        self.cash = cash
        self.accepted = self.tells = False
        self.fills: list[Fill] = []
        self.sent: dict[str, Sent] = {}
        self.closes: list[tuple[Closed, Part]] = []
        self.refusals: list[Refusal] = []
        self._decided: list[tuple[Candidate | Exit | Amend, Answer | StopChange]] = []
        self.locks: list[Lock] = []
        self._steps: list[Step] = []
        self._entries: list[int] = []
        self._attempts: Counter[tuple[str, str, int, str]] = Counter()
        self._reasons: dict[str, tuple[str, ...]] = {}
        self._stops: dict[str, str] = {}
        self._latch: TradingState | None = None

    def decisions(self) -> tuple[bytes, ...]:
        """Every answer of the gate as canonical JSON, in (T, rank) order."""
        return tuple(_decision(wish, said) for wish, said in self._decided)

    # -- what the executor would write -----------------------------------------------------------

    def step(self, one: OrderStep) -> None:
        """The venue's word on an order. Raises InvalidTransition for one that cannot follow."""
        if one.order is not None and one.order_id not in self.sent:
            self.sent[one.order_id] = Sent(order=one.order, status=orders.SUBMITTED)
        known = self.sent.get(one.order_id)
        if known is not None:
            orders.step(one.order_id, known.status, one.status)
            known.status, known.ended_at, known.code = one.status, one.at, one.code
        if one.fill is not None:
            self.fills.append(one.fill)
            if known is not None:
                known.filled += one.fill.quantity
        if known is not None and one.status in _FAILED:
            order = known.order
            self._attempts[(order.symbol, order.strategy, order.at, order.purpose)] += 1
        made_there = one.fill is not None and one.fill.reason in orders.MADE_THERE
        self._steps.append(
            Step(len(self._steps) + 1, one.order_id, one.status, one.fill, one.order if made_there else None)
        )

    def stop_told(self, change_id: str, state: str) -> None:
        self._stops[change_id] = state

    # -- what the gate asks and writes -----------------------------------------------------------

    def load(self, entries_for: int = 0) -> Memory:
        return Memory(
            book=Book(self.cash),
            cursor=0,
            answered={},
            answered_until=-1,
            latch=None,
            snapshot=None,
            locks=[],
            foreign={},
            first_cash=self.cash,
            entries=[],
            parts=[],
            calendar=None,
            equities=[],
        )

    def trades_since(self, day: int) -> int:
        return len(self._entries) - bisect_left(self._entries, day)

    def attempts(self, exit: Exit) -> int:
        return self._attempts[(exit.symbol, exit.strategy, exit.at, exit.purpose)]

    def steps_after(self, cursor: int) -> Sequence[Step]:
        return self._steps[cursor:] if cursor < len(self._steps) else ()

    def settled(
        self,
        book: Book,
        touched: Iterable[str],
        ended: Sequence[str],
        closed: Sequence[tuple[Closed, Part, int]],
        made_there: Sequence[Order],
        cursor: int,
        drafts: Sequence[Draft],
        locks: Sequence[Lock] = (),
    ) -> None:
        self.closes += [(one, part) for one, part, _ in closed]
        self.locks += locks

    def locked(self, locks: Sequence[Lock]) -> None:
        self.locks += locks

    def unlocked(self, lock_id: str, at: int, why: str, who: str) -> bool:
        return False

    def reasons(self, order_id: str) -> tuple[str, ...]:
        return self._reasons.get(order_id, ())

    def stops(self, ids: Sequence[str]) -> dict[str, str]:
        return {one: self._stops[one] for one in ids if one in self._stops}

    def answered(
        self,
        answered: Sequence[tuple[Candidate | Exit, Answer, int]],
        changes: Sequence[tuple[Amend, StopChange]],
        book: Book,
        now: int,
    ) -> None:
        self._decided += changes
        for wish, answer, _ in answered:
            self._decided.append((wish, answer))
            order, denial = answer.order, answer.denial
            if isinstance(wish, Candidate):
                self._reasons[answer.id] = wish.reasons
                if denial is not None:
                    self.refusals.append(Refusal(wish, Denied(answer.id, wish.symbol, *denial, wish.at)))
            if order is not None:
                self.sent[order.id] = Sent(order=order, status=orders.INTENT)
                if order.purpose == orders.ENTRY:
                    self._entries.append(order.at)

    def emit(self, drafts: Sequence[Draft]) -> None:
        return None

    def latch(self) -> TradingState | None:
        return self._latch

    def latched(self, state: TradingState, now: int, draft: Draft) -> None:
        self._latch = state


def _decision(wish: Candidate | Exit | Amend, said: Answer | StopChange) -> bytes:
    if isinstance(said, StopChange):
        assert isinstance(wish, Amend)
        return change_of(wish, said)
    assert not isinstance(wish, Amend)
    return decision_of(wish, said)


class MemoryBooks:
    """``domain.ports.VenueBooks`` of one account."""

    def __init__(self) -> None:
        self._orders: dict[str, VenueOrder] = {}
        self._fills: list[tuple[int, Fill]] = []

    def load(self, account: str) -> VenueBook | None:
        return None

    def commit(self, change: VenueChange) -> None:
        for one in change.orders:
            self._orders[one.order.id] = one
        self._fills += [(len(self._fills) + number, fill) for number, fill in enumerate(change.fills, 1)]

    def order(self, account: str, order_id: str) -> VenueOrder | None:
        return self._orders.get(order_id)

    def fills(self, account: str, after: int) -> list[tuple[int, Fill]]:
        return self._fills[after:]


class Desk:
    """The executor's acts where nothing can be lost: what the venue answers is written down at once."""

    def __init__(self, venue: Venue, records: MemoryRecords) -> None:
        self._venue, self._records = venue, records

    def record(self, steps: Iterable[OrderStep]) -> None:
        for one in steps:
            self._records.step(one)

    def submit(self, order: Order) -> None:
        self._records.sent[order.id].status = orders.SUBMITTED
        try:
            steps = self._venue.submit(order)
        except Refused as refusal:
            code = refusal.code or "REFUSED"
            steps = [OrderStep(order_id=order.id, status=orders.REJECTED, at=order.at, code=code, text=refusal.what)]
        self.record(steps)

    def cancel(self, order_id: str, at: int) -> None:
        """A working order; one that has ended stays as it is."""
        if self._records.sent[order_id].status not in orders.DONE:
            self._records.sent[order_id].status = orders.PENDING_CANCEL
            self.record(self._venue.cancel(order_id, at))

    def amend(self, change: StopChange) -> None:
        state = orders.STOP_SET
        try:
            self._venue.modify(change.symbol, change.side, change.stop, change.target, change.at, change.entry_order)
        except Refused:
            state = orders.STOP_REFUSED
        self._records.stop_told(change.id, state)
