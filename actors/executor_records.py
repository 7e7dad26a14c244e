"""What the executor writes down: attempts, order events, fills, and the events that tell of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from actors import gate_rows as rows
from actors.executor_rows import (
    News,
    alerts_of,
    attempt_row,
    events_of,
    made_there,
    rows_of,
    stop_events,
    stop_row,
)
from actors.specs import RunSpec
from actors.strangers import BAD_FILL, EXPLAINED, FILL, Strangers
from domain import order as orders
from domain.events import Draft
from domain.money import from_text
from domain.order import Fill, Order, OrderStep, StopChange
from domain.reconcile import STANDING_IN, Known
from journal import schema as s
from journal.store import Store

REMEMBERED = 10_000
"""Ended orders and fills kept in memory; an older one that is told again is looked up in the database."""

NEVER_THERE = frozenset({orders.INTENT, orders.SUBMITTED, orders.UNKNOWN})
"""Statuses of an order that no venue has ever said to have."""

WORKS = frozenset({orders.ACCEPTED, orders.TRIGGERED})
WORKING = WORKS | {orders.PARTIALLY_FILLED}
"""Statuses that say no more than that an order works, and those in which that is known."""


_EVENTS = sa.select(
    s.order_events.c.order_id, s.order_events.c.status, s.order_events.c.code, s.fills.c.quantity
).select_from(s.order_events.outerjoin(s.fills, s.order_events.c.fill_id == s.fills.c.id))
_STORY = _EVENTS.where(s.order_events.c.order_id == sa.bindparam("of")).order_by(s.order_events.c.seq)
_ORDER = sa.select(s.orders).where(s.orders.c.id == sa.bindparam("of"), s.orders.c.answer == "APPROVED")
_TOLD = sa.select(s.stop_changes.c.state).where(s.stop_changes.c.id == sa.bindparam("of"))
_AT = sa.select(s.orders.c.at).where(s.orders.c.id == sa.bindparam("of"))


class ExecutorRecords:
    """The executor's tables of one account, and the present status of every order that is not done.

    Memory holds what has a reservation, and what was written since; anything older is read when it is asked for.
    """

    def __init__(self, store: Store, run: RunSpec, venue: str = "paper") -> None:
        self.store, self.run, self.venue = store, run, venue
        self.strangers = Strangers(store, run, venue)
        self.cursor = 0
        self._story: dict[str, list[str]] = {}
        self._filled: dict[str, int] = {}
        self._inferred: dict[str, int] = {}
        self._orders: dict[str, Order] = {}
        self._open: dict[str, None] = {}
        self._fills: OrderedDict[str, None] = OrderedDict()
        self._done: deque[tuple[str, int]] = deque()
        self._complete_from = 0
        self.load()

    def load(self) -> None:
        """From the database: the same at the first start and whenever it is not certain what was committed."""
        account = self.run.account
        events, fills = s.order_events, s.fills
        reserved = sa.select(s.reservations.c.order_id).where(s.reservations.c.account == account)
        with self.store.read() as c:
            self._story, self._filled, self._inferred = {}, {}, {}
            self._open, self._done = {}, deque()
            self._orders = {
                row.id: rows.order_of(row) for row in c.execute(sa.select(s.orders).where(s.orders.c.id.in_(reserved)))
            }
            told: dict[str, list[Any]] = {}
            for row in c.execute(_EVENTS.where(events.c.order_id.in_(reserved)).order_by(events.c.seq)):
                told.setdefault(row.order_id, []).append(row)
            for order_id, of_it in told.items():
                self._remember(order_id, of_it)
            self._open = {one: None for one, story in self._story.items() if story[-1] not in orders.DONE}
            newest = sa.select(fills.c.id).where(fills.c.account == account).order_by(fills.c.seq.desc())
            self._fills = OrderedDict.fromkeys(reversed(c.execute(newest.limit(REMEMBERED)).scalars().all()))
            at = sa.select(sa.func.max(s.orders.c.at)).where(s.orders.c.account == account)
            self._complete_from = c.execute(at).scalar() or 0
            mine = (s.venue_cursors.c.account == account) & (s.venue_cursors.c.venue == self.venue)
            self.cursor = c.execute(sa.select(s.venue_cursors.c.cursor).where(mine)).scalar() or 0
        self._stale = False

    def _remember(self, order_id: str, found: Sequence[Any]) -> None:
        """The story of an order as the database has it; what memory has already is newer."""
        units = [from_text(row.quantity) if row.quantity is not None else 0 for row in found]
        inferred = sum(one for one, row in zip(units, found, strict=True) if row.code in STANDING_IN)
        if inferred:
            explained = self.strangers.known(EXPLAINED)
            inferred -= sum(abs(one) for key, (_, one) in explained.items() if key.startswith(f"{order_id}:"))
        self._filled.setdefault(order_id, sum(units))
        self._inferred.setdefault(order_id, inferred)
        self._story.setdefault(order_id, [row.status for row in found])

    # -- what is known ---------------------------------------------------------------------------

    def status(self, order_id: str, at: int = 0) -> str:
        """The last status written down; empty if the executor has never touched the order, made at ``at``."""
        if order_id not in self._story and at <= self._complete_from:
            self._recall(order_id)
        story = self._story.get(order_id)
        return story[-1] if story else ""

    def known(self, order_id: str) -> Known | None:
        """An order of ours with what is written down of it; None if it is not ours."""
        order = self._order(order_id)
        return None if order is None else Known(order, self.status(order_id), self._filled.get(order_id, 0))

    def never_there(self, order_id: str) -> bool:
        """Whether the venue has never said that it has the order."""
        return NEVER_THERE.issuperset(self._story.get(order_id, ()))

    def open_orders(self) -> list[str]:
        """Orders sent or unknown whose end is not known, oldest first."""
        return list(self._open)

    def unsent(self, before: int) -> list[Order]:
        """Intents of moments earlier than ``before`` that nobody has sent: their cycle is over."""
        found = [order for order in self._orders.values() if order.at < before and not self.status(order.id, order.at)]
        return sorted(found, key=lambda one: (one.at, one.rank, one.id))

    def exits_unsent(self) -> list[Order]:
        """Orders that only close and that nobody has sent, as the database has them now."""
        self.load()
        return [order for order in self._orders.values() if not order.opens and not self.status(order.id, order.at)]

    def _order(self, order_id: str) -> Order | None:
        if order_id not in self._orders:
            with self.store.read() as c:
                row = c.execute(_ORDER, {"of": order_id}).first()
            if row is None:
                return None
            return rows.order_of(row)
        return self._orders[order_id]

    def _recall(self, order_id: str) -> None:
        """An order that memory does not hold: what the database has of it."""
        with self.store.read() as c:
            found = c.execute(_STORY, {"of": order_id}).all()
            at = c.execute(_AT, {"of": order_id}).scalar() or 0
        if found:
            self._remember(order_id, found)
        if found and found[-1].status in orders.DONE:
            self._done.append((order_id, at))

    def missing(self, found: Iterable[Fill]) -> list[OrderStep]:
        """The steps that write down those fills of the venue's list that we do not have."""
        news = self._unknown([one for one in found if one.id not in self._fills])
        return [
            OrderStep(
                order_id=fill.order_id,
                status=orders.FILLED if self._ends(fill) else orders.PARTIALLY_FILLED,
                at=fill.at,
                fill=fill,
            )
            for fill in news
        ]

    def _ends(self, fill: Fill) -> bool:
        if fill.reason in orders.MADE_THERE:
            return False  # how much it is for, and whether it has ended, only the venue knows
        if fill.reason == orders.FINANCING:
            return True
        known = self.known(fill.order_id)
        news = max(0, fill.quantity - self._inferred.get(fill.order_id, 0))
        return known is not None and known.filled + news >= known.order.quantity

    def _unknown(self, fills: Sequence[Fill]) -> list[Fill]:
        """Those that the database does not have."""
        there: set[str] = set()
        ids = [one.id for one in fills]
        with self.store.read() as c:
            for start in range(0, len(ids), 500):
                part = sa.select(s.fills.c.id).where(s.fills.c.id.in_(ids[start : start + 500]))
                there.update(c.execute(part).scalars())
        return [one for one in fills if one.id not in there]

    # -- writing ---------------------------------------------------------------------------------

    def write(self, steps: Sequence[OrderStep], reconciling: bool = False, cursor: int = 0) -> int:
        """All steps that are news, in one transaction, with the cursor up to which the venue's fills are read.
        Returns how many. Raises InvalidTransition for a step the table lacks.

        What is remembered is what was committed: if the commit fails, memory is read anew.
        """
        if self._stale:
            self.load()
        self._stale = True
        try:
            count = self._write(steps, reconciling, cursor)
        except IntegrityError:  # a fill that memory has forgotten was told again
            self.load()
            told = [step.fill for step in steps if step.fill is not None]
            new = {fill.id for fill in self._unknown(told)}
            rest = [step for step in steps if step.fill is None or step.fill.id in new]
            if len(rest) == len(steps):
                raise
            count = self._write(rest, reconciling, cursor)
        self._stale = False
        return count

    def _write(self, steps: Sequence[OrderStep], reconciling: bool, cursor: int) -> int:
        strange: list[Fill] = []
        explained: list[tuple[Fill, int]] = []
        news: list[News] = []
        for step in steps:
            fill = step.fill
            if fill is not None and not self._ours(step):
                strange.append(fill)
                continue
            if fill is not None and (units := self._stands_for(step, fill)):
                explained.append((fill, units))
                step = _without(step, fill, units)
            one = self._news(step, reconciling)
            news += [] if one is None else [one]
        if not news and not strange and not explained and cursor <= self.cursor:
            return 0
        drafts: list[Draft] = []
        alerts: list[Draft] = []
        for one in news:
            drafts += events_of(self.run, one)
            alerts += alerts_of(one)
        with self.store.transaction() as tx:
            for fill in strange:
                kind = BAD_FILL if _bad(fill) else FILL
                alerts += self.strangers.tell(tx, kind, fill.id, fill.symbol, fill.side * fill.quantity, fill.at)
            for fill, units in explained:
                key = f"{fill.order_id}:{fill.id}"
                alerts += self.strangers.tell(tx, EXPLAINED, key, fill.symbol, fill.side * units, fill.at)
            seq = tx.emit(self.run.run_id, drafts + alerts)  # rows have the numbers of their events: alerts come last
            events, fills, attempts = rows_of(self.run, news, seq)
            tx.insert(s.order_events, events)
            tx.insert(s.fills, fills)
            tx.insert(s.attempts, attempts)
            if cursor > self.cursor:
                mine = {"account": self.run.account, "venue": self.venue}
                tx.upsert(s.venue_cursors, [mine | {"cursor": cursor}])
        self.cursor = max(cursor, self.cursor)
        self._forget(news)
        return len(news)

    def _forget(self, news: list[News]) -> None:
        for step, _, _, _, order in news:
            if step.status not in orders.DONE:
                self._open[step.order_id] = None
            else:
                self._open.pop(step.order_id, None)
                self._orders.pop(step.order_id, None)
                self._done.append((step.order_id, order.at if order else step.at))
        while len(self._done) > REMEMBERED:
            order_id, at = self._done.popleft()
            self._story.pop(order_id, None)
            self._filled.pop(order_id, None)
            self._inferred.pop(order_id, None)
            self._complete_from = max(self._complete_from, at)
        while len(self._fills) > REMEMBERED:
            self._fills.popitem(last=False)

    def _ours(self, step: OrderStep) -> bool:
        if step.fill is not None and _bad(step.fill):
            return False
        return made_there(step) or step.order_id in self._story or self._order(step.order_id) is not None

    def _stands_for(self, step: OrderStep, fill: Fill) -> int:
        """For how many units of this fill one of ours stands already: it was inferred, or said by a person, and
        the venue's own comes late."""
        if fill.id in self._fills or step.code in STANDING_IN or made_there(step):
            return 0
        if fill.order_id not in self._story:
            self._recall(fill.order_id)
        units = min(self._inferred.get(fill.order_id, 0), fill.quantity)
        if units:
            self._inferred[fill.order_id] -= units
        if units == fill.quantity:
            self._fills[fill.id] = None
        return units

    def _news(self, step: OrderStep, reconciling: bool) -> News | None:
        """The step if it says anything new. Remembers it."""
        fill, order_id = step.fill, step.order_id
        if fill is not None and fill.id in self._fills:
            return None
        if order_id not in self._story and step.status != orders.SUBMITTED:
            self._recall(order_id)
        story = self._story.setdefault(order_id, [])
        theirs = made_there(step)
        if step.order is not None and not theirs:
            self._orders[order_id] = step.order
        if fill is None and story and (story[-1] == step.status or story[-1] in orders.DONE):
            return None  # said before, or overtaken
        if fill is not None and story and story[-1] == orders.FILLED:
            step = msgspec.structs.replace(step, status=orders.FILLED)
        before = story[-1] if story else (orders.SUBMITTED if theirs else orders.INTENT)
        if fill is None and step.status in WORKS and before in WORKING and step.status not in orders.NEXT[before]:
            return None  # it works, and more than that is known
        surprising = orders.step(order_id, before, step.status, reconciling=reconciling, story=tuple(story))
        story.append(step.status)
        if fill is not None:
            self._fills[fill.id] = None
            self._filled[order_id] = self._filled.get(order_id, 0) + fill.quantity
            if step.code in STANDING_IN:
                self._inferred[order_id] = self._inferred.get(order_id, 0) + fill.quantity
        order = step.order or self._orders.get(order_id)
        if order is None and fill is not None and not theirs:
            order = self._order(order_id)  # one that has ended
        return News(step, surprising, len(story), self._filled.get(order_id, 0), order)

    def again(self, order_id: str, n: int, at: int) -> None:
        """One more attempt to send an order of which nothing was sent before; written before it is made."""
        with self.store.transaction() as tx:
            tx.insert_new(s.attempts, [attempt_row(self.run, order_id, n, at)])

    def stop_answer(self, change_id: str) -> str:
        """What the venue has said of a change of a stop; empty as long as it has said nothing."""
        with self.store.read() as c:
            return c.execute(_TOLD, {"of": change_id}).scalar() or ""

    def stop_told(self, change: StopChange, state: str, at: int, code: str = "", text: str = "") -> None:
        """What the venue said of a change of a stop: once, with its event."""
        with self.store.transaction() as tx:
            if tx.connection.execute(_TOLD, {"of": change.id}).first() is None:
                tx.insert(s.stop_changes, [stop_row(self.run, change, state, at, code, text)])
                tx.emit(self.run.run_id, stop_events(change, state, at, code, text))


def _bad(fill: Fill) -> bool:
    """Whether this cannot be a trade."""
    return fill.reason != orders.FINANCING and (fill.quantity <= 0 or fill.price <= 0)


def _without(step: OrderStep, fill: Fill, units: int) -> OrderStep:
    """The step less so many units that are booked already; without its fill if that is all of it."""
    left = fill.quantity - units
    rest = msgspec.structs.replace(fill, quantity=left) if left else None
    return msgspec.structs.replace(step, fill=rest)
