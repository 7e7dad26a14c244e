"""The engine's own loop: what it makes of the driver's end, and the order in which it winds down."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
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
from domain.events import RUN_STARTED, RUN_SUMMARY, Draft
from journal import database, schema, views
from journal.store import Store
from orchestration import watch
from orchestration.local import NoMeter
from orchestration.plan import Identity
from orchestration.settings.tree import Alerts, Resources, Supervision
from orchestration.watch import Start, Watch
from tests.orchestration.alerts.receiver import receiving

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

    def meter(self) -> NoMeter:
        return NoMeter()


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

    def __init__(self, url: str, *ends: Any, **wished: Any) -> None:
        self.runtime, self.screen = Runtime(*ends), Screen()
        self.signals, self.heart = SimpleNamespace(asked=""), SimpleNamespace(lost="")
        start: Any = Start(
            SimpleNamespace(
                supervision=Supervision(),
                ray=SimpleNamespace(deadline=5.0),
                feed=SimpleNamespace(speed=None),
                alerts=wished.get("alerts", Alerts()),
                resources=wished.get("resources", Resources()),
            ),  # type: ignore[arg-type]
            SimpleNamespace(info=SimpleNamespace(live=False, simulated=True), calendar=None),  # type: ignore[arg-type]
            Identity("run", 1, url, 0, "", wished.get("told", 0)),
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

    def told(self, *kinds: str) -> list[tuple[str, dict[str, Any]]]:
        """Type and data of these events, of all if none is named."""
        rows = self.asked(lambda c: views.events(c, "run"))
        return [(one["type"], msgspec.json.decode(one["body"])) for one in rows if not kinds or one["type"] in kinds]

    def wrote(self, *drafts: Draft) -> None:
        """As the driver does."""
        store = Store(self.url, 1)
        with store.transaction() as tx:
            tx.emit("run", drafts)
        store.close()

    def looks(self, what: Callable[[int], Any]) -> None:
        """Does something before each look at the event table; the run ends when it says so."""
        show, number = self.watch._show, [0]

        def one() -> None:
            number[0] += 1
            if what(number[0]):
                self.runtime.ends.append(SUMMARY)
            show()

        self.watch._show = one  # type: ignore[method-assign]

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


STARTED, ENDED = Draft(RUN_STARTED, 1, "start:1", {}), Draft(RUN_SUMMARY, 2, "end:1", {})


def test_a_sign_of_life_is_told_every_so_often_and_never_first_or_last(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "BEAT", 0.0)
    engine = Engine(url)

    def on(look: int) -> bool:
        if look == 3:
            engine.wrote(STARTED)
        if look == 8:
            engine.wrote(ENDED)
        return look == 12

    engine.looks(on)
    assert engine.run() == 0

    told = engine.told()
    beats = [data for kind, data in told if kind == "HEARTBEAT"]
    assert [kind for kind, _ in told] == ["RUN_STARTED", *["HEARTBEAT"] * len(beats), "RUN_SUMMARY"]
    assert len(beats) >= 5
    assert {tuple(one) for one in beats} == {("cycle", "state", "seq")}
    assert [one["seq"] for one in beats][-1] == len(beats)


def test_what_is_noticed_after_the_last_word_is_told_and_not_written(url: str) -> None:
    engine = Engine(url)

    def on(look: int) -> bool:
        if look == 2:
            engine.wrote(STARTED)
            engine.watch.alert("NEWS_CALENDAR", reason="gone")
        if look == 4:
            engine.wrote(ENDED)
            engine.watch.alert("HEARTBEAT", reason="no connection")
            engine.runtime.ends.append(SUMMARY)
        return False

    engine.looks(on)
    assert engine.run() == 0

    assert [kind for kind, _ in engine.told()] == [RUN_STARTED, "ALERT", RUN_SUMMARY]
    assert engine.alerts() == ["NEWS_CALENDAR"]
    [said] = [one for one in engine.screen.notices if "HEARTBEAT" in one]
    assert said.startswith("after the end: ")
    assert "no connection" in said


def test_the_last_word_of_an_engine_before_is_not_that_of_this_one(url: str) -> None:
    before = Engine(url)
    before.wrote(STARTED, ENDED)
    engine = Engine(url, told=2)

    def on(look: int) -> bool:
        if look == 1:
            engine.watch.alert("NEWS_CALENDAR", reason="gone")
        if look == 3:
            engine.wrote(Draft(RUN_STARTED, 3, "start:2", {}))
        return look == 5

    engine.looks(on)
    assert engine.run() == 0
    assert [kind for kind, _ in engine.told()] == [RUN_STARTED, RUN_SUMMARY, "ALERT", RUN_STARTED]


def test_a_sign_of_life_has_its_time(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_000.0]
    monkeypatch.setattr(watch.time, "monotonic", lambda: now[0])
    engine = Engine(url)
    engine.wrote(STARTED)

    def on(look: int) -> bool:
        now[0] += 10.0
        return look == 13

    engine.looks(on)
    assert engine.run() == 0
    assert len(engine.told("HEARTBEAT")) == 4


def test_health_that_changes_is_told_with_what_the_actor_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestration.supervisor.LOOK", 0.0)
    monkeypatch.setattr("orchestration.supervisor.EVERY", 0.0)
    monkeypatch.setattr("orchestration.supervisor.AGAIN", 0.0)
    engine = Engine(url)
    real, down = engine.runtime.outcome, [False]

    def outcome(name: str, reference: Any, within: float) -> Any:
        if reference == ("RiskManager", "health") and down[0]:
            return ActorLost("RiskManager", "killed")
        return real(name, reference, within)

    monkeypatch.setattr(engine.runtime, "outcome", outcome)

    def on(look: int) -> bool:
        down[0] = look == 3
        if look == 6:
            engine.wrote(STARTED)
        return look == 30

    engine.looks(on)
    assert engine.run() == 0

    assert engine.told()[0][0] == "RUN_STARTED"
    states = [(data["actor"], data["state"], data["pid"]) for _, data in engine.told("HEALTH")]
    assert states == [("RiskManager", "lost", None), ("RiskManager", "ready", 1)]
    assert set(engine.told("HEALTH")[0][1]) == {"actor", "state", "pid", "restarts", "waiting", "detail"}


def test_what_may_have_been_written_is_written_once(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(url)
    engine.wrote(STARTED)
    real, lost = Store.transaction, [0]

    @contextmanager
    def transaction(self: Store) -> Any:
        with real(self) as tx:
            yield tx
        lost[0] += 1
        if lost[0] <= 2:
            raise DatabaseAway("the answer was lost")

    def on(look: int) -> bool:
        if look == 2:
            monkeypatch.setattr(Store, "transaction", transaction)
            engine.watch.alert("NEWS_CALENDAR", reason="gone")
            engine.watch.changed("Observer", state="lost", pid=None, restarts=0, waiting=0, detail={})
        return look == 8

    engine.looks(on)
    assert engine.run() == 0

    assert len(engine.told("HEALTH")) == 1
    assert sorted(engine.alerts()) == ["DATABASE_AWAY", "NEWS_CALENDAR"]


# -- beside the trading ----------------------------------------------------------------------------


def test_what_runs_beside_becomes_an_alert_after_the_start_and_never_after_the_summary(url: str) -> None:
    engine = Engine(url)
    summary = Draft(RUN_SUMMARY, 2, "end", msgspec.structs.asdict(SUMMARY))

    def look(number: int) -> bool:
        if number == 1:
            engine.watch.beside("NOTIFY_FAILED", channel="phone", reason="no connection", attempts=1)
        if number == 2:
            assert engine.told() == []
            engine.wrote(Draft(RUN_STARTED, 1, "start", {}))
        if number == 4:
            engine.wrote(summary)
            engine.watch.beside("RESOURCE", resource="disk", value=91.0, limit=90.0, severity="critical")
        return number == 6

    engine.looks(look)
    assert engine.run() == 0

    assert [kind for kind, _ in engine.told()] == [RUN_STARTED, "ALERT", RUN_SUMMARY]
    assert engine.told("ALERT")[0][1] == {
        "alert": "NOTIFY_FAILED",
        "channel": "phone",
        "reason": "no connection",
        "attempts": 1,
    }


def test_people_are_told_of_the_end_and_of_why_it_failed(url: str) -> None:
    with receiving() as server:
        engine = Engine(url, Unavailable("no venue"), alerts=Alerts(channels={"phone": server.url}))
        assert engine.run() == 1

    assert server.titles() == ["Argus SIMULATED critical: RUN_FAILED"]
    assert "the run failed: no venue" in server.text()


def test_a_limit_of_the_machine_that_is_passed_is_told_once(url: str) -> None:
    engine = Engine(url, resources=Resources(every=0.05, lasting=0.0, memory_mb=0.001))

    def look(number: int) -> bool:
        if number == 1:
            engine.wrote(Draft(RUN_STARTED, 1, "start", {}))
        return number > 10 and len(engine.told("ALERT")) > 0

    engine.looks(look)
    assert engine.run() == 0

    found = [data for _, data in engine.told("ALERT") if data["resource"] == "memory_mb"]
    assert [(one["alert"], one["severity"], one["limit"]) for one in found] == [("RESOURCE", "critical", 0.001)]
