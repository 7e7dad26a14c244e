"""What the executor writes down: attempts, order events, fills, and the events that tell of them."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from actors import gate_rows as rows
from actors.specs import RunSpec
from domain import order as orders
from domain.events import ALERT, POSITION_UPDATE, RISK_APPROVED, TRADE_EXECUTION, Draft, event_id
from domain.money import from_text, to_float, to_text
from domain.order import SIDE_NAME, Fill, Order, OrderStep
from domain.reconcile import STANDING_IN, Known
from journal import schema as s
from journal.store import Store, Tx

REMEMBERED = 10_000
"""Ended orders and fills kept in memory; an older one that is told again is looked up in the database."""

ORDER, FILL, POSITION = "ORDER", "FILL", "POSITION"
EXPLAINED, BAD_FILL = "EXPLAINED", "BAD_FILL"
"""What a venue tells and the book does not have: not ours; a fill that one of ours, inferred, stands for; a fill
without units or price."""

NEVER_THERE = frozenset({orders.INTENT, orders.SUBMITTED, orders.UNKNOWN})
"""Statuses of an order that no venue has ever said to have."""

WORKS = frozenset({orders.ACCEPTED, orders.TRIGGERED})
WORKING = WORKS | {orders.PARTIALLY_FILLED}
"""Statuses that say no more than that an order works, and those in which that is known."""


class News(NamedTuple):
    """A step that is news: whether it is surprising, which of its order's steps it is, units filled with it, and
    the order, if it is known."""

    step: OrderStep
    surprising: bool
    number: int
    filled: int
    order: Order | None


_EVENTS = sa.select(
    s.order_events.c.order_id, s.order_events.c.status, s.order_events.c.code, s.fills.c.quantity
).select_from(s.order_events.outerjoin(s.fills, s.order_events.c.fill_id == s.fills.c.id))
_STORY = _EVENTS.where(s.order_events.c.order_id == sa.bindparam("of")).order_by(s.order_events.c.seq)
_ORDER = sa.select(s.orders).where(s.orders.c.id == sa.bindparam("of"), s.orders.c.answer == "APPROVED")
_AT = sa.select(s.orders.c.at).where(s.orders.c.id == sa.bindparam("of"))


class ExecutorRecords:
    """The executor's tables of one account, and the present status of every order that is not done.

    Memory holds what has a reservation, and what was written since; anything older is read when it is asked for.
    """

    def __init__(self, store: Store, run: RunSpec, venue: str = "paper") -> None:
        self.store, self.run, self.venue = store, run, venue
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
            explained = self.strangers(EXPLAINED)
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
            drafts += self._events(one)
            alerts += self._alerts(one)
        with self.store.transaction() as tx:
            for fill in strange:
                kind = BAD_FILL if _bad(fill) else FILL
                alerts += self._strange(tx, kind, fill.id, fill.symbol, fill.side * fill.quantity, fill.at)
            for fill, units in explained:
                key = f"{fill.order_id}:{fill.id}"
                alerts += self._strange(tx, EXPLAINED, key, fill.symbol, fill.side * units, fill.at)
            seq = tx.emit(self.run.run_id, drafts + alerts)  # rows have the numbers of their events: alerts come last
            events, fills, attempts = self._rows(news, seq)
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
        return self._made_there(step) or step.order_id in self._story or self._order(step.order_id) is not None

    @staticmethod
    def _made_there(step: OrderStep) -> bool:
        """Whether the venue made the order by itself: a stop, a target, financing."""
        why = step.fill.reason if step.fill is not None else step.order.purpose if step.order is not None else ""
        return why in orders.MADE_THERE or why == orders.FINANCING

    def _stands_for(self, step: OrderStep, fill: Fill) -> int:
        """For how many units of this fill one of ours stands already: it was inferred, or said by a person, and
        the venue's own comes late."""
        if fill.id in self._fills or step.code in STANDING_IN or self._made_there(step):
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
        made_there = self._made_there(step)
        if step.order is not None and not made_there:
            self._orders[order_id] = step.order
        if fill is None and story and (story[-1] == step.status or story[-1] in orders.DONE):
            return None  # said before, or overtaken
        if fill is not None and story and story[-1] == orders.FILLED:
            step = msgspec.structs.replace(step, status=orders.FILLED)
        before = story[-1] if story else (orders.SUBMITTED if made_there else orders.INTENT)
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
        if order is None and fill is not None and not made_there:
            order = self._order(order_id)  # one that has ended
        return News(step, surprising, len(story), self._filled.get(order_id, 0), order)

    # -- alerts ----------------------------------------------------------------------------------

    def alert(self, alert: str, key: str, at: int, symbol: str | None = None, **data: Any) -> None:
        """Tell a person, once: ``key`` says which one it is among the alerts of its kind."""
        draft = Draft(ALERT, at, f"{alert}:{key}", {"alert": alert} | data, symbol)
        with self.store.transaction() as tx:
            told = sa.select(s.events.c.seq).where(s.events.c.id == draft.id(self.run.run_id))
            if tx.connection.execute(told).first() is None:
                tx.emit(self.run.run_id, [draft])

    def strangers(self, kind: str) -> dict[str, tuple[str, int]]:
        """What was last known of this kind, by key: (symbol, signed units)."""
        table = s.foreign_holdings
        mine = (table.c.account == self.run.account) & (table.c.venue == self.venue) & (table.c.kind == kind)
        with self.store.read() as c:
            return {row.key: (row.symbol, from_text(row.quantity)) for row in c.execute(sa.select(table).where(mine))}

    def foreign(self, kind: str, found: dict[str, tuple[str, int]], at: int) -> int:
        """What the venue holds of this kind that is not ours, by key: (symbol, signed units). Tells of what is new
        or has changed, forgets what is gone. Returns how much that was."""
        table = s.foreign_holdings
        mine = (table.c.account == self.run.account) & (table.c.venue == self.venue) & (table.c.kind == kind)
        before = self.strangers(kind)
        gone = [key for key in before if key not in found]
        news = {key: one for key, one in found.items() if before.get(key) != one}
        if not gone and not news:
            return 0
        with self.store.transaction() as tx:
            drafts = [
                draft
                for key, (symbol, quantity) in news.items()
                for draft in self._strange(tx, kind, key, symbol, quantity, at)
            ]
            if gone:
                tx.connection.execute(sa.delete(table).where(mine, table.c.key.in_(gone)))
            tx.emit(self.run.run_id, drafts)
        return len(gone) + len(news)

    def _strange(self, tx: Tx, kind: str, key: str, symbol: str, quantity: int, at: int) -> list[Draft]:
        """Keep what is not ours, and the draft that tells of it, once for each state of it."""
        row = {"account": self.run.account, "venue": self.venue, "kind": kind, "key": key, "symbol": symbol}
        was = tx.connection.execute(
            sa.select(s.foreign_holdings.c.quantity).where(
                *(s.foreign_holdings.c[name] == row[name] for name in ("account", "venue", "kind", "key"))
            )
        ).scalar()
        if was == to_text(quantity):
            return []
        tx.upsert(s.foreign_holdings, [row | {"quantity": to_text(quantity), "at": at}])
        alert = kind if kind in (EXPLAINED, BAD_FILL) else f"FOREIGN_{kind}"
        data = {"alert": alert, "venue": self.venue, "key": key, "quantity": to_float(quantity)}
        draft = Draft(ALERT, at, f"{alert}:{key}:{to_text(quantity)}:{at}", data, symbol)
        told = sa.select(s.events.c.seq).where(s.events.c.id == draft.id(self.run.run_id))
        return [] if tx.connection.execute(told).first() is not None else [draft]

    # -- rows and events -------------------------------------------------------------------------

    def _events(self, news: News) -> list[Draft]:
        step, fill, order = news.step, news.step.fill, news.order
        if fill is not None and fill.reason == orders.FINANCING:
            return [self._charge(fill)]
        symbol = fill.symbol if fill else order.symbol if order else None
        correlation = fill.correlation_id if fill else order.correlation_id if order else step.order_id
        cause = event_id(self.run.run_id, RISK_APPROVED, step.order_id)
        data: dict[str, Any] = {"order_id": step.order_id}
        if order is not None:
            data |= {"side": SIDE_NAME[order.side], "quantity": to_float(order.quantity), "purpose": order.purpose}
        data |= {"code": step.code, "text": step.text} if step.code else {}
        data |= {"surprising": True} if news.surprising else {}
        kind = f"ORDER_{step.status}"
        key = f"{step.order_id}:{step.status}:{fill.id if fill else news.number}"
        drafts = [Draft(kind, step.at, key, data, symbol, correlation, cause)]
        if fill is not None:
            drafts.append(self._execution(fill, event_id(self.run.run_id, kind, key)))
        return drafts

    def _alerts(self, news: News) -> list[Draft]:
        """What a person should hear of besides: an order of which nothing is certain, more filled than was asked."""
        step, order = news.step, news.order
        if order is None or self._made_there(step):
            return []
        data: dict[str, Any] = {"order_id": order.id, "code": step.code, "text": step.text}
        if step.status == orders.UNKNOWN:
            kind, key = "ORDER_UNKNOWN", f"{order.id}:{news.number}"
        elif step.fill is not None and news.filled > order.quantity:
            kind, key = "OVERFILL", f"{order.id}:{step.fill.id}"
            data |= {"asked": to_float(order.quantity), "filled": to_float(news.filled)}
        else:
            return []
        return [Draft(ALERT, step.at, f"{kind}:{key}", {"alert": kind} | data, order.symbol, order.correlation_id)]

    def _charge(self, fill: Fill) -> Draft:
        data = {"financing": to_float(fill.commission), "fill_id": fill.id}
        return Draft(POSITION_UPDATE, fill.at, fill.id, data, fill.symbol, fill.correlation_id)

    def _execution(self, fill: Fill, cause: str) -> Draft:
        side = SIDE_NAME[fill.side]
        instrument = self.run.instruments.get(fill.symbol)
        lot = float(instrument.lots(fill.quantity)) if instrument else None
        data = {
            "side": side,
            "direction": side,
            "quantity": to_float(fill.quantity),
            "lot": lot,
            "price": to_float(fill.price),
            "commission": to_float(fill.commission),
            "order_id": fill.order_id,
            "fill_id": fill.id,
            "reason": fill.reason,
            "bar_ts": rows.moment(fill.bar_ts),
        }
        return Draft(TRADE_EXECUTION, fill.at, fill.id, data, fill.symbol, fill.correlation_id, cause)

    def _rows(self, news: list[News], seq: int) -> tuple[list[Any], list[Any], list[Any]]:
        events, fills, attempts = [], [], []
        for step, surprising, *_ in news:
            fill = step.fill
            events.append(
                {
                    "seq": seq,
                    "order_id": step.order_id,
                    "account": self.run.account,
                    "status": step.status,
                    "at": step.at,
                    "code": step.code,
                    "text": step.text,
                    "venue_ref": step.venue_ref,
                    "surprising": surprising,
                    "fill_id": fill.id if fill else None,
                }
            )
            if step.status == orders.SUBMITTED:
                attempts.append(self._attempt(step.order_id, 1, step.at))
            if fill is not None:
                traded = fill.reason != orders.FINANCING
                fills.append(rows.fill_row(self.run.run_id, seq + traded, fill))
                seq += traded
            seq += 1
        return events, fills, attempts

    def _attempt(self, order_id: str, n: int, at: int) -> dict[str, Any]:
        return {"order_id": order_id, "n": n, "at": at, "epoch": self.run.epoch}

    def again(self, order_id: str, n: int, at: int) -> None:
        """One more attempt to send an order of which nothing was sent before; written before it is made."""
        with self.store.transaction() as tx:
            tx.insert_new(s.attempts, [self._attempt(order_id, n, at)])


def _bad(fill: Fill) -> bool:
    """Whether this cannot be a trade."""
    return fill.reason != orders.FINANCING and (fill.quantity <= 0 or fill.price <= 0)


def _without(step: OrderStep, fill: Fill, units: int) -> OrderStep:
    """The step less so many units that are booked already; without its fill if that is all of it."""
    left = fill.quantity - units
    rest = msgspec.structs.replace(fill, quantity=left) if left else None
    return msgspec.structs.replace(step, fill=rest)
