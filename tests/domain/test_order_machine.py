"""Whatever happens to orders, in whatever order: the book stays right, and no limit is exceeded.

The executor's side is a log of steps, the gate's a book that settles them up to a cursor and may be rebuilt from
what it has kept at any moment. The venue honours ``reduces`` and may tell late, twice and too much.
"""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import msgspec
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain import order as orders
from domain.book import Book, Position
from domain.candidate import identity
from domain.errors import InvalidTransition
from domain.money import NANO, ONE, times
from domain.order import (
    ACCEPTED,
    BUY,
    CANCELLED,
    DENIED,
    DONE,
    ENTRY,
    FILLED,
    INTENT,
    PARTIALLY_FILLED,
    PENDING_CANCEL,
    SELL,
    SIGNAL,
    STATUSES,
    STOP,
    SUBMITTED,
    UNKNOWN,
    Fill,
    Order,
)
from tests.factories import a_fill, an_order

CASH = 10**15
MOST = 10 * NANO
"""Units that one symbol may come to hold."""

symbols = some.sampled_from(["BTC", "EURUSD"])
quantities = some.integers(1, 5 * NANO)
prices = some.integers(1, 1_000).map(lambda one: one * NANO)  # whole, so that no product is rounded


class Step(NamedTuple):
    """One row of the executor's log."""

    order_id: str
    status: str
    fill: Fill | None


class Kept(msgspec.Struct):
    """What the gate has in the database."""

    balance: int
    positions: dict[str, Position]
    reserved: list[str]
    cursor: int


class OrdersAndBook(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.orders: dict[str, Order] = {}
        self.status: dict[str, str] = {}
        self.filled: dict[str, int] = {}
        self.log: list[Step] = []
        self.there: dict[str, int] = {}  # signed units at the venue
        self.surprised: set[str] = set()  # symbols in which the venue did more than any order asked for
        self.book = Book(CASH)
        self.kept = Kept(CASH, {}, [], 0)
        self.enter("BTC", BUY, 4 * NANO, True)
        self.enter("EURUSD", SELL, 3 * NANO, True)

    # -- the gate --------------------------------------------------------------------------------

    def settle(self, book: Book, kept: Kept) -> None:
        for order_id, status, fill in self.log[kept.cursor :]:
            if fill is not None:
                book.apply(fill)
            if order_id in book.working:
                book.working[order_id].status = status
                if status in DONE:
                    book.release(order_id)
        kept.cursor = len(self.log)
        kept.balance, kept.positions = book.balance, copy.deepcopy(book.positions)
        kept.reserved = list(book.working)

    def rebuilt(self, kept: Kept) -> Book:
        """As ``GateRecords.load`` does it: positions, rooms with what had filled up to the cursor, then the rest."""
        book = Book(kept.balance)
        book.positions = copy.deepcopy(kept.positions)
        for order_id in kept.reserved:
            book.reserve(self.orders[order_id])
            for one in self.log[: kept.cursor]:
                if one.order_id == order_id:
                    book.working[order_id].status = one.status
                    book.filled(order_id, one.fill.quantity if one.fill else 0)
        for symbol, position in book.positions.items():
            book.mark(symbol, position.price, ONE)
        self.settle(book, kept)
        return book

    def approve(self, order: Order) -> None:
        self.orders[order.id], self.status[order.id], self.filled[order.id] = order, INTENT, 0
        self.book.reserve(order)
        self.kept.reserved.append(order.id)

    def an_id(self) -> str:
        return identity("order", len(self.orders))

    @rule(symbol=symbols, side=some.sampled_from([BUY, SELL]), wanted=quantities, goes=some.booleans())
    def enter(self, symbol: str, side: int, wanted: int, goes: bool) -> None:
        """An entry, or a reversal in one order; approved if its worst case fits, and sent at once or later."""
        self.settle(self.book, self.kept)
        held = self.book.quantity(symbol)
        closing = abs(held) - self.book.closing(symbol) if held * side < 0 else 0
        order = an_order(
            symbol, id=self.an_id(), side=side, quantity=wanted + closing, reduces=closing, purpose=ENTRY, entry=100
        )
        self.book.reserve(order)
        fits = self.book.exposure(symbol) <= MOST
        self.book.release(order.id)
        if fits:
            self.approve(order)
            if goes:
                self.take(order.id, SUBMITTED)

    @rule(symbol=symbols, half=some.booleans(), goes=some.booleans())
    def leave(self, symbol: str, half: bool, goes: bool) -> None:
        """An exit of what is not on its way out, at any time."""
        self.settle(self.book, self.kept)
        held = self.book.quantity(symbol)
        free = abs(held) - self.book.closing(symbol)
        quantity = (free + 1) // 2 if half else free
        if quantity:
            order = an_order(symbol, id=self.an_id(), side=-1 if held > 0 else 1, quantity=quantity, reduces=quantity)
            self.approve(msgspec.structs.replace(order, purpose=SIGNAL, entry=100))
            if goes:
                self.take(order.id, SUBMITTED)

    @rule()
    def gate_settles(self) -> None:
        self.settle(self.book, self.kept)

    @rule(data=some.data())
    def gate_reserves_again(self, data: Any) -> None:
        if self.book.working:
            self.book.reserve(self.orders[data.draw(some.sampled_from(sorted(self.book.working)))])

    @rule()
    def gate_dies(self) -> None:
        """One that is built anew from what was kept comes to the same as one that went on."""
        before = copy.deepcopy(self.book)
        again = self.rebuilt(copy.deepcopy(self.kept))
        self.settle(before, copy.deepcopy(self.kept))
        assert known(again) == known(before)
        self.book = self.rebuilt(self.kept)

    # -- the executor and the venue --------------------------------------------------------------

    def take(self, order_id: str, status: str, fill: Fill | None = None) -> None:
        """One more row of the log. Raises InvalidTransition if the table does not have it."""
        orders.step(order_id, self.status[order_id], status, reconciling=True)
        self.status[order_id] = status
        self.log.append(Step(order_id, status, fill))
        if fill is not None:
            self.filled[order_id] += fill.quantity
            self.there[fill.symbol] = self.there.get(fill.symbol, 0) + fill.side * fill.quantity

    def pick(self, data: Any, *statuses: str) -> str | None:
        found = sorted(one for one, status in self.status.items() if status in statuses)
        return data.draw(some.sampled_from(found)) if found else None

    def fill_of(self, order: Order, quantity: int, price: int, purpose: str = "") -> Fill:
        number = len(self.log)
        return a_fill(
            order.symbol,
            id=f"fill-{number}",
            order_id=order.id,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=3,
            reason=purpose or order.purpose,
            at=number,
        )

    @rule(accepted=some.booleans())
    def send(self, accepted: bool) -> None:
        """Every intent goes out."""
        for order_id in sorted(one for one, status in self.status.items() if status == INTENT):
            self.take(order_id, SUBMITTED)
            if accepted:
                self.take(order_id, ACCEPTED)

    @rule(data=some.data(), to=some.sampled_from(sorted({*STATUSES} - {DENIED, INTENT, FILLED, PARTIALLY_FILLED})))
    def step(self, data: Any, to: str) -> None:
        """Any status that says nothing of a fill: taken if the table has it, else nothing changes."""
        order_id = self.pick(data, *STATUSES)
        if order_id is None:
            return
        before = (self.status[order_id], len(self.log))
        try:
            self.take(order_id, to)
        except InvalidTransition:
            assert (self.status[order_id], len(self.log)) == before

    @rule(data=some.data(), quantity=quantities, price=prices)
    def fill(self, data: Any, quantity: int, price: int) -> None:
        """A part or all of what is left; the part that only reduces never opens."""
        order_id = self.pick(data, SUBMITTED, ACCEPTED, orders.TRIGGERED, PARTIALLY_FILLED, PENDING_CANCEL, UNKNOWN)
        if order_id is None:
            return
        order = self.orders[order_id]
        left = max(0, order.quantity - self.filled[order_id])
        against = max(0, -self.there.get(order.symbol, 0) * order.side)
        opens = max(0, order.opens - max(0, self.filled[order_id] - order.reduces))
        most = min(left, opens + min(against, left - opens))
        if most <= 0:
            self.take(order_id, CANCELLED)
            return
        counted = min(quantity, most)
        status = FILLED if counted == left else PARTIALLY_FILLED
        self.take(order_id, status, self.fill_of(order, counted, price))

    @rule(data=some.data())
    def fill_is_told_again(self, data: Any) -> None:
        """One that the book has seen; older ones it knows by its cursor."""
        told = [one.fill for one in self.log if one.fill is not None and self.book.seen(one.fill.id)]
        if told:
            before = known(self.book)
            self.book.apply(data.draw(some.sampled_from(told)))
            assert known(self.book) == before

    @rule(data=some.data(), quantity=quantities, price=prices)
    def fill_after_the_end(self, data: Any, quantity: int, price: int) -> None:
        """Real, so it is taken: after a cancel, or beyond what was asked."""
        order_id = self.pick(data, CANCELLED, orders.EXPIRED, orders.REJECTED, FILLED)
        if order_id is None:
            return
        order = self.orders[order_id]
        assert orders.step(order_id, self.status[order_id], FILLED) is True
        self.surprised.add(order.symbol)
        self.take(order_id, FILLED, self.fill_of(order, quantity, price))

    @rule(data=some.data(), more=quantities, price=prices, status=some.sampled_from([FILLED, PARTIALLY_FILLED]))
    def fill_too_much(self, data: Any, more: int, price: int, status: str) -> None:
        order_id = self.pick(data, SUBMITTED, ACCEPTED, PARTIALLY_FILLED, UNKNOWN)
        if order_id is None:
            return
        order = self.orders[order_id]
        self.surprised.add(order.symbol)
        self.take(order_id, status, self.fill_of(order, max(0, order.quantity - self.filled[order_id]) + more, price))

    @rule(symbol=symbols, price=prices)
    def stop_is_hit(self, symbol: str, price: int) -> None:
        """The venue closes what we hold by an order of its own."""
        held = self.there.get(symbol, 0)
        if held:
            order = an_order(symbol, id=self.an_id(), side=-1 if held > 0 else 1, quantity=abs(held))
            self.orders[order.id], self.status[order.id], self.filled[order.id] = order, SUBMITTED, 0
            self.take(order.id, FILLED, self.fill_of(order, abs(held), price, STOP))

    @rule(data=some.data())
    def cancel(self, data: Any) -> None:
        order_id = self.pick(data, ACCEPTED, PARTIALLY_FILLED)
        if order_id is not None:
            self.take(order_id, PENDING_CANCEL)
            self.take(order_id, data.draw(some.sampled_from([CANCELLED, ACCEPTED, UNKNOWN])))

    # -- what always holds -----------------------------------------------------------------------

    def rooms(self, symbol: str) -> tuple[int, int]:
        """Buys and sells that can still fill, from the log and not from the book."""
        still = [0, 0]
        for order_id in self.book.working:
            order = self.orders[order_id]
            told = (one.fill for one in self.log[: self.kept.cursor] if one.order_id == order_id)
            left = order.quantity - sum(one.quantity for one in told if one is not None)
            still[order.side < 0] += max(0, left) * (order.symbol == symbol)
        return still[0], still[1]

    @invariant()
    def rooms_are_never_negative_and_what_can_still_fill(self) -> None:
        assert all(one.remaining >= 0 for one in self.book.working.values())
        assert all(min(sides) >= 0 for sides in self.book._sides.values())
        for symbol in ("BTC", "EURUSD"):
            assert tuple(self.book._sides.get(symbol, (0, 0))) == self.rooms(symbol)

    @invariant()
    def exposure_is_the_worst_case(self) -> None:
        for symbol in ("BTC", "EURUSD"):
            held, (buys, sells) = self.book.quantity(symbol), self.rooms(symbol)
            assert self.book.exposure(symbol) == max(abs(held), abs(held + buys), abs(held - sells))
            assert self.book.closing(symbol) == min(abs(held), sells if held > 0 else buys)
            assert (symbol in self.book.exposed()) == bool(self.book.exposure(symbol))

    @invariant()
    def the_book_is_what_was_settled(self) -> None:
        """Positions are the sums of their fills, and the balance is what they have brought in."""
        fills = [one.fill for one in self.log[: self.kept.cursor] if one.fill is not None]
        held: dict[str, int] = {}
        for one in fills:
            held[one.symbol] = held.get(one.symbol, 0) + one.side * one.quantity
        assert {symbol: one.quantity for symbol, one in self.book.positions.items()} == {
            symbol: units for symbol, units in held.items() if units
        }
        flow = sum(-one.side * times(one.price, one.quantity) - one.commission for one in fills)
        invested = sum(one.cost for one in self.book.positions.values())
        assert self.book.balance == CASH + flow + invested

    @invariant()
    def rooms_are_given_back(self) -> None:
        settled = {one.order_id: one.status for one in self.log[: self.kept.cursor]}
        assert [one for one in self.book.working if settled.get(one) in DONE] == []

    @invariant()
    def no_limit_is_exceeded(self) -> None:
        for symbol, units in self.there.items():
            assert symbol in self.surprised or abs(units) <= MOST

    @precondition(lambda self: self.kept.cursor == len(self.log))
    @invariant()
    def a_settled_book_equals_the_venue(self) -> None:
        held = {symbol: one.quantity for symbol, one in self.book.positions.items()}
        assert held == {symbol: units for symbol, units in self.there.items() if units}


def known(book: Book) -> dict[str, Any]:
    return {
        "balance": book.balance,
        "positions": {symbol: msgspec.structs.asdict(one) for symbol, one in sorted(book.positions.items())},
        "working": {key: (one.order, one.filled, one.status) for key, one in sorted(book.working.items())},
        "sides": {symbol: list(sides) for symbol, sides in sorted(book._sides.items())},
        "exposed": book.exposed(),
    }


TestOrdersAndBook = OrdersAndBook.TestCase
TestOrdersAndBook.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
