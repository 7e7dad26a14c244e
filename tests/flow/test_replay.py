"""A recorded run once more, with what an operator said to it."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.errors import ConfigError
from journal import commands
from journal import schema as s
from journal.engines import open_engine
from orchestration.local import Deliver, LocalRuntime, Message
from tests.flow.replaying import (
    COINS,
    LATER,
    QUICK,
    WAVES,
    again,
    identical,
    telling,
)
from tests.flow.system import System, path


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> System:
    """A system on either kind of database."""
    return System(tmp_path, QUICK, "" if request.param == "sqlite" else request.getfixturevalue("postgres_url"))


def hashed(folder: Path) -> str:
    """Of everything in the database."""
    connection = sqlite3.connect(folder / "argus.db")
    try:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()
    finally:
        connection.close()


def test_a_recorded_run_is_identical(either: System) -> None:
    story = either.run({"EURUSD": WAVES, "BTC": COINS}, preset="balanced")

    report = again(either)

    identical(report, story)
    assert story.summary.fills > 4
    assert (report.run_id, report.result) == (story.run_id, "identical")


def test_the_database_of_the_run_is_only_read(system: System) -> None:
    system.run({"EURUSD": WAVES})
    before = hashed(system.folder)

    again(system)

    assert hashed(system.folder) == before


def test_a_simulated_run_is_identical(system: System) -> None:
    more = {"symbols": ("EURUSD", "BTC"), "seed": 11, "speed": "max", "cycles": 150}
    story = system.run(preset="balanced", sets=("feed.warm_up=50",), **more)

    identical(again(system), story)


def test_every_run_of_a_database_can_be_chosen(system: System) -> None:
    first = system.run({"EURUSD": WAVES})
    second = system.run({"EURUSD": WAVES}, sets=("risk.units=500",))

    assert again(system).run_id == second.run_id
    identical(again(system, first.run_id), first)
    with pytest.raises(ConfigError, match="there is no run nonsense"):
        again(system, "nonsense")


def test_limits_latch_again_where_they_did(system: System) -> None:
    falling = path((15, -0.0001), (8, 0.0004), (30, -0.0020), (20, 0.0006), (20, -0.0006))
    limits = ("risk.max_drawdown=0.0005", "strategy.side=long", "risk.units=100000")
    story = system.run({"EURUSD": falling}, sets=limits)

    assert [one["data"]["to"] for one in story.of("ALERT")] == ["HALTED"]
    identical(again(system), story)


def test_a_limit_that_a_person_released_is_released_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    limits = ("risk.max_drawdown=0.0005", "risk.units=100000")
    said = telling(system, (60, "reset-kill-switch", {}))

    story = system.run({"EURUSD": path((15, -0.0001), (8, 0.0004), (20, -0.0020)) + WAVES}, sets=limits, during=said)

    moves = [(one["data"]["from"], one["data"]["to"]) for one in story.of("ALERT") if "to" in one["data"]]
    assert moves[:2] == [("ACTIVE", "HALTED"), ("HALTED", "ACTIVE")]
    identical(again(system), story)


# -- what an operator said ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        [(25, "pause", {}), (60, "resume", {})],
        [(23, "close", {"symbol": "EURUSD"}), (57, "close", {"symbol": "BTC", "fraction": 0.4})],
        [(35, "halt", {"flatten": True}), (70, "reset-kill-switch", {})],
        [(20, "halt", {}), (21, "pause", {}), (50, "reset-kill-switch", {}), (80, "resume", {})],
    ],
    ids=lambda said: "-".join(verb for _, verb, _ in said),
)
def test_what_an_operator_said_takes_effect_at_the_same_cycles(
    system: System, said: list[tuple[int, str, dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    story = system.run({"EURUSD": WAVES, "BTC": COINS}, during=telling(system, *said))
    quiet = System(system.folder / "quiet", QUICK)
    quiet.folder.mkdir()

    assert story.summary.decisions_hash != quiet.run({"EURUSD": WAVES, "BTC": COINS}).summary.decisions_hash
    identical(again(system), story)


def test_what_was_said_while_a_paced_feed_waited_is_said_again(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.institutional_strategy.HEARD_EVERY", 0.001)
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    said = telling(
        system, (22, "close", {"symbol": "BTC"}), (40, "halt", {"flatten": True}), (70, "reset-kill-switch", {})
    )

    story = system.run({"EURUSD": WAVES, "BTC": COINS}, speed="25", during=said)

    engine = open_engine(system.url)
    with engine.begin() as connection:
        steps = {row.verb: (row.state, row.step) for row in connection.execute(sa.select(s.commands))}
    engine.dispose()
    assert steps["halt"] == ("DONE", "wait")
    assert "EMERGENCY" in {one["data"]["reason"] for one in story.of("POSITION_CLOSED")}
    identical(again(system), story)


class Supervised(LocalRuntime):
    """While the driver waits for an answer, its supervisor closes everything: once, when a position is open."""

    url, before, done = "", "", False

    async def carry(self, message: Message, deliver: Deliver) -> Any:
        if message.method == self.before and not self.done:
            self.done = await self._emergency()
        return await deliver()

    async def _emergency(self) -> bool:
        gate = self.object("RiskManager")
        engine = open_engine(self.url)
        with engine.begin() as connection:
            last = connection.execute(sa.select(s.cycles).order_by(s.cycles.c.n.desc())).first()
            if last is None or last.n < 30 or not gate.book.positions or gate.book.working:
                return False
            row = {"at": LATER, "verb": "halt", "arguments": '{"flatten":true}', "who": "test", "why": "now"}
            done = {"state": "DONE", "answered_at": LATER, "run_id": "run-0", "cycle": last.n, "step": "emergency"}
            connection.execute(sa.insert(s.commands).values(row | done))
        engine.dispose()
        answer = gate.emergency(True, last.at)
        assert answer.orders
        await self.object("Executor").emergency(answer, last.at)
        return True


@pytest.mark.parametrize("before", ["reserve", "advance"])
def test_what_the_supervisor_did_for_a_driver_that_hung_comes_where_it_came(
    system: System, before: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Supervised, "url", system.url)
    monkeypatch.setattr(Supervised, "before", before)
    monkeypatch.setattr("tests.flow.system.LocalRuntime", Supervised)

    story = system.run({"EURUSD": WAVES, "BTC": COINS})

    assert "EMERGENCY" in {one["data"]["reason"] for one in story.of("POSITION_CLOSED")}
    identical(again(system), story)


def test_a_halt_between_the_snapshot_and_the_answers_denies_the_same(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.kill_switch.POLL_NS", 0)
    seen: list[str] = []

    def halt(actor: str, method: str) -> None:
        seen.append(method)
        if method == "reserve" and seen.count(method) == 6:
            engine = open_engine(system.url)
            commands.add(engine, "halt", {}, "test", "why", LATER)
            engine.dispose()

    story = system.run({"EURUSD": WAVES, "BTC": COINS}, fault=halt)

    denied = story.of("RISK_DENIED")[0]
    halted = next(one for one in story.of("ALERT") if one["data"].get("to") == "HALTED")
    assert denied["ts"] == halted["ts"]
    identical(again(system), story)


def test_a_halt_of_an_earlier_run_holds_in_the_replay_too(system: System) -> None:
    system.run({"EURUSD": WAVES}, during=telling(system, (20, "halt", {})))
    story = system.run({"EURUSD": WAVES})

    assert {one["data"]["code"] for one in story.of("RISK_DENIED")} == {"KILL_SWITCH"}
    identical(again(system), story)


def test_the_halt_file_holds_in_the_replay_while_it_did(system: System) -> None:
    (system.folder / "HALT").touch()
    story = system.run({"EURUSD": WAVES})
    (system.folder / "HALT").unlink()

    identical(again(system), story)
