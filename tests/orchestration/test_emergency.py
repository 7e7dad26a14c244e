"""A halt that the driver does not answer is carried out without it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors.engine_commands import latch
from actors.risk_manager import GateAnswer
from domain.errors import ActorLost, DeadlineMissed
from domain.order import Approved
from journal import commands, database, views
from journal import schema as s
from journal.store import Store
from orchestration.emergency import DRIVERS, EVERY, Emergency, Run
from tests.factories import an_order

BEGAN = 1_704_153_600_000_000_000
T = BEGAN - 3600 * 10**9
VENUE = {"cancelled": {"order-1": "CANCELLED"}, "left": [], "positions": {"EURUSD": 10_000.0}}


class Desk:
    """A run with a gate and an executor that answer as they are told, and a clock that goes on by hand."""

    def __init__(self, folder: Path, store: Store, live: bool = True) -> None:
        self.store, self.file = store, folder / "HALT"
        self.seconds = 0.0
        self.calls: list[tuple[str, tuple[Any, ...], float]] = []
        self.exit = an_order(symbol="EURUSD", purpose="EMERGENCY")
        self.gate: Any = GateAnswer((Approved(self.exit),), (), T, ("order-1",))
        self.executor: Any = VENUE | {"closing": ["GBPUSD"], "orders": {self.exit.id: "ACCEPTED"}}
        run = Run(run_id="run", live=live, since=BEGAN, halt_file=str(self.file), deadline=2.0)
        self.emergency = Emergency(self, store, run, self, lambda: self.seconds)

    def now(self) -> int:
        return BEGAN + int(self.seconds * 1e9)

    def ask(self, name: str, method: str, *args: Any) -> Any:
        assert method == "emergency"
        return name, args

    def outcome(self, name: str, reference: Any, within: float) -> Any:
        self.calls.append((name, reference[1], within))
        return {"RiskManager": self.gate, "Executor": self.executor}[name]

    def halt(self, **arguments: Any) -> int:
        return commands.add(self.store.engine, "halt", arguments, "me", "enough", self.now())

    def after(self, seconds: float, driver_waits: float = 0.0) -> None:
        ends = self.seconds + seconds
        while self.seconds < ends:
            self.seconds += EVERY / 2
            self.emergency.look(driver_waits)

    def row(self, number: int) -> dict[str, Any]:
        with self.store.read() as c:
            found = commands.get(c, number)
        assert found is not None
        return found

    def alerts(self) -> list[dict[str, Any]]:
        with self.store.read() as c:
            return views.alerts(c, "run")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    found = Store(url, 1)
    yield found
    found.close()


@pytest.fixture
def desk(tmp_path: Path, store: Store) -> Desk:
    return Desk(tmp_path, store)


def test_the_driver_has_two_seconds(desk: Desk) -> None:
    number = desk.halt(flatten=True)
    desk.after(DRIVERS)
    assert desk.calls == []
    assert desk.emergency.wanted

    desk.after(1.0)

    asked = [(name, args[0]) for name, args, _ in desk.calls]
    assert asked == [("RiskManager", False), ("Executor", desk.gate), ("RiskManager", True), ("Executor", desk.gate)]
    row = desk.row(number)
    assert (row["state"], row["step"], row["run_id"], row["cycle"]) == ("DONE", "emergency", "run", 0)
    assert msgspec.json.decode(row["answer"]) == VENUE | {
        "closing": ["EURUSD", "GBPUSD"],
        "orders": {desk.exit.id: "ACCEPTED"},
        "verified": True,
    }
    assert [(one["alert"], one["by"], one["reason"]) for one in desk.alerts()] == [
        ("COMMAND", "me", "enough"),
        ("EMERGENCY", "supervisor", "enough"),
    ]
    assert not desk.emergency.wanted
    desk.after(5.0)
    assert len(desk.calls) == 4


def test_a_driver_that_owes_an_answer_is_not_waited_for(desk: Desk) -> None:
    number = desk.halt()
    desk.after(EVERY, driver_waits=DRIVERS)
    assert desk.row(number)["state"] == "DONE"
    assert desk.calls[0][1][0] is False


def test_what_the_driver_answers_is_left_alone(desk: Desk) -> None:
    number = desk.halt()
    desk.after(1.0)
    with desk.store.transaction() as tx:
        commands.answer(tx, number, "DONE", "{}", desk.now(), "run", 3, "open")
    desk.after(5.0)
    assert desk.calls == []
    assert desk.row(number)["step"] == "open"


def test_halts_of_other_runs_and_other_commands_are_not_obeyed(desk: Desk) -> None:
    commands.add(desk.store.engine, "halt", {}, "me", "long ago", BEGAN - 1)
    commands.add(desk.store.engine, "pause", {}, "me", "", BEGAN)
    desk.after(5.0)
    assert desk.calls == []


def test_what_cannot_be_done_is_told_once_and_tried_until_it_can(desk: Desk) -> None:
    answer, desk.gate = desk.gate, ActorLost("RiskManager", "killed")
    number = desk.halt()
    desk.after(4.0)
    desk.gate, desk.executor, venue = answer, DeadlineMissed("Executor", 2.0), desk.executor
    desk.after(2.0)
    assert desk.row(number)["state"] == "PENDING"
    assert desk.emergency.wanted
    assert [one["alert"] for one in desk.alerts()] == ["EMERGENCY_FAILED"]

    desk.executor = venue
    desk.after(1.0)

    assert desk.row(number)["state"] == "DONE"


def test_entries_that_still_work_at_the_venue_are_not_verified(desk: Desk) -> None:
    desk.executor = desk.executor | {"left": ["order-1"]}
    number = desk.halt()
    desk.after(3.0)
    answer = msgspec.json.decode(desk.row(number)["answer"])
    assert (answer["verified"], answer["left"]) == (False, ["order-1"])


def test_the_executor_has_time_for_every_order(desk: Desk) -> None:
    desk.halt()
    desk.after(3.0)
    assert [within for *_, within in desk.calls] == [2.0, 6.0]


@pytest.mark.parametrize("live", [True, False])
def test_it_acts_at_the_time_by_which_the_run_lives(tmp_path: Path, store: Store, live: bool) -> None:
    row = {"run_id": "run", "n": 7, "at": T, "digest": "", "now": T, "snapshot": b"", "closed": False}
    with store.transaction() as tx:
        tx.insert(s.cycles, [row])
    desk = Desk(tmp_path, store, live)
    number = desk.halt()
    desk.after(3.0)

    moments = {args[1] for _, args, _ in desk.calls}
    assert moments == {desk.row(number)["answered_at"]} if live else moments == {T}
    assert desk.row(number)["cycle"] == 7


def test_the_halt_file_is_a_halt_that_outlives_it(desk: Desk) -> None:
    desk.file.touch()
    desk.after(5.0)
    desk.file.unlink()
    desk.after(5.0)

    with desk.store.read() as c:
        rows = c.execute(sa.select(s.commands)).all()
    assert [(one.verb, one.who, one.state) for one in rows] == [("halt", "HALT file", "DONE")]
    assert len(desk.calls) == 2


def test_a_halt_that_holds_is_not_said_again(store: Store) -> None:
    assert latch(store, "supervisor", "first", BEGAN)
    assert not latch(store, "supervisor", "second", BEGAN + 1)
    commands.add(store.engine, "reset-kill-switch", {}, "me", "seen", BEGAN + 2)
    assert latch(store, "supervisor", "third", BEGAN + 3)
