"""What an operator says to a running engine, and the kill switch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ActorLost
from journal import commands
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
    assert states[-2:] == ["paused", "running"]
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

    later = system.run({"EURUSD": WAVES})
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
        if runtimes[0].object("RiskManager")._state.name != "ACTIVE":
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
