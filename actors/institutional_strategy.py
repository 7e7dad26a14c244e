"""The driver: one cycle after another, from the bars of T to the committed summary (design section 4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import msgspec

from actors.base import Health, health_of
from actors.driver_records import DriverRecords, RunSummary
from actors.engine_commands import EngineCommands, steps, verified
from actors.engine_machine import EngineMachine, Transition
from actors.engine_records import EngineRecords
from actors.hosts import Hosts
from actors.redo import through
from actors.risk_manager import GateAnswer
from actors.scan import Scan
from actors.snapshot import GateSnapshot
from actors.specs import DriverSpec
from actors.weighing import Weighing
from domain import engine_state as states
from domain.candidate import Amend, Candidate, Exit, ranked
from domain.faults import EMERGENCY, Fault
from domain.order import StopChange
from domain.ports import Clock, Peers
from journal.store import Store
from risk.news import Calendar
from risk.state import HALTED

Value = TypeVar("Value")

HEARD_EVERY = 0.5
"""Seconds between two looks for commands while a paced feed waits for its next bar."""


class Timing(msgspec.Struct):
    """Machine time of the last cycle in milliseconds: metrics only, no decision sees it."""

    cycle: float = 0.0
    scan: float = 0.0


class InstitutionalStrategy:
    """Gathers candidates, passes them through the gate, sends the approved ones through the executor.

    Under recorded and simulated feeds every step is a barrier; a cycle that failed half-way is redone
    from its recorded snapshot, and every actor recognises what it has done before.
    """

    def __init__(self, spec: DriverSpec, store: Store, peers: Peers, clock: Clock) -> None:
        self.spec, self.run_spec = spec, spec.run
        self._peers, self._clock = peers, clock
        self._records = DriverRecords(store, spec)
        self._engine_records = EngineRecords(store, spec.run.run_id)
        self._hosts = Hosts(spec, peers)
        self._untold: list[Transition] = []
        self.machine = EngineMachine(clock, (self._tell,), lambda one, _: self._untold.append(one))
        self._commands = EngineCommands(self, self.machine, store, spec, clock)
        self._gateway = f"VenueGateway:{spec.venue}"
        self._research = Weighing(spec, spec.research, store, peers) if spec.research is not None else None
        self._stopping = asyncio.Event()
        self._reason = ""
        self._task: asyncio.Task[RunSummary] | None = None
        self._timing = Timing()
        self._n = 0
        self._after = self._t = spec.warmed_until
        self.snapshot: GateSnapshot | None = None

    # -- what may be asked of it -----------------------------------------------------------------

    async def run(self) -> RunSummary:
        """Runs to the end. Calling it twice is the same as once; after a restart it goes on where it was."""
        if self._task is None:
            self._task = asyncio.create_task(self._main())
        return await asyncio.shield(self._task)

    async def stop(self, reason: str) -> None:
        """End after the cycle that is under way."""
        self._reason = self._reason or reason
        self._stopping.set()

    async def health(self) -> Health:
        state = self.machine.state
        return health_of("InstitutionalStrategy", state not in states.BEFORE, cycle=self._n, state=state)

    # -- the run ---------------------------------------------------------------------------------

    async def _main(self) -> RunSummary:
        self.machine.transition(states.INITIALIZING, "start")
        await self._through(self._begin)
        slot = time.monotonic()
        while not self._stopping.is_set():
            if self.spec.cycles and self._n >= self.spec.cycles:
                self._reason = "cycles"
                break
            if not await self._through(lambda: self._cycle(self._n + 1)):
                self._reason = "end_of_data"
                break
            if self.run_spec.live:
                slot = await self._pace(slot)
        return await self._through(self._finish)

    async def _begin(self) -> None:
        """The run's row, the executor reconciled, every host at the T of the last closed cycle."""
        resumed = self._records.open_run(self._clock.now())
        if resumed is not None:
            self._n, self._after = resumed
            self._commands.restore(self._n)
        await self._ask("Executor", "start", self._after, within=self.spec.deadline * 4)
        await self._hosts.load(self._after)
        if self._research is not None:
            await self._research.begin(self._after)
        if self._records.paused():
            self.machine.pause("still paused")
        halted = self._commands.halted()
        if halted:
            self.machine.follow(True, halted, False)
        if self.machine.state == states.INITIALIZING:
            self.machine.transition(states.SCANNING, "ready")

    async def _through(self, work: Callable[[], Awaitable[Value]]) -> Value:
        """Every actor recognises what it has done before, so a step may be redone from the recorded snapshot."""
        return await through(work, self._recover, self._gave_up)

    async def _recover(self, fault: Fault, attempt: int) -> None:
        """Read again what has been committed, tell of the fault, and have the executor ready."""
        found = self._records.reread()
        if found is not None:
            self._n, self._after = found
        self._records.fault(self._at(), self._n + 1, attempt, fault.text, self._clock.now())
        await self._ask("Executor", "start", self._after, within=self.spec.deadline * 4)
        await self._hosts.remind(self._after)

    def _gave_up(self, fault: Fault) -> None:
        if fault.action == EMERGENCY:
            self.machine.transition(states.EMERGENCY, fault.text)
        else:
            self.machine.fail(fault.text)

    async def _finish(self) -> RunSummary:
        reason = self._reason or "stopped"
        if self._research is not None:
            await self._research.finish(self._n, self._after)
        position = await self._ask("RiskManager", "position", within=self.spec.deadline)
        self.machine.transition(states.STOPPED, reason)
        return self._records.finish(position, reason, self._clock.now(), self._at(), self._hosts.out)

    # -- one cycle -------------------------------------------------------------------------------

    async def _cycle(self, n: int) -> bool:
        begun = time.perf_counter()
        self._tell_again()
        self.machine.walk(states.SCANNING)
        redone = self._records.opened(n)
        chained = not self.spec.paced and redone is None
        bars = self._peers.ask("MarketFeed", "next", self._after, self._patience(), parts=2)
        chain = self._chain(n, bars[1], None) if chained else None
        if chain is None:
            closed = await self._closed(bars[0])
            if closed is None:
                return True
            begun, ready = time.perf_counter(), None  # what the market makes one wait is no cycle time
        else:
            closed, ready = await self._both(bars[0], chain[1])
        at, digest, final = closed
        if final:
            return False
        if self._stopping.is_set() and not chained:
            return True
        self._t = at
        self._hosts.had_bars = at > self._after
        matched, snapshot_ref, scans = chain or self._chain(n, bars[1], redone)
        snapshot: GateSnapshot | None = ready or await self._peers.get("RiskManager", snapshot_ref, self.spec.deadline)
        if snapshot is None:
            recorded = self._peers.ask("Executor", "record", matched)
            snapshot_ref = self._peers.ask("RiskManager", "snapshot", bars[1], recorded)
            scans = self._hosts.scan(n, self._after, bars[1], redone or snapshot_ref)
            snapshot = await self._peers.get("RiskManager", snapshot_ref, self.spec.deadline)
            assert snapshot is not None
        self.snapshot = snapshot
        if redone is None:
            await self._commands.obey(n, "open")
            now = self._clock.now() if self.run_spec.live else at
        else:
            now = self._records.decided_at(n) or at
        self._records.open_cycle(n, at, digest, redone or snapshot, now)
        held = bool(snapshot.held)
        self.machine.follow(snapshot.state.name == HALTED, _why(snapshot), held)
        scanned = time.perf_counter()
        scan = await self._hosts.gather(n, self._after, bars[1], redone or snapshot_ref, scans)
        self._timing.scan = (time.perf_counter() - scanned) * 1e3
        if snapshot.cancels:
            await self.cancel(snapshot.cancels)
        await self._amend(snapshot.changes, now)
        await self._act(scan, at, now)
        self._commands.acted()
        self._records.close_cycle(n, at, scan, snapshot, self._timing.cycle, self._timing.scan)
        self._n, self._after = n, max(at, self._after)
        if self._research is not None:
            await self._research.tick(n, self._after)
        if redone is not None:  # what it had decided before may have been decided before this was said
            await self._commands.obey(n, "wait")
        self._timing.cycle = (time.perf_counter() - begun) * 1e3
        return True

    async def _both(self, bars: Any, snapshot: Any) -> tuple[tuple[int, str, bool], GateSnapshot | None]:
        """What the feed and the gate say, in one wait. Raises what either raised."""
        asked = (("MarketFeed", bars), ("RiskManager", snapshot))
        answers = await self._peers.get_all(asked, self.spec.deadline)
        for one in answers:
            if isinstance(one, BaseException):
                raise one
        return answers[0], answers[1]

    async def _closed(self, bars: Any) -> Any:
        """(T, digest, final) of the next T as the feed says it; None when the run is stopped while a paced feed waits.

        The operator is heard meanwhile.
        """
        asked = self._peers.get("MarketFeed", bars, self.spec.deadline + self.spec.pace)
        if not self.spec.pace:
            return await asked
        waiting = asyncio.ensure_future(asked)
        while not (await asyncio.wait((waiting,), timeout=HEARD_EVERY))[0]:
            if self._stopping.is_set():
                waiting.cancel()
                return None
            await self._commands.obey(self._n, "wait")
        return waiting.result()

    def _chain(self, n: int, bars: Any, redone: GateSnapshot | None) -> tuple[Any, Any, list[Any]]:
        """Venue, gate and hosts, each on the reference of the one before, for the usual cycle without a fill.

        After a fill the gate answers None, and the executor writes it down before the gate and the hosts go on.
        """
        peers, epoch = self._peers, self.run_spec.epoch
        matched = peers.ask(self._gateway, "advance", epoch, bars)
        snapshot = peers.ask("RiskManager", "snapshot", bars, matched)
        return matched, snapshot, self._hosts.scan(n, self._after, bars, redone or snapshot)

    async def _act(self, scan: Scan, at: int, now: int) -> None:
        """Exits first, then candidates, best first: the gate, then the executor."""
        self.machine.walk(states.SCANNING)  # a resume may have left it in MANAGING
        self.machine.walk(states.LEVEL_BUILDING)
        exits: list[Exit] = sorted(scan.exits, key=lambda one: one.symbol) + self._commands.exits(
            at, self.spec.strategy
        )
        amends: list[Amend] = sorted(scan.amends, key=lambda one: one.symbol)
        candidates: list[Candidate] = ranked(scan.candidates)
        if not exits and not candidates and not amends:
            self.machine.walk(states.SCANNING)
            return
        self.machine.walk(states.SIGNAL_WAIT)
        asked = None
        if self._research is not None and candidates:
            candidates, asked = await self._research.before(
                self._n + 1, at, now, candidates, self._held(), self.machine.paused
            )
        self.machine.walk(states.SIZING)
        answer_ref = self._peers.ask("RiskManager", "reserve", exits, candidates, now, self.machine.paused, amends)
        answer: GateAnswer = await self._peers.get("RiskManager", answer_ref, self.spec.deadline)
        scan.answered(answer.orders, answer.denied)
        await self._amend(answer.changes, now)
        if answer.orders:
            self.machine.walk(states.EXECUTION)
            within = self.spec.deadline * (1 + len(answer.orders))
            scan.sent(await self._ask("Executor", "submit", answer, within=within))
            self.machine.walk(states.MANAGING)
        if self._research is not None:
            await self._research.after(asked)
        self.machine.walk(states.SCANNING)

    def _held(self) -> dict[str, int]:
        """Signed quantities (1e-9 units) of the positions as this cycle saw them."""
        return {} if self.snapshot is None else {symbol: one.quantity for symbol, one in self.snapshot.held.items()}

    async def _amend(self, changes: Sequence[StopChange], now: int) -> None:
        """Stops that shall be moved; what the venue does not answer is said again in the next cycle."""
        if changes:
            await self._ask("Executor", "amend", changes, now, within=self.spec.deadline * (1 + len(changes)))

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]:
        """Cancel working orders; order id -> what the venue says."""
        within = self.spec.deadline * (1 + len(order_ids))
        found: dict[str, str] = await self._ask("Executor", "cancel", order_ids, self._at(), within=within)
        return found

    async def resolve(self, order_id: str, status: str, quantity: int, price: int, who: str) -> str:
        """What a person says of an order that its venue cannot tell about. Raises Refused."""
        said = (order_id, status, quantity, price, self._at(), who)
        return str(await self._ask("Executor", "resolve", *said, within=self.spec.deadline))

    async def unlock(self, lock_id: str, why: str, who: str) -> bool:
        """Take a lock away. Returns whether it was there."""
        return bool(await self._ask("RiskManager", "unlock", lock_id, why, who, within=self.spec.deadline))

    async def calendar(self, calendar: Calendar) -> None:
        """The news as they are known now."""
        await self._ask("RiskManager", "calendar", calendar, within=self.spec.deadline)
        if self._research is not None:
            await self._research.calendar(calendar)

    async def emergency(self, flatten: bool) -> dict[str, Any]:
        """Working entries cancelled, every position closed if asked, and what the venue then has."""
        now, deadline = self._clock.now() if self.run_spec.live else self._at(), self.spec.deadline
        done: dict[str, Any] = {}
        for exits in steps(flatten):
            answer: GateAnswer = await self._ask("RiskManager", "emergency", exits, now, within=deadline)
            within = deadline * (1 + len(answer.orders) + len(answer.cancels))
            done = verified(answer, await self._ask("Executor", "emergency", answer, now, within=within), done)
        return done

    # -- states ----------------------------------------------------------------------------------

    def _tell(self, one: Transition) -> None:
        self._engine_records.state(one, self._at())

    def _tell_again(self) -> None:
        """What could not be written down when it happened."""
        while self._untold:
            self._tell(self._untold[0])
            del self._untold[0]

    # -- small things ----------------------------------------------------------------------------

    async def _ask(self, name: str, method: str, *args: Any, within: float) -> Any:
        return await self._peers.get(name, self._peers.ask(name, method, *args), within)

    def _patience(self) -> float:
        """Seconds to wait for a bar in a live cycle: enough for a symbol that is a moment behind the others."""
        return min(0.5, self.spec.interval / 2) if self.run_spec.live else 0.0

    def _at(self) -> int:
        return max(self._after, self._t, self.spec.start_at)

    async def _pace(self, slot: float) -> float:
        """Until the next slot of the cadence; at once when another bar must have closed meanwhile."""
        if self._after + self.run_spec.timeframe_ns <= self._clock.now() and self._hosts.had_bars:
            return slot
        slot += self.spec.interval
        slot = max(slot, time.monotonic() - self.spec.interval)
        while not self._stopping.is_set() and time.monotonic() < slot:
            await self._commands.obey(self._n, "wait")
            try:
                await asyncio.wait_for(self._stopping.wait(), min(0.5, max(0.001, slot - time.monotonic())))
            except TimeoutError:
                continue
        return slot


def _why(snapshot: GateSnapshot) -> str:
    """Why the engine is halted, or goes on."""
    state = snapshot.state
    return f"{state.code}: {state.value}" if state.name == HALTED else "kill switch reset"
