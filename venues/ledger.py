"""One account at a netting venue: what it holds, and a draft of what an act would change.

The ledger changes only by what has been committed; a draft that is dropped leaves nothing behind.
"""

from __future__ import annotations

from msgspec.structs import replace

from domain.candidate import identity
from domain.money import divide, times
from domain.order import CANCELLED, DONE, FILLED, FINANCING, STOP, TARGET, Fill, Order, OrderStep
from domain.venue import VenueAccount, VenueBook, VenueChange, VenueOrder, VenuePosition


class Ledger:
    """Cash per currency, open positions and working orders of one account."""

    def __init__(self, book: VenueBook) -> None:
        self.account = book.account.account
        self.cash = dict(book.account.cash)
        self.positions: dict[str, VenuePosition] = {}
        self.working: dict[str, VenueOrder] = {}
        self.orders_of: dict[str, dict[str, VenueOrder]] = {}
        self._take(book.positions, book.orders)

    def take(self, change: VenueChange) -> bool:
        """What was committed. True if the set of symbols to watch may have changed."""
        self.cash = dict(change.account.cash)
        return self._take(change.positions, change.orders)

    def _take(self, positions: tuple[VenuePosition, ...], orders: tuple[VenueOrder, ...]) -> bool:
        for position in positions:
            if position.quantity:
                self.positions[position.symbol] = position
            else:
                self.positions.pop(position.symbol, None)
        for order in orders:
            self._order(order)
        return bool(positions or orders)

    def _order(self, one: VenueOrder) -> None:
        order_id, symbol = one.order.id, one.order.symbol
        if one.status not in DONE:
            self.working[order_id] = one
            self.orders_of.setdefault(symbol, {})[order_id] = one
        elif self.working.pop(order_id, None) is not None:
            del self.orders_of[symbol][order_id]
            if not self.orders_of[symbol]:
                del self.orders_of[symbol]

    def symbols(self) -> set[str]:
        """Symbols in which something may happen."""
        return {*self.positions, *self.orders_of}


class Draft:
    """What one act would change: orders, positions, cash, fills, and the steps to tell of."""

    def __init__(self, ledger: Ledger, at: int) -> None:
        self.at = at
        self.account = ledger.account
        self._ledger = ledger
        self.cash = dict(ledger.cash)
        self.positions: dict[str, VenuePosition] = {}
        self.orders: dict[str, VenueOrder] = {}
        self._orders_of: dict[str, dict[str, VenueOrder]] = {}
        self.fills: list[Fill] = []
        self.steps: list[OrderStep] = []

    def position(self, symbol: str) -> VenuePosition:
        """The position as it would be; quantity 0 when flat."""
        found = self.positions.get(symbol) or self._ledger.positions.get(symbol)
        return found or VenuePosition(symbol=symbol, quantity=0, cost=0)

    def held(self) -> list[VenuePosition]:
        """Open positions as they would be, by symbol."""
        every = {**self._ledger.positions, **self.positions}
        return [position for _, position in sorted(every.items()) if position.quantity]

    def order(self, order_id: str) -> VenueOrder | None:
        """An order of this draft (also one that it ends) or a working one."""
        return self.orders.get(order_id) or self._ledger.working.get(order_id)

    def working(self) -> list[VenueOrder]:
        """Orders that can still fill, in the order of their arrival."""
        return self._still_working(self._ledger.working, self.orders)

    def working_in(self, symbol: str) -> list[VenueOrder]:
        """Those of one symbol."""
        return self._still_working(self._ledger.orders_of.get(symbol, {}), self._orders_of.get(symbol, {}))

    @staticmethod
    def _still_working(before: dict[str, VenueOrder], drafted: dict[str, VenueOrder]) -> list[VenueOrder]:
        return [one for one in {**before, **drafted}.values() if one.status not in DONE]

    def keep(self, order: VenueOrder) -> None:
        """The order as it now stands."""
        self.orders[order.order.id] = order
        self._orders_of.setdefault(order.order.symbol, {})[order.order.id] = order

    def end(self, order: VenueOrder, status: str, code: str = "") -> None:
        """The order ends without a further fill."""
        self.keep(replace(order, status=status))
        self.tell(order.order, status, code=code)

    def tell(self, order: Order, status: str, fill: Fill | None = None, code: str = "") -> None:
        """One step more for whoever asked."""
        self.steps.append(told(order, status, self.at, fill, code))

    def _pay(self, currency: str, amount: int) -> None:
        self.cash[currency] = self.cash.get(currency, 0) - amount

    def charge(self, position: VenuePosition, amount: int, currency: str) -> None:
        """Financing out of (or, negative, into) the cash of a currency, told as a fill without quantity."""
        self._pay(currency, amount)
        key = identity(self._ledger.account, position.symbol, self.at, FINANCING, len(self.fills))
        fill = Fill(
            id=key,
            order_id=key,
            account=self._ledger.account,
            symbol=position.symbol,
            side=1 if position.quantity > 0 else -1,
            quantity=0,
            price=0,
            commission=amount,
            at=self.at,
            reason=FINANCING,
            strategy=position.strategy,
            correlation_id=position.correlation_id,
        )
        self.fills.append(fill)
        self.steps.append(charged(fill))

    def book(self, one: VenueOrder, fill: Fill, status: str, currency: str, position: VenuePosition, pnl: int) -> None:
        """One fill: its money, the position after it, the order after it, and the step."""
        self._pay(currency, fill.commission - pnl)
        self.positions[fill.symbol] = position
        self.fills.append(fill)
        self.keep(replace(one, filled=one.filled + fill.quantity, status=status))
        self.tell(one.order, status, fill)

    def guard(self, position: VenuePosition, stop: int, target: int) -> VenuePosition:
        """The position with another stop and target."""
        changed = self.positions[position.symbol] = replace(position, stop=stop, target=target)
        return changed

    def cancel_leftovers(self, before: VenuePosition, cause: str) -> None:
        """A position that is gone takes along the exits meant for it and the unfilled rest of its entry."""
        for one in sorted(self.working_in(before.symbol), key=lambda one: one.order.id):
            order = one.order
            exits = order.opens == 0 and order.side * before.quantity < 0
            if order.id != cause and (exits or order.id == before.entry_order):
                self.end(one, CANCELLED, "POSITION_GONE")

    def change(self, at: int) -> VenueChange | None:
        """All of it as one transaction, with the T last advanced to; None if nothing changes."""
        if not (self.positions or self.orders or self.cash != self._ledger.cash):
            return None
        return VenueChange(
            account=VenueAccount(account=self.account, cash=self.cash, at=at),
            positions=tuple(self.positions.values()),
            orders=tuple(self.orders.values()),
            fills=tuple(self.fills),
        )


def charged(fill: Fill) -> OrderStep:
    """The step that tells of a financing charge."""
    return OrderStep(order_id=fill.order_id, status=FILLED, at=fill.at, fill=fill)


def told(order: Order, status: str, at: int, fill: Fill | None = None, code: str = "") -> OrderStep:
    """A step of an order; the order comes along if the venue made it."""
    made_here = order.purpose in (STOP, TARGET)
    return OrderStep(order_id=order.id, status=status, at=at, fill=fill, code=code, order=order if made_here else None)


def settle(position: VenuePosition, order: Order, quantity: int, price: int, at: int) -> tuple[VenuePosition, int]:
    """The position after a trade and the profit it realises (quote currency), as ``domain.book`` reckons.

    A trade against the position closes it first; what is left over opens the other side. The stop and
    target of an order that opens go to the position; 0 keeps those of a position that is enlarged, whose stop never
    loosens.
    """
    held, cost, profit = position.quantity, position.cost, 0
    closing = min(quantity, abs(held)) if held * order.side < 0 else 0
    if closing:
        paid = cost if closing == abs(held) else -order.side * divide(abs(cost) * closing, abs(held))
        profit = -order.side * times(price, closing) - paid
        held, cost = held + order.side * closing, cost - paid
    opened = quantity - closing
    if not opened:
        left = replace(position, quantity=held, cost=cost) if held else None
        return left or VenuePosition(symbol=position.symbol, quantity=0, cost=0), profit
    cost += order.side * times(price, opened)
    if held:
        nearest = max if order.side > 0 else min
        stops = [one for one in (position.stop, order.stop) if one]
        stop, target = nearest(stops, default=0), order.target or position.target
        return replace(position, quantity=held + order.side * opened, cost=cost, stop=stop, target=target), profit
    return (
        VenuePosition(
            symbol=order.symbol,
            quantity=order.side * opened,
            cost=cost,
            stop=order.stop,
            target=order.target,
            opened_at=at,
            entry_order=order.id,
            strategy=order.strategy,
            correlation_id=order.correlation_id,
        ),
        profit,
    )
