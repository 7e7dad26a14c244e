"""What a chaos run is judged by: the book's tables against the venue's own, read from both after the run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from actors.gate_rows import part_of
from benchmarks.chaos_ledger import Made, Replayed, replayed
from benchmarks.chaos_venues import Truth
from domain import order as orders
from domain.book import REVERSAL
from domain.events import ALERT, TRADE_EXECUTION
from domain.money import from_text, to_text
from domain.venue import VenueOrder
from journal import schema as s
from risk.config import RiskConfig
from risk.protections.equity import EquityWindow
from risk.protections.guards import Protections
from risk.statistics import Folding, Statistics
from risk.view import Lock

SHOWN = 5
"""Findings of a kind that are told in words."""
MADE_THERE = (orders.STOP, orders.TARGET)
FLAGGED = "BREAKEVEN"
MOVES = (FLAGGED, "TRAILING")
"""Purposes of changes of a stop; the first leaves a flag."""
LOCKING = RiskConfig(losses_in_a_row=2, losses_in_a_row_lock=180.0)
"""As ``chaos_specs.SETTINGS`` have it."""
UNFILLED = frozenset({orders.CANCELLED, orders.EXPIRED, orders.REJECTED})


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    """What we have written down of one account; ``scope`` is what the ids of its locks are computed from."""

    scope: str
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
    trades: list[Any]
    changes: list[dict[str, Any]]
    """Decisions to move a stop, in their order."""
    moved: list[Any]
    """What the venue has said of stops that were to move."""
    locks: list[Any]
    alerts: Counter[str]
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
        lost=[*_ends_unknown(journal), *_not_written(journal, truth), *_unheard(journal)],
        mismatches=[
            *_positions(journal, truth),
            *_money(journal, truth),
            *_room(journal, truth),
            *_trades(journal, truth),
            *_locks(journal),
        ],
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
    mine_at = sa.select(s.decisions).where(s.decisions.c.run_id == run_id).order_by(s.decisions.c.at)
    decided = [msgspec.json.decode(one.body) | {"at": one.at} for one in c.execute(mine_at)]
    locking = (s.events.c.type == ALERT) & (s.events.c.run_id == run_id)
    said = (msgspec.json.decode(one) for one in c.execute(sa.select(s.events.c.body).where(locking)).scalars())
    told = (s.events.c.type == TRADE_EXECUTION) & (s.events.c.run_id == run_id)
    executions = sa.select(sa.func.count()).select_from(s.events).where(told)
    first, last, events = c.execute(
        sa.select(sa.func.min(s.events.c.seq), sa.func.max(s.events.c.seq), sa.func.count()).select_from(s.events)
    ).one()
    return Journal(
        scope=run_id,
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
        trades=sorted(mine(s.trades), key=lambda one: one.seq),
        changes=[one for one in decided if one["purpose"] in MOVES],
        moved=sorted(mine(s.stop_changes), key=lambda one: one.at),
        locks=list(mine(s.locks)),
        alerts=Counter(one["lock"] for one in said if one["alert"] == "LOCKED"),
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


def _unheard(journal: Journal) -> Iterator[str]:
    """Changes of a stop that another one of the same position has followed before the venue had answered."""
    answered = {(one.symbol, one.purpose, one.at) for one in journal.moved}
    flat = defaultdict(list)
    for one in journal.trades:
        if one.flat:
            flat[one.symbol].append(one.closed_at)
    before: dict[str, dict[str, Any]] = {}
    for change in journal.changes:
        symbol, earlier = change["symbol"], before.get(change["symbol"])
        before[symbol] = change
        if earlier is None or any(earlier["at"] <= at <= change["at"] for at in flat[symbol]):
            continue
        if (symbol, earlier["purpose"], earlier["at"]) not in answered:
            yield f"the stop of {symbol} was moved at {earlier['T']}, and again at {change['T']} without an answer"


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
        named = {"entry_order": ours.entry_order, "opened_at": ours.opened_at}
        named |= {name: flags.get(name) for name in ("orders", "first", "distance")}
        yield from _differ(symbol, named, {name: getattr(made, name) for name in named}, "by the fills")
        done = sorted([*made.parts, *_confirmed(journal, symbol, made)])
        yield from _differ(symbol, {"flags": sorted(flags.get("done", ()))}, {"flags": done}, "by what was confirmed")
        if "change" in flags:
            yield f"{symbol}: nobody has answered for the stop {flags['change']}"


def _confirmed(journal: Journal, symbol: str, made: Made) -> set[str]:
    """Of the changes of a stop that leave a flag, those that the venue has confirmed for this position."""
    entry = journal.approved.get(made.entry_order)
    since = max(made.opened_at, entry.at + 1 if entry is not None else 0)
    mine = (one for one in journal.moved if one.symbol == symbol and one.at >= since and one.state == orders.STOP_SET)
    return {one.purpose for one in mine if one.purpose == FLAGGED}


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
    if journal.last - journal.first + 1 != journal.events:
        yield f"{journal.last - journal.first + 1 - journal.events} numbers are missing among the events"


def _trades(journal: Journal, truth: Truth) -> Iterator[str]:
    """Every close once, and the round trips that statistics are made of."""
    should = {one.fill_id: one for one in replayed(truth.fills).closes}
    ours = {one.fill_id: one for one in journal.trades}
    yield from (f"close {one} is missing among the trades" for one in should.keys() - ours.keys())
    yield from (f"trade {one} was closed by no fill" for one in ours.keys() - should.keys())
    for key in sorted(ours.keys() & should.keys()):
        one, made = ours[key], should[key]
        reason = REVERSAL if made.reason == orders.ENTRY else made.reason
        told = (from_text(one.quantity), from_text(one.pnl), one.reason, one.opened_at, one.flat)
        if told != (made.quantity, made.pnl, reason, made.opened_at, made.flat):
            yield f"trade {key} is {told} in the journal and {tuple(made)[1:]} by the fills"


def _locks(journal: Journal) -> Iterator[str]:
    """The locks that the trades leave behind, made a second time, each told of once."""
    protections, statistics, folding = Protections(LOCKING, journal.scope), Statistics(LOCKING), Folding()
    window, made = EquityWindow(0), list[Lock]()
    for row in journal.trades:
        trade = folding.add(part_of(row))
        if trade is not None:
            statistics.add(trade)
            made += protections.protect(statistics, window, trade.closed_at, trade, made)
    should, there = {one.id for one in made}, {one.id for one in journal.locks}
    yield from (f"lock {one} is missing" for one in sorted(should - there))
    yield from (f"lock {one} came of no trade" for one in sorted(there - should))
    often = ((one, journal.alerts[one]) for one in sorted(there))
    yield from (f"lock {one} is told of {times} times" for one, times in often if times != 1)


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
