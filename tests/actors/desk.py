"""The real gate and the real executor over one real database, before a venue that may do anything."""

from __future__ import annotations

import asyncio
import gc
import shutil
from collections.abc import Callable, Coroutine
from functools import wraps
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors.engine_commands import steps, verified
from actors.executor import Executor
from actors.risk_manager import GateAnswer, RiskManager
from actors.snapshot import GateSnapshot
from actors.specs import ExecutorSpec, GateSpec
from domain.candidate import Candidate, Exit
from domain.errors import ActorLost, DeadlineMissed
from domain.market import BarBatch, empty_bars
from domain.money import NANO
from domain.order import DONE, UNKNOWN, Order
from domain.timeframe import MINUTE
from journal import database
from journal import schema as s
from journal.store import Store
from orchestration.local import NoMeter
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from tests.actors import hostile
from tests.actors.hostile import HostileVenue
from tests.factories import a_candidate, an_exit
from tests.flow.system import START, path, write_bars

SYMBOLS = ("EURUSD", "GBPUSD", "AUDUSD")
UNITS = 10_000 * NANO
CASH = 100_000 * NANO
PRICE = 1_100_000_000


class Clock:
    """A clock that moves on by a microsecond whenever it is looked at, and by more if told."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        self.at += 1_000
        return self.at


def in_a_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that awaits."""

    @wraps(test)
    def run(*args: Any, **more: Any) -> None:
        asyncio.run(test(*args, **more))

    return run


def template(folder: Path) -> tuple[GateSpec, ExecutorSpec]:
    """The specs of gate and executor over three symbols, and their migrated database at ``folder``."""
    files = tuple(f"{one}={write_bars(folder / f'{one}_M1.csv', path((50, 0.0001)))}" for one in SYMBOLS)
    url = f"sqlite:///{folder / 'template.db'}"
    limits = ("risk.max_open_positions=3", "risk.max_positions_per_symbol=1", "risk.max_drawdown=0.15")
    sets = ("risk.sizing=fixed_units", f"risk.units={UNITS // NANO}", *limits)
    settings = load(Overrides(symbols=SYMBOLS, data=files, db_url=url, preset="yardstick", sets=sets), {})
    database.prepare(url)
    specs = {one.name: one.spec for one in actor_specs(settings, market(settings), Identity("run", 0, url, 0, ""))}
    return specs["RiskManager"], specs["Executor"]


class Desk:
    """``folder`` holds a template's database. Everything goes on with the same database and venue until the end."""

    def __init__(
        self,
        specs: tuple[GateSpec, ExecutorSpec],
        source: Path,
        folder: Path,
        *,
        live: bool = False,
        risk: dict[str, Any] | None = None,
        executor: dict[str, Any] | None = None,
        can: dict[str, bool] | None = None,
    ) -> None:
        self.url = f"sqlite:///{folder / 'argus.db'}"
        shutil.copy(source, folder / "argus.db")
        gate, hand = specs
        run = msgspec.structs.replace(gate.run, account="paper", scope="paper", db_url=self.url, live=live)
        more = msgspec.structs.replace(gate.risk, **risk or {})
        self.gate_spec = msgspec.structs.replace(gate, run=run, risk=more, venue="hostile")
        quick = {"ask_in_flight": 0.01, "ask_open": 0.02, "ask_positions": 0.02, "deadline": 5.0}
        self.executor_spec = msgspec.structs.replace(hand, run=run, venue="hostile", **quick | (executor or {}))
        self.clock = Clock()
        self.at = START
        self.venue = HostileVenue("paper", **can if can is not None else {"idempotent": True, "venue_stops": True})
        self.gate_down = False
        self._stores: list[Store] = []
        self.store = self._store()
        self.gate = RiskManager(self.gate_spec, self._store(), self.clock)
        self.executor = self._executor()
        self.tick()

    def _store(self) -> Store:
        self._stores.append(Store(self.url, 0))
        return self._stores[-1]

    def _executor(self) -> Executor:
        return Executor(self.executor_spec, self._store(), self, self.clock, NoMeter())  # type: ignore[arg-type]

    def close(self) -> None:
        self.stop_executor()
        for store in self._stores:
            store.close()
        gc.collect()

    # -- Peers -----------------------------------------------------------------------------------

    def ask(self, name: str, method: str, *args: Any, parts: int = 1) -> Any:
        return self._call(name, method, *args)

    async def _call(self, name: str, method: str, *args: Any) -> Any:
        if name != "RiskManager":
            return await self.venue.call(method, *args)
        if self.gate_down:
            raise ActorLost(name, "down")
        return getattr(self.gate, method)(*args)

    async def get(self, name: str, reference: Any, within: float) -> Any:
        try:
            async with asyncio.timeout(within):
                return await reference
        except TimeoutError:
            raise DeadlineMissed(name, within) from None

    # -- restarts --------------------------------------------------------------------------------

    def stop_executor(self) -> None:
        """Its process ends: what it was doing in the background is gone, and what it was committing is committed."""
        background = self.executor.background
        if background is not None and not background.done() and not background.get_loop().is_closed():
            background.cancel()
        self.executor._thread.shutdown()

    def new_executor(self) -> Executor:
        self.stop_executor()
        self.executor = self._executor()
        return self.executor

    def new_gate(self) -> RiskManager:
        self.gate = RiskManager(self.gate_spec, self._store(), self.clock)
        return self.gate

    async def started(self) -> Desk:
        await self.executor.start(self.at)
        return self

    async def restarted(self) -> Desk:
        """Both processes anew."""
        self.new_gate()
        self.new_executor()
        return await self.started()

    # -- the driver's part -----------------------------------------------------------------------

    def tick(self, price: float = 1.1) -> GateSnapshot:
        """The bars of the next minute, at one price for all symbols."""
        self.at += MINUTE
        return self.again(price)

    def again(self, price: float = 1.1) -> GateSnapshot:
        """The bars of this minute, as a gate that comes back is shown them."""
        self.clock.at = max(self.clock.at, self.at)
        self.venue.now = self.at
        bars = empty_bars()
        bars.resize(len(SYMBOLS), refcheck=False)
        bars["row"] = range(len(SYMBOLS))
        for name in ("open", "high", "low", "close"):
            bars[name] = price
        bars["ts"], bars["spread"] = self.at - MINUTE, 0.0
        snapshot = self.gate.snapshot(BarBatch(at=self.at, bars=bars))
        assert snapshot is not None
        return snapshot

    def wish(self, symbol: str = "EURUSD", side: int = 1, **more: Any) -> Candidate:
        usual = {"price": PRICE, "stop": 2_000_000, "target": 3_000_000, "expires_at": self.at + MINUTE}
        return a_candidate(symbol, direction=side, at=self.at, **usual | more)

    def enter(self, *symbols: str, side: int = 1, **more: Any) -> GateAnswer:
        """What the gate says to entries in these symbols now."""
        return self.gate.reserve([], [self.wish(one, side, **more) for one in symbols or ("EURUSD",)], self.at)

    def leave(self, *symbols: str, **more: Any) -> GateAnswer:
        exits = [self.exit_of(one, **more) for one in symbols or ("EURUSD",)]
        return self.gate.reserve(exits, [], self.at)

    def exit_of(self, symbol: str, **more: Any) -> Exit:
        return an_exit(symbol, at=self.at, price=PRICE, **more)

    async def trade(self, answer: GateAnswer) -> list[str]:
        """Submit, and settle what came of it. Returns the statuses."""
        found = await self.executor.submit(answer)
        self.gate.settle()
        return list(found.values())

    async def hold(self, symbol: str = "EURUSD", side: int = 1) -> Order:
        """A position by an entry that went well."""
        answer = self.enter(symbol, side=side)
        await self.trade(answer)
        assert self.venue.held[symbol] == side * UNITS
        self.tick()
        return answer.orders[0]

    def halt(self) -> None:
        """What the command line writes."""
        row = {"verb": "halt", "arguments": "{}", "who": "test", "why": "enough", "state": "NEW"}
        with self.store.transaction() as tx:
            tx.insert(s.commands, [row | {"at": self.clock.now()}])

    async def emergency(self, now: int) -> dict[str, Any]:
        """A halt that flattens, as the driver or the supervisor carries it out."""
        done: dict[str, Any] = {}
        for exits in steps(True):
            answer = self.gate.emergency(exits, now)
            done = verified(answer, await self.executor.emergency(answer, now), done)
        return done

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(2_000):
            if holds():
                return
            await asyncio.sleep(0.005)
        raise AssertionError(f"it never came to that; the story is {self.story()}")

    # -- what is written down --------------------------------------------------------------------

    def story(self, order_id: str | None = None) -> list[str]:
        """The statuses of one order, or of all, in the order they were written."""
        query = sa.select(s.order_events.c.status).order_by(s.order_events.c.seq)
        if order_id is not None:
            query = query.where(s.order_events.c.order_id == order_id)
        with self.store.read() as c:
            return list(c.execute(query).scalars())

    def events(self, *kinds: str) -> list[str]:
        with self.store.read() as c:
            told = c.execute(sa.select(s.events.c.type).order_by(s.events.c.seq)).scalars()
            return [one for one in told if one in kinds]

    def alerts(self, kind: str = "") -> list[dict[str, Any]]:
        query = sa.select(s.events.c.body).where(s.events.c.type == "ALERT").order_by(s.events.c.seq)
        with self.store.read() as c:
            found = [msgspec.json.decode(one) for one in c.execute(query).scalars()]
        return [one for one in found if kind in ("", one["alert"])]

    def rows(self, table: sa.Table, **where: Any) -> list[Any]:
        query = sa.select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.store.read() as c:
            return list(c.execute(query).all())

    def written(self) -> int:
        """How far the counter of events has come: the same number again means that nothing was written."""
        with self.store.read() as c:
            return int(c.execute(sa.select(s.sequence.c.seq)).scalar() or 0)

    # -- what must hold --------------------------------------------------------------------------

    def agree(self, cash: bool = True) -> None:
        """Ours equals theirs, no order went twice, every room is right, and a rebuilt gate knows the same.

        ``cash``: every fill came from the venue's list, so that the balance must follow from it.
        """
        assert {one.symbol: one.quantity for one in self.gate.holdings()} == self.venue.ours()
        sent = self.venue.sent()
        assert len(sent) == len(set(sent))
        assert self.venue.can.get("idempotent") or set(self.venue.received.values()) <= {1}
        reserved = {one.order_id for one in self.rows(s.reservations)}
        assert reserved == set(self.gate.book.working)
        assert all(one.status not in DONE for one in self.gate.book.working.values())
        if cash:
            book = self.gate.book
            invested = sum(one.cost for one in book.positions.values())
            assert abs(book.balance - (CASH + self.venue.cash_flow() + invested)) <= len(self.venue.deals)
        assert known(self.gate) == known(RiskManager(self.gate_spec, self._store(), self.clock))


async def died(desk: Desk, fault: hostile.Fault, *symbols: str) -> str:
    """An entry during which the executor's process ends. Returns its order."""
    answer = desk.enter(*symbols)
    desk.venue.next_time("submit", fault)
    with pytest.raises(hostile.Died):
        await desk.executor.submit(answer)
    return answer.orders[0].id


async def in_doubt(desk: Desk, fault: hostile.Fault = hostile.lost_after) -> str:
    """An entry whose answer was lost, at a venue that cannot be asked about orders now."""
    answer = desk.enter()
    desk.venue.next_time("submit", fault)
    desk.venue.always("lookup", hostile.unavailable)
    assert await desk.trade(answer) == [UNKNOWN]
    return answer.orders[0].id


def known(gate: RiskManager) -> dict[str, Any]:
    """Everything that a gate must know again after a restart."""
    book = gate.book
    return {
        "balance": book.balance,
        "positions": {symbol: msgspec.structs.asdict(one) for symbol, one in sorted(book.positions.items())},
        "working": {key: (one.order, one.filled, one.status) for key, one in sorted(book.working.items())},
        "exposure": {symbol: (book.exposure(symbol), book.closing(symbol)) for symbol in SYMBOLS},
        "exposed": book.exposed(),
        "unresolved": gate._lookout.view.unresolved,
        "latch": gate._switch.latch,
        "trades": gate._trades_today,
    }
