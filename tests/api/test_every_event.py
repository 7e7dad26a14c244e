"""Every event that is produced is documented, and every one that is documented is produced.

Real runs and the real gate and executor before a venue that misbehaves; nothing here writes an event by itself.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors import executor, reconciler
from actors.base import Health
from api.events import alerts, registry
from domain.candidate import Amend
from domain.errors import ActorLost, ConfigError, DatabaseAway
from domain.events import ALERT, TYPES
from domain.order import ACCEPTED, OUTSIDE, SELL, TRIGGERED, OrderStep
from domain.timeframe import HOUR
from domain.venue import VenueOrder
from journal import commands, database, lease, views
from journal.engines import open_engine
from journal.store import Store
from orchestration import news_desk, supervisor, watch
from orchestration.alerts.channels import Message
from orchestration.alerts.worker import Waiting, Worker
from orchestration.local import LocalRuntime
from orchestration.news_desk import NewsDesk
from orchestration.plan import Identity, actor_specs, market
from orchestration.resources import Limits
from orchestration.settings import Overrides, load
from orchestration.supervision import Budget
from orchestration.terminal.envelopes import public
from orchestration.watch import Start, Watch
from tests.actors import hostile
from tests.actors.desk import PRICE, UNITS, Desk, died, in_doubt, template
from tests.api.threaded import Threaded
from tests.flow.replaying import resumed
from tests.flow.system import START, System, path, write_bars
from tests.flow.test_managed import BARS, MANAGED
from tests.flow.test_operator import LATER, WAVES, Operator, holding
from tests.orchestration import test_emergency as emergencies
from tests.orchestration import test_watch as watched

Event = dict[str, Any]


def silent(*args: Any) -> None:
    return None


def told(url: str) -> list[Event]:
    """Everything that a database has to tell, as the world hears it."""
    engine = open_engine(url, read_only=True)
    with engine.begin() as c:
        runs = {one["run_id"]: one for one in views.runs(c)}
        unknown: dict[str, Any] = {"symbols": [], "codes": [], "simulated": False}
        found = []
        for row in views.events(c, None, 0, 1_000_000):
            run = runs.get(row["run_id"], unknown)
            found.append(public(row, run["symbols"], run["codes"], run["simulated"]))
    engine.dispose()
    read: list[Event] = msgspec.json.decode(msgspec.json.encode(found))
    return read


# -- whole runs --------------------------------------------------------------------------------------


def managed(folder: Path) -> list[Event]:
    """Stops that are moved, parts that are closed, locks, one that a person takes away."""
    system = System(folder, [*MANAGED])

    async def unlock(runtime: LocalRuntime) -> None:
        gate, driver = runtime.object("RiskManager"), runtime.object("InstitutionalStrategy")
        while not gate._lookout.view.locks:
            assert not (driver._task and driver._task.done()), "nothing was locked"
            await asyncio.sleep(0)
        engine = open_engine(system.url)
        commands.add(engine, "remove-lock", {"id": gate._lookout.view.locks[-1].id}, "test", "seen", LATER)
        engine.dispose()

    system.run(BARS, during=unlock)
    return told(system.url)


def researched(folder: Path) -> list[Event]:
    """Candidates that research judges, one that it stops, trades that are looked back on; a source of news that is
    gone, and a judge that says the same every time."""
    gone = f"research.news=[1 gone {folder / 'gone.json'}]"
    roles = ("research.researcher=veto", "research.analyst=advisory", "research.critic=advisory")
    often = ("research.go_rate_cases=10", "research.go_rate_low=0.9", "research.go_rate_high=1")
    system = System(folder)
    system.run({"EURUSD": WAVES * 3}, sets=("strategy.fast=2", "strategy.slow=5", *roles, *often, gone))
    return told(system.url)


def halted(folder: Path) -> list[Event]:
    """Paused, resumed, halted and flattened; a gate that dies meanwhile."""
    system, seen = System(folder), [0]

    def die(actor: str, method: str) -> None:
        seen[0] += method == "reserve"
        if method == "reserve" and seen[0] == 1:
            raise ActorLost(actor, "killed by the test")

    said = (("pause", {}), ("resume", {}), ("halt", {"flatten": True}))
    system.run({"EURUSD": WAVES}, fault=die, during=Operator(system, holding, *said))
    return told(system.url)


def charged(folder: Path) -> list[Event]:
    """A night over which a position costs."""
    system = System(folder)
    costs = ("venues.paper.financing_bps.forex.long=5", "venues.paper.financing_bps.forex.short=5")
    system.run({"EURUSD": path((45, -0.0001), (1435, 0.00001))}, sets=costs)
    return told(system.url)


def simulated(folder: Path) -> list[Event]:
    """A market that is made up, and a run that goes on under another engine."""
    system = System(folder)

    async def enough(runtime: LocalRuntime) -> None:
        driver = runtime.object("InstitutionalStrategy")
        while driver._n < 20:  # noqa: ASYNC110 - the run's own state
            await asyncio.sleep(0)
        await driver.stop("enough")

    system.run(None, symbols=("EURUSD", "BTC"), sets=("feed.bars=60", "feed.speed=max"), during=enough)
    resumed(system, "run-0")
    return told(system.url)


# -- the executor before a venue that misbehaves -----------------------------------------------------


async def in_parts(desk: Desk) -> None:
    """An order that works, is triggered, fills in part, and is cancelled."""
    desk.venue.rests = True
    await desk.started()
    answer = desk.enter()
    order = answer.orders[0].id
    await desk.trade(answer)
    await desk.executor.record([OrderStep(order_id=order, status=TRIGGERED, at=desk.at)])
    desk.venue.trade(order, UNITS * 4 // 10)
    await desk.executor.record(desk.venue._told(desk.venue.taken[order]))
    await desk.executor.cancel([order], desk.at)


async def too_late(desk: Desk) -> None:
    await desk.started()
    answer = desk.enter()
    await desk.executor.submit(msgspec.structs.replace(answer, at=desk.at + 2 * HOUR))


async def in_the_dark(desk: Desk) -> None:
    await in_doubt(await desk.started())


async def more_than_asked(desk: Desk) -> None:
    await desk.started()
    order = await desk.hold()
    desk.venue.trade(order.id, UNITS // 2)
    await desk.restarted()


async def never_heard_of(desk: Desk) -> None:
    desk.venue.can = {}
    await desk.started()
    await died(desk, hostile.dies_before)
    await desk.restarted()


async def revived(desk: Desk) -> None:
    await desk.started()
    desk.venue.next_time("submit", hostile.refused)
    answer = desk.enter()
    await desk.trade(answer)
    desk.venue.taken[answer.orders[0].id] = VenueOrder(order=answer.orders[0], status=ACCEPTED)
    await desk.restarted()


async def of_others(desk: Desk) -> None:
    desk.venue.others["GBPUSD"] = -UNITS
    desk.venue.works_for_others("AUDUSD", SELL, 3 * UNITS)
    await desk.restarted()
    desk.venue.deal_of_others("GBPUSD", SELL, UNITS)
    await desk.restarted()


async def explained(desk: Desk) -> None:
    """A fill that had to be inferred, and is listed after all."""
    await desk.started()
    hidden: list[Any] = []

    def not_listed_yet(proceed: hostile.Proceed) -> object:
        proceed()
        hidden.extend(desk.venue.deals)
        desk.venue.deals.clear()
        return hostile.lost_before(proceed)

    desk.venue.next_time("submit", not_listed_yet)
    await desk.trade(desk.enter())
    await desk.until(lambda: desk.story()[-1] == "FILLED")
    desk.venue.deals += hidden
    await desk.restarted()


async def no_fill(desk: Desk) -> None:
    await desk.started()
    desk.venue.rests = True
    answer = desk.enter()
    await desk.trade(answer)
    listed = desk.venue.trade(answer.orders[0].id, UNITS)
    desk.venue.held.clear()
    desk.venue.taken[answer.orders[0].id] = VenueOrder(order=answer.orders[0], status=ACCEPTED)
    desk.venue.deals[-1] = (1, msgspec.structs.replace(listed, price=0))
    await desk.restarted()


async def closed_outside(desk: Desk) -> None:
    await desk.started()
    await desk.hold()
    desk.venue.close("EURUSD", OUTSIDE, tell=False)
    desk.new_executor()
    await desk.started()


async def stops(desk: Desk) -> None:
    """One that is refused, one that is gone at the venue."""
    await desk.started()
    await desk.hold()
    desk.venue.next_time("modify", hostile.refused)
    wish = {"strategy": "ema_cross", "at": desk.at, "price": PRICE, "flag": "BREAKEVEN"}
    amend = Amend(symbol="EURUSD", purpose="BREAKEVEN", stop=PRICE - 1_000_000, **wish)  # type: ignore[arg-type]
    answer = desk.gate.reserve([], [], desk.at, amends=[amend])
    await desk.executor.amend(answer.changes, desk.at)
    desk.venue.stops.clear()
    await desk.restarted()


AT_THE_VENUE: tuple[Callable[[Desk], Awaitable[None]], ...] = (
    in_parts,
    too_late,
    in_the_dark,
    more_than_asked,
    never_heard_of,
    revived,
    of_others,
    explained,
    no_fill,
    closed_outside,
    stops,
)


def at_the_venue(folder: Path) -> Iterator[Event]:
    specs = template(folder)
    for story in AT_THE_VENUE:
        place = folder / story.__name__
        place.mkdir()
        desk = Desk(specs, folder / "template.db", place)
        asyncio.run(story(desk))  # type: ignore[arg-type]
        desk.close()
        yield from told(desk.url)


# -- the engine's own loop ---------------------------------------------------------------------------


def watching(folder: Path, patch: pytest.MonkeyPatch) -> list[Event]:
    """A run that is watched to its end: signs of life, an observer that is lost for a moment, an executor that
    becomes ready."""
    patch.setenv("ARGUS_HOME", str(folder))
    patch.setattr(watch, "BEAT", 0.0)
    patch.setattr(supervisor, "EVERY", 0.02)
    patch.setattr(supervisor, "LOOK", 0.0)
    patch.setattr(supervisor, "AGAIN", 0.01)
    url, asked = f"sqlite:///{folder / 'argus.db'}", Counter[tuple[str, str]]()
    file = write_bars(folder / "EURUSD_M1.csv", [*WAVES, *WAVES, *WAVES])
    settings = load(Overrides(symbols=("EURUSD",), data=(f"EURUSD={file}",), preset="yardstick", db_url=url), {})
    database.prepare(url)
    epoch = lease.acquire(url, 1, "test", START, "run", lambda pid: False)
    identity, found = Identity("run", epoch, url, 0, ""), market(settings)

    def before(name: str, method: str) -> None:
        asked[name, method] += 1
        if (name, method) == ("Observer", "health") and asked[name, method] in (4, 5):
            raise ActorLost(name, "killed by the test")

    runtime = Threaded(actor_specs(settings, found, identity), before)
    asides: Any = (SimpleNamespace(lost=""), watched.Screen(), SimpleNamespace(asked=""))
    assert Watch(runtime, Start(settings, found, identity, *asides)).watch() == 0  # type: ignore[arg-type]
    runtime.stop()
    found_events = told(url)
    assert [one["type"] for one in found_events[:2]] == ["ENGINE_STATE", "RUN_STARTED"]
    assert found_events[-1]["type"] == "RUN_SUMMARY"
    return found_events


def supervised(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Actors that die, hang, and use up their budget; and what does not work beside the trading."""
    patch.setenv("ARGUS_HOME", str(folder / "is" / "not" / "there"))
    patch.setattr(watch, "RUN_AGAIN", 0.0)
    patch.setattr(supervisor, "EVERY", 0.0)
    patch.setattr(supervisor, "LOOK", 0.0)
    patch.setattr(supervisor, "AGAIN", 0.0)
    patch.setattr(news_desk, "EVERY", 0.0)

    def engine(name: str) -> watched.Engine:
        url = f"sqlite:///{folder / name}.db"
        database.prepare(url)
        made = watched.Engine(url)
        made.wrote(watched.STARTED)
        return made

    def dying(name: str, ends: bool = True) -> watched.Engine:
        one, pids, real = engine(f"dying-{name}"), [1], watched.Runtime.outcome

        def outcome(asked: str, reference: Any, within: float) -> Any:
            if reference == (name, "health"):
                pids[0] += 1
                return Health(name=name, pid=pids[0])
            return real(one.runtime, asked, reference, within)

        one.runtime.outcome = outcome  # type: ignore[method-assign]
        if ends:
            one.looks(lambda look: look == 12)
        return one

    def hanging() -> watched.Engine:
        one = engine("hanging")
        one.watch._supervisor._budget = Budget(restarts=5, window=60.0, patience=0.0)
        one.runtime.answered = lambda references: [False for _ in references]  # type: ignore[method-assign]
        one.looks(lambda look: look == 3)
        return one

    def failing() -> watched.Engine:
        one = engine("failing")
        seen = one.watch._supervisor._watched["Executor"]
        seen.ready_once, seen.lost = False, True
        return one

    def reset() -> watched.Engine:
        one = engine("reset")
        one.runtime.ends += [watched.BUG, watched.SUMMARY]
        return one

    def notifying() -> watched.Engine:
        """A machine that is full, and a channel that fails once."""
        one, answers = engine("notifying"), ["no route to host", ""]
        one.watch._monitor._limits = Limits({"memory": 0.001}, 0.0)
        channel = Worker("mail", lambda message: answers.pop(0), 60, 5.0, lambda: 1e9, one.watch.beside, silent)
        channel._send([Waiting(1, Message("title", "text", "critical"))])
        channel._send([Waiting(1, Message("title", "text", "critical"))])

        def on(look: int) -> bool:
            one.watch._monitor.look()
            return look == 4

        one.looks(on)
        return one

    def troubled() -> watched.Engine:
        one = engine("troubled")

        def no_news(sources: Any) -> Any:
            raise ConfigError("the calendar cannot be read")

        tools = (one.watch._store, one.watch._clock, lambda: 1.0, one.watch._no_news, no_news)
        one.watch._news = NewsDesk(["calendar.json"], None, *tools)

        def on(look: int) -> bool:
            if look == 3:
                raise DatabaseAway("it restarts")
            return look == 400 or {"NEWS_CALENDAR", "HEARTBEAT", "DATABASE_AWAY"} <= set(one.alerts())

        one.looks(on)
        return one

    makers = (
        *((lambda name=name: dying(name)) for name in ("RiskManager", "Observer")),
        lambda: dying("InstitutionalStrategy", ends=False),
        *(hanging, failing, reset, troubled, notifying),
    )
    for make in makers:
        one = make()
        one.run()
        # the test wrote RUN_STARTED as a mark only: the runs above have real ones
        yield from (event for event in told(one.url) if event["type"] not in ("RUN_STARTED", "RUN_SUMMARY"))


def not_carried_out(folder: Path) -> list[Event]:
    """A halt that the supervisor carries out, once the gate can be asked again."""
    url = f"sqlite:///{folder / 'argus.db'}"
    database.prepare(url)
    store = Store(url, 1)
    desk = emergencies.Desk(folder, store)
    answer, desk.gate = desk.gate, ActorLost("RiskManager", "killed")
    desk.halt(flatten=True)
    desk.after(3.0)
    desk.gate = answer
    desk.after(3.0)
    store.close()
    return told(url)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> list[Event]:
    found: list[Event] = []

    def folder(name: str) -> Path:
        return tmp_path_factory.mktemp(name)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(executor, "QUESTIONS", 1)
        patch.setattr(reconciler, "PATIENCE", 0)
        for story in (managed, researched, halted, charged, simulated, not_carried_out):
            found += story(folder(story.__name__))
        found += at_the_venue(folder("at_the_venue"))
    for engine in (watching, supervised):
        with pytest.MonkeyPatch.context() as patch:
            found += engine(folder(engine.__name__), patch)
    return found


# -- what must hold ----------------------------------------------------------------------------------


def test_every_event_that_is_produced_is_documented(everything: list[Event]) -> None:
    assert len(everything) > 1_000
    for one in everything:
        registry.check(one)


def test_every_type_is_produced(everything: list[Event]) -> None:
    seen = {one["type"] for one in everything}

    assert seen == set(TYPES)


def test_every_kind_of_alert_is_produced(everything: list[Event]) -> None:
    seen = {one["data"]["alert"] for one in everything if one["type"] == ALERT}

    assert seen == {name for kind in alerts.KINDS for name in alerts.names(kind)}


def test_every_field_that_is_documented_is_there_somewhere(everything: list[Event]) -> None:
    seen: dict[str, set[str]] = {}
    for one in everything:
        kind = one["data"]["alert"] if one["type"] == ALERT else one["type"]
        kind = "ORDER" if kind.startswith("ORDER_") and one["type"] != ALERT else kind
        seen.setdefault(kind, set()).update(one["data"])
    orders = {"order_id", "side", "quantity", "purpose", "code", "text", "surprising"}
    assert seen["ORDER"] - {"simulated"} == orders
    updates = {"purpose", "stop", "target", "flag", "financing", "fill_id", "positions"}
    assert seen["POSITION_UPDATE"] - {"simulated"} == updates


def test_signs_of_life_and_health_come_through_the_watch(everything: list[Event]) -> None:
    health = {(one["data"]["actor"], one["data"]["state"]) for one in everything if one["type"] == "HEALTH"}
    assert {("Observer", "lost"), ("Observer", "ready"), ("Executor", "ready")} <= health
    assert {state for _, state in health} >= {"ready", "lost", "hangs"}
    beats = [one["data"] for one in everything if one["type"] == "HEARTBEAT" and one["data"]["cycle"]]
    assert any(one["state"] == "running" and one["seq"] > 10 for one in beats)


def test_what_is_made_up_says_so(everything: list[Event]) -> None:
    told_as = Counter(one["data"].get("simulated") for one in everything)

    assert told_as[True] > 50
    assert set(told_as) == {True, None, False} or set(told_as) == {True, None}
