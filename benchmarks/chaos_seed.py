"""One seed: engine after engine on one database, under faults until enough orders were approved, then in peace."""

from __future__ import annotations

import asyncio
import random
import re
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
import stamina
from msgspec.structs import replace

from actors.risk_manager import GateAnswer
from benchmarks import chaos_loop, chaos_specs
from benchmarks.chaos_checks import Findings, check, journal
from benchmarks.chaos_faults import Faults
from benchmarks.chaos_operator import Operator
from benchmarks.chaos_runtime import DRIVER, ChaosRuntime
from benchmarks.chaos_venues import VENUES
from domain.errors import ActorLost, ArgusError, ConfigError, InvalidTransition
from domain.events import ERROR
from journal import database, lease
from journal import schema as s
from journal.engines import open_engine
from orchestration.clock import WallClock
from orchestration.local import Killed
from orchestration.plan import Identity, account_of, actor_specs, market
from orchestration.settings import Overrides, Settings, load
from orchestration.topology import ActorSpec

START = 1_704_230_940_000_000_000
"""2024-01-02T21:29Z: half an hour before the first night's financing."""
CALM = 4
"""Cycles without faults at the end, in which everything must come to rest."""
HOPELESS = 25
"""Engines that may follow each other without one more closed cycle."""
SETTINGS = (*chaos_specs.SETTINGS, "ray.agents_per_host=5")

_MISTAKE = re.compile(r'"error": ?"(InvalidTransition|\w+Error): ')


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What one seed is to do. ``url`` is an empty database, or none that exists yet."""

    venue: str
    intents: int
    seed: int
    url: str
    symbols: int = 20
    naive: bool = False
    faults: bool = True


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a seed. ``problems`` are failures that no fault explains, ``never`` faults that were not met."""

    intents: int
    findings: Findings
    crashes: int
    engines: int
    cycles: int
    seconds: float
    struck: dict[str, int]
    problems: list[str]
    never: list[str]

    def row(self) -> dict[str, Any]:
        counts = {"crashes": self.crashes, "engines": self.engines, "cycles": self.cycles}
        more = {"seconds": round(self.seconds, 1), "problems": self.problems, "never": self.never}
        lines = {"findings": self.findings.lines()}
        return {"intents": self.intents, **self.findings.counts(), **counts, **more, **lines, "struck": self.struck}


class Seed:
    """``progress`` hears how many intents there are."""

    def __init__(self, plan: Plan, progress: Callable[[int], None] = lambda count: None) -> None:
        self.plan, self._progress = plan, progress
        self.venue = VENUES[plan.venue]
        self.faults = Faults(plan.seed, plan.faults)
        self.settings = self._settings()
        self._market = market(self.settings)
        self._run_id = f"chaos-{plan.seed}"
        self._account = account_of(self._market.info, self._run_id)
        self._approved: set[str] = set()
        self._runtime: ChaosRuntime | None = None
        self._frozen: list[ChaosRuntime] = []
        self._engines = 0
        self._problems: Counter[str] = Counter()

    def _settings(self) -> Settings:
        plan = self.plan
        found = load(
            Overrides(
                symbols=chaos_specs.symbols(plan.symbols),
                feed="sim",
                seed=plan.seed,
                speed="max",
                preset="yardstick",
                sets=(*SETTINGS, *self.venue.sets(plan.seed)),
                db_url=plan.url,
            ),
            {},
        )
        return replace(found, feed=replace(found.feed, start_at=START))

    # -- the run ---------------------------------------------------------------------------------

    def run(self) -> Outcome:
        begun = time.perf_counter()
        random.seed(self.plan.seed)  # of whatever jitters
        stamina.instrumentation.set_on_retry_hooks(())  # stdout is ours
        database.prepare(self.plan.url)
        engine = open_engine(self.plan.url)
        if self._closed(engine):
            raise ConfigError(f"seed {self.plan.seed} has been run on this database: name a fresh one")
        try:
            self._operator = Operator(engine, self.plan.seed, self.settings.symbols, self._account)
            chaos_loop.run(self._until_over(engine))
            with engine.connect() as c:
                findings = check(journal(c, self._account, self._run_id), self.venue.truth(c, self._account))
                self._problems.update(mistakes(c, self._run_id))
            cycles = self._closed(engine)
        finally:
            engine.dispose()
        struck = {f"{point} {kind}": count for (point, kind), count in sorted(self.faults.struck.items())}
        return Outcome(
            intents=len(self._approved),
            findings=findings,
            crashes=self.faults.kills(),
            engines=self._engines,
            cycles=cycles,
            seconds=time.perf_counter() - begun,
            struck=struck,
            problems=[f"{count} x {what}" for what, count in self._problems.most_common()],
            never=self.faults.never(),
        )

    async def _until_over(self, engine: sa.Engine) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unheard)
        closed, hopeless = 0, 0
        while len(self._approved) < self.plan.intents:
            await self._one_engine(self.settings)
            now = self._closed(engine)
            closed, hopeless = now, 0 if now > closed else hopeless + 1
            if hopeless > HOPELESS:
                self._problems[f"{HOPELESS} engines in a row closed no cycle"] += 1
                break
        self.faults.on = False
        for _ in range(3):
            last = self._closed(engine) + CALM
            if await self._one_engine(replace(self.settings, cycle=replace(self.settings.cycle, cycles=last))):
                break
        else:
            self._problems["it does not come to an end in peace"] += 1
        for one in self._frozen:
            one.fall()
            self._problems.update(one.trespasses)
        await asyncio.sleep(0.1)

    def _closed(self, engine: sa.Engine) -> int:
        query = sa.select(sa.func.count()).where(s.cycles.c.run_id == self._run_id, s.cycles.c.closed)
        with engine.connect() as c:
            return int(c.execute(query).scalar() or 0)

    async def _one_engine(self, settings: Settings) -> bool:
        """From its start to its end; whether it ended by itself."""
        self._engines += 1
        url = self.plan.url
        epoch = lease.acquire(url, 1, "chaos", WallClock().now(), self._run_id, lambda pid: False)
        for one in self._frozen:
            one.superseded = True
        runtime = self._runtime = ChaosRuntime(self.faults, settings.ray.deadline, self._heard)
        try:
            runtime.spawn(self._specs(settings, Identity(self._run_id, epoch, url, 0, "")))
        except (Killed, ActorLost) as error:
            self._unexplained(error.__cause__)
            runtime.fall()
            await asyncio.sleep(0.1)
            return False
        ended = False
        while not runtime.replaced.done() and not ended:
            ended = await self._drive(runtime)
        if runtime.replaced.done() and not runtime.over:
            self._frozen.append(runtime)
            return False
        runtime.fall()
        await asyncio.sleep(0.1)
        return ended

    async def _drive(self, runtime: ChaosRuntime) -> bool:
        """Until the driver has ended, has died, or nobody cares any more; whether it ended by itself."""
        driver = runtime.ask(DRIVER, "run")
        await asyncio.wait((driver, runtime.replaced), return_when=asyncio.FIRST_COMPLETED)
        if runtime.replaced.done():
            return False
        error = driver.exception()
        if error is None:
            return True
        if not isinstance(error, ActorLost) or error.name != DRIVER:
            self._unexplained(error)
            runtime.fall()
            return False
        await asyncio.sleep(1.0)  # as the watch waits before it asks for the driver again
        return False

    def _unheard(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A failure in a task that nobody awaits."""
        self._unexplained(context.get("exception") or RuntimeError(context.get("message")))

    def _unexplained(self, error: BaseException | None) -> None:
        """A mistake in the program is no answer to a fault: it is kept for whoever reads the result."""
        if isinstance(error, InvalidTransition) or (error is not None and not isinstance(error, ArgusError)):
            self._problems[_told(error)] += 1

    def _specs(self, settings: Settings, identity: Identity) -> list[ActorSpec]:
        """The real actors, but for the hosts, and for the executor if it is to be a naive one."""
        found = []
        for one in chaos_specs.scripted(actor_specs, self.plan.seed)(settings, self._market, identity):
            if one.name == "Observer":
                continue
            if one.name == "Executor" and self.plan.naive:
                one = replace(one, build="benchmarks.chaos_naive:executor")
            found.append(one)
        return found

    def _heard(self, answer: GateAnswer) -> None:
        """The gate has answered: the count of approved orders, and the operator's turn."""
        self._approved.update(one.order.id for one in answer.approved)
        self._progress(len(self._approved))
        if self._runtime is None or self._runtime.over or not self.faults.on:
            return
        if len(self._approved) >= self.plan.intents:
            self._runtime.fall()
        else:
            self._operator.turn(answer.at)


def mistakes(c: sa.Connection, run_id: str) -> list[str]:
    """Errors in the events that are mistakes in the program."""
    told = sa.select(s.events.c.body).where(s.events.c.run_id == run_id, s.events.c.type == ERROR)
    said = (body.decode() for body in c.execute(told).scalars())
    return [text[:300] for text in said if _MISTAKE.search(text)]


def _told(error: BaseException) -> str:
    """What it says, and where in our code it was raised, the innermost last."""
    frames = [one for one in traceback.extract_tb(error.__traceback__) if "site-packages" not in one.filename]
    where = " > ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames[-6:])
    return f"{type(error).__name__}: {str(error)[:300]} [{where}]"
