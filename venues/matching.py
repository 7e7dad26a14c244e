"""Which orders, stops and targets fill in the bars of one T, and in which order (design sections 4 and 9).

All bars of the T are known before anything is matched. At the open: stops and targets that the open has
gapped, then what is due there, by rank. Inside the bar: stops and targets, then resting limits and stop
entries, by rank. Of the same rank the earlier comes first, then the symbol decides, then the id: ids differ
from run to run. Both stop and target inside one bar count as the stop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from domain.candidate import identity
from domain.order import (
    ACCEPTED,
    CANCELLED,
    DONE,
    FILLED,
    PARTIALLY_FILLED,
    STOP,
    TARGET,
    TRIGGERED,
    Fill,
    Order,
    order_id,
)
from domain.venue import VenueOrder, VenuePosition
from venues import fills
from venues.fills import Prices, Terms
from venues.ledger import Draft, settle

MARKET, LIMIT, STOP_ENTRY = "MARKET", "LIMIT", "STOP"
KINDS = (MARKET, LIMIT, STOP_ENTRY)

FIRST = -1
"""The rank of the venue's own stop: before every order that an agent has sent."""


def due_at_open(one: VenueOrder) -> bool:
    """Whether it fills at the next open whatever the price: a market order, or a stop that has triggered."""
    return one.order.kind == MARKET or (one.order.kind == STOP_ENTRY and (one.filled > 0 or one.status == TRIGGERED))


def _turn(one: VenueOrder) -> tuple[int, int, str, str]:
    order = one.order
    return order.rank, order.at, order.symbol, order.id


class Matcher:
    """Matches one act's bars against a draft of the account.

    ``taken`` says whether an order id has been used before; ``traded`` is what the account has already
    traded in the bar (1e-9 units).
    """

    def __init__(
        self,
        draft: Draft,
        venue: str,
        bars: Mapping[str, Prices],
        terms: Mapping[str, Terms],
        taken: Callable[[str], bool],
        traded: int = 0,
    ) -> None:
        self._draft, self._venue, self._bars, self._terms, self._taken = draft, venue, bars, terms, taken
        self._room = {symbol: fills.room(bar, terms[symbol]) - traded for symbol, bar in bars.items()}

    def run(self) -> None:
        """Everything that is due in these bars. An order waits for a bar that opens at or after its own time."""
        orders = [one for one in self._draft.working() if self._reaches(one.order)]
        orders.sort(key=_turn)
        for symbol, bar in self._bars.items():
            position = self._draft.position(symbol)
            if position.stop or position.target:
                self._close_if_hit(symbol, fills.opening(bar))
        for one in orders:
            if due_at_open(one):
                symbol, side = one.order.symbol, one.order.side
                self.trade(one.order.id, fills.at_open(self._bars[symbol], side, self._terms[symbol]))
        for symbol in self._bars:
            self._close_if_hit(symbol, self._bars[symbol])
        for one in orders:
            if not due_at_open(one):
                self._resting(one.order)

    def _reaches(self, order: Order) -> bool:
        bar = self._bars.get(order.symbol)
        return bar is not None and bar.ts >= order.at

    # -- orders ----------------------------------------------------------------------------------

    def _resting(self, order: Order) -> None:
        """A limit or stop order inside the bar, then the stop of what it opened; its target must wait."""
        bar, terms = self._bars[order.symbol], self._terms[order.symbol]
        if order.kind == LIMIT:
            price = fills.limit(bar, order.side, order.price)
        else:
            price = fills.stop(bar, order.side, order.price, terms)
        if price is None:
            return
        done = len(self._draft.fills)
        self.trade(order.id, price)
        opened = self._draft.position(order.symbol).quantity * order.side > 0
        if len(self._draft.fills) > done and opened:
            self._close_if_hit(order.symbol, fills.from_entry(bar, order.side, price), targets=False)

    def trade(self, order_id: str, price: int) -> None:
        """Fill what may be filled at this price. What only closes never exceeds what is held."""
        one = self._draft.order(order_id)
        if one is None or one.status in DONE:
            return
        order = one.order
        if order.opens == 0 and order.purpose != STOP and self._stopping(order.symbol):
            self._draft.end(one, CANCELLED, "STOP_WINS")
            return
        to_close = max(0, order.reduces - one.filled)
        closing = min(to_close, max(0, -order.side * self._draft.position(order.symbol).quantity))
        wanted = closing + order.quantity - max(one.filled, order.reduces)
        if wanted == 0:
            self._draft.end(one, CANCELLED, "NOTHING_TO_CLOSE")
            return
        quantity = min(wanted, self._room[order.symbol])
        if quantity <= 0:
            self._wait(one)
            return
        self._fill(one, quantity, price)
        # a rest that only closes is void once nothing is held; the opening part cannot outlive it in pieces
        void = closing < to_close and quantity > closing
        kept = self._draft.order(order_id)
        if kept is not None and kept.status == PARTIALLY_FILLED and (void or quantity == wanted):
            self._draft.end(kept, CANCELLED, "NOTHING_TO_CLOSE")

    def _wait(self, one: VenueOrder) -> None:
        """No volume left for it in this bar; a stop order remembers that it has triggered."""
        if one.order.kind == STOP_ENTRY and not due_at_open(one):
            self._draft.keep(replace(one, status=TRIGGERED))
            self._draft.tell(one.order, TRIGGERED)

    def _fill(self, one: VenueOrder, quantity: int, price: int) -> None:
        draft, order = self._draft, one.order
        bar, terms = self._bars[order.symbol], self._terms[order.symbol]
        before = draft.position(order.symbol)
        after, profit = settle(before, order, quantity, price, draft.at)
        fill = Fill(
            id=identity(draft.account, order.id, bar.ts, one.filled),
            order_id=order.id,
            account=draft.account,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=fills.commission(price, quantity, terms),
            at=draft.at,
            reason=order.purpose,
            bar_ts=bar.ts,
            stop=after.stop,
            target=after.target,
            strategy=order.strategy,
            correlation_id=order.correlation_id,
        )
        self._room[order.symbol] -= quantity
        status = FILLED if one.filled + quantity == order.quantity else PARTIALLY_FILLED
        draft.book(one, fill, status, terms.quote, after, profit)
        if before.quantity and before.quantity * after.quantity <= 0:
            draft.cancel_leftovers(before, order.id)

    # -- stops and targets -----------------------------------------------------------------------

    def _stopping(self, symbol: str) -> bool:
        """Whether a stop that has triggered is still closing this symbol's position."""
        return any(one.order.purpose == STOP for one in self._draft.working_in(symbol))

    def _close_if_hit(self, symbol: str, bar: Prices, targets: bool = True) -> None:
        """The position's stop, else its target, if this bar reaches it."""
        position = self._draft.position(symbol)
        if not (position.stop or position.target) or self._stopping(symbol):
            return
        side = -1 if position.quantity > 0 else 1
        if position.stop:
            price = fills.stop(bar, side, position.stop, self._terms[symbol])
            if price is not None:
                self._close(position, STOP, STOP_ENTRY, position.stop, abs(position.quantity), price)
                return
        if position.target and targets:
            price = fills.limit(bar, side, position.target)
            quantity = min(abs(position.quantity), self._room[symbol])
            if price is not None and quantity > 0:
                self._close(position, TARGET, LIMIT, position.target, quantity, price)

    def _close(self, position: VenuePosition, purpose: str, kind: str, trigger: int, quantity: int, price: int) -> None:
        """The venue's own closing order. A stop's rest works on at the next open; a target is an order per bar."""
        attempt = 0
        while self._taken(closing_id := self._closing_id(position, purpose, attempt)):
            attempt += 1
        order = Order(
            id=closing_id,
            account=self._draft.account,
            venue=self._venue,
            symbol=position.symbol,
            strategy=position.strategy,
            purpose=purpose,
            side=-1 if position.quantity > 0 else 1,
            quantity=quantity,
            reduces=quantity,
            kind=kind,
            price=trigger,
            at=self._draft.at,
            rank=FIRST,
            attempt=attempt,
            correlation_id=position.correlation_id,
        )
        self._draft.keep(VenueOrder(order=order, status=ACCEPTED, submitted_at=self._draft.at))
        if self._room[position.symbol] <= 0:
            self._draft.tell(order, ACCEPTED)
        self.trade(order.id, price)

    def _closing_id(self, position: VenuePosition, purpose: str, attempt: int) -> str:
        return order_id(self._draft.account, position.strategy, position.symbol, position.opened_at, purpose, attempt)
