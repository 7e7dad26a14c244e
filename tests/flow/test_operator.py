"""What an operator says to a running engine, and the kill switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors.driver_records import DriverRecords
from actors.engine_machine import Transition
from actors.engine_records import EngineRecords
from domain.errors import ActorLost, DatabaseAway
from journal import commands, schema, views
from journal.engines import open_engine
from orchestration.local import LocalRuntime
from tests.flow.system import START, System, path

WAVES = path(*[(30, -0.0002), (30, 0.0003)] * 5)
LATER = START + 2 * 10**18


class Operator:
    """Says one thing when a condition of the run holds for the first time."""

    def __init__(
        self, system: System, when: Callable[[LocalRuntime], bool], *verbs: tuple[str, dict[str, Any]]
    ) -> None:
        self._system, self._when, self._verbs = system, when, verbs

    async def __call__(self, runtime: LocalRuntime) -> None:
        while not self._when(runtime):  # noqa: ASYNC110 - the condition is the run's own state
            await asyncio.sleep(0)
        engine = open_engine(self._system.url)
        for verb, arguments in self._verbs:
            commands.add(engine, verb, arguments, "test", f"why {verb}", LATER)
        engine.dispose()


def holding(runtime: LocalRuntime) -> bool:
    return bool(runtime.object("RiskManager").book.positions)


def answers(system: System, verb: str) -> list[dict[str, Any]]:
    engine = open_engine(system.url)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(schema.commands).where(schema.commands.c.verb == verb)).all()
    engine.dispose()
    return [msgspec.json.decode(one.answer or "{}") for one in rows]


def states(system: System, run_id: str = "run-0") -> list[dict[str, Any]]:
    """What the engine said of itself, also where the run has not come to its end."""
    engine = open_engine(system.url)
    with engine.connect() as connection:
        rows = [one for one in views.events(connection, run_id, 0, 1_000_000) if one["type"] == "ENGINE_STATE"]
    engine.dispose()
    return [msgspec.json.decode(one["body"]) for one in rows]


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path)


def test_pause_denies_entries_and_lets_exits_pass(system: System) -> None:
    story = system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("pause", {})))

    assert "paused" in [one["data"]["state"] for one in story.of("ENGINE_STATE")]
    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} == {"ENGINE_PAUSED"}
    assert [one["data"]["reason"] for one in story.of("POSITION_CLOSED")] == ["SIGNAL"]
    assert story.summary.positions == []


def test_resume_takes_entries_again(system: System) -> None:
    story = system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("pause", {}), ("resume", {})))

    states = [one["data"]["state"] for one in story.of("ENGINE_STATE")]
    assert states[-3:] == ["paused", "running", "stopped"]
    assert story.of("RISK_DENIED") == []


def test_close_sells_what_is_held_and_says_who_wanted_it(system: System) -> None:
    story = system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("close", {"symbol": "EURUSD"})))

    assert story.of("POSITION_CLOSED")[0]["data"]["reason"].startswith("OPERATOR:")


def test_a_part_can_be_closed(system: System) -> None:
    operator = Operator(system, holding, ("close", {"symbol": "EURUSD", "fraction": 0.4}))
    story = system.run({"EURUSD": WAVES}, during=operator)

    quantities = [one["data"]["quantity"] for one in story.of("TRADE_EXECUTION")]
    assert quantities[:3] == [10_000, 4_000, 16_000]


def test_halt_latches_for_this_run_and_the_next_until_it_is_reset(system: System) -> None:
    story = system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("halt", {"flatten": True})))

    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} == {"KILL_SWITCH"}
    assert "emergency" in [one["data"]["state"] for one in story.of("ENGINE_STATE")]
    assert story.summary.positions == []
    assert [one["data"]["reason"] for one in story.of("POSITION_CLOSED")] == ["EMERGENCY"]
    [said] = answers(system, "halt")
    assert (said["verified"], said["closing"], said["left"]) == (True, ["EURUSD"], [])
    assert said["positions"] == {"EURUSD": -10_000.0}  # the exit fills with the next bar
    [told] = [one["data"] for one in story.of("ALERT") if one["data"]["alert"] == "EMERGENCY"]
    assert (told["by"], told["reason"], told["verified"]) == ("driver", "why halt", True)

    later = system.run({"EURUSD": WAVES})
    assert [one["data"]["state"] for one in later.of("ENGINE_STATE")] == ["initializing", "emergency", "stopped"]
    assert later.of("ENGINE_STATE")[1]["data"]["reason"] == "still halted: why halt"
    assert later.summary.orders == 0
    assert {one["data"]["code"] for one in later.of("RISK_DENIED")} == {"KILL_SWITCH"}

    engine = open_engine(system.url)
    commands.add(engine, "reset-kill-switch", {}, "test", "seen and understood", LATER + 1)
    engine.dispose()
    assert system.run({"EURUSD": WAVES}).summary.orders > 0


def test_the_halt_file_stops_new_risk(system: System) -> None:
    (system.folder / "HALT").touch()

    story = system.run({"EURUSD": WAVES})

    assert story.summary.orders == 0
    assert {one["data"]["value"] for one in story.of("RISK_DENIED")} == {"HALT_FILE"}
    assert [one["data"]["alert"] for one in story.of("ALERT")] == ["TRADING_STATE", "EMERGENCY"]

    (system.folder / "HALT").unlink()
    assert system.run({"EURUSD": WAVES}).summary.orders == 0


def test_a_drawdown_beyond_the_hard_limit_latches_the_account_only(system: System) -> None:
    falling = path((45, -0.0001), (12, 0.0004), (90, -0.0020), (40, 0.0006), (40, -0.0006))
    limits = ("risk.max_drawdown=0.0005", "strategy.side=long", "risk.units=100000")
    story = system.run({"EURUSD": falling}, sets=limits)

    alerts = [one["data"] for one in story.of("ALERT")]
    assert [(one["to"], one["code"]) for one in alerts] == [("HALTED", "MAX_DRAWDOWN")]
    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} == {"KILL_SWITCH"}
    assert system.run({"EURUSD": WAVES}).summary.orders > 0


def test_a_soft_drawdown_denies_until_equity_recovers(system: System) -> None:
    closes = {"EURUSD": path((45, -0.0001), (12, 0.0004), (20, -0.0004), (30, 0.0012), (40, -0.0008), (40, 0.0006))}
    story = system.run(closes, sets=("risk.max_drawdown_soft=0.0001", "risk.units=100000"))

    moves = [(one["data"]["from"], one["data"]["to"]) for one in story.of("ALERT")]
    assert ("ACTIVE", "REDUCING") in moves
    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} == {"MAX_DRAWDOWN_SOFT"}


def test_a_close_survives_a_gate_that_dies_before_it_answers(system: System) -> None:
    seen: list[str] = []

    def die(actor: str, method: str) -> None:
        seen.append(method)
        if method == "reserve" and seen.count("reserve") == 2:
            raise ActorLost(actor, "killed by the test")

    story = system.run({"EURUSD": WAVES}, fault=die, during=Operator(system, holding, ("close", {"symbol": "EURUSD"})))

    assert story.of("POSITION_CLOSED")[0]["data"]["reason"].startswith("OPERATOR:")
    assert len(story.of("ERROR")) == 1


def test_a_gate_that_dies_in_the_cycle_of_its_alert_tells_it_and_goes_on(system: System) -> None:
    falling = path((45, -0.0001), (12, 0.0004), (90, -0.0020), (40, 0.0006), (40, -0.0006))
    runtimes: list[LocalRuntime] = []
    died: list[int] = []

    def die(actor: str, method: str) -> None:
        if method != "reserve" or died or not runtimes:
            return
        if runtimes[0].object("RiskManager")._switch.state.name != "ACTIVE":
            died.append(1)
            runtimes[0].lose("RiskManager")
            raise ActorLost(actor, "killed by the test")

    async def remember(runtime: LocalRuntime) -> None:
        runtimes.append(runtime)

    limits = ("risk.max_drawdown_soft=0.0005", "strategy.side=long", "risk.units=100000")
    story = system.run({"EURUSD": falling}, sets=limits, fault=die, during=remember)

    assert died
    assert story.summary.exit_reason == "end_of_data"
    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} <= {"MAX_DRAWDOWN_SOFT"}


def test_resume_releases_no_kill_switch(system: System) -> None:
    story = system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("halt", {}), ("resume", {})))

    [said] = answers(system, "resume")
    assert said["reason"].startswith("the kill switch is latched")
    assert story.of("ENGINE_STATE")[-2]["data"]["state"] == "emergency"


def test_only_an_unknown_order_is_resolved_by_hand(system: System) -> None:
    said = {"order_id": "nobody's", "status": "REJECTED", "quantity": "0", "price": "0"}
    system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("resolve", said)))

    [answer] = answers(system, "resolve")
    assert answer["reason"].startswith("no order nobody's of account")


class Killed:
    """A driver whose process dies when a condition of the run holds, and is run again; as the engine does it."""

    def __init__(self, operator: Operator, when: Callable[[LocalRuntime], bool]) -> None:
        self._operator, self._when = operator, when
        self.summary: Any = None

    async def __call__(self, runtime: LocalRuntime) -> None:
        await self._operator(runtime)
        while not self._when(runtime):  # noqa: ASYNC110 - the condition is the run's own state
            await asyncio.sleep(0)
        runtime.lose("InstitutionalStrategy")
        self.summary = await runtime.ask("InstitutionalStrategy", "run")


def test_a_driver_that_dies_while_it_is_paused_comes_back_paused(system: System) -> None:
    def paused(runtime: LocalRuntime) -> bool:
        return bool(runtime.object("InstitutionalStrategy").machine.state == "PAUSED")

    killed = Killed(Operator(system, holding, ("pause", {})), paused)
    with pytest.raises(ActorLost):
        system.run({"EURUSD": WAVES}, during=killed)

    said = [(one["state"], one["reason"]) for one in states(system)]
    assert said[-3:] == [("initializing", "start"), ("paused", "still paused"), ("stopped", "end_of_data")]
    assert killed.summary.positions == []


def test_a_close_survives_a_driver_that_dies_after_it_has_answered(system: System) -> None:
    def answered(runtime: LocalRuntime) -> bool:
        return bool(runtime.object("InstitutionalStrategy")._commands.exits(0, ""))

    killed = Killed(Operator(system, holding, ("close", {"symbol": "EURUSD"})), answered)
    with pytest.raises(ActorLost):
        system.run({"EURUSD": WAVES}, during=killed)

    engine = open_engine(system.url)
    with engine.connect() as connection:
        orders = views.orders(connection, "run-0")
    engine.dispose()
    assert [one["status"] for one in orders if one["purpose"].startswith("OPERATOR")] == ["FILLED"]


@pytest.mark.parametrize(("name", "method"), [("RiskManager", "reserve"), ("RiskManager", "snapshot")])
def test_a_database_that_is_away_for_a_moment_changes_no_decision(tmp_path: Path, name: str, method: str) -> None:
    calm, loud = System(tmp_path / "calm"), System(tmp_path / "loud")
    for one in (calm, loud):
        one.folder.mkdir()
    seen: list[str] = []

    def away(actor: str, call: str) -> None:
        seen.append(f"{actor}.{call}")
        if seen.count(f"{name}.{method}") in (2, 3) and seen[-1] == f"{name}.{method}":
            raise DatabaseAway("away")

    story = loud.run({"EURUSD": WAVES}, fault=away)

    assert story.summary == calm.run({"EURUSD": WAVES}).summary
    assert [one["data"]["error"] for one in story.of("ERROR")] == ["DatabaseAway: away"] * 2


@pytest.mark.parametrize("method", ["open_cycle", "close_cycle"])
@pytest.mark.parametrize("happened", [True, False])
def test_a_commit_of_which_nobody_knows_is_looked_up(
    system: System, monkeypatch: pytest.MonkeyPatch, method: str, happened: bool
) -> None:
    real = getattr(DriverRecords, method)
    lost: list[int] = []

    def commit(self: DriverRecords, n: int, *args: Any) -> None:
        first = n in (5, 90) and n not in lost
        if happened or not first:
            real(self, n, *args)
        if first:
            lost.append(n)
            raise DatabaseAway("the answer was lost")

    monkeypatch.setattr(DriverRecords, method, commit)
    story = system.run({"EURUSD": WAVES})

    scans = [one["data"]["cycle"] for one in story.of("SCAN_SUMMARY")]
    assert lost == [5, 90]
    assert scans == list(range(1, story.summary.cycles + 1))
    assert len(story.of("SCAN_START")) == len(scans)
    monkeypatch.undo()
    assert system.run({"EURUSD": WAVES}).summary.decisions_hash == story.summary.decisions_hash


def test_a_state_that_could_not_be_written_down_is_told_later_and_once(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = EngineRecords.state
    lost: list[Transition] = []

    def state(self: EngineRecords, one: Transition, at: int) -> None:
        if one.to == "PAUSED" and not lost:
            lost.append(one)
            real(self, one, at)
            raise DatabaseAway("the answer was lost")
        if one.before == "PAUSED" and len(lost) == 1:
            lost.append(one)
            raise DatabaseAway("away")
        real(self, one, at)

    monkeypatch.setattr(EngineRecords, "state", state)
    story = system.run({"EURUSD": WAVES}, during=Operator(system, holding, ("pause", {}), ("resume", {})))

    said = [one["data"]["state"] for one in story.of("ENGINE_STATE")]
    assert len(lost) == 2
    assert said == ["initializing", "running", "paused", "running", "stopped"]
