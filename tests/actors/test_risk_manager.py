"""The gate's shell: what it is rebuilt from, and what it writes before it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors import gate_rows
from actors.risk_manager import GateAnswer, RiskManager
from actors.specs import GateSpec
from domain.book import Position
from domain.errors import ActorLost, DatabaseBroken
from domain.market import BarBatch, empty_bars
from domain.money import NANO
from domain.order import Approved, Order
from domain.timeframe import MINUTE
from journal import commands, database
from journal import schema as s
from journal.store import Store
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from orchestration.topology import ActorSpec
from risk.news import Calendar
from tests.actors.desk import UNITS, Desk, in_a_loop, known
from tests.actors.hostile import lost_after, refused, unavailable
from tests.factories import EURUSD, a_candidate
from tests.flow.system import START, path, write_bars


class Clock:
    """Moves on by a nanosecond whenever it is looked at."""

    def __init__(self) -> None:
        self._at = START

    def now(self) -> int:
        self._at += 1
        return self._at


def spec(folder: Path, **more: Any) -> GateSpec:
    """The gate of a run over EURUSD, on the account ``paper``."""
    bars = write_bars(folder / "EURUSD_M1.csv", path((50, 0.0001)))
    url = f"sqlite:///{folder / 'argus.db'}"
    settings = load(Overrides(symbols=("EURUSD",), data=(f"EURUSD={bars}",), db_url=url, **more), {})
    database.prepare(url)
    specs = actor_specs(settings, market(settings), Identity("run", 0, url, 0, ""))
    gate: GateSpec = next(one.spec for one in specs if one.name == "RiskManager")
    run = msgspec.structs.replace(gate.run, account="paper", scope="paper")
    return msgspec.structs.replace(gate, run=run, remembers=False)


@pytest.fixture
def gate(tmp_path: Path) -> GateSpec:
    return spec(tmp_path)


@pytest.fixture
def store(gate: GateSpec) -> Iterator[Store]:
    store = Store(gate.run.db_url, 0)
    yield store
    store.close()


def bar(at: int, close: float) -> BarBatch:
    rows = empty_bars()
    rows.resize(1)
    rows["open"] = rows["high"] = rows["low"] = rows["close"] = close
    rows["ts"], rows["spread"] = at - MINUTE, 0.0
    return BarBatch(at=at, bars=rows)


def entry(at: int) -> Any:
    return a_candidate(symbol="EURUSD", at=at, price=1_100_000_000, stop=2_000_000, target=0, expires_at=at + MINUTE)


def test_a_position_that_this_run_does_not_watch_is_valued_at_its_price(gate: GateSpec, store: Store) -> None:
    RiskManager(gate, store, Clock())
    held = Position(symbol="BTC", quantity=NANO, cost=40_000 * NANO, opened_at=START, orders=("o",))
    with store.transaction() as tx:
        tx.insert(s.positions, [gate_rows.position_row("paper", held)])

    rebuilt = RiskManager(gate, store, Clock())
    snapshot = rebuilt.snapshot(bar(START, 1.1))

    assert snapshot.equity == 100_000 * NANO
    assert snapshot.marks["BTC"] == 40_000 * NANO


def test_an_answer_is_in_the_database_before_it_is_given(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))

    answer = manager.reserve([], [entry(START)], START)

    with store.read() as c:
        (row,) = c.execute(sa.select(s.orders)).all()
        assert c.execute(sa.select(s.reservations.c.order_id)).scalars().all() == [answer.orders[0].id]
    assert gate_rows.order_of(row) == answer.orders[0]


def test_a_wish_that_was_answered_gets_the_same_answer_also_after_a_restart(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))
    first = manager.reserve([], [entry(START)], START)

    again = manager.reserve([], [entry(START)], START)
    rebuilt = RiskManager(gate, store, Clock()).reserve([], [entry(START)], START)

    assert first.orders == again.orders == rebuilt.orders
    with store.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(s.decisions)).scalar() == 1


def test_two_bars_before_the_first_fill_do_not_buy_twice(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))
    manager.reserve([], [entry(START)], START)

    manager.snapshot(bar(START + MINUTE, 1.1))
    second = manager.reserve([], [entry(START + MINUTE)], START + MINUTE)

    assert second.orders == ()
    assert [one.code for one in second.denied] == ["IN_FLIGHT"]


def test_precheck_says_what_would_be_denied_and_leaves_nothing_behind(gate: GateSpec, store: Store) -> None:
    manager = RiskManager(gate, store, Clock())
    with pytest.raises(ActorLost):
        manager.precheck([entry(START)], START)
    manager.snapshot(bar(START, 1.1))

    assert manager.precheck([entry(START)], START) == []
    denied = manager.precheck([entry(START)], START, paused=True)

    assert [one.code for one in denied] == ["ENGINE_PAUSED"]
    assert manager.book.working == {}
    with store.read() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(s.orders)).scalar() == 0
    answer = manager.reserve([], [entry(START)], START)
    assert isinstance(answer.orders[0], Order)
    assert answer.orders[0].id == denied[0].order_id


def test_a_commit_that_fails_leaves_no_room_taken(gate: GateSpec, store: Store, monkeypatch: Any) -> None:
    manager = RiskManager(gate, store, Clock())
    manager.snapshot(bar(START, 1.1))

    def full(*args: object) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(manager._records, "answered", full)
        with pytest.raises(OSError, match="disk full"):
            manager.reserve([], [entry(START)], START)

    assert manager.settle() == 0
    assert manager.book.working == {}
    assert isinstance(manager.reserve([], [entry(START)], START).orders[0], Order)


def test_an_alert_told_again_by_a_gate_that_died_before_its_cycle_was_written_down(tmp_path: Path) -> None:
    gate = spec(tmp_path, sets=("risk.max_drawdown_soft=0.0001", "risk.max_drawdown=0.9"))
    store, clock = Store(gate.run.db_url, 0), Clock()
    RiskManager(gate, store, clock)
    held = Position(
        symbol="EURUSD", quantity=100_000 * NANO, cost=110_000 * NANO, opened_at=START, orders=("o",), stop=NANO
    )
    with store.transaction() as tx:
        tx.insert(s.positions, [gate_rows.position_row("paper", held)])

    for _ in range(2):  # the second one knows nothing of the first
        manager = RiskManager(gate, store, clock)
        manager.snapshot(bar(START, 1.1))
        snapshot = manager.snapshot(bar(START + MINUTE, 1.0))
        assert snapshot is not None
        assert snapshot.state.code == "MAX_DRAWDOWN_SOFT"
    store.close()


def test_a_gate_whose_limits_look_at_past_returns_waits_for_them(tmp_path: Path) -> None:
    gate = msgspec.structs.replace(spec(tmp_path), remembers=True)
    store = Store(gate.run.db_url, 0)
    manager = RiskManager(gate, store, Clock())
    with pytest.raises(ActorLost, match="without the market's past"):
        manager.snapshot(bar(START, 1.1))

    assert manager.load(-1, bar(START - MINUTE, 1.1)) == START - MINUTE
    manager.remembered()

    assert manager.snapshot(bar(START, 1.1)) is not None
    store.close()


# -- many at once, and again after any restart ---------------------------------------------------------


@pytest.mark.parametrize("most", [1, 7])
def test_many_agents_at_once_never_exceed_a_limit(gate: GateSpec, store: Store, most: int) -> None:
    symbols = tuple(f"S{number:02}" for number in range(50))
    listed = {one: msgspec.structs.replace(EURUSD, symbol=one) for one in symbols}
    run = msgspec.structs.replace(gate.run, symbols=symbols, instruments=listed)
    alone = {"max_correlation": None, "max_currency_exposure": None, "max_leverage": None}
    risk = msgspec.structs.replace(gate.risk, max_open_positions=most, **alone)
    runtime = LocalRuntime()
    built = msgspec.structs.replace(gate, run=run, risk=risk)
    runtime.spawn([ActorSpec(name="RiskManager", shows="", build="orchestration.parts:risk_manager", spec=built)])
    rows = empty_bars()
    rows.resize(len(symbols), refcheck=False)
    rows["row"] = range(len(symbols))
    rows["open"] = rows["high"] = rows["low"] = rows["close"] = 1.1
    runtime.object("RiskManager").snapshot(BarBatch(at=START, bars=rows))

    async def all_at_once() -> list[GateAnswer]:
        wishes = [a_candidate(symbol=one, at=START, target=0, expires_at=START + MINUTE) for one in symbols]
        asked = [("RiskManager", runtime.ask("RiskManager", "reserve", [], [one], START)) for one in wishes]
        return await runtime.get_all(asked, 60)

    said = asyncio.run(all_at_once())

    assert sum(len(one.orders) for one in said) == most
    assert {denied.code for one in said for denied in one.denied} == {"MAX_OPEN_POSITIONS"}
    with store.read() as c:
        assert len(c.execute(sa.select(s.reservations)).all()) == most
    assert len(RiskManager(built, store, Clock()).book.exposed()) == most


@in_a_loop
async def test_a_gate_that_is_built_anew_at_any_moment_knows_what_the_one_before_knew(
    a_desk: Callable[..., Desk],
) -> None:
    desk = a_desk()
    desk.venue.others["GBPUSD"] = UNITS
    desk.venue.works_for_others("GBPUSD", -1, UNITS)
    await desk.started()
    desk.agree()
    await desk.hold()
    desk.agree()
    desk.venue.parts = lambda order: [order.quantity // 4]
    await desk.trade(desk.enter("AUDUSD"))
    desk.agree()
    assert desk.gate.book.working != {}
    desk.venue.parts = lambda order: [order.quantity]
    desk.tick()
    reversal = desk.enter(side=-1)
    desk.agree()
    assert reversal.orders[0].reduces == UNITS
    desk.venue.next_time("submit", lost_after)
    desk.venue.always("lookup", unavailable)
    await desk.trade(reversal)
    assert desk.gate._lookout.view.unresolved == {"EURUSD"}
    assert known(desk.gate) == known(desk.new_gate())
    desk.venue.next_time("submit", refused)
    desk.tick()
    await desk.executor.submit(desk.leave("AUDUSD"))
    desk.gate.settle()  # the cursor is past the unknown order now
    assert known(desk.gate) == known(desk.new_gate())
    assert desk.gate._lookout.view.unresolved == {"EURUSD"}
    desk.halt()
    desk.gate.emergency(False, desk.at)
    assert known(desk.gate) == known(desk.new_gate())
    desk.venue.always("lookup", None)
    await desk.restarted()
    desk.agree()


@in_a_loop
async def test_a_settlement_that_cannot_be_written_down_says_why_and_is_made_good(
    a_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = await a_desk().started()
    await desk.executor.submit(desk.enter())

    def full(*settled: object) -> None:
        raise DatabaseBroken("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.gate._records, "settled", full)
        for _ in range(2):
            with pytest.raises(DatabaseBroken, match="disk full"):
                desk.gate.holdings()

    assert [one.quantity for one in desk.gate.holdings()] == [UNITS]
    desk.agree()


@in_a_loop
async def test_what_its_venue_never_received_may_go_there_only_while_the_gate_still_lets_it(
    a_desk: Callable[..., Desk],
) -> None:
    desk = await a_desk().started()
    await desk.hold("GBPUSD")
    (entry,), (leaving,) = desk.enter().orders, desk.leave("GBPUSD").orders
    assert desk.gate.may_send(entry)
    assert desk.gate.may_send(leaving)

    desk.halt()
    assert not desk.gate.may_send(entry)
    assert desk.gate.may_send(leaving)

    await desk.executor.submit(GateAnswer((Approved(leaving),), (), desk.at))
    assert not desk.gate.may_send(leaving)  # it has ended


@in_a_loop
async def test_an_emergency_names_what_must_go_and_an_exit_of_everything_once(a_desk: Callable[..., Desk]) -> None:
    desk = await a_desk().started()
    await desk.hold()
    desk.venue.rests = True
    working = desk.enter("GBPUSD")
    await desk.trade(working)
    desk.tick(1.2)

    assert desk.gate.emergency(False, desk.at).cancels == ()  # nobody has halted
    desk.halt()
    first, again = (desk.gate.emergency(True, desk.at) for _ in range(2))

    assert first.cancels == again.cancels == (working.orders[0].id,)
    (order,) = first.orders
    assert (order.symbol, order.side, order.quantity, order.opens, order.entry) == (
        "EURUSD",
        -1,
        UNITS,
        0,
        1_200_000_000,
    )
    assert again.orders == first.orders
    assert desk.gate.emergency(False, desk.at).orders == ()


@pytest.mark.parametrize(("counts", "exposure"), [(True, 3 * UNITS), (False, UNITS)])
@in_a_loop
async def test_what_others_hold_is_exposure_if_it_counts(
    a_desk: Callable[..., Desk], counts: bool, exposure: int
) -> None:
    desk = await a_desk(risk={"count_foreign": counts}).started()
    await desk.hold()

    desk.gate.foreign({"EURUSD": -2 * UNITS})
    assert desk.gate.book.exposure("EURUSD") == exposure
    assert desk.gate.book.quantity("EURUSD") == UNITS

    desk.gate.foreign({})
    assert desk.gate.book.exposure("EURUSD") == UNITS


def test_a_calendar_that_was_read_again_is_known_after_a_restart(gate: GateSpec, store: Store) -> None:
    first, again = Calendar(until=1), Calendar(until=2)
    gate = msgspec.structs.replace(gate, calendar=first)
    manager = RiskManager(gate, store, Clock())
    assert manager._lookout.view.calendar == first
    manager.calendar(again)
    assert manager._lookout.view.calendar == again

    number = commands.add(store.engine, "calendar", {"calendar": msgspec.to_builtins(again)}, "news", "", START)
    assert RiskManager(gate, store, Clock())._lookout.view.calendar == first  # nobody has taken it up
    with store.transaction() as tx:
        commands.answer(tx, number, commands.DONE, "{}", START, gate.run.run_id, 1, "open")

    assert RiskManager(gate, store, Clock())._lookout.view.calendar == again


def test_a_reset_accepts_the_loss_also_when_a_person_had_halted_meanwhile(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    gate = spec(tmp_path, sets=("risk.max_drawdown=0.001", "risk.max_drawdown_soft=null"))
    store = Store(gate.run.db_url, 0)
    held = Position(symbol="EURUSD", quantity=100_000 * NANO, cost=110_000 * NANO, opened_at=START, orders=("o",))
    RiskManager(gate, store, Clock())
    with store.transaction() as tx:
        tx.insert(s.positions, [gate_rows.position_row("paper", held)])
    manager, later = RiskManager(gate, store, Clock()), Clock().now()

    def state(minute: int, close: float) -> tuple[str, str]:
        snapshot = manager.snapshot(bar(START + minute * MINUTE, close))
        assert snapshot is not None
        return snapshot.state.name, snapshot.state.code

    assert state(0, 1.1) == ("ACTIVE", "")
    assert state(1, 1.09) == ("HALTED", "MAX_DRAWDOWN")
    commands.add(store.engine, "halt", {}, "me", "enough", later + 1)
    assert state(2, 1.09) == ("HALTED", "HALT")
    commands.add(store.engine, "reset-kill-switch", {}, "me", "seen", later + 2)

    assert state(3, 1.09) == ("ACTIVE", "")
    assert state(4, 1.09) == ("ACTIVE", "")
    store.close()
