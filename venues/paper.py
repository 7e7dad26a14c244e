"""The paper venue: an account with a durable book, filled by the bars of each T (design sections 4 and 9).

Every act is drafted, committed as one ``VenueChange`` and only then taken into memory: an act whose
commit fails has not happened, and the next one reads the book again. It nets, and needs no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from domain.errors import ConfigError, Refused, Unavailable
from domain.instrument import Instrument
from domain.market import BAR, BarBatch, Bars
from domain.order import (
    ACCEPTED,
    BUY,
    CANCELLED,
    DONE,
    EXPIRED,
    FILLED,
    FINANCING,
    PARTIALLY_FILLED,
    SELL,
    Fill,
    Order,
    OrderStep,
)
from domain.ports import VenueBooks
from domain.venue import VenueAccount, VenueBook, VenueOrder, VenuePosition
from venues import fills
from venues.fills import FillModel, Prices
from venues.financing import nights
from venues.ledger import Draft, Ledger, charged, told
from venues.matching import KINDS, MARKET, Matcher, due_at_open

FEW = 8
"""Bars of one T that are looked at one by one."""
_BYTES = np.dtype((np.void, BAR.itemsize))


class PaperVenue:
    """One paper account. ``symbols`` gives each row of a batch its symbol; money and prices in 1e-9.

    Raises Refused (with a code), Unavailable, and what the books raise (StaleEpoch); ConfigError if a
    symbol has no instrument.
    """

    name = "paper"

    def __init__(
        self,
        books: VenueBooks,
        account: str,
        cash: int,
        currency: str,
        symbols: tuple[str, ...],
        instruments: Mapping[str, Instrument],
        model: FillModel,
        timeframe_ns: int,
    ) -> None:
        if missing := [symbol for symbol in symbols if symbol not in instruments]:
            raise ConfigError([f"{symbol}: the paper venue has no instrument of this name" for symbol in missing])
        self._books, self._name, self._timeframe = books, account, timeframe_ns
        self._start = VenueBook(account=VenueAccount(account=account, cash={currency: cash}))
        self._symbols, self._rows = symbols, {symbol: row for row, symbol in enumerate(symbols)}
        self._instruments, self._fill_on = dict(instruments), model.fill_on
        self._terms = {symbol: model.terms(instrument) for symbol, instrument in instruments.items()}
        self.finances = any(one.financing_long or one.financing_short for one in self._terms.values())
        self._last_bars = np.zeros(len(symbols) if model.fill_on == fills.SAME_CLOSE else 0, BAR)
        self._answer: tuple[int, list[OrderStep]] = (0, [])
        self._at = 0
        self._load()

    # -- acts ------------------------------------------------------------------------------------

    def submit(self, order: Order) -> list[OrderStep]:
        """Take an order: it waits for its bar, or fills at once at the last close (``same_close``).

        A known id changes nothing and returns what has become of it.
        """
        self._reload_if_unsure()
        if known := self._known(order.id):
            return self._told(known)
        self._check(order)
        draft = Draft(self._ledger, max(self._at, order.at))
        draft.keep(VenueOrder(order=order, status=ACCEPTED, submitted_at=order.at))
        draft.tell(order, ACCEPTED)
        if order.kind == MARKET and self._fill_on == fills.SAME_CLOSE:
            bar = self._last_bar(order.symbol)
            matcher = self._matcher(draft, {order.symbol: bar}, self._traded_in(order.symbol, bar.ts))
            matcher.trade(order.id, fills.at_close(bar, order.side, self._terms[order.symbol]))
        self._commit(draft, self._at)
        return draft.steps

    def cancel(self, order_id: str, at: int) -> list[OrderStep]:
        """End a working order; an order that has ended says how. Raises Refused for an unknown id."""
        self._reload_if_unsure()
        one = self._known(order_id)
        if one is None:
            raise Refused(f"no order {order_id} in account {self._name}", "NO_SUCH_ORDER")
        if one.status in DONE:
            return self._told(one)
        draft = Draft(self._ledger, at)
        draft.end(one, CANCELLED)
        self._commit(draft, self._at)
        return draft.steps

    def modify(self, symbol: str, side: int, stop: int, target: int, at: int, entry_order: str = "") -> VenuePosition:
        """Set the stop and target prices of a position (0 removes). Raises Refused if there is none on that side, or
        another one than ``entry_order`` has opened."""
        self._reload_if_unsure()
        position = self._ledger.positions.get(symbol)
        another = position is not None and entry_order not in ("", position.entry_order)
        if position is None or position.quantity * side <= 0 or another:
            raise Refused(f"no such position in {symbol} whose stop could be set", "NO_POSITION")
        if stop < 0 or target < 0:
            raise Refused(f"{symbol}: stop {stop} and target {target} must not be negative", "BAD_PRICE")
        if (position.stop, position.target) == (stop, target):
            return position
        draft = Draft(self._ledger, at)
        changed = draft.guard(position, stop, target)
        self._commit(draft, self._at)
        return changed

    def advance(self, batch: BarBatch) -> list[OrderStep]:
        """Match what is due in the bars of one T, once: the last T again returns its steps, an older one nothing."""
        self._reload_if_unsure()
        if batch.final or batch.at < self._at:
            return []
        if batch.at == self._at:
            self._see(batch.rows)
            return self._again()
        draft = Draft(self._ledger, batch.at)
        opened = batch.at - self._timeframe
        before = self._at or opened
        self._expire(draft)
        self._finance(draft, before, opened)
        if bars := self._due(batch.rows):
            self._matcher(draft, bars).run()
        self._finance(draft, max(before, opened), batch.at)
        self._answer = (batch.at, draft.steps)
        self._commit(draft, batch.at)
        self._see(batch.rows)
        return draft.steps

    # -- questions -------------------------------------------------------------------------------

    def lookup(self, order_id: str) -> VenueOrder | None:
        """An order by id, working or ended."""
        self._reload_if_unsure()
        return self._known(order_id)

    def orders(self) -> list[VenueOrder]:
        """Working orders, by id."""
        self._reload_if_unsure()
        return [one for _, one in sorted(self._ledger.working.items())]

    def fills(self, after: int) -> list[tuple[int, Fill]]:
        """Fills later than a cursor, each with its own."""
        return self._books.fills(self._name, after)

    @property
    def stirs(self) -> bool:
        """Whether a bar may fill something: an order works, or a position has a stop or a target."""
        ledger = self._ledger
        return bool(ledger.working) or any(one.stop or one.target for one in ledger.positions.values())

    def position(self, symbol: str) -> VenuePosition | None:
        """One symbol's open position."""
        return self._ledger.positions.get(symbol)

    def positions(self) -> list[VenuePosition]:
        """Open positions, by symbol."""
        self._reload_if_unsure()
        return [one for _, one in sorted(self._ledger.positions.items())]

    def account(self) -> VenueAccount:
        """Cash per currency, and the T last advanced to."""
        self._reload_if_unsure()
        return VenueAccount(account=self._name, cash=dict(self._ledger.cash), at=self._at)

    def capabilities(self) -> dict[str, bool]:
        return {"netting": True, "idempotent": True, "venue_stops": True, "price_driven": True, "partial": True}

    # -- the book --------------------------------------------------------------------------------

    def _load(self) -> None:
        book = self._books.load(self._name) or self._start
        self._ledger = Ledger(book)
        self._at = max(self._at, book.account.at)
        self._recent: list[Fill] | None = None
        self._traded: dict[str, tuple[int, int]] | None = None
        self._watched: NDArray[np.int32] | None = None
        self._sure = True

    def _reload_if_unsure(self) -> None:
        """After a commit that raised, nobody knows whether it has happened: the book does."""
        if not self._sure:
            self._load()

    def _commit(self, draft: Draft, at: int) -> None:
        change = draft.change(at)
        if change is not None:
            self._sure = False
            self._books.commit(change)
            self._sure = True
            if self._ledger.take(change):
                self._watched = None
        if at > self._at:
            self._at, self._recent = at, []
        if self._recent is not None:
            self._recent += draft.fills
        if self._traded is not None:
            _count(self._traded, draft.fills)

    def _fills_of_last(self) -> list[Fill]:
        """Fills since the T last advanced to; after a restart they are read from the book."""
        if self._recent is None:
            self._recent = [fill for _, fill in self._books.fills(self._name, 0) if fill.at >= self._at]
        return self._recent

    def _known(self, order_id: str) -> VenueOrder | None:
        return self._ledger.working.get(order_id) or self._books.order(self._name, order_id)

    def _told(self, one: VenueOrder) -> list[OrderStep]:
        """The steps that describe what has become of an order, with its fill if that is of the last T."""
        at = max(self._at, one.submitted_at)
        fill = next((fill for fill in self._fills_of_last() if fill.order_id == one.order.id), None)
        if fill is None:
            return [told(one.order, one.status if one.status in DONE else ACCEPTED, at)]
        if one.status == FILLED:
            return [told(one.order, FILLED, fill.at, fill)]
        steps = [told(one.order, PARTIALLY_FILLED, fill.at, fill)]
        return [*steps, told(one.order, one.status, at)] if one.status in DONE else steps

    def _again(self) -> list[OrderStep]:
        """The answer of the last T once more; after a restart those of its steps that were fills."""
        at, steps = self._answer
        if at == self._at:
            return list(steps)
        recent = self._fills_of_last()
        steps = [charged(fill) for fill in recent if fill.reason == FINANCING]
        found = [self._known(order_id) for order_id in dict.fromkeys(one.order_id for one in recent)]
        return steps + [step for one in found if one is not None for step in self._told(one)]

    # -- the parts of an act ---------------------------------------------------------------------

    def _check(self, order: Order) -> None:
        instrument = self._instruments.get(order.symbol) if order.symbol in self._rows else None
        if instrument is None:
            raise Refused(f"{order.symbol} is not traded here", "UNKNOWN_SYMBOL")
        what = f"order {order.id} in {order.symbol}"
        if order.account != self._name:
            raise Refused(f"{what} is for account {order.account}, this is {self._name}", "WRONG_ACCOUNT")
        if order.side not in (BUY, SELL):
            raise Refused(f"{what}: side {order.side} is neither buy nor sell", "BAD_SIDE")
        if order.quantity <= 0 or not 0 <= order.reduces <= order.quantity:
            raise Refused(f"{what}: quantity {order.quantity}, of which {order.reduces} reduces", "BAD_QUANTITY")
        if order.quantity % instrument.lot_step or order.reduces % instrument.lot_step:
            raise Refused(f"{what}: quantity {order.quantity} is no multiple of {instrument.lot_step}", "LOT_STEP")
        if max(order.opens, order.reduces) > instrument.max_quantity:
            raise Refused(f"{what}: quantity {order.quantity} is over {instrument.max_quantity}", "TOO_LARGE")
        if order.kind not in KINDS:
            raise Refused(f"{what}: kind {order.kind} is not one of {', '.join(KINDS)}", "BAD_KIND")
        if min(order.price, order.stop, order.target) < 0 or (order.kind != MARKET and order.price == 0):
            raise Refused(f"{what}: price {order.price}, stop {order.stop}, target {order.target}", "BAD_PRICE")

    def _matcher(self, draft: Draft, bars: Mapping[str, Prices], traded: int = 0) -> Matcher:
        def taken(order_id: str) -> bool:
            return draft.order(order_id) is not None or self._books.order(self._name, order_id) is not None

        return Matcher(draft, self.name, bars, self._terms, taken, traded)

    def _expire(self, draft: Draft) -> None:
        for one in sorted(draft.working(), key=lambda one: one.order.id):
            if 0 < one.order.expires_at < draft.at and not due_at_open(one):
                draft.end(one, EXPIRED)

    def _finance(self, draft: Draft, after: int, until: int) -> None:
        """Charge what is held for the rollovers in (after, until]."""
        for position in draft.held() if self.finances and until > after else ():
            terms = self._terms.get(position.symbol)
            count = nights(after, until, terms.asset_class) if terms else 0
            amount = fills.financing(position.cost, count, terms) if terms and count else 0
            if terms and amount:
                draft.charge(position, amount, terms.quote)

    # -- bars ------------------------------------------------------------------------------------

    def _due(self, rows: Bars) -> dict[str, Prices]:
        """The bars of symbols with a position or an order, by row; no other bar is looked at."""
        if self._watched is None:
            watched: Sequence[int] = sorted(self._rows[one] for one in self._ledger.symbols() if one in self._rows)
            self._watched = np.array(watched, np.int32)
        if not len(self._watched) or not len(rows):
            return {}
        bars = {}
        if len(rows) <= FEW:
            watched = self._watched.tolist()
            for one in rows.tolist():
                if one[0] in watched:
                    symbol = self._symbols[one[0]]
                    bars[symbol] = fills.prices(one, self._terms[symbol])
            return bars
        column = rows["row"]
        places = np.searchsorted(column, self._watched).tolist()
        for row, place in zip(self._watched.tolist(), places, strict=True):
            if place < len(column) and column[place] == row:
                symbol = self._symbols[row]
                bars[symbol] = fills.prices(rows[place].item(), self._terms[symbol])
        return bars

    def _see(self, rows: Bars) -> None:
        """Keep the last bar of each symbol, where orders fill at its close."""
        if len(self._last_bars):
            self._last_bars.view(_BYTES)[rows["row"]] = rows.view(_BYTES)  # seven times faster than field by field

    def _last_bar(self, symbol: str) -> Prices:
        row = self._last_bars[self._rows[symbol]]
        if row["close"] == 0:
            raise Unavailable(f"no close of {symbol} has been seen yet to fill at; try again after its next bar")
        return fills.prices(row.item(), self._terms[symbol])

    def _traded_in(self, symbol: str, bar_ts: int) -> int:
        """Units already traded in the symbol's last bar; after a restart they are read from the book."""
        if not self._terms[symbol].participation:
            return 0
        if self._traded is None:
            self._traded = _count({}, [fill for _, fill in self._books.fills(self._name, 0)])
        last_ts, quantity = self._traded.get(symbol, (0, 0))
        return quantity if last_ts == bar_ts else 0


def _count(traded: dict[str, tuple[int, int]], done: list[Fill]) -> dict[str, tuple[int, int]]:
    """Adds fills to what has been traded in each symbol's last bar: its open, and the units."""
    for fill in done:
        last_ts, quantity = traded.get(fill.symbol, (0, 0))
        traded[fill.symbol] = (fill.bar_ts, fill.quantity + (quantity if last_ts == fill.bar_ts else 0))
    return traded
