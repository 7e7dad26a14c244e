"""A whole run on PostgreSQL is the run on SQLite."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ActorLost
from journal import database, outages, views
from journal.engines import open_engine
from tests.flow.system import Story, System, path
from tests.postgres import Server

UP_AND_DOWN = path((40, -0.0001), (40, 0.0003), (60, -0.0003))
CHANGING = ("run_id", "seq", "id", "order_id", "correlation_id", "account", "entry_order")


def told(system: System, story: Story) -> dict[str, Any]:
    """What is in the database, without the names that every run has of its own."""
    engine = open_engine(system.url, read_only=True)
    with engine.begin() as connection:
        found = {
            "fills": views.fills(connection),
            "orders": views.orders(connection, limit=None),
            "trades": views.trades(connection),
            "positions": views.positions(connection),
        }
    engine.dispose()
    return {
        name: [{key: value for key, value in row.items() if key not in CHANGING} for row in rows]
        for name, rows in found.items()
    } | {"said": [(one["type"], one["symbol"]) for one in story.events]}


@pytest.fixture
def systems(tmp_path: Path, postgres_url: str) -> list[System]:
    folders = [tmp_path / "sqlite", tmp_path / "postgresql"]
    for one in folders:
        one.mkdir()
    return [System(folders[0]), System(folders[1], database=postgres_url)]


def test_a_run_decides_and_trades_the_same(systems: list[System]) -> None:
    closes = {"EURUSD": UP_AND_DOWN, "GBPUSD": path((50, 0.0002), (50, -0.0002), start=1.3)}

    here, there = [one.run(closes) for one in systems]

    assert here.summary.fills == there.summary.fills > 4
    assert here.summary.decisions_hash == there.summary.decisions_hash
    assert here.summary.equity == there.summary.equity
    assert told(systems[0], here) == told(systems[1], there)
    for one in systems:
        assert database.check(one.url)["ok"]


def test_a_second_run_goes_on_in_the_same_database(systems: list[System]) -> None:
    first, second = [systems[1].run({"EURUSD": UP_AND_DOWN}) for _ in range(2)]

    assert first.run_id != second.run_id
    assert first.summary.decisions_hash == second.summary.decisions_hash
    found = database.check(systems[1].url)
    assert found["ok"]
    assert found["fills"] == first.summary.fills + second.summary.fills


@pytest.mark.parametrize(("name", "method"), [("RiskManager", "reserve"), ("Executor", "submit")])
def test_an_actor_that_dies_comes_back_from_the_database(systems: list[System], name: str, method: str) -> None:
    runtimes: list[Any] = []
    deaths: list[str] = []

    def die(actor: str, call: str) -> None:
        if (actor, call) == (name, method) and len(deaths) < 3:
            deaths.append(actor)
            runtimes[0].lose(name)
            raise ActorLost(name, "killed by the test")

    async def remember(runtime: object) -> None:
        runtimes.append(runtime)

    calm = systems[0].run({"EURUSD": UP_AND_DOWN})
    story = systems[1].run({"EURUSD": UP_AND_DOWN}, fault=die, during=remember)

    assert len(deaths) == 3
    assert told(systems[0], calm)["fills"] == told(systems[1], story)["fills"]
    assert story.summary.decisions_hash == calm.summary.decisions_hash
    assert database.check(systems[1].url)["ok"]


def test_a_server_that_restarts_in_the_middle_of_a_run_is_waited_for(
    systems: list[System], postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "WAIT", 60.0)  # a busy machine may take long to start a server
    cycles: list[str] = []

    def fault(actor: str, call: str) -> None:
        if (actor, call) == ("RiskManager", "snapshot"):
            cycles.append(call)
            if len(cycles) in (50, 90):
                postgres.stop(signal.SIGQUIT)
                threading.Thread(target=postgres.start).start()

    calm, story = systems[0].run({"EURUSD": UP_AND_DOWN}), systems[1].run({"EURUSD": UP_AND_DOWN}, fault=fault)

    assert len(cycles) > 90
    assert told(systems[0], calm)["fills"] == told(systems[1], story)["fills"]
    assert story.summary.decisions_hash == calm.summary.decisions_hash
    assert database.check(systems[1].url)["ok"]
