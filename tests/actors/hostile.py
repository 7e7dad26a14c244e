"""A venue that keeps its orders, fills and positions honestly, and misbehaves as it is told."""

from __future__ import annotations

import asyncio
import inspect
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgspec

from domain import order as orders
from domain.errors import ActorLost, Refused, Unavailable, Unknown
from domain.money import NANO, times
from domain.order import Fill, Order, OrderStep
from domain.venue import VenueAccount, VenueOrder, VenuePosition

COMMISSION = NANO // 4
"""Of every fill, in the quote currency."""

Proceed = Callable[[], Any]
Fault = Callable[[Proceed], Any]


# -- what may happen to one call: a fault is given the honest act, and may do it or not ----------------


def lost_before(proceed: Proceed) -> Any:
    """The call never arrived, and nobody can tell."""
    raise ActorLost("VenueGateway:hostile", "lost on the way there")


def lost_after(proceed: Proceed) -> Any:
    """The venue has acted; its answer never arrived."""
    proceed()
    raise ActorLost("VenueGateway:hostile", "lost on the way back")


def unknown(proceed: Proceed) -> Any:
    """An error behind which the venue has acted."""
    proceed()
    raise Unknown("HTTP 502", "502")


def unavailable(proceed: Proceed) -> Any:
    raise Unavailable("connection refused", "DOWN")


def refused(proceed: Proceed) -> Any:
    raise Refused("no", "10019")


def twice(proceed: Proceed) -> Any:
    """Every step of the answer is told twice."""
    steps = proceed()
    return [*steps, *steps]


def backwards(proceed: Proceed) -> Any:
    """The steps of the answer come in the wrong order."""
    return [*reversed(proceed())]


def silent(proceed: Proceed) -> Any:
    """It acts, and its answer says nothing of it."""
    proceed()
    return []


def lagging(proceed: Proceed) -> Any:
    """Its list does not have the newest yet."""
    return proceed()[:-1]


def late(seconds: float) -> Fault:
    """It acts at once and answers after a while."""

    async def fault(proceed: Proceed) -> Any:
        answer = proceed()
        await asyncio.sleep(seconds)
        return answer

    return fault


class Died(BaseException):
    """The executor's process ends here."""


def dies_before(proceed: Proceed) -> Any:
    raise Died


def dies_after(proceed: Proceed) -> Any:
    proceed()
    raise Died


class HostileVenue:
    """The gateway's methods over one netting account in which others trade, too.

    ``held`` are our positions, ``others`` those of somebody else. Market orders fill at once and wholly, in the
    parts that ``parts`` says; with ``rests`` they wait for ``trade``.
    """

    def __init__(self, account: str, **can: bool) -> None:
        self.account_name, self.can = account, can
        self.taken: dict[str, VenueOrder] = {}
        self.deals: list[tuple[int, Fill]] = []
        self.held: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.stops: dict[str, tuple[int, int]] = {}
        self.foreign_orders: dict[str, VenueOrder] = {}
        self.received: Counter[str] = Counter()
        self.touched: list[tuple[str, str]] = []  # every act that changed something: (what, order or symbol)
        self.asked: Counter[str] = Counter()
        self.rests = False
        self.now = 0  # when it closes what nobody asked it to close
        self.tells_of_its_own = True  # whether it can be asked about stops and targets that it has made
        self.parts: Callable[[Order], list[int]] = lambda order: [order.quantity]
        self.together: dict[str, set[str]] = {}  # symbol -> orders of it that were being sent at one time
        self._sending: list[Order] = []
        self._faults: dict[str, deque[Fault]] = {}
        self._always: dict[str, Fault] = {}

    # -- what it is told to do -------------------------------------------------------------------

    def next_time(self, method: str, *faults: Fault) -> None:
        """The next calls of the method meet these faults, one each."""
        self._faults.setdefault(method, deque()).extend(faults)

    def always(self, method: str, fault: Fault | None) -> None:
        """Every call of the method meets the fault; None: no longer."""
        if fault is None:
            self._always.pop(method, None)
        else:
            self._always[method] = fault

    def trade(self, order_id: str, quantity: int, tell: bool = True) -> Fill:
        """So much of a working or ended order fills now; ``tell`` False: its list of fills never has it."""
        one = self.taken[order_id]
        filled = one.filled + quantity
        status = orders.FILLED if filled >= one.order.quantity else orders.PARTIALLY_FILLED
        status = one.status if one.status in orders.DONE else status
        self.taken[order_id] = msgspec.structs.replace(one, filled=filled, status=status)
        order = one.order
        return self._deal(order.symbol, order.side, quantity, order.entry, order.purpose, order_id, order, tell)

    def deal_of_others(self, symbol: str, side: int, quantity: int) -> Fill:
        """A fill of an order that is not ours, in its list of fills."""
        fill = self._fill(symbol, side, quantity, NANO, orders.ENTRY, "theirs")
        self.deals.append((len(self.deals) + 1, fill))
        self.others[symbol] += side * quantity
        return fill

    def close(self, symbol: str, reason: str, quantity: int = 0, tell: bool = True, price: int = NANO) -> Fill:
        """Our position, or so much of it, is closed there by nobody of us."""
        side, units = -1 if self.held[symbol] > 0 else 1, quantity or abs(self.held[symbol])
        fill = self._deal(symbol, side, units, price, reason, f"made-there-{symbol}", None, tell)
        if self.tells_of_its_own:
            order = self._order(fill.order_id, symbol, side, units)
            self.taken[order.id] = VenueOrder(order=order, status=orders.FILLED, filled=units)
        return fill

    def works_for_others(self, symbol: str, side: int, quantity: int) -> str:
        order = self._order(f"manual-{symbol}", symbol, side, quantity)
        self.foreign_orders[order.id] = VenueOrder(order=order, status=orders.ACCEPTED)
        return order.id

    def ends(self, order_id: str, status: str) -> None:
        """A working order ends there without anybody asking."""
        self.taken[order_id] = msgspec.structs.replace(self.taken[order_id], status=status)

    def forget(self, order_id: str) -> None:
        del self.taken[order_id]

    # -- the gateway's methods -------------------------------------------------------------------

    async def call(self, method: str, *args: Any) -> Any:
        """One message: the honest method, behind the fault that is due."""
        self.asked[method] += 1
        due = self._faults.get(method)
        fault = due.popleft() if due else self._always.get(method)
        act = getattr(self, method)
        await asyncio.sleep(0)
        sending = [one for one in args if isinstance(one, Order)]
        self._sending += sending
        for one in sending:
            self.together.setdefault(one.symbol, set())
            beside = {two.id for two in self._sending if two.symbol == one.symbol}
            self.together[one.symbol] |= beside if len(beside) > 1 else set()
        try:
            answer = act(*args) if fault is None else fault(lambda: act(*args))
            return await answer if inspect.isawaitable(answer) else answer
        finally:
            for one in sending:
                self._sending.remove(one)

    def capabilities(self) -> dict[str, bool]:
        return self.can

    def submit(self, epoch: int, order: Order) -> list[OrderStep]:
        self.received[order.id] += 1
        if order.id in self.taken and self.can.get("idempotent"):
            return self._told(self.taken[order.id])
        self.touched.append(("submit", order.id))
        self.taken[order.id] = VenueOrder(order=order, status=orders.ACCEPTED, submitted_at=order.at)
        steps = [OrderStep(order_id=order.id, status=orders.ACCEPTED, at=order.at)]
        for quantity in () if self.rests else self.parts(order):
            fill = self.trade(order.id, quantity)
            steps.append(OrderStep(order_id=order.id, status=self.taken[order.id].status, at=fill.at, fill=fill))
        return steps

    def cancel(self, epoch: int, order_id: str, at: int) -> list[OrderStep]:
        self.touched.append(("cancel", order_id))
        one = self.taken.get(order_id)
        if one is None:
            raise Refused(f"no order {order_id}", "NO_SUCH_ORDER")
        if one.status not in orders.DONE:
            self.ends(order_id, orders.CANCELLED)
        return self._told(self.taken[order_id])

    def modify(
        self, epoch: int, symbol: str, side: int, stop: int, target: int, at: int, entry_order: str = ""
    ) -> VenuePosition:
        self.touched.append(("modify", symbol))
        if self.held[symbol] * side <= 0:
            raise Refused(f"no such position in {symbol}", "NO_POSITION")
        self.stops[symbol] = (stop, target)
        return next(one for one in self.positions() if one.symbol == symbol)

    def lookup(self, order_id: str) -> VenueOrder | None:
        return self.taken.get(order_id)

    def orders(self) -> list[VenueOrder]:
        working = [one for one in self.taken.values() if one.status not in orders.DONE]
        return [*working, *self.foreign_orders.values()]

    def fills(self, after: int) -> list[tuple[int, Fill]]:
        return [one for one in self.deals if one[0] > after]

    def positions(self) -> list[VenuePosition]:
        net = {symbol: self.held[symbol] + self.others[symbol] for symbol in {*self.held, *self.others}}
        return [
            VenuePosition(
                symbol=symbol,
                quantity=quantity,
                cost=0,
                stop=self.stops.get(symbol, (0, 0))[0],
                target=self.stops.get(symbol, (0, 0))[1],
            )
            for symbol, quantity in sorted(net.items())
            if quantity
        ]

    def account(self) -> VenueAccount:
        return VenueAccount(account=self.account_name, cash={})

    def _order(self, key: str, symbol: str, side: int, quantity: int) -> Order:
        """An order that none of us has sent."""
        return Order(
            id=key,
            account=self.account_name,
            venue="hostile",
            symbol=symbol,
            strategy="",
            purpose="",
            side=side,
            quantity=quantity,
        )

    # -- what it has -----------------------------------------------------------------------------

    def ours(self) -> dict[str, int]:
        """Our positions, signed units by symbol."""
        return {symbol: quantity for symbol, quantity in sorted(self.held.items()) if quantity}

    def cash_flow(self) -> int:
        """What all our fills in its list have brought in, commissions paid."""
        mine = (fill for _, fill in self.deals if fill.order_id != "theirs")
        return sum(-one.side * times(one.price, one.quantity) - one.commission for one in mine)

    def sent(self, what: str = "submit") -> list[str]:
        """The orders or symbols of all acts of a kind that it has done."""
        return [key for kind, key in self.touched if kind == what]

    def _told(self, one: VenueOrder) -> list[OrderStep]:
        fills = [fill for _, fill in self.deals if fill.order_id == one.order.id]
        partly = [
            OrderStep(order_id=one.order.id, status=orders.PARTIALLY_FILLED, at=fill.at, fill=fill) for fill in fills
        ]
        if partly and one.status == orders.FILLED:
            partly[-1] = msgspec.structs.replace(partly[-1], status=orders.FILLED)
            return partly
        if partly and one.status not in orders.DONE:
            return partly
        return [*partly, OrderStep(order_id=one.order.id, status=one.status, at=one.order.at)]

    def _deal(
        self,
        symbol: str,
        side: int,
        units: int,
        price: int,
        reason: str,
        order_id: str,
        order: Order | None,
        tell: bool,
    ) -> Fill:
        fill = self._fill(symbol, side, units, price, reason, order_id, order)
        if tell:
            self.deals.append((len(self.deals) + 1, fill))
        self.held[symbol] += side * units
        if order is not None and order.stop:
            self.stops[symbol] = (order.stop, order.target)
        if not self.held[symbol]:
            self.stops.pop(symbol, None)
        return fill

    def _fill(
        self, symbol: str, side: int, units: int, price: int, reason: str, order_id: str, order: Order | None = None
    ) -> Fill:
        stop, target = (order.stop, order.target) if order else (0, 0)
        return Fill(
            id=f"deal-{len(self.deals) + 1}-{order_id}",
            order_id=order_id,
            account=self.account_name,
            symbol=symbol,
            side=side,
            quantity=units,
            price=price,
            commission=COMMISSION,
            at=order.at if order else self.now,
            reason=reason,
            stop=stop,
            target=target,
            strategy=order.strategy if order else "",
            correlation_id=order.correlation_id if order else order_id,
        )
