"""The engine's own loop: what it makes of the driver's end, and the order in which it winds down."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from actors.base import Health
from actors.driver_records import RunSummary
from domain.errors import (
    ActorLost,
    DatabaseAway,
    DatabaseBroken,
    Halted,
    InvalidTransition,
    StaleEpoch,
    Unavailable,
)
from journal import database, schema, views
from journal.store import Store
from orchestration import watch
from orchestration.plan import Identity
from orchestration.settings.tree import Supervision
from orchestration.watch import Start, Watch

DRIVER = "InstitutionalStrategy"
SUMMARY = RunSummary(1, 0, 0, 0, 100.0, [], "", "cycles")
BUG = InvalidTransition("order", "FILLED", "INTENT")


class Runtime:
    """Actors that are all well; the driver's task ends as it is told, one end after another."""

    def __init__(self, *ends: Any) -> None:
        self.ends = list(ends)
        self.said: list[str] = []
        self.queued = 2
        self.first = {name: Health(name=name, pid=1) for name in (DRIVER, "RiskManager", "Executor", "Observer")}

    def ask(self, name: str, method: str, *args: Any) -> Any:
        if method != "health":
            self.said.append(f"{name}.{method}")
        return name, method

    def done(self, reference: Any, within: float) -> bool:
        return bool(self.ends)

    def answered(self, references: Any) -> list[bool]:
        return [True for _ in references]

    def outcome(self, name: str, reference: Any, within: float) -> Any:
        if reference == (DRIVER, "run"):
            return self.ends.pop(0)
        if name == "Executor":
            self.queued = max(0, self.queued - 1)
            self.said.append(f"Executor owes {self.queued}")
        return Health(name=name, pid=1, waiting=self.queued if name == "Executor" else 0)

    def restart(self, name: str) -> None:
        self.said.append(f"{name} killed")

    def end(self, name: str) -> None:
        self.said.append(f"{name} ended")


class Screen:
    def __init__(self) -> None:
        self.notices: list[str] = []
        self.code = -1

    def notice(self, text: str) -> None:
        self.notices.append(text)

    def show(self, row: Any) -> None:
        return None

    def end(self, code: int) -> None:
        self.code = code


class Engine:
    """One run that is watched."""

    def __init__(self, url: str, *ends: Any) -> None:
        self.runtime, self.screen = Runtime(*ends), Screen()
        self.signals, self.heart = SimpleNamespace(asked=""), SimpleNamespace(lost="")
        start: Any = Start(
            SimpleNamespace(supervision=Supervision(), ray=SimpleNamespace(deadline=5.0)),  # type: ignore[arg-type]
            SimpleNamespace(info=SimpleNamespace(live=False), calendar=None),  # type: ignore[arg-type]
            Identity("run", 1, url, 0, ""),
            self.heart,  # type: ignore[arg-type]
            self.screen,  # type: ignore[arg-type]
            self.signals,  # type: ignore[arg-type]
        )
        self.url = url
        self.watch = Watch(self.runtime, start)  # type: ignore[arg-type]

    def run(self) -> int:
        return self.watch.watch()

    def asked(self, query: Callable[[sa.Connection], Any]) -> Any:
        store = Store(self.url, 1)
        with store.read() as c:
            found = query(c)
        store.close()
        return found

    def halts(self) -> list[str]:
        return [one.why for one in self.asked(lambda c: c.execute(sa.select(schema.commands)).all())]

    def alerts(self) -> list[str]:
        return [one["alert"] for one in self.asked(lambda c: views.alerts(c, "run"))]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))
    monkeypatch.setattr(watch, "RUN_AGAIN", 0.0)
    return tmp_path


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


def test_a_run_that_is_done_winds_down_in_order(url: str, home: Path) -> None:
    engine = Engine(url, ActorLost(DRIVER, "killed"), SUMMARY)

    assert engine.run() == engine.screen.code == 0
    assert engine.runtime.said == [
        "Observer.run",
        f"{DRIVER}.run",
        f"{DRIVER}.run",
        "Executor owes 1",
        "Executor owes 0",
        "Observer.stop",
        "MarketFeed ended",
    ]
    assert engine.screen.notices == []
    assert not (home / "heartbeat.json").exists()


def test_an_executor_that_hears_nothing_from_its_venue_is_waited_for_so_long(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "DRAIN_WITHIN", 0.2)
    engine = Engine(url, SUMMARY)
    engine.runtime.queued = 10**9

    assert engine.run() == 0
    assert engine.runtime.said[-2:] == ["Observer.stop", "MarketFeed ended"]


def test_a_driver_whose_process_ended_is_called_again(url: str) -> None:
    engine = Engine(url, ActorLost(DRIVER, "killed"), ActorLost(DRIVER, "restarting"), SUMMARY)

    assert engine.run() == 0
    assert engine.runtime.said.count(f"{DRIVER}.run") == 3
    assert engine.runtime.said.count(f"{DRIVER} killed") == 0


@pytest.mark.parametrize("error", [ActorLost("RiskManager", "killed"), Unavailable("no venue"), DatabaseAway("away")])
def test_a_run_that_could_not_go_on_in_time_fails_and_latches_nothing(url: str, home: Path, error: Exception) -> None:
    engine = Engine(url, ActorLost(DRIVER, "killed"), error)

    assert engine.run() == engine.screen.code == 1
    assert engine.screen.notices == [f"the run failed: {error}"]
    assert engine.halts() == []
    assert (home / "heartbeat.json").exists()


def test_what_only_a_person_can_mend_latches_the_kill_switch(url: str) -> None:
    engine = Engine(url, Halted("account disabled", "10026"))

    assert engine.run() == 1
    assert engine.halts() == ["Halted: account disabled [10026]"]


def test_an_engine_whose_epoch_is_over_leaves_the_kill_switch_to_its_successor(url: str) -> None:
    engine = Engine(url, StaleEpoch("another engine has started"))

    assert engine.run() == 1
    assert engine.halts() == []


def test_a_driver_with_a_fault_of_its_own_begins_again_once(url: str) -> None:
    engine = Engine(url, BUG, BUG)

    assert engine.run() == 1
    assert engine.runtime.said.count(f"{DRIVER} killed") == 1
    assert engine.screen.notices[0].startswith("the run failed: the driver failed twice after cycle 0")
    assert engine.alerts() == ["ACTOR_RESET"]


def test_a_lease_that_is_lost_ends_the_run(url: str) -> None:
    engine = Engine(url)
    engine.heart.lost = "another engine has started"

    assert engine.run() == 1
    assert engine.screen.notices == ["stopped: another engine has started"]


def test_a_driver_that_does_not_end_is_not_waited_for_for_ever(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STOP_WITHIN", 0.0)
    engine = Engine(url)
    engine.signals.asked = "interrupted"

    assert engine.run() == 1
    assert engine.runtime.said.count(f"{DRIVER}.stop") == 1
    assert engine.screen.notices == ["the driver did not end its cycle within 0 s"]


def test_a_database_that_is_away_for_a_moment_is_told_when_it_is_back(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(url)
    looks: list[int] = []
    show = engine.watch._show

    def away() -> None:
        looks.append(len(looks))
        if len(looks) < 4:
            raise DatabaseAway("the server restarts")
        if len(looks) == 5:
            engine.runtime.ends.append(SUMMARY)
        show()

    monkeypatch.setattr(engine.watch, "_show", away)

    assert engine.run() == 0
    assert engine.alerts() == ["DATABASE_AWAY"]


def test_a_broken_database_ends_the_run_with_its_reason(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(url)

    def broken() -> None:
        raise DatabaseBroken("the disk is full")

    monkeypatch.setattr(engine.watch, "_show", broken)

    assert engine.run() == 1
    assert engine.screen.notices == ["the last events are not shown: the disk is full", "stopped: the disk is full"]


def test_a_driver_that_hangs_with_the_database_in_its_hand_is_killed_when_a_halt_waits(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(url)
    freed: list[str] = []

    def look(driver_waits: float) -> None:
        engine.watch._emergency.wanted = len(freed) == 0
        engine.runtime.ends += [SUMMARY] * len(freed)
        raise DatabaseAway("locked")

    monkeypatch.setattr(engine.watch._emergency, "look", look)
    monkeypatch.setattr(engine.watch._supervisor, "free", freed.append)

    assert engine.run() == 0
    assert freed == ["it hangs while a halt waits, and the database with it"]
