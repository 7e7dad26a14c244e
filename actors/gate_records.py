"""What the gate writes down and reads back: its tables, one transaction per act."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from actors import gate_rows as rows
from actors.records import Memory, Said, Step
from actors.snapshot import decode
from actors.specs import RunSpec
from domain import order as orders
from domain.book import Book, Closed
from domain.candidate import Amend, Candidate, Exit
from domain.events import Draft
from domain.money import from_text, to_text
from domain.order import Denied, Order, StopChange
from journal import schema as s
from journal.commands import DONE
from journal.store import Store
from risk.gate import Answer, change_of, decision_of
from risk.news import Calendar
from risk.protections.drawdown_guard import CODE as DRAWDOWN
from risk.state import HALTED, REBASED, TradingState
from risk.statistics import Part
from risk.view import Lock


class _NewCalendar(msgspec.Struct):
    """What the command has that brings a calendar."""

    calendar: Calendar


def _step(row: Any, venue: str) -> Step:
    if row.fill_id is None:
        return Step(row.seq, row.order_id, row.status, None, None)
    fill = rows.fill_of(row)
    made_there = fill.reason in orders.MADE_THERE
    return Step(row.seq, row.order_id, row.status, fill, rows.venue_order(fill, venue) if made_there else None)


_STEPS = (
    sa.select(
        s.order_events.c.seq,
        s.order_events.c.order_id,
        s.order_events.c.status,
        s.order_events.c.fill_id,
        *(column for column in s.fills.c if column.name not in ("seq", "order_id")),
    )
    .select_from(s.order_events.outerjoin(s.fills, s.order_events.c.fill_id == s.fills.c.id))
    .where(s.order_events.c.account == sa.bindparam("account"), s.order_events.c.seq > sa.bindparam("after"))
    .order_by(s.order_events.c.seq)
)
_LATCHES = sa.select(s.latches).where(s.latches.c.account == sa.bindparam("account"), s.latches.c.reset_at.is_(None))
_HALTS = (
    sa.select(s.commands).where(s.commands.c.verb.in_(("halt", "reset-kill-switch"))).order_by(s.commands.c.id.desc())
)

_ENTRIES = (
    sa.select(s.orders.c.symbol, s.orders.c.at)
    .where(
        s.orders.c.account == sa.bindparam("account"),
        s.orders.c.purpose == orders.ENTRY,
        s.orders.c.answer == "APPROVED",
        s.orders.c.at > sa.bindparam("since"),
    )
    .order_by(s.orders.c.at, s.orders.c.rank)
)
_PARTS = sa.select(s.trades).where(s.trades.c.account == sa.bindparam("account")).order_by(s.trades.c.seq)
_LOCKS = (
    sa.select(s.locks)
    .where(
        s.locks.c.account == sa.bindparam("account"),
        s.locks.c.removed_at.is_(None),
        s.locks.c.until_at > sa.bindparam("now"),
    )
    .order_by(s.locks.c.from_at, s.locks.c.id)
)
_ACCEPTED = sa.select(sa.func.max(s.locks.c.removed_at)).where(
    s.locks.c.account == sa.bindparam("account"), s.locks.c.code == DRAWDOWN
)
"""When somebody last took away the lock of a fallen equity: it is measured from there."""
_CALENDAR = (
    sa.select(s.commands.c.arguments)
    .where(s.commands.c.verb == "calendar", s.commands.c.run_id == sa.bindparam("run"), s.commands.c.state == DONE)
    .order_by(s.commands.c.id.desc())
    .limit(1)
)
_REASONS = sa.select(s.orders.c.reasons).where(s.orders.c.id == sa.bindparam("of"))
_STOPS = sa.select(s.stop_changes.c.id, s.stop_changes.c.state)
_STOPS = _STOPS.where(s.stop_changes.c.id.in_(sa.bindparam("ids", expanding=True)))

_FLAT = sa.delete(s.positions).where(
    s.positions.c.account == sa.bindparam("of"), s.positions.c.symbol == sa.bindparam("one")
)
_ENDED = sa.delete(s.reservations).where(s.reservations.c.order_id.in_(sa.bindparam("ended", expanding=True)))
_ACCOUNT = sa.update(s.accounts).where(s.accounts.c.account == sa.bindparam("of"))
_ACCOUNT = _ACCOUNT.values(balance=sa.bindparam("balance"), cursor=sa.bindparam("cursor"))


class GateRecords:
    """The gate's tables of one account."""

    def __init__(self, store: Store, run: RunSpec, venue: str) -> None:
        self.store, self.run, self.venue = store, run, venue
        self._ranked = (-1, 0)
        self._decided_until = -1
        self.accepted, self.tells = False, True
        """Whether a person has reset a limit from which equity counts anew; taken back by who obeys."""
        with store.transaction() as tx:
            found = tx.connection.execute(sa.select(s.accounts).where(s.accounts.c.account == run.account)).first()
            if found is None:
                row = {"account": run.account, "currency": run.currency, "cursor": 0}
                tx.insert(s.accounts, [row | {"started_cash": to_text(run.cash), "balance": to_text(run.cash)}])

    # -- rebuilding ------------------------------------------------------------------------------

    def load(self, entries_for: int = 0) -> Memory:
        """``entries_for``: how far back (ns) entries are remembered."""
        account = self.run.account
        with self.store.read() as c:
            row = c.execute(sa.select(s.accounts).where(s.accounts.c.account == account)).one()
            book = Book(from_text(row.balance))
            for one in c.execute(sa.select(s.positions).where(s.positions.c.account == account)):
                book.positions[one.symbol] = rows.position_of(one)
            self._reserved(c, book, row.cursor)
            last = c.execute(
                sa.select(s.cycles.c.snapshot)
                .join(s.runs, s.runs.c.run_id == s.cycles.c.run_id)
                .where(s.runs.c.account == account)
                .order_by(s.runs.c.epoch.desc(), s.cycles.c.n.desc())
                .limit(1)
            ).scalar()
            said, until = self._said(c)
            newest = sa.select(sa.func.max(s.decisions.c.at)).where(s.decisions.c.run_id == self.run.run_id)
            self._ranked, self._decided_until = (-1, 0), c.execute(newest).scalar() or -1
            snapshot = decode(last) if last else None
            now = snapshot.at if snapshot else 0
            locks = [rows.lock_of(one) for one in c.execute(_LOCKS, {"account": account, "now": now})]
            since = {"account": account, "since": now - entries_for}
            entries = [(one.symbol, one.at) for one in c.execute(_ENTRIES, since)]
            parts = [rows.part_of(one) for one in c.execute(_PARTS, {"account": account})]
            read_again = c.execute(_CALENDAR, {"run": self.run.run_id}).scalar()
            calendar = msgspec.json.decode(read_again, type=_NewCalendar).calendar if read_again else None
            accepted = c.execute(_ACCEPTED, {"account": account}).scalar() or 0
            equities = [one for one in (snapshot.equities if snapshot else ()) if one[0] >= accepted]
            others = s.foreign_holdings
            of_account = (others.c.account == account) & (others.c.kind == "POSITION")
            foreign = {one.symbol: from_text(one.quantity) for one in c.execute(sa.select(others).where(of_account))}
        return Memory(
            book=book,
            cursor=row.cursor,
            answered=said,
            answered_until=until,
            latch=self.latch(),
            snapshot=snapshot,
            locks=locks,
            foreign=foreign,
            first_cash=from_text(row.started_cash),
            entries=entries,
            parts=parts,
            calendar=calendar,
            equities=equities,
        )

    def _reserved(self, c: sa.Connection, book: Book, cursor: int) -> None:
        reserved = c.execute(
            sa.select(s.orders)
            .join(s.reservations, s.reservations.c.order_id == s.orders.c.id)
            .where(s.reservations.c.account == self.run.account)
            .order_by(s.orders.c.at, s.orders.c.rank, s.orders.c.id)
        ).all()
        for one in reserved:
            book.reserve(rows.order_of(one))
            working = book.working[one.id]
            for event in c.execute(
                sa.select(s.order_events.c.status, s.fills.c.quantity)
                .outerjoin(s.fills, s.order_events.c.fill_id == s.fills.c.id)
                .where(s.order_events.c.order_id == one.id, s.order_events.c.seq <= cursor)
                .order_by(s.order_events.c.seq)
            ):
                working.status = event.status
                if event.quantity is not None:
                    book.filled(one.id, from_text(event.quantity))

    def _said(self, c: sa.Connection) -> tuple[Said, int]:
        """The answers of the newest moment this account has decided: a redone cycle gets them again."""
        mine = s.orders.c.account == self.run.account
        until = c.execute(sa.select(sa.func.max(s.orders.c.at)).where(mine)).scalar()
        if until is None:
            return {}, -1
        said: Said = {}
        recent = until - 2 * self.run.timeframe_ns
        for one in c.execute(sa.select(s.orders).where(mine, s.orders.c.at >= recent).order_by(s.orders.c.rank)):
            if one.purpose in orders.MADE_THERE:
                continue
            answer: Order | Denied = rows.order_of(one) if one.answer == "APPROVED" else rows.denied_of(one)
            said.setdefault((one.symbol, one.strategy, one.at, one.purpose), []).append(answer)
        for (symbol, strategy, at, purpose), answers in list(said.items()):
            entry = said.get((symbol, strategy, at, orders.ENTRY), [])
            if purpose == orders.SIGNAL and len(entry) == 1 and isinstance(entry[0], Denied):
                entry += answers  # the closing part of a reversal whose opening part was denied
        return said, until

    def trades_since(self, day: int) -> int:
        """Entries approved since the risk day began."""
        query = (
            sa.select(sa.func.count())
            .select_from(s.orders)
            .where(
                s.orders.c.account == self.run.account,
                s.orders.c.purpose == orders.ENTRY,
                s.orders.c.answer == "APPROVED",
                s.orders.c.at >= day,
            )
        )
        with self.store.read() as c:
            return int(c.execute(query).scalar() or 0)

    def attempts(self, exit: Exit) -> int:
        """How many earlier orders of this purpose ended definitely without a full fill (UNKNOWN never counts)."""
        ended = (
            sa.select(s.order_events.c.order_id)
            .where(s.order_events.c.status.in_((orders.CANCELLED, orders.EXPIRED, orders.REJECTED)))
            .distinct()
        )
        query = (
            sa.select(sa.func.count())
            .select_from(s.orders)
            .where(
                s.orders.c.account == self.run.account,
                s.orders.c.symbol == exit.symbol,
                s.orders.c.strategy == exit.strategy,
                s.orders.c.at == exit.at,
                s.orders.c.purpose == exit.purpose,
                s.orders.c.id.in_(ended),
            )
        )
        with self.store.read() as c:
            return int(c.execute(query).scalar() or 0)

    # -- the executor's events -------------------------------------------------------------------

    def steps_after(self, cursor: int) -> list[Step]:
        with self.store.read() as c:
            found = c.execute(_STEPS, {"account": self.run.account, "after": cursor}).all()
        return [_step(one, self.venue) for one in found]

    def settled(
        self,
        book: Book,
        touched: Iterable[str],
        ended: Sequence[str],
        closed: Sequence[tuple[Closed, Part, int]],
        made_there: Sequence[Order],
        cursor: int,
        drafts: Sequence[Draft],
        locks: Sequence[Lock] = (),
    ) -> None:
        account = self.run.account
        with self.store.transaction() as tx:
            held = [book.positions[symbol] for symbol in sorted(touched) if symbol in book.positions]
            tx.upsert(s.positions, [rows.position_row(account, one) for one in held])
            for symbol in sorted(touched):
                if symbol not in book.positions:
                    tx.connection.execute(_FLAT, {"of": account, "one": symbol})
            if ended:
                tx.connection.execute(_ENDED, {"ended": ended})
            tx.insert(s.trades, [rows.trade_row(account, self.run.run_id, *one) for one in closed])
            tx.insert_new(s.locks, [rows.lock_row(account, one) for one in locks])
            tx.insert_new(s.orders, [rows.order_row(self.run.run_id, one) for one in made_there])
            now = {"of": account, "balance": to_text(book.balance), "cursor": cursor}
            tx.connection.execute(_ACCOUNT, now)
            tx.emit(self.run.run_id, [*drafts, *(rows.lock_event(one) for one in locks)])

    def locked(self, locks: Sequence[Lock]) -> None:
        """Locks that no close has left behind."""
        with self.store.transaction() as tx:
            tx.insert_new(s.locks, [rows.lock_row(self.run.account, one) for one in locks])
            tx.emit(self.run.run_id, [rows.lock_event(one) for one in locks])

    def unlocked(self, lock_id: str, at: int, why: str, who: str) -> bool:
        """Somebody has taken a lock away. Returns whether it was there; saying it twice is saying it once."""
        said = f"{who}: {why}"
        with self.store.transaction() as tx:
            found = tx.connection.execute(sa.select(s.locks).where(s.locks.c.id == lock_id)).first()
            if found is None or found.removed_at is not None:
                return found is not None and found.removed_why == said
            gone = sa.update(s.locks).where(s.locks.c.id == lock_id).values(removed_at=at, removed_why=said)
            tx.connection.execute(gone)
            tx.emit(self.run.run_id, [rows.unlock_event(rows.lock_of(found), at, why, who)])
        return True

    def reasons(self, order_id: str) -> tuple[str, ...]:
        """The reasons of the candidate that an order was made of."""
        with self.store.read() as c:
            found = c.execute(_REASONS, {"of": order_id}).scalar()
        return tuple(rows.value(found)) if found else ()

    def stops(self, ids: Sequence[str]) -> dict[str, str]:
        """Change of a stop -> what the venue has said of it; those without an answer are left out."""
        with self.store.read() as c:
            return {one.id: one.state for one in c.execute(_STOPS, {"ids": list(ids)})}

    # -- answers ---------------------------------------------------------------------------------

    def answered(
        self,
        answered: Sequence[tuple[Candidate | Exit, Answer, int]],
        changes: Sequence[tuple[Amend, StopChange]],
        book: Book,
        now: int,
    ) -> None:
        """Stops that shall move, orders, reservations, decisions and events of one ``reserve``, in one transaction."""
        run_id, account, venue = self.run.run_id, self.run.account, self.venue
        written: list[dict[str, Any]] = []
        reserved: list[dict[str, Any]] = []
        decided: list[dict[str, Any]] = [
            {"run_id": run_id, "at": amend.at, "rank": 0, "body": change_of(amend, change)} for amend, change in changes
        ]
        moved = [book.positions[change.symbol] for _, change in changes]
        drafts: list[Draft] = []
        for wish, answer, rank in answered:
            if isinstance(wish, Candidate):
                drafts.append(rows.candidate_event(wish, answer))
            if answer.denial is not None and isinstance(wish, Candidate):
                written.append(rows.denied_row(run_id, account, venue, wish, answer, rank))
            if answer.order is not None:
                reasons = wish.reasons if isinstance(wish, Candidate) else ()
                written.append(rows.order_row(run_id, answer.order, reasons))
                reserved.append(
                    {"order_id": answer.order.id, "account": account, "symbol": wish.symbol, "created_at": now}
                )
            drafts += rows.risk_events(run_id, wish, answer)
            decided.append({"run_id": run_id, "at": wish.at, "rank": rank, "body": decision_of(wish, answer)})
        with self.store.transaction() as tx:
            tx.upsert(s.positions, [rows.position_row(account, one) for one in moved])
            tx.insert(s.orders, written)
            tx.insert(s.reservations, reserved)
            tx.insert(s.decisions, self._number(tx.connection, decided))
            tx.emit(run_id, drafts)

    def _number(self, c: sa.Connection, decided: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Ranks within their T, going on after what this T has decided before (also before a restart)."""
        for one in decided:
            at, rank = self._ranked
            if at != one["at"] and one["at"] > self._decided_until:
                rank = 0
            elif at != one["at"]:
                mine = (s.decisions.c.run_id == self.run.run_id) & (s.decisions.c.at == one["at"])
                rank = c.execute(sa.select(sa.func.count()).select_from(s.decisions).where(mine)).scalar() or 0
            one["rank"] = rank
            self._ranked = (one["at"], rank + 1)
        return decided

    def emit(self, drafts: Sequence[Draft]) -> None:
        with self.store.transaction() as tx:
            tx.emit(self.run.run_id, drafts)

    # -- the kill switch -------------------------------------------------------------------------

    def latch(self) -> TradingState | None:
        """What holds the kill switch: the HALT file, an operator's halt, or a limit of this account."""
        if self.run.halt_file and os.path.exists(self.run.halt_file):
            return TradingState(HALTED, "HALT_FILE")
        with self.store.read() as c:
            command = c.execute(_HALTS.limit(1)).first()
            limit = c.execute(_LATCHES, {"account": self.run.account}).first()
        if command is not None and command.verb == "halt":
            return TradingState(HALTED, "HALT", command.why or "halt")
        if limit is None:
            return None
        if command is not None and command.at > limit.at:
            self.accepted = self.accepted or limit.code in REBASED
            self._reset(command.at, command.why)
            return None
        return TradingState(HALTED, limit.code, rows.value(limit.value), rows.value(limit.threshold))

    def latched(self, state: TradingState, now: int, draft: Draft) -> None:
        with self.store.transaction() as tx:
            tx.upsert(
                s.latches,
                [
                    {
                        "account": self.run.account,
                        "code": state.code,
                        "reason": f"{state.code} of run {self.run.run_id}",
                        "value": rows.text(state.value),
                        "threshold": rows.text(state.threshold),
                        "at": now,
                        "reset_at": None,
                        "reset_reason": None,
                    }
                ],
            )
            tx.emit(self.run.run_id, [draft])

    def _reset(self, at: int, why: str) -> None:
        with self.store.transaction() as tx:
            tx.connection.execute(
                sa.update(s.latches)
                .where(s.latches.c.account == self.run.account, s.latches.c.reset_at.is_(None))
                .values(reset_at=at, reset_reason=why)
            )
