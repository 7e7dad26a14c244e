"""The book: what is held, what is on its way, and what it is worth (design section 7).

Money is integers of 1e-9; sums go in symbol order. Exposure is the worst case, never a signed sum:
the position with all working and reserved buys, or with all such sells, whichever is larger.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Any

import msgspec

from domain.money import NANO, ONE, Rate, convert, divide, times
from domain.order import ENTRY, Fill, Order

REMEMBERED = 10_000
"""Fills that are recognised when seen again; older ones are known by the cursor of whoever tells of them."""

REVERSAL = "REVERSAL"
"""Why a position was closed that the opposite entry turned around."""


class Position(msgspec.Struct, kw_only=True):
    """What we hold in one symbol. ``quantity`` is signed; ``cost`` is quantity x price paid.

    ``risk`` is R, fixed at entry: money between the entry and the initial stop, in the account
    currency; ``distance`` is the same as a price, ``first`` the quantity that was held at most. ``flags`` are
    management flags, set when the venue has confirmed.
    """

    symbol: str
    quantity: int
    cost: int
    opened_at: int
    strategy: str = ""
    entry_order: str = ""
    correlation_id: str = ""
    stop: int = 0
    target: int = 0
    risk: int = 0
    distance: int = 0
    first: int = 0
    realised: int = 0
    commission: int = 0
    orders: tuple[str, ...] = ()
    flags: dict[str, Any] = {}

    @property
    def entries(self) -> int:
        """How many entry orders have built this position."""
        return len(self.orders)

    @property
    def price(self) -> int:
        """Average price paid."""
        return divide(abs(self.cost) * NANO, abs(self.quantity))


class Working(msgspec.Struct):
    """An approved order that can still fill, with the room it keeps."""

    order: Order
    filled: int = 0
    status: str = "INTENT"

    @property
    def remaining(self) -> int:
        return self.order.quantity - self.filled


class Closed(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A position, or a part of one, that was closed: one line of the trade journal.

    ``pnl`` and ``commission`` are in the account currency; ``r`` is pnl over the R fixed at entry.
    """

    symbol: str
    strategy: str
    side: int
    quantity: int
    entry: int
    exit: int
    opened_at: int
    closed_at: int
    pnl: int
    commission: int
    r: float | None
    reason: str
    correlation_id: str
    fill_id: str


class Applied(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What one fill did: 0 <-> not 0 opens or closes; a reversal does both."""

    opened: bool = False
    closed: Closed | None = None
    flat: bool = False


class Book:
    """Positions, working orders, balance and marks of one account, in the account currency."""

    def __init__(self, balance: int = 0) -> None:
        self.balance = balance
        self.positions: dict[str, Position] = {}
        self.working: dict[str, Working] = {}
        self.marks: dict[str, int] = {}
        self.rates: dict[str, Rate] = {}
        self._sides: dict[str, list[int]] = {}  # symbol -> [buys, sells] still to fill
        self._others: dict[str, int] = {}
        self._exposed: set[str] = set()
        self._stirred: set[str] | None = None  # moved since ``at_risk`` was asked for; None: it never was
        self._followers: list[set[str]] = []
        self._seen: dict[str, None] = {}  # fills, oldest first

    # -- orders ----------------------------------------------------------------------------------

    def reserve(self, order: Order) -> None:
        """Keep the order's room until it has filled or ended. Twice is once."""
        if order.id not in self.working:
            self.working[order.id] = Working(order)
            self._add(order, order.quantity)

    def release(self, order_id: str) -> None:
        """The order has ended: give back the room of what did not fill."""
        working = self.working.pop(order_id, None)
        if working is not None:
            self._add(working.order, -working.remaining)

    def filled(self, order_id: str, quantity: int) -> None:
        """So much of the order has filled: its room shrinks by that, the position is told elsewhere."""
        working = self.working.get(order_id)
        if working is not None:
            counted = min(quantity, working.remaining)
            working.filled += counted
            self._add(working.order, -counted)

    def _add(self, order: Order, quantity: int) -> None:
        self._moved(order.symbol)
        sides = self._sides.setdefault(order.symbol, [0, 0])
        sides[0 if order.side > 0 else 1] += quantity
        if sides == [0, 0]:
            del self._sides[order.symbol]

    # -- fills -----------------------------------------------------------------------------------

    def seen(self, fill_id: str) -> bool:
        return fill_id in self._seen

    def apply(self, fill: Fill, rate: Rate = ONE) -> Applied:
        """One fill, once: a fill seen before changes nothing. ``rate`` converts its quote currency.

        A fill against the position closes it first; what is left over opens the other side.
        """
        if fill.id in self._seen:
            return Applied()
        self._see(fill)
        self._moved(fill.symbol)
        self.filled(fill.order_id, fill.quantity)
        commission = convert(fill.commission, rate)
        self.balance -= commission
        position = self.positions.get(fill.symbol)
        if position is None or position.quantity * fill.side > 0:
            self._enlarge(position, fill, fill.quantity, rate, commission)
            return Applied(opened=position is None)
        closing = min(fill.quantity, abs(position.quantity))
        share = divide(commission * closing, fill.quantity)
        closed = self._close(position, fill, closing, rate, share)
        left = fill.quantity - closing
        if left:
            self._enlarge(None, fill, left, rate, commission - share)
        return Applied(opened=left > 0, closed=closed, flat=fill.symbol not in self.positions)

    def _see(self, fill: Fill) -> None:
        self._seen[fill.id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]

    def charge(self, fill: Fill, rate: Rate = ONE) -> None:
        """Financing of a position, once: the ``commission`` of a fill without quantity (negative: received)."""
        if fill.id in self._seen:
            return
        self._see(fill)
        amount = convert(fill.commission, rate)
        self.balance -= amount
        position = self.positions.get(fill.symbol)
        if position is not None:
            position.commission += amount

    def _enlarge(self, position: Position | None, fill: Fill, quantity: int, rate: Rate, commission: int) -> None:
        cost = fill.side * times(fill.price, quantity)
        if position is None:
            risk = convert(times(abs(fill.price - fill.stop), quantity), rate) if fill.stop else 0
            self.positions[fill.symbol] = Position(
                symbol=fill.symbol,
                quantity=fill.side * quantity,
                cost=cost,
                opened_at=fill.at,
                strategy=fill.strategy,
                entry_order=fill.order_id,
                correlation_id=fill.correlation_id,
                stop=fill.stop,
                target=fill.target,
                risk=risk,
                distance=abs(fill.price - fill.stop) if fill.stop else 0,
                first=quantity,
                commission=commission,
                orders=(fill.order_id,),
            )
            self.mark(fill.symbol, fill.price, rate)  # until a price comes; an old one may be of long ago
        else:
            if fill.order_id not in position.orders:
                position.orders += (fill.order_id,)
            position.quantity += fill.side * quantity
            position.first = max(position.first, abs(position.quantity))
            position.cost += cost
            position.commission += commission
            if fill.stop:
                position.risk += convert(times(abs(fill.price - fill.stop), quantity), rate)
                position.stop = fill.stop
            if fill.target:
                position.target = fill.target
            self.marks.setdefault(fill.symbol, fill.price)
            self.rates.setdefault(fill.symbol, rate)

    def _close(self, position: Position, fill: Fill, quantity: int, rate: Rate, commission: int) -> Closed:
        held = abs(position.quantity)
        side = 1 if position.quantity > 0 else -1
        entry = position.price
        cost = position.cost if quantity == held else side * divide(abs(position.cost) * quantity, held)
        pnl = convert(side * times(fill.price, quantity) - cost, rate)
        paid = position.commission if quantity == held else divide(position.commission * quantity, held)
        risk = position.risk if quantity == held else divide(position.risk * quantity, held)
        self.balance += pnl
        position.quantity -= side * quantity
        position.cost -= cost
        position.commission -= paid
        position.realised += pnl
        if position.quantity == 0:
            del self.positions[fill.symbol]
        else:
            position.risk -= risk
        return Closed(
            symbol=fill.symbol,
            strategy=position.strategy,
            side=side,
            quantity=quantity,
            entry=entry,
            exit=fill.price,
            opened_at=position.opened_at,
            closed_at=fill.at,
            pnl=pnl,
            commission=paid + commission,
            r=(pnl / risk) if risk else None,
            reason=REVERSAL if fill.reason == ENTRY else fill.reason,
            correlation_id=position.correlation_id,
            fill_id=fill.id,
        )

    # -- what it is worth ------------------------------------------------------------------------

    def mark(self, symbol: str, price: int, rate: Rate) -> None:
        """The latest price (bid) and conversion of a held symbol."""
        if self.marks.get(symbol) != price or self.rates.get(symbol) != rate:
            self.marks[symbol] = price
            self.rates[symbol] = rate
            self._moved(symbol)

    def unrealised(self, symbol: str) -> int:
        """Floating profit in the account currency, at the last mark."""
        position = self.positions.get(symbol)
        if position is None:
            return 0
        side = 1 if position.quantity > 0 else -1
        value = side * times(self.marks[symbol], abs(position.quantity))
        return convert(value - position.cost, self.rates[symbol])

    def equity(self) -> int:
        """Balance plus everything floating."""
        return self.balance + sum(self.unrealised(symbol) for symbol in sorted(self.positions))

    # -- exposure --------------------------------------------------------------------------------

    def quantity(self, symbol: str) -> int:
        position = self.positions.get(symbol)
        return position.quantity if position else 0

    def exposure(self, symbol: str) -> int:
        """Worst-case units: max(|position + buys|, |position - sells|), and what others hold in our account."""
        held = self.quantity(symbol)
        buys, sells = self._sides.get(symbol, (0, 0))
        return max(abs(held), abs(held + buys), abs(held - sells)) + abs(self._others.get(symbol, 0))

    def bounds(self, symbol: str) -> tuple[int, int]:
        """Lowest and highest net units that a symbol may come to hold; what others hold in our account widens both."""
        position = self.positions.get(symbol)
        held = position.quantity if position else 0
        sides, others = self._sides.get(symbol), abs(self._others.get(symbol, 0))
        if sides is None:
            return held - others, held + others
        return held - sides[1] - others, held + sides[0] + others

    def exposed(self) -> list[str]:
        """``at_risk`` in the order of the names."""
        return sorted(self.at_risk)

    @property
    def at_risk(self) -> Set[str]:
        """Symbols that hold or may come to hold a position: a working exit makes no room."""
        stirred = self._stirred
        if stirred is None:
            stirred = {*self.positions, *self._others, *self._sides}
        for symbol in stirred:
            if symbol in self.positions or symbol in self._others or self.exposure(symbol):
                self._exposed.add(symbol)
            else:
                self._exposed.discard(symbol)
        self._stirred = set()
        return self._exposed

    def others(self, positions: dict[str, int]) -> None:
        """What the account holds at its venue that is not ours (signed units), from now on part of the exposure."""
        for symbol in {*self._others, *positions}:
            self._moved(symbol)
        self._others = dict(positions)

    def follow(self) -> set[str]:
        """A set to which every symbol is added that moves from now on: its units, its price or its rate.
        Whoever follows empties it."""
        moved = {*self.positions, *self._sides, *self._others}
        self._followers.append(moved)
        return moved

    def _moved(self, symbol: str) -> None:
        if self._stirred is not None:
            self._stirred.add(symbol)
        for one in self._followers:
            one.add(symbol)

    def closing(self, symbol: str) -> int:
        """Units of the position that working orders already close."""
        held = self.quantity(symbol)
        buys, sells = self._sides.get(symbol, (0, 0))
        return min(abs(held), sells if held > 0 else buys)

    @property
    def stirring(self) -> Iterable[str]:
        """Symbols with an order that can still fill."""
        return self._sides

    def in_flight(self, symbol: str) -> Iterable[Working]:
        """Working and reserved orders of a symbol."""
        if symbol not in self._sides:
            return ()
        return [one for one in self.working.values() if one.order.symbol == symbol]
