"""What a chaos run is judged by: the book's tables against the venue's own, read from both after the run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from benchmarks.chaos_ledger import Replayed, replayed
from benchmarks.chaos_venues import Truth
from domain import order as orders
from domain.events import TRADE_EXECUTION
from domain.money import from_text, to_text
from domain.venue import VenueOrder
from journal import schema as s

SHOWN = 5
"""Findings of a kind that are told in words."""
MADE_THERE = (orders.STOP, orders.TARGET)
UNFILLED = frozenset({orders.CANCELLED, orders.EXPIRED, orders.REJECTED})


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What we have written down of one account."""

    started: int
    currency: str
    balance: int
    cursor: int
    approved: dict[str, Any]
    status: dict[str, str]
    filled: dict[str, int]
    fills: dict[str, Any]
    taken: Counter[str]
    executions: int
    positions: dict[str, Any]
    reserved: frozenset[str]
    pnl: int
    closes: int
    last: int
    first: int
    events: int


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """One line for each thing that is wrong, by kind."""

    duplicates: list[str]
    lost: list[str]
    mismatches: list[str]
    unresolved: list[str]

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in self.__struct_fields__}

    def lines(self) -> list[str]:
        """The first of each kind."""
        return [f"{name}: {line}" for name in self.__struct_fields__ for line in getattr(self, name)[:SHOWN]]


def check(journal: Journal, truth: Truth) -> Findings:
    return Findings(
        duplicates=[*_planned_twice(truth), *_recorded_twice(journal, truth)],
        lost=[*_ends_unknown(journal), *_not_written(journal, truth)],
        mismatches=[*_positions(journal, truth), *_money(journal, truth), *_room(journal, truth)],
        unresolved=list(_unresolved(journal, truth)),
    )


# -- reading ---------------------------------------------------------------------------------------


def journal(c: sa.Connection, account: str, run_id: str) -> Journal:
    def mine(table: sa.Table) -> sa.CursorResult[Any]:
        return c.execute(sa.select(table).where(table.c.account == account))

    row = mine(s.accounts).one()
    status: dict[str, str] = {}
    taken: Counter[str] = Counter()
    story = sa.select(s.order_events).where(s.order_events.c.account == account).order_by(s.order_events.c.seq)
    for one in c.execute(story):
        status[one.order_id] = one.status
        if one.fill_id is not None:
            taken[one.fill_id] += 1
    fills = {one.id: one for one in mine(s.fills)}
    filled: dict[str, int] = defaultdict(int)
    for one in fills.values():
        filled[one.order_id] += from_text(one.quantity)
    trades = list(mine(s.trades))
    told = (s.events.c.type == TRADE_EXECUTION) & (s.events.c.run_id == run_id)
    executions = sa.select(sa.func.count()).select_from(s.events).where(told)
    first, last, events = c.execute(
        sa.select(sa.func.min(s.events.c.seq), sa.func.max(s.events.c.seq), sa.func.count()).select_from(s.events)
    ).one()
    return Journal(
        started=from_text(row.started_cash),
        currency=row.currency,
        balance=from_text(row.balance),
        cursor=row.cursor,
        approved={one.id: one for one in mine(s.orders) if one.answer == "APPROVED"},
        status=status,
        filled=dict(filled),
        fills=fills,
        taken=taken,
        executions=int(c.execute(executions).scalar() or 0),
        positions={one.symbol: one for one in mine(s.positions)},
        reserved=frozenset(one.order_id for one in mine(s.reservations)),
        pnl=sum(from_text(one.pnl) for one in trades),
        closes=len(trades),
        last=last or 0,
        first=first or 1,
        events=events,
    )


# -- duplicates ------------------------------------------------------------------------------------


def _planned_twice(truth: Truth) -> Iterator[str]:
    """Plans of which the venue has more than one order that made a position, or still may.

    An exit may follow one that has definitely ended unfilled; an entry never follows another.
    """
    plans: dict[tuple[str, str, int, str], list[VenueOrder]] = defaultdict(list)
    for one in truth.orders.values():
        order = one.order
        if order.purpose not in MADE_THERE:
            plans[order.symbol, order.strategy, order.at, order.purpose].append(one)
    for (symbol, _, at, purpose), made in plans.items():
        counted = [one for one in made if purpose == orders.ENTRY or one.status not in UNFILLED]
        for one in counted[1:]:
            yield f"{purpose} of {symbol} at {at}: order {one.order.id} besides {counted[0].order.id}"


def _recorded_twice(journal: Journal, truth: Truth) -> Iterator[str]:
    yield from (f"fill {one} is told of {count} times" for one, count in journal.taken.items() if count > 1)
    there = {one.id for one in truth.fills}
    yield from (f"fill {one} is recorded and never happened" for one in journal.fills if one not in there)
    traded = sum(1 for one in journal.fills.values() if one.reason != orders.FINANCING)
    if journal.executions > traded:
        yield f"{journal.executions} executions published of {traded} fills"


# -- lost ------------------------------------------------------------------------------------------


def _ends_unknown(journal: Journal) -> Iterator[str]:
    """Approved, and nothing further is written down."""
    for one in journal.approved:
        if journal.status.get(one, orders.INTENT) == orders.INTENT:
            yield f"order {one} was approved, and nobody knows what became of it"


def _not_written(journal: Journal, truth: Truth) -> Iterator[str]:
    yield from (f"fill {one.id} of {one.symbol} is missing" for one in truth.fills if one.id not in journal.fills)
    for order_id, one in truth.orders.items():
        if order_id not in journal.status and order_id not in journal.approved:
            yield f"order {order_id} of {one.order.symbol} is at the venue, and we do not know it"


# -- mismatches ------------------------------------------------------------------------------------


def _positions(journal: Journal, truth: Truth) -> Iterator[str]:
    should = replayed(truth.fills)
    for symbol in sorted({*journal.positions, *truth.positions, *should.held}):
        ours, theirs, made = journal.positions.get(symbol), truth.positions.get(symbol), should.held.get(symbol)
        if ours is None or theirs is None or made is None:
            yield f"{symbol}: a position of {_who(ours, theirs, made)} alone"
            continue
        told = {name: from_text(getattr(ours, name)) for name in ("quantity", "cost", "stop", "target")}
        there = {name: getattr(theirs, name) for name in told}
        yield from _differ(symbol, told, there, "at the venue")
        kept = {name: from_text(getattr(ours, name)) for name in ("quantity", "risk", "realised", "commission")}
        yield from _differ(symbol, kept, {name: getattr(made, name) for name in kept}, "by the fills")
        flags = msgspec.json.decode(ours.flags)
        named = {"entry_order": ours.entry_order, "opened_at": ours.opened_at, "orders": flags["orders"]}
        yield from _differ(symbol, named, {name: getattr(made, name) for name in named}, "by the fills")


def _who(ours: Any, theirs: Any, made: Any) -> str:
    names = {"the book": ours, "the venue": theirs, "the fills": made}
    return " and ".join(name for name, one in names.items() if one is not None)


def _differ(symbol: str, ours: dict[str, Any], theirs: dict[str, Any], where: str) -> Iterator[str]:
    for name, value in ours.items():
        if value != theirs[name]:
            yield f"{symbol}: {name} is {value} in the book and {theirs[name]} {where}"


def _money(journal: Journal, truth: Truth) -> Iterator[str]:
    should: Replayed = replayed(truth.fills)
    balance = journal.started + should.pnl - should.commission
    cash = truth.cash.get(journal.currency, journal.started)
    if journal.balance != balance:
        yield f"balance is {to_text(journal.balance)} and by the fills {to_text(balance)}"
    if journal.balance != cash:
        yield f"balance is {to_text(journal.balance)} and the venue's cash {to_text(cash)}"
    if (journal.closes, journal.pnl) != (should.closes, should.pnl):
        ours, theirs = f"{journal.closes} trades with {journal.pnl}", f"{should.closes} with {should.pnl}"
        yield f"{ours} in the journal, {theirs} by the fills"
    if journal.last - journal.first + 1 != journal.events:
        yield f"{journal.last - journal.first + 1 - journal.events} numbers are missing among the events"


def _room(journal: Journal, truth: Truth) -> Iterator[str]:
    """Reservations and filled quantities against the orders that still work."""
    working = {one for one, found in truth.orders.items() if found.status not in orders.DONE}
    for one in sorted(journal.reserved - working):
        if journal.status.get(one, orders.INTENT) in orders.DONE:
            yield f"order {one} has ended, and its room is still kept"
    for one in sorted(working & journal.approved.keys() - journal.reserved):
        if truth.orders[one].order.purpose not in MADE_THERE:  # the venue's own only closes
            yield f"order {one} works at the venue, and no room is kept for it"
    for one, found in truth.orders.items():
        if journal.filled.get(one, 0) != found.filled:
            yield f"order {one} has filled {found.filled} at the venue, {journal.filled.get(one, 0)} by our fills"
        said = journal.status.get(one, found.status)
        if said in orders.DONE and said != found.status:
            yield f"order {one} is {found.status} at the venue and {said} in the journal"


# -- unresolved ------------------------------------------------------------------------------------


def _unresolved(journal: Journal, truth: Truth) -> Iterator[str]:
    """Orders that are not at their end here, and not at work there; what is unknown is never resolved."""
    for one, status in journal.status.items():
        found = truth.orders.get(one)
        at_work = found is not None and found.status not in orders.DONE
        if status not in orders.DONE and not (at_work and status not in (orders.SUBMITTED, orders.UNKNOWN)):
            yield f"order {one} is {status} here and {found.status if found else 'unknown'} at the venue"
