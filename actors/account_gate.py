"""The gate of one account: its book, its reservations and its limits, wherever they are written down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from actors import management
from actors.closings import Closings
from actors.gate_rows import account_event, position_events, positions_event
from actors.gate_view import GateView
from actors.kill_switch import KillSwitch
from actors.management import Extremes
from actors.records import Records
from actors.snapshot import GateSnapshot
from actors.specs import GateSpec
from domain import order as orders
from domain.candidate import Amend, Candidate, Exit, Held
from domain.errors import ActorLost
from domain.events import Draft
from domain.market import BarBatch, Bars
from domain.money import ONE, to_float
from domain.order import Approved, Denied, Order, OrderStep, StopChange
from domain.ports import Clock
from domain.reconcile import Holding
from domain.timeframe import HOUR, SECOND, day_start
from risk.config import RiskConfig
from risk.gate import Answer, Gate
from risk.news import Calendar
from risk.protections.drawdown_guard import CODE as DRAWDOWN
from risk.state import ACTIVE, HALTED, Standing, TradingState
from risk.view import Lock


class GateAnswer(msgspec.Struct, frozen=True):
    """What ``reserve`` gives back: stops to move, orders to send (exits first) and denials; in an emergency also the
    working entries that must go."""

    approved: tuple[Approved, ...]
    denied: tuple[Denied, ...]
    at: int
    cancels: tuple[str, ...] = ()
    changes: tuple[StopChange, ...] = ()

    @property
    def orders(self) -> tuple[Order, ...]:
        return tuple(one.order for one in self.approved)


class AccountGate:
    """Every order passes here. One call at a time; what it answers is written down before it is said. ``follows``:
    somebody asks for the extremes of positions."""

    def __init__(self, spec: GateSpec, clock: Clock, records: Records, lookout: GateView | None = None) -> None:
        self.spec, self.run = spec, spec.run
        self._clock, self._records = clock, records
        self._gate = Gate(spec.risk, spec.run.scope, spec.run.account)
        self._day_start = day_start(spec.day_start)
        self._behind = spec.remembers
        self._lookout = lookout or GateView(spec)
        self._prices = self._lookout.prices
        self._extremes = Extremes()
        self._shown = False
        self.follows = True
        self._load()
        self.settle()

    def _load(self) -> None:
        """From the database: the same at the first start and after every restart."""
        memory = self._records.load(entries_for(self.spec.risk))
        self.book = memory.book
        self._cursor = memory.cursor
        self._answered = memory.answered
        self._answered_until = memory.answered_until
        last = memory.snapshot
        cash = self.book.balance if last is None else 0
        self._peak = last.peak if last else cash
        self._day = last.day if last else -1
        self._day_equity = last.day_equity if last else cash
        self._now = last.at if last else 0
        state = last.state if last else TradingState()
        self._switch = KillSwitch(self._records, self._gate.rules, self._clock, memory.latch, state)
        self._lookout.rebuild(self.book, memory.first_cash, memory.locks, memory.entries)
        if memory.calendar is not None:
            self.calendar(memory.calendar)
        self._closings = Closings(self.spec.risk, self.run.scope, self._lookout.view, memory.parts, memory.equities)
        if last:
            self._extremes.restore(last.held, self.book)
        marks = last.marks if last else {}
        self._prices.restore(marks)
        for symbol, position in self.book.positions.items():  # also of what this run does not watch
            self.book.mark(symbol, marks.get(symbol, position.price), self._prices.rate(symbol) or ONE)
        self._prices.mark(self.book)
        self._trades_today = self._records.trades_since(self._day)
        self.foreign(memory.foreign)
        self._unresolved()
        self._stale = False

    # -- the market's past -----------------------------------------------------------------------

    def load(self, after: int, batch: BarBatch) -> int:
        """History in the order of its closes, as a host is given it. Returns the close reached."""
        self._lookout.past(after, batch)
        return batch.at

    def remembered(self) -> None:
        """All history has been given."""
        self._behind = False

    def passed(self, bars: Bars) -> None:
        """Bars that went by since the last moment and left nothing to decide: one per symbol, with the highest high and
        the lowest low of all of them."""
        self._extremes.take(self.book, bars, self._prices.row)

    def valued(self, at: int, equity: int) -> None:
        """What the account was worth at a moment that left nothing to decide."""
        self._peak = max(self._peak, equity)
        self._closings.sampled(at, equity)

    def held(self, symbol: str) -> Held:
        """What an agent is told of a position. Raises KeyError if there is none."""
        return management.held(symbol, self.book.positions[symbol], self.book, self._extremes)

    @property
    def peak(self) -> int:
        """The highest equity so far (1e-9)."""
        return self._peak

    @property
    def state(self) -> TradingState:
        """Where trading stands."""
        return self._switch.state

    @property
    def latched(self) -> bool:
        """Whether the kill switch holds."""
        return self._switch.latch is not None

    # -- the cycle -------------------------------------------------------------------------------

    def snapshot(self, batch: BarBatch, matched: Sequence[OrderStep] = ()) -> GateSnapshot | None:
        """Settle what came of the bars, value the book at them, and say where the gate stands.

        ``matched`` is what the venue made of these bars; None if the executor must write that down first.
        """
        if matched:
            return None
        if self._behind:
            raise ActorLost("RiskManager", "it came back without the market's past")
        self.see(batch)
        return self._snapshot(batch.at, self.book.equity())

    def see(self, batch: BarBatch) -> None:
        """Settle what came of the bars of one T, and value the book at them."""
        self.settle()
        self._lookout.take(batch)
        self._shown = True
        if self.follows:
            self._extremes.take(self.book, batch.rows, self._prices.row)
        self._now = max(self._now, batch.at)
        self._prices.mark(self.book)
        equity = self.book.equity()
        day = self._day_start.of(self._now) if self._now > 0 else -1
        if day != self._day:
            self._day, self._day_equity = day, equity
            self._trades_today = self._records.trades_since(day)
        self._peak = max(self._peak, equity)
        self._assess(equity)
        self._closings.valued(self._now, equity, self._locked)

    def precheck(self, candidates: Sequence[Candidate], now: int, paused: bool = False) -> list[Denied]:
        """What the cheap rules (stages 1-7) would deny. Nothing is written down: ``reserve`` answers it."""
        self._seen(candidates)
        self.settle()
        self._moment(now, paused)
        found: list[Denied] = []
        for one in candidates:
            self._lookout.look(one.symbol)
            answer = self._gate.precheck(one, self._lookout.view, self._lookout.spread(one.symbol))
            denied = None if answer is None else self._denied(one, answer)
            if denied is not None:
                found.append(denied)
        return found

    def reserve(
        self,
        exits: Sequence[Exit],
        candidates: Sequence[Candidate],
        now: int,
        paused: bool = False,
        amends: Sequence[Amend] = (),
    ) -> GateAnswer:
        """Stops, exits, then candidates, in order: each sized, checked against everything open, pending and in
        flight, written to the database, and answered. A wish answered before gets its recorded answer."""
        self._seen(candidates, amends)
        return self._answer(candidates, now, paused, exits=exits, amends=amends)

    def _seen(self, candidates: Sequence[Candidate], amends: Sequence[Amend] = ()) -> None:
        """Raises ActorLost if something new is asked about bars that this gate was not shown."""
        if not self._shown and (amends or any(self._known(one) is None for one in candidates)):
            raise ActorLost("RiskManager", "it came back without the bars of this moment")

    def settle(self) -> int:
        """Apply the order events that the executor has written since the cursor. Returns how many."""
        if self._stale:
            self._load()
        self._stale = True  # until it has been written down: what is remembered is what was committed
        settled = self._settle()
        self._stale = False
        return settled

    def _settle(self) -> int:
        steps = self._records.steps_after(self._cursor)
        touched, filled = self._stops(), False
        if not steps and not touched:
            return 0
        ended: list[str] = []
        drafts: list[Draft] = []
        made_there: list[Order] = []
        for step in steps:
            fill = step.fill
            if fill is not None and not self.book.seen(fill.id):
                touched.add(fill.symbol)
                filled = True
                if fill.reason == orders.FINANCING:
                    self.book.charge(fill, self._prices.rate(fill.symbol) or ONE)
                    continue
                if step.order is not None:
                    made_there.append(step.order)
                applied = self.book.apply(fill, self._prices.rate(fill.symbol) or ONE)
                if self._records.tells:
                    drafts += position_events(self.run.run_id, self.book, fill, applied)
                self._closings.closed(applied, step.seq, self._records.reasons)
                if fill.symbol in self.book.positions:
                    management.took(self.book.positions[fill.symbol], fill.reason)
            working = self.book.working.get(step.order_id)
            if working is not None:
                working.status = step.status
                if step.status in orders.DONE:
                    self.book.release(step.order_id)
                    ended.append(step.order_id)
        self._cursor = steps[-1].seq if steps else self._cursor
        self._unresolved()
        if touched or ended:
            if filled and self._records.tells:
                drafts += positions_event(self.book, self.run.instruments, self._now, str(self._cursor))
                drafts.append(self._account_event())
            closed, locks = self._closings.news()
            self._records.settled(self.book, touched, ended, closed, made_there, self._cursor, drafts, locks)
        return len(steps)

    def _stops(self) -> set[str]:
        """Take note of the stops that the venue has set or refused. Returns their symbols."""
        waiting = {
            change.id: (position, change)
            for position in self.book.positions.values()
            if position.flags and (change := management.pending(position)) is not None
        }
        told = self._records.stops(list(waiting)) if waiting else {}
        for change_id, state in told.items():
            management.answered(*waiting[change_id], state)
        return {waiting[change_id][1].symbol for change_id in told}

    def emergency(self, flatten: bool, now: int) -> GateAnswer:
        """Look for a halt at once; the working entries that must go, and with ``flatten`` an exit of everything.

        For whoever acts when the driver does not. Twice at one moment is once.
        """
        self._switch.look_at_once()
        self.settle()
        at = self._now
        self._assess(self.book.equity())
        held = sorted(self.book.positions.items()) if flatten else []
        exits = [Exit(symbol, one.strategy, orders.EMERGENCY, at, self.book.marks[symbol], 1.0) for symbol, one in held]
        return msgspec.structs.replace(self._answer([], max(at, now), True, exits=exits), cancels=self.cancels())

    def holdings(self) -> list[Holding]:
        """The positions of the book, by symbol, with everything settled: what reconciling compares."""
        self.settle()
        return [
            Holding(
                symbol=symbol,
                quantity=one.quantity,
                stop=one.stop,
                target=one.target,
                mark=self.book.marks.get(symbol, one.price),
                cursor=self._cursor,
                strategy=one.strategy,
                entry_order=one.entry_order,
                correlation_id=one.correlation_id,
            )
            for symbol, one in sorted(self.book.positions.items())
        ]

    def may_send(self, order: Order) -> bool:
        """Whether an order that was approved, and that its venue never received, may still go there."""
        self.settle()
        self._switch.look_at_once()
        self._assess(self.book.equity())
        return order.id in self.book.working and (order.opens == 0 or self._switch.state.name == ACTIVE)

    def calendar(self, calendar: Calendar) -> None:
        """The news as they are known from now on."""
        self._lookout.view.calendar = calendar

    def unlock(self, lock_id: str, why: str, who: str) -> bool:
        """Take a lock away, as a person wants it. Returns whether it was there."""
        self.settle()
        with self._trusted():
            there = self._records.unlocked(lock_id, self._now, why, who)
        if not there:
            return False
        locks = self._lookout.view.locks
        for lock in [one for one in locks if one.id == lock_id]:
            locks.remove(lock)
            if lock.code == DRAWDOWN:
                self._closings.restart(self._now, self.book.equity())
        return True

    def foreign(self, positions: dict[str, int]) -> None:
        """What the venue holds that is not ours (signed units): counted in exposure if configured, never touched."""
        if self.spec.risk.count_foreign:
            self.book.others(positions)

    def position(self) -> dict[str, Any]:
        """Equity and open positions as a run's summary shows them: numbers in account currency and units."""
        self.settle()
        held = [
            {
                "symbol": symbol,
                "side": orders.SIDE_NAME[1 if one.quantity > 0 else -1],
                "quantity": to_float(abs(one.quantity)),
                "entry": to_float(one.price),
                "price": to_float(self.book.marks[symbol]),
                "profit": to_float(self.book.unrealised(symbol)),
                "stop": to_float(one.stop) if one.stop else None,
                "target": to_float(one.target) if one.target else None,
            }
            for symbol, one in sorted(self.book.positions.items())
        ]
        return {"equity": to_float(self.book.equity()), "positions": held}

    # -- answers ---------------------------------------------------------------------------------

    def _answer(
        self,
        candidates: Sequence[Candidate],
        now: int,
        paused: bool,
        exits: Sequence[Exit] = (),
        amends: Sequence[Amend] = (),
    ) -> GateAnswer:
        if self._stale or any(map(self._waits, amends)):
            self.settle()
        self._stale = True
        answer = self._decide(candidates, now, paused, exits, amends)
        self._stale = False
        return answer

    def _decide(
        self,
        candidates: Sequence[Candidate],
        now: int,
        paused: bool,
        exits: Sequence[Exit],
        amends: Sequence[Amend],
    ) -> GateAnswer:
        self._moment(now, paused)
        changes = [(one, change) for one in amends if (change := self._amend(one)) is not None]
        fresh = [(one, change) for one, change in changes if management.note(self.book.positions[one.symbol], change)]
        answered: list[tuple[Candidate | Exit, Answer, int]] = []
        said: list[Order | Denied] = []
        wishes: list[Candidate | Exit] = [*exits, *candidates]
        for rank, wish in enumerate(wishes):
            known = self._known(wish)
            if known is not None:
                said += known
                continue
            self._lookout.look(wish.symbol)
            answer = self._leave(wish, rank) if isinstance(wish, Exit) else self._enter(wish, rank)
            if answer is None:
                continue
            if answer.order is not None:
                self.book.reserve(answer.order)
                if answer.order.purpose == orders.ENTRY:
                    self._trades_today += 1
                    self._lookout.entered(wish.symbol, wish.at, self._trades_today)
            answered.append((wish, answer, rank))
            said += [one for one in (self._denied(wish, answer), answer.order) if one is not None]
        if answered or fresh:
            self._write(answered, fresh)
        return GateAnswer(
            approved=tuple(Approved(one) for one in said if isinstance(one, Order)),
            denied=tuple(one for one in said if isinstance(one, Denied)),
            at=now,
            changes=tuple(change for _, change in changes),
        )

    def _moment(self, now: int, paused: bool) -> None:
        """When wishes are judged, and where the account stands then."""
        self._now = max(self._now, now)
        equity = self.book.equity()
        self._assess(equity)
        standing = self._standing(equity)
        self._lookout.moment(now, self._switch.state, paused, standing, self._day_equity, self._trades_today)

    def _amend(self, amend: Amend) -> StopChange | None:
        """The change that this wish makes; the same for a wish that is repeated while the venue has not answered.
        Until it has, no other one follows: its answer would be lost."""
        position = self.book.positions.get(amend.symbol)
        if position is None or (amend.entry_order and amend.entry_order != position.entry_order):
            return None
        waiting = management.pending(position)
        if waiting is not None:
            return waiting if waiting.at == amend.at else None
        if amend.at <= management.changed_at(position):
            return None
        self._lookout.look(amend.symbol)
        return self._gate.amend(amend, self._lookout.view, self._lookout.spread(amend.symbol))

    def _waits(self, amend: Amend) -> bool:
        """Whether an earlier change of this stop had no answer yet when it was last looked for."""
        position = self.book.positions.get(amend.symbol)
        return position is not None and management.pending(position) is not None

    def _enter(self, candidate: Candidate, rank: int) -> Answer:
        view, spread = self._lookout.view, self._lookout.spread(candidate.symbol)
        return self._gate.enter(candidate, view, self.spec.venue, rank, spread)

    def _leave(self, exit: Exit, rank: int) -> Answer | None:
        attempt = self._records.attempts(exit)
        order = self._gate.leave(exit, self._lookout.view, self.spec.venue, rank, attempt)
        return None if order is None else Answer(order.id, order, None, order.quantity)

    def _known(self, wish: Candidate | Exit) -> list[Order | Denied] | None:
        """The recorded answer of a wish that was decided before (a redone cycle, a repeated call)."""
        if wish.at > self._answered_until:
            return None
        return self._answered.get((wish.symbol, wish.strategy, wish.at, getattr(wish, "purpose", orders.ENTRY)))

    def _denied(self, wish: Candidate | Exit, answer: Answer) -> Denied | None:
        if answer.denial is None:
            return None
        code, value, threshold = answer.denial
        return Denied(answer.id, wish.symbol, code, value, threshold, wish.at)

    def _write(
        self, answered: list[tuple[Candidate | Exit, Answer, int]], changes: list[tuple[Amend, StopChange]]
    ) -> None:
        self._records.answered(answered, changes, self.book, self._lookout.view.now)
        for wish, answer, _ in answered:
            key = (wish.symbol, wish.strategy, wish.at, getattr(wish, "purpose", orders.ENTRY))
            if wish.at > self._answered_until:
                self._answered = {}
            self._answered_until = max(self._answered_until, wish.at)
            self._answered[key] = [one for one in (self._denied(wish, answer), answer.order) if one is not None]

    @contextmanager
    def _trusted(self) -> Iterator[None]:
        """What is remembered is what was committed: if the commit fails, the gate is rebuilt before its next act."""
        self._stale = True
        yield
        self._stale = False

    def _unresolved(self) -> None:
        """Symbols with an order of which nothing is certain take no new risk."""
        unknown = {one.order.symbol for one in self.book.working.values() if one.status == orders.UNKNOWN}
        self._lookout.view.unresolved = unknown

    # -- where it stands -------------------------------------------------------------------------

    def _standing(self, equity: int) -> Standing:
        return Standing(equity, self._peak, self._lookout.view.first_cash)

    def _assess(self, equity: int) -> None:
        """The trading state now, and what a person has said meanwhile."""
        if self._switch.assess(self._standing(equity), self._now):
            self._peak = equity  # a person has accepted the loss: drawdown counts from here

    def _locked(self, locks: Sequence[Lock]) -> None:
        """Locks that no close has left behind: written down at once."""
        with self._trusted():
            self._records.locked(locks)

    def _snapshot(self, at: int, equity: int) -> GateSnapshot:
        book = self.book
        held = {
            symbol: management.held(symbol, position, book, self._extremes)
            for symbol, position in sorted(book.positions.items())
        }
        changes = (management.pending(one) for _, one in sorted(book.positions.items()))
        return GateSnapshot(
            at=at,
            state=self._switch.state,
            held=held,
            equity=equity,
            balance=book.balance,
            peak=self._peak,
            day=self._day,
            day_equity=self._day_equity,
            marks=self._prices.marks(book),
            cancels=self.cancels(),
            working=len(book.working),
            changes=tuple(one for one in changes if one is not None),
            equities=self._closings.equities,
        )

    def cancels(self) -> tuple[str, ...]:
        """Working entries that must go: all of them while HALTED."""
        if self._switch.state.name != HALTED:
            return ()
        working = (orders.ACCEPTED, orders.PARTIALLY_FILLED, orders.TRIGGERED)
        return tuple(one.order.id for one in self.book.working.values() if one.order.opens and one.status in working)

    def _account_event(self) -> Draft:
        run = self.run
        return account_event(self.book, run.account, run.currency, self._day_equity, self._now, str(self._cursor))


def entries_for(risk: RiskConfig) -> int:
    """How far back (ns) the limits ask for entries."""
    return max(HOUR, round((risk.cooldown or 0) * SECOND))
