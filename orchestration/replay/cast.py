"""The actors of a replay: those of the run, given what reached them then instead of what could reach them now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import event

from actors.engine_commands import Engine, EngineCommands
from actors.engine_machine import EngineMachine, Transition
from actors.executor import Executor
from actors.gate_records import GateRecords
from actors.hosts import Hosts
from actors.institutional_strategy import InstitutionalStrategy
from actors.risk_manager import GateAnswer, RiskManager
from actors.scan import Scan
from actors.snapshot import GateSnapshot
from actors.specs import DriverSpec, ExecutorSpec, GateSpec, RunSpec
from actors.venue_gateway import VenueGateway
from actors.weighing import Weighing, taken
from domain import order as orders
from domain.candidate import Amend, Candidate, Exit
from domain.errors import Refused, Unknown
from domain.market import BarBatch, empty_bars, end_of_data
from domain.order import Order, OrderStep
from domain.ports import Clock, Feed, Peers, Venue
from journal.paper_books import PaperBooks
from journal.store import Store
from orchestration.local import Life, LocalRuntime, NoMeter
from orchestration.replay.course import BY_A_PERSON, Course
from orchestration.topology import ActorSpec, PaperSpec
from research.config import ResearchConfig
from risk.state import HALTED, REBASED, TradingState
from venues.fills import FillModel
from venues.paper import PaperVenue

Value = TypeVar("Value")

DRIVER = "InstitutionalStrategy"
PATIENCE = 3600.0
"""Seconds that any answer may take: a replay has no deadlines to keep."""

Turn = Callable[[], bool]
"""Called before every cycle; whether the replay is to go on."""
MakeGate = Callable[[GateSpec, Store, Course], RiskManager]


class ReplayRuntime(LocalRuntime):
    """Everything in one process and one loop, on a database that is thrown away afterwards."""

    def __init__(self, course: Course, store: Store, feed: Feed, turn: Turn, gate: MakeGate) -> None:
        super().__init__()
        self._course, self._store, self._feed, self._turn, self._gate = course, store, feed, turn, gate

    def make(self, spec: ActorSpec, life: Life) -> Any:
        course, store, own = self._course, self._store, spec.spec
        match spec.name.partition(":")[0]:
            case "RiskManager":
                return self._gate(own, store, course)
            case "VenueGateway":
                return ReplayedGateway(spec.name, own.run.epoch, paper(own, store), course)
            case "Executor":
                return executor(own, store, self, course)
            case "MarketFeed":
                return ReplayedMarketFeed(self._feed, self, course, self._turn)
            case "InstitutionalStrategy":
                return ReplayedDriver(own, store, self, course)
        return super().make(spec, life)


def store_at(url: str, epoch: int) -> Store:
    """A store that does not wait for the disk."""
    store = Store(url, epoch)
    event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    return store


def executor(spec: ExecutorSpec, store: Store, peers: Peers, clock: Clock) -> Executor:
    return Executor(spec, store, peers, clock, NoMeter())


def paper(spec: PaperSpec, store: Store) -> Venue:
    run: RunSpec = spec.run
    model = FillModel(**spec.costs)
    books = PaperBooks(store)
    return PaperVenue(books, run.account, run.cash, run.currency, run.rows, run.instruments, model, run.timeframe_ns)


class ReplayedMarketFeed:
    """The feed's shell: one recorded cycle after another, after what the operator said before it."""

    def __init__(self, feed: Feed, peers: Peers, course: Course, turn: Turn) -> None:
        self._feed, self._peers, self._course, self._turn = feed, peers, course, turn

    async def next(self, after: int, patience: float = 0.0) -> tuple[tuple[int, str, bool], BarBatch]:
        course = self._course
        if course.waiting():
            await self._peers.get(DRIVER, self._peers.ask(DRIVER, "waited", course.n), PATIENCE)
        batch: BarBatch | None = end_of_data()
        if self._turn():
            course.n += 1
            batch = self._feed.next(after)
        if batch is None:
            batch = BarBatch(at=after, bars=empty_bars())
        return (batch.at, batch.digest, batch.final), batch

    async def history(self, after: int, until: int, most: int) -> tuple[int, BarBatch]:
        batch = self._feed.history(after, until, most)
        return batch.at, batch


class ReplayedGateway(VenueGateway):
    """What never reached the venue does not reach it again."""

    def __init__(self, name: str, epoch: int, venue: Venue, course: Course) -> None:
        super().__init__(name, epoch, venue, lambda: epoch)
        self._unsent = course.unsent

    def submit(self, epoch: int, order: Order) -> list[OrderStep]:
        if order.id in self._unsent:
            status, code = self._unsent[order.id]
            if status in orders.DONE:
                raise Refused(f"order {order.id} did not reach the venue", code or status)
            raise Unknown(f"order {order.id} was never answered", code)
        return super().submit(epoch, order)


class ReplayedGateRecords(GateRecords):
    """Halted and released by a person at the steps at which it was; by a limit as it finds."""

    def __init__(self, store: Store, spec: GateSpec, course: Course) -> None:
        super().__init__(store, spec.run, spec.venue)
        self._course = course
        self.step = "snapshot"

    def latch(self) -> TradingState | None:
        said, own = self._course.gate(self.step), super().latch()
        if said.name == HALTED and said.code in BY_A_PERSON:
            return said
        if own is not None and said.name != HALTED:
            self.accepted = self.accepted or own.code in REBASED
            self._reset(self._course.now(), "released")
            return None
        return own


class ReplayedGate(RiskManager):
    def __init__(self, spec: GateSpec, store: Store, course: Course) -> None:
        self._said = ReplayedGateRecords(store, spec, course)
        super().__init__(spec, store, course, self._said)

    def snapshot(self, batch: BarBatch, matched: Sequence[OrderStep] = ()) -> GateSnapshot | None:
        self._said.step = "snapshot"
        return super().snapshot(batch, matched)

    def reserve(
        self,
        exits: Sequence[Exit],
        candidates: Sequence[Candidate],
        now: int,
        paused: bool = False,
        amends: Sequence[Amend] = (),
    ) -> GateAnswer:
        self._said.step = "reserve"
        return super().reserve(exits, candidates, now, paused, amends)

    def emergency(self, flatten: bool, now: int) -> GateAnswer:
        self._said.step = "emergency"
        return super().emergency(flatten, now)

    def _assess(self, equity: int) -> None:
        self._switch.look_at_once()  # what it finds at a step is recorded
        super()._assess(equity)


class RecordedCommands(EngineCommands):
    """The operator's commands that took effect, each at its cycle and step."""

    def __init__(
        self, engine: Engine, machine: EngineMachine, store: Store, spec: DriverSpec, clock: Clock, course: Course
    ) -> None:
        super().__init__(engine, machine, store, spec, clock)
        self._course = course

    async def obey(self, cycle: int, step: str) -> None:
        for one in self._course.due(cycle, step):
            if one.verb == "resume":
                self._machine.resume(one.why, self.holding)
            elif one.verb != "stop":
                await self._one(one.verb, one.arguments, one.why, one.id, one.who)


class ReplayedHosts(Hosts):
    """A host that was down then says nothing now."""

    def __init__(self, spec: DriverSpec, peers: Peers, course: Course) -> None:
        super().__init__(spec, peers)
        self._course = course

    async def gather(self, n: int, after: int, bars: Any, snapshot: Any, references: list[Any]) -> Scan:
        scan = await super().gather(n, after, bars, snapshot, references)
        absent = self._course.absent(n)
        if absent:
            scan.candidates = [one for one in scan.candidates if one.symbol not in absent]
            scan.exits = [one for one in scan.exits if one.symbol not in absent]
            scan.amends = [one for one in scan.amends if one.symbol not in absent]
        return scan

    async def _tell(self, n: int, after: int, absent: dict[str, str]) -> None:
        return None


class ReplayedWeighing(Weighing):
    """What research said then, cycle by cycle. Nobody is asked."""

    def __init__(self, spec: DriverSpec, config: ResearchConfig, store: Store, peers: Peers, course: Course) -> None:
        super().__init__(spec, config, store, peers)
        self._course = course

    async def before(
        self, n: int, at: int, now: int, candidates: list[Candidate], held: Mapping[str, int], paused: bool
    ) -> tuple[list[Candidate], None]:
        return taken(candidates, self._course.weighed(n, at)), None

    async def _try(self, method: str, *args: Any, within: float) -> None:
        return None


class ReplayedDriver(InstitutionalStrategy):
    def __init__(self, spec: DriverSpec, store: Store, peers: Peers, course: Course) -> None:
        super().__init__(spec, store, peers, course)
        if spec.research is not None:
            self._research = ReplayedWeighing(spec, spec.research, store, peers, course)
        self._commands = RecordedCommands(self, self.machine, store, spec, course, course)
        self._hosts = ReplayedHosts(spec, peers, course)

    async def waited(self, cycle: int) -> None:
        """What the operator said after this cycle, before the next."""
        await self._commands.obey(cycle, "wait")

    async def _act(self, scan: Scan, at: int, now: int) -> None:
        await self._commands.obey(self._n + 1, "emergency")
        await super()._act(scan, at, now)

    async def _through(self, work: Callable[[], Awaitable[Value]]) -> Value:
        return await work()  # nothing that fails here passes by itself

    async def _pace(self, slot: float) -> float:
        return slot

    def _tell(self, one: Transition) -> None:
        return None
