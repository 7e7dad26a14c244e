"""The gate's shell: owns the book, the reservations, the limits and the shared key-values."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from actors.base import Health, health_of
from actors.gate_records import GateRecords
from actors.gate_rows import account_event, position_events
from actors.prices import Prices
from actors.shared_state import SharedState
from actors.snapshot import GateSnapshot
from actors.specs import GateSpec
from domain import order as orders
from domain.candidate import Candidate, Exit, Held
from domain.events import ALERT, Draft
from domain.market import BarBatch
from domain.money import ONE, to_float
from domain.order import Approved, Denied, Order, OrderStep
from domain.ports import Clock
from domain.reconcile import Holding
from domain.timeframe import day_start
from journal.store import Store
from risk.gate import Answer, Gate
from risk.state import ACTIVE, HALTED, TradingState, assess
from risk.view import View

POLL_NS = 250_000_000
"""How often the gate itself looks for a halt between calls of the driver (machine time)."""


class GateAnswer(msgspec.Struct, frozen=True):
    """What ``reserve`` gives back: orders to send (exits first) and denials; in an emergency also the working
    entries that must go."""

    approved: tuple[Approved, ...]
    denied: tuple[Denied, ...]
    at: int
    cancels: tuple[str, ...] = ()

    @property
    def orders(self) -> tuple[Order, ...]:
        return tuple(one.order for one in self.approved)


class RiskManager(SharedState):
    """Every order passes here. One call at a time; what it answers is written down before it is said."""

    def __init__(self, spec: GateSpec, store: Store, clock: Clock) -> None:
        super().__init__(store, clock)
        self.spec, self.run = spec, spec.run
        self._records = GateRecords(store, spec.run, spec.venue)
        self._gate = Gate(spec.risk, spec.run.scope, spec.run.account)
        self._day_start = day_start(spec.day_start)
        self._prices = Prices(spec.run)
        self._polled = 0
        self._now = 0
        self._load()
        self.settle()

    def _load(self) -> None:
        """From the database: the same at the first start and after every restart."""
        memory = self._records.load()
        self.book = memory.book
        self._cursor = memory.cursor
        self._answered = memory.answered
        self._answered_until = memory.answered_until
        self._latch = memory.latch
        last = memory.snapshot
        cash = self.book.balance if last is None else 0
        self._peak = last.peak if last else cash
        self._day = last.day if last else -1
        self._day_equity = last.day_equity if last else cash
        self._now = last.at if last else 0
        self._view = View(self.spec.risk, self.book)
        self._view.locks = memory.locks
        marks = last.marks if last else {}
        self._prices.restore(marks)
        for symbol, position in self.book.positions.items():  # also of what this run does not watch
            self.book.mark(symbol, marks.get(symbol, position.price), self._prices.rate(symbol) or ONE)
        self._prices.mark(self.book)
        self._state = last.state if last else TradingState()
        self._trades_today = self._records.trades_since(self._day)
        self.foreign(memory.foreign)
        self._unresolved()
        self._stale = False

    # -- the cycle -------------------------------------------------------------------------------

    def snapshot(self, batch: BarBatch, matched: Sequence[OrderStep] = ()) -> GateSnapshot | None:
        """Settle what came of the bars, value the book at them, and say where the gate stands.

        ``matched`` is what the venue made of these bars; None if the executor must write that down first.
        """
        if matched:
            return None
        self.settle()
        self._prices.take(batch)
        self._now = max(self._now, batch.at)
        self._prices.mark(self.book)
        equity = self.book.equity()
        day = self._day_start.of(self._now) if self._now > 0 else -1
        if day != self._day:
            self._day, self._day_equity = day, equity
            self._trades_today = self._records.trades_since(day)
        self._peak = max(self._peak, equity)
        self._assess(equity)
        return self._snapshot(batch.at, equity)

    def precheck(self, candidates: Sequence[Candidate], now: int, paused: bool = False) -> list[Denied]:
        """The denials of the cheap rules (stages 1-7), written down and published like any other."""
        return list(self._answer(candidates, now, paused, cheaply=True).denied)

    def reserve(
        self, exits: Sequence[Exit], candidates: Sequence[Candidate], now: int, paused: bool = False
    ) -> GateAnswer:
        """Exits, then candidates, in order: each sized, checked against everything open, pending and in
        flight, written to the database, and answered. A wish answered before gets its recorded answer."""
        return self._answer(candidates, now, paused, exits=exits)

    def settle(self) -> int:
        """Apply the order events that the executor has written since the cursor. Returns how many."""
        if self._stale:
            self._load()
        steps = self._records.steps_after(self._cursor)
        if not steps:
            return 0
        touched: set[str] = set()
        ended: list[str] = []
        drafts: list[Draft] = []
        closed: list[Any] = []
        made_there: list[Order] = []
        for step in steps:
            fill = step.fill
            if fill is not None and not self.book.seen(fill.id):
                touched.add(fill.symbol)
                if fill.reason == orders.FINANCING:
                    self.book.charge(fill, self._prices.rate(fill.symbol) or ONE)
                    continue
                if step.order is not None:
                    made_there.append(step.order)
                applied = self.book.apply(fill, self._prices.rate(fill.symbol) or ONE)
                drafts += position_events(self.run.run_id, self.book, fill, applied)
                if applied.closed is not None:
                    closed.append(applied.closed)
            working = self.book.working.get(step.order_id)
            if working is not None:
                working.status = step.status
                if step.status in orders.DONE:
                    self.book.release(step.order_id)
                    ended.append(step.order_id)
        self._cursor = steps[-1].seq
        self._unresolved()
        if touched or ended:
            if touched:
                drafts.append(self._account_event())
            with self._trusted():
                self._records.settled(self.book, touched, ended, closed, made_there, self._cursor, drafts)
        return len(steps)

    def emergency(self, flatten: bool, now: int) -> GateAnswer:
        """Look for a halt at once; the working entries that must go, and with ``flatten`` an exit of everything.

        For whoever acts when the driver does not. Twice at one moment is once.
        """
        self._polled = 0
        self.settle()
        at = self._now
        self._assess(self.book.equity())
        held = sorted(self.book.positions.items()) if flatten else []
        exits = [Exit(symbol, one.strategy, orders.EMERGENCY, at, self.book.marks[symbol], 1.0) for symbol, one in held]
        return msgspec.structs.replace(self._answer([], max(at, now), True, exits=exits), cancels=self._cancels())

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
        self._polled = 0
        self._assess(self.book.equity())
        return order.id in self.book.working and (order.opens == 0 or self._state.name == ACTIVE)

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

    def health(self) -> Health:
        return health_of(
            "RiskManager",
            cursor=self._cursor,
            positions=len(self.book.positions),
            working=len(self.book.working),
            state=self._state.name,
        )

    # -- answers ---------------------------------------------------------------------------------

    def _answer(
        self,
        candidates: Sequence[Candidate],
        now: int,
        paused: bool,
        exits: Sequence[Exit] = (),
        cheaply: bool = False,
    ) -> GateAnswer:
        if self._stale:
            self.settle()
        self._now = max(self._now, now)
        self._assess(self.book.equity())
        view = self._view
        view.engine_paused, view.now = paused, now
        view.equity, view.peak, view.day_equity = self.book.equity(), self._peak, self._day_equity
        view.state = self._state
        answered: list[tuple[Candidate | Exit, Answer, int]] = []
        said: list[Order | Denied] = []
        wishes: list[Candidate | Exit] = [*exits, *candidates]
        for rank, wish in enumerate(wishes):
            known = self._known(wish)
            if known is not None:
                said += known
                continue
            self._look(wish.symbol, wish.at)
            answer = self._leave(wish, rank) if isinstance(wish, Exit) else self._enter(wish, rank, cheaply)
            if answer is None:
                continue
            if answer.order is not None:
                self.book.reserve(answer.order)
                self._trades_today += answer.order.purpose == orders.ENTRY
            answered.append((wish, answer, rank))
            said += [one for one in (self._denied(wish, answer), answer.order) if one is not None]
        if answered:
            self._write(answered)
        return GateAnswer(
            approved=tuple(Approved(one) for one in said if isinstance(one, Order)),
            denied=tuple(one for one in said if isinstance(one, Denied)),
            at=now,
        )

    def _enter(self, candidate: Candidate, rank: int, cheaply: bool) -> Answer | None:
        instrument = self.run.instruments.get(candidate.symbol)
        spread = self._prices.spread(candidate.symbol, instrument) if instrument is not None else 0
        if cheaply:
            return self._gate.precheck(candidate, self._view, spread)
        return self._gate.enter(candidate, self._view, self.spec.venue, rank, spread)

    def _leave(self, exit: Exit, rank: int) -> Answer | None:
        attempt = self._records.attempts(exit)
        order = self._gate.leave(exit, self._view, self.spec.venue, rank, attempt)
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

    def _write(self, answered: list[tuple[Candidate | Exit, Answer, int]]) -> None:
        with self._trusted():
            self._records.answered(answered, self._view.now)
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
        self._view.unresolved = {one.order.symbol for one in self.book.working.values() if one.status == orders.UNKNOWN}

    # -- where it stands -------------------------------------------------------------------------

    def _look(self, symbol: str, at: int) -> None:
        view = self._view
        view.instrument = self.run.instruments.get(symbol)
        view.rate = self._prices.rate(symbol)
        view.price = self._prices.price(symbol)
        view.bar_at = self._prices.bar_at(symbol)
        view.age_limit = (self.spec.risk.max_data_age or 0) * self.run.timeframe_ns
        view.trades_today = self._trades_today

    def _assess(self, equity: int) -> None:
        """The trading state now; a hard limit latches, and a halt by a person is obeyed at once."""
        moment = time.monotonic_ns()
        if moment - self._polled >= POLL_NS or self._polled == 0:
            self._polled = moment
            before_latch, self._latch = self._latch, self._records.latch()
            if self._latch is None and before_latch is not None and before_latch.code == "MAX_DRAWDOWN":
                self._peak = equity  # a person has accepted the loss: drawdown counts from here
        drawdown = (self._peak - equity) / self._peak if self._peak > 0 else 0.0
        limits = self.spec.risk if "max_drawdown" in self._gate.rules else None
        before = self._state
        self._state = assess(
            drawdown,
            limits.max_drawdown_soft if limits else None,
            limits.max_drawdown if limits else None,
            self._latch,
        )
        if self._state.name == HALTED and self._latch is None:
            self._latch = self._state
            self._records.latched(self._state, self._clock.now(), self._state_alert(before))
        elif (self._state.name, self._state.code) != (before.name, before.code):
            self._records.emit([self._state_alert(before)])

    def _state_alert(self, before: TradingState) -> Draft:
        state = self._state
        return Draft(
            ALERT,
            self._now,
            f"{before.name}:{state.name}:{self._clock.now()}",
            {
                "alert": "TRADING_STATE",
                "from": before.name,
                "to": state.name,
                "code": state.code,
                "value": state.value,
                "threshold": state.threshold,
            },
        )

    def _snapshot(self, at: int, equity: int) -> GateSnapshot:
        book = self.book
        held = {
            symbol: Held(position.quantity, book.closing(symbol), position.price)
            for symbol, position in sorted(book.positions.items())
        }
        return GateSnapshot(
            at=at,
            state=self._state,
            held=held,
            equity=equity,
            balance=book.balance,
            peak=self._peak,
            day=self._day,
            day_equity=self._day_equity,
            marks=self._prices.marks(book),
            cancels=self._cancels(),
            working=len(book.working),
        )

    def _cancels(self) -> tuple[str, ...]:
        """Working entries that must go: all of them while HALTED."""
        if self._state.name != HALTED:
            return ()
        working = (orders.ACCEPTED, orders.PARTIALLY_FILLED, orders.TRIGGERED)
        return tuple(one.order.id for one in self.book.working.values() if one.order.opens and one.status in working)

    def _account_event(self) -> Draft:
        run = self.run
        return account_event(self.book, run.account, run.currency, self._day_equity, self._now, str(self._cursor))
