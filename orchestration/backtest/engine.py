"""The engine: one account over one market, moment by moment, visiting those at which something can happen.

A moment is visited in the order of a run's cycle (``actors.institutional_strategy``): the venue matches what is due,
the gate settles and says where it stands, agents speak, the gate answers stops, exits and candidates, and what it
approves goes to the venue. Between two visits positions are constant and nobody has anything to say.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from actors.account_gate import AccountGate
from actors.specs import GateSpec, ResearchSpec
from domain.candidate import Amend, Candidate, Exit, Held, ranked
from domain.market import BAR, BarBatch, Bars
from domain.money import from_float, to_float
from domain.timeframe import NEW_YORK, DayStart
from orchestration.backtest import scans
from orchestration.backtest.grid import Floats, Grid
from orchestration.backtest.lookout import GridView
from orchestration.backtest.records import Desk, MemoryBooks, MemoryRecords
from orchestration.backtest.voices import Voice
from orchestration.backtest.worth import Holding, Watch, Worth
from risk.exits.base import Policy
from risk.gate import Rules
from risk.protections.guards import Protections
from risk.state import REDUCING, TradingState
from venues.fills import NEXT_OPEN, FillModel
from venues.paper import PaperVenue

if TYPE_CHECKING:
    from orchestration.backtest.weighing import BacktestWeighing

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]

SHOWN = 512
"""Visits between two looks at how far it is, and at whether it shall stop."""


class Ended(NamedTuple):
    """How far it came: the moments up to ``end`` were seen."""

    end: int
    partial: bool


class Touch(msgspec.Struct):
    """How far a position's bars have been searched for its stop, and by the policies, and what was so at the time."""

    key: tuple[object, ...]
    stop_at: int = 0
    quiet_at: int = 0
    best: int = 0
    worst: int = 0


class MomentClock:
    """Market time of the moment that is visited."""

    def __init__(self) -> None:
        self.at = 0

    def now(self) -> int:
        return self.at


class Engine:
    """``voices`` are those of the traded symbols, in the order of their rows; ``dense`` visits every moment."""

    def __init__(
        self,
        spec: GateSpec,
        costs: FillModel,
        grid: Grid,
        voices: list[Voice],
        policies: tuple[Policy, ...],
        dense: bool = False,
        research: ResearchSpec | None = None,
    ) -> None:
        run = self.run = spec.run
        self.grid, self.voices, self.policies = grid, voices, policies
        self.records = MemoryRecords(run.cash)
        self.view = GridView(spec, grid)
        self._clock = MomentClock()
        self.gate = AccountGate(spec, self._clock, self.records, self.view)
        self.gate.follows = bool(policies)
        if spec.remembers:
            self.gate.remembered()
        self.venue = PaperVenue(
            MemoryBooks(), run.account, run.cash, run.currency, run.rows, run.instruments, costs, run.timeframe_ns
        )
        self.desk = Desk(self.venue, self.records)
        self.worth = Worth(run, grid)
        self.weighing: BacktestWeighing | None = None
        if research is not None and research.config.vetoes:
            from orchestration.backtest.weighing import BacktestWeighing

            self.weighing = BacktestWeighing(research, grid, self.records)
        self.states: list[tuple[int, TradingState]] = []
        self.changes: list[Holding] = [Holding(0, to_float(run.cash), {})]
        self._row = {symbol: row for row, symbol in enumerate(run.rows)}
        self._tf = run.timeframe_ns
        self._spreads = [_spreads(costs, one) for one in voices]
        risk = spec.risk
        watched = (risk.max_drawdown, risk.max_drawdown_soft, risk.max_total_loss)
        limits = Rules(risk).limits
        self._watch = Watch(self.worth, limits, run.cash) if any(one is not None for one in watched) else None
        protections = Protections(risk, run.scope)
        dense, self._samples = dense or protections.watches_equity, protections.reads_equity
        self._planned = self._schedule(spec.day_start, dense)
        self._spoken = self._changes()
        self._next_planned = self._next_spoken = 0
        self._touched: dict[str, Touch] = {}
        self._seen = grid.begin - 1
        self._noted = 0
        self._every = self.venue.finances or costs.fill_on != NEXT_OPEN
        self._rests = float(costs.participation) > 0
        self._filled_at = -1
        self._state = self.gate.state

    # -- what is known beforehand ----------------------------------------------------------------

    def _schedule(self, day: str, dense: bool) -> list[int]:
        """Moments that are visited in any case: the first and the last, the first of each risk day, and the first after
        each rollover where holding costs something; a sentinel closes them."""
        grid = self.grid
        count = len(grid)
        if dense:
            return [*range(grid.begin, count), count]
        days = [day] + ([f"17:00 {NEW_YORK}"] if self.venue.finances else [])
        firsts = {one for text in days for one in _firsts(grid, DayStart(text))}
        return [*sorted({grid.begin, count - 1, *firsts}), count]

    def _changes(self) -> list[tuple[int, int, int, int]]:
        """(moment, row, bar, stance) of every change of a stance, in order, after the warm-up; a sentinel closes."""
        found = [
            (int(voice.series.at[one.bar]), row, one.bar, one.stance)
            for row, voice in enumerate(self.voices)
            for one in voice.changes
            if voice.series.at[one.bar] >= self.grid.begin
        ]
        return [*sorted(found), (len(self.grid), 0, 0, 1)]

    # -- the walk --------------------------------------------------------------------------------

    def walk(self, progress: Progress, stop: Stop) -> Ended:
        """To the end of the data, or until ``stop`` says so."""
        grid, count = self.grid, len(self.grid)
        moment, visits = self._next(grid.begin - 1), 0
        with _few_collections():
            while moment < count:
                self._visit(moment)
                visits += 1
                if visits % SHOWN == 0:
                    progress(moment - grid.begin, count - grid.begin)
                    if stop():
                        return Ended(moment + 1, True)
                moment = self._next(moment)
        progress(count - grid.begin, count - grid.begin)
        return Ended(count, False)

    def _next(self, moment: int) -> int:
        """The next moment at which something can happen."""
        planned = self._planned
        while planned[self._next_planned] <= moment:
            self._next_planned += 1
        book = self.gate.book
        reach = min(planned[self._next_planned], self._next_change(moment))
        for symbol in book.stirring:
            reach = min(reach, self._next_bar(symbol, moment))
        if self._rests:
            for one in self.venue.orders():  # what is left of a stop there is no order of the book
                reach = min(reach, self._next_bar(one.order.symbol, moment))
        if self._filled_at == moment:
            return min(reach, moment + 1)
        if not book.positions:
            return reach
        for symbol, position in book.positions.items():
            row = self._row[symbol]
            voice, bar = self.voices[row], self.grid.place.item(moment, row)
            if voice.restless(bar, position.quantity, book.closing(symbol)):
                reach = min(reach, self._next_bar(symbol, moment))
        if reach > moment + 1:
            for symbol in sorted(book.positions):
                reach = self._next_touch(symbol, moment, reach)
        if self._watch is not None and reach > moment + 1 and not self.gate.latched:
            reach = self._next_loss(self._watch, moment, reach)
        return reach

    def _next_change(self, moment: int) -> int:
        spoken, place = self._spoken, self._next_spoken
        while spoken[place][0] <= moment:
            place += 1
        self._next_spoken = place
        book = self.gate.book
        while True:
            at, row, _, stance = spoken[place]
            if stance or self.voices[row].agent.symbol in book.positions:
                return at
            place += 1

    def _next_bar(self, symbol: str, moment: int) -> int:
        row = self._row[symbol]
        at = self.grid.series[row].at
        place = self.grid.place.item(moment, row) + 1
        if place == 0:
            place = int(at.searchsorted(moment, "right"))
        return at.item(place) if place < len(at) else len(self.grid)

    def _next_touch(self, symbol: str, moment: int, reach: int) -> int:
        """The first moment before ``reach`` at which the position's stop or target may be hit, or a policy speaks."""
        row = self._row[symbol]
        voice, there = self.voices[row], self.venue.position(symbol)
        series = voice.series
        if there is None or not (there.stop or there.target or self.policies):
            return reach
        start, end = self.grid.place.item(moment, row) + 1, int(series.at.searchsorted(reach))
        if start >= end:
            return reach
        held = self.gate.held(symbol) if self.policies else None
        key = (there.entry_order, there.quantity, there.stop, there.target, held and _still(held))
        known = self._touched.get(symbol)
        if known is None or known.key != key:
            known = self._touched[symbol] = Touch(key)
        if there.stop or there.target:
            if known.stop_at < end:
                known.stop_at = int(
                    scans.first_touch(
                        series.high,
                        series.low,
                        self._spreads[row],
                        max(known.stop_at, start),
                        end,
                        1 if there.quantity > 0 else -1,
                        to_float(there.stop),
                        to_float(there.target),
                    )
                )
            end = min(end, known.stop_at)
        if held is not None:
            end = self._next_said(voice, held, known, start, end)
        return min(reach, int(series.at[end])) if end < len(series.at) else reach

    def _next_said(self, voice: Voice, held: Held, known: Touch, start: int, end: int) -> int:
        """The first bar of [start, end) at which a policy has something to say, ``end`` if there is none."""
        series, up = voice.series, held.quantity > 0
        if known.quiet_at <= start:
            known.quiet_at, known.best, known.worst = start, held.best, held.worst
        for bar in range(known.quiet_at, end):
            high, low = from_float(series.high.item(bar)), from_float(series.low.item(bar))
            known.best = max(known.best, high) if up else min(known.best, low)
            known.worst = min(known.worst, low) if up else max(known.worst, high)
            known.quiet_at = bar + 1
            now = msgspec.structs.replace(held, best=known.best, worst=known.worst)
            if not voice.quiet(now, bar, int(series.ends[bar]), self._tf, self.policies):
                known.quiet_at = 0
                return bar
        return end

    def _next_loss(self, watch: Watch, moment: int, reach: int) -> int:
        """The first moment before ``reach`` at which a limit on equity may be crossed; the peak on the way there is the
        exact one."""
        gate = self.gate
        found, peaks = watch.look(gate.book, moment + 1, reach, gate.peak, gate.state.name == REDUCING)
        for one in peaks.tolist():
            self._value(one)
        return found

    def _value(self, moment: int) -> None:
        """Tell the gate what the account was worth at a moment that nobody visits."""
        gate = self.gate
        self.view.stand(moment)
        self.view.prices.mark(gate.book)
        gate.valued(int(self.grid.moments[moment]), gate.book.equity())

    # -- one moment ------------------------------------------------------------------------------

    def _visit(self, moment: int) -> None:
        grid, gate = self.grid, self.gate
        at = self._clock.at = grid.moments.item(moment)
        batch = BarBatch(at=at, bars=grid.merged[grid.bounds[moment] : grid.bounds[moment + 1]])
        if self.policies and gate.book.positions:
            gate.passed(self._gone_by(moment))
        if self._samples and moment > self._seen + 1 > self.grid.begin:
            self._value(moment - 1)
        self.view.next(moment)
        if self._every or self.venue.stirs:
            self.desk.record(self.venue.advance(batch))
        gate.see(batch)
        self._note(moment)
        if gate.state is not self._state:
            self._state = gate.state
            if not self.states or _kind(self.states[-1][1]) != _kind(gate.state):
                self.states.append((at, gate.state))
        for one in gate.cancels():
            self.desk.cancel(one, at)
        self._act(moment, at)
        self._seen = moment

    def _act(self, moment: int, at: int) -> None:
        """What agents say, what the gate answers, and what becomes of it at the venue."""
        exits: list[Exit] = []
        amends: list[Amend] = []
        candidates: list[Candidate] = []
        gate, positions = self.gate, self.gate.book.positions
        for row, bar in self._speakers(moment):
            voice = self.voices[row]
            symbol = voice.agent.symbol
            report = voice.speak(bar, at, self._tf, gate.held(symbol) if symbol in positions else None)
            if report.exit is not None:
                exits.append(report.exit)
            if report.amend is not None:
                amends.append(report.amend)
            if report.candidate is not None:
                candidates.append(report.candidate)
        if not (exits or amends or candidates):
            return
        exits.sort(key=_symbol)
        amends.sort(key=_symbol)
        candidates = ranked(candidates)
        if self.weighing is not None and candidates:
            candidates = self.weighing.before(moment, at, candidates, gate)
        answer = gate.reserve(exits, candidates, at, False, amends)
        for change in answer.changes:
            self.desk.amend(change)
        for order in answer.orders:
            self.desk.submit(order)
        filled = len(self.records.fills) > self._noted
        if filled:
            self._filled_at = moment  # what it has cost counts from the next moment on
        if answer.changes or filled:
            gate.settle()
            self._note(moment)

    def _speakers(self, moment: int) -> list[tuple[int, int]]:
        """(row, bar) of the symbols with a bar at this moment that have changed their stance, or hold a position that
        somebody manages or whose side the stance has left."""
        rows: dict[int, int] = {}
        book = self.gate.book
        for symbol, position in book.positions.items():
            row = self._row[symbol]
            bar = self.grid.place.item(moment, row)
            restless = self.policies or self.voices[row].restless(bar, position.quantity, book.closing(symbol))
            if restless and self.grid.series[row].at.item(bar) == moment:
                rows[row] = bar
        place = self._next_spoken
        while self._spoken[place][0] < moment:
            place += 1
        while self._spoken[place][0] == moment:
            _, row, bar, _ = self._spoken[place]
            rows[row] = bar
            place += 1
        return sorted(rows.items())

    def _gone_by(self, moment: int) -> Bars:
        """One bar per held symbol, with the extremes of all that closed since the last visit and before this one."""
        grid = self.grid
        made = np.zeros(len(self.gate.book.positions), BAR)
        count = 0
        for symbol in self.gate.book.positions:
            row = self._row[symbol]
            series = grid.series[row]
            start, end = int(grid.place[self._seen, row]) + 1, int(np.searchsorted(series.at, moment))
            if start < end:
                made[count] = (row, 0, 0, 0.0, series.high[start:end].max(), series.low[start:end].min(), 0.0, 0.0, 0.0)
                count += 1
        return made[:count]

    def _note(self, moment: int) -> None:
        """What is held from here on, if anything was filled."""
        if len(self.records.fills) == self._noted:
            return
        self._noted = len(self.records.fills)
        book = self.gate.book
        held = {symbol: (to_float(one.quantity), to_float(one.cost)) for symbol, one in book.positions.items()}
        self.changes.append(Holding(moment, to_float(book.balance), held))


def _symbol(one: Exit | Amend) -> str:
    return one.symbol


def _kind(one: TradingState) -> tuple[str, str]:
    return one.name, one.code


def _still(held: Held) -> tuple[object, ...]:
    """What policies see of a position besides its bars."""
    return (held.closing, held.stop, held.target, held.flags, held.amending, held.first, held.entry)


def _firsts(grid: Grid, day: DayStart) -> list[int]:
    """The first counted moment at or after each start of a day."""
    firsts, moment, count = [], grid.begin, len(grid)
    while moment < count:
        firsts.append(moment)
        end = day.end(int(grid.moments[moment]))
        moment = int(np.searchsorted(grid.moments, end))
    return firsts


def _spreads(costs: FillModel, voice: Voice) -> Floats:
    """The spread of every bar as the venue will see it."""
    terms = costs.terms(voice.instrument)
    own = voice.series.bars["spread"]
    default = to_float(terms.spread)
    if not terms.spread_from_data:
        return np.full(len(own), default)
    return np.where(np.isnan(own), default, own)


@contextmanager
def _few_collections() -> Iterator[None]:
    """The garbage collector walks the growing lists of fills again and again: seldom is enough for a while."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)
