"""What is done about an actor that dies or hangs: the policy, and the supervisor that carries it out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from actors.base import Health
from domain.errors import ActorLost
from orchestration.supervision import ALERT, HALT, NOTHING, RESTART, STOP, Budget, Seen, decide, settled
from orchestration.supervisor import Supervisor

NOW = 1000.0
BUDGET = Budget(restarts=5, window=60.0, patience=15.0)
GATE, EXECUTOR, VENUE, DRIVER = "RiskManager", "Executor", "VenueGateway:paper", "InstitutionalStrategy"
AGENT, HOST, FEED, OBSERVER = "PairAgent:EURUSD", "AgentHost:0 (EURUSD,BTC)", "MarketFeed", "Observer"
EVERYBODY = (GATE, EXECUTOR, VENUE, DRIVER, AGENT, HOST, FEED, OBSERVER)
BEYOND = {
    GATE: HALT,
    EXECUTOR: HALT,
    VENUE: HALT,
    DRIVER: STOP,
    AGENT: ALERT,
    HOST: ALERT,
    FEED: ALERT,
    OBSERVER: ALERT,
}


def seen(name: str = GATE, **more: Any) -> Seen:
    return Seen(name=name, **more)


def restarts(count: int, every: float = 1.0) -> tuple[float, ...]:
    return tuple(NOW - every * place for place in range(count, 0, -1))


# -- the policy --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERYBODY)
def test_an_actor_that_answers_is_left_alone(name: str) -> None:
    assert decide(seen(name), BUDGET, NOW).action == NOTHING
    assert decide(seen(name, waited=14.9), BUDGET, NOW).action == NOTHING


@pytest.mark.parametrize("name", EVERYBODY)
def test_one_that_died_and_came_back_is_told(name: str) -> None:
    found = decide(seen(name, restarts=restarts(1), came_back=True), BUDGET, NOW)
    assert (found.action, found.alert) == (ALERT, "ACTOR_RESTARTED")


@pytest.mark.parametrize("name", EVERYBODY)
def test_one_that_hangs_is_killed_within_the_budget(name: str) -> None:
    found = decide(seen(name, waited=15.0, restarts=restarts(4)), BUDGET, NOW)
    assert (found.action, found.alert) == (RESTART, "ACTOR_HANGS")


@pytest.mark.parametrize("name", EVERYBODY)
def test_beyond_the_budget_it_depends_on_what_is_missing(name: str) -> None:
    died = decide(seen(name, restarts=restarts(6)), BUDGET, NOW)
    hangs = decide(seen(name, restarts=restarts(5), waited=15.0), BUDGET, NOW)
    vain = decide(seen(name, restarts=restarts(2), waited=15.0, vain=2), BUDGET, NOW)

    assert [one.action for one in (died, hangs, vain)] == [BEYOND[name]] * 3
    assert name in died.reason
    assert "6 restarts within 60 s" in died.reason
    assert "killed 2 times in vain" in vain.reason


def test_restarts_before_the_window_do_not_count() -> None:
    assert decide(seen(restarts=restarts(6, every=12.0)), BUDGET, NOW).action == NOTHING
    assert decide(seen(restarts=restarts(6, every=9.0)), BUDGET, NOW).action == HALT


@pytest.mark.parametrize("name", EVERYBODY)
def test_one_that_failed_before_it_was_ready_stops_the_run_at_once(name: str) -> None:
    lost = decide(seen(name, ready_once=False, lost=True), BUDGET, NOW)
    hangs = decide(seen(name, ready_once=False, waited=15.0), BUDGET, NOW)

    assert lost.action == hangs.action == STOP
    assert lost.reason == f"{name} failed before it was ready"
    assert decide(seen(name, ready_once=False), BUDGET, NOW).action == NOTHING


@pytest.mark.parametrize("name", EVERYBODY)
def test_who_was_given_up_is_given_up_once(name: str) -> None:
    assert decide(seen(name, restarts=restarts(6), given_up=BEYOND[name]), BUDGET, NOW).action == NOTHING


def test_after_the_halt_a_gate_that_cannot_be_had_ends_the_run() -> None:
    found = decide(seen(GATE, restarts=restarts(2), waited=15.0, vain=2, given_up=HALT), BUDGET, NOW)
    assert found.action == STOP
    assert found.reason == "RiskManager cannot be had (killed 2 times in vain): the kill switch is latched"


def test_an_agent_that_was_given_up_is_killed_no_more() -> None:
    assert decide(seen(AGENT, waited=99.0, vain=2, given_up=ALERT), BUDGET, NOW).action == NOTHING


def test_who_is_quiet_for_a_window_has_its_budget_again() -> None:
    assert settled(seen(given_up=HALT), BUDGET, NOW)
    assert not settled(seen(given_up=HALT, restarts=restarts(1)), BUDGET, NOW)
    assert not settled(seen(given_up=HALT, waited=15.0), BUDGET, NOW)


# -- the supervisor ----------------------------------------------------------------------------------


class World:
    """Actors that answer, die and hang as they are told, and a clock that goes on by hand."""

    def __init__(self, *names: str, **budget: Any) -> None:
        self.now = 0.0
        self.pids = dict.fromkeys(names, 100)
        self.hanging: set[str] = set()
        self.lost: set[str] = set()
        self.unready: set[str] = set()
        self.asked: list[str] = []
        self.killed: list[str] = []
        self.alerts: list[tuple[str, str]] = []
        self.health: list[tuple[str, str, int | None]] = []
        self.latched: list[str] = []
        self.writable = True
        first = {name: Health(name=name, pid=100) for name in names}
        self.supervisor = Supervisor(self, first, Budget(**budget), self, lambda: self.now)

    def ask(self, name: str, method: str, *args: Any) -> Any:
        assert method == "health"
        self.asked.append(name)
        return name, self.pids[name]

    def answered(self, references: Sequence[Any]) -> list[bool]:
        return [name not in self.hanging for name, _ in references]

    def outcome(self, name: str, reference: Any, within: float) -> Any:
        assert name not in self.hanging, "it would wait"
        if name in self.lost:
            return ActorLost(name, "killed")
        return Health(name=name, pid=self.pids[name], ready=name not in self.unready, detail={"cycle": 7})

    def restart(self, name: str) -> None:
        self.killed.append(name)
        self.pids[name] += 1

    def alert(self, name: str, **facts: Any) -> None:
        self.alerts.append((name, facts["actor"]))

    def changed(self, actor: str, **facts: Any) -> None:
        assert facts["detail"] in ({"cycle": 7}, {})
        self.health.append((actor, facts["state"], facts["pid"]))

    def latch(self, reason: str) -> bool:
        if self.writable:
            self.latched.append(reason)
        return self.writable

    def after(self, seconds: float, every: float = 0.25) -> str | None:
        """What it says in the end, or after so many seconds of looks."""
        ends = self.now + seconds
        while self.now < ends:
            self.now += every
            said = self.supervisor.look()
            if said is not None:
                return said
        return None

    def die(self, name: str) -> None:
        self.pids[name] += 1


def test_health_is_told_when_it_changes_and_only_then() -> None:
    world = World(GATE, AGENT)
    world.after(10.0)
    assert world.health == []

    world.unready = {GATE}
    world.after(4.0)
    assert world.health == [(GATE, "starting", 100)]
    world.unready = set()
    world.lost = {AGENT}
    world.after(4.0)
    assert world.health[1:] == [(GATE, "ready", 100), (AGENT, "lost", None)]
    world.lost = set()
    world.die(AGENT)
    world.after(4.0)
    assert world.health[3:] == [(AGENT, "ready", 101)]
    world.die(AGENT)  # between two questions: nobody saw it gone, and it is another one
    world.after(4.0)
    assert world.health[4:] == [(AGENT, "ready", 102)]


def test_health_of_one_that_hangs_and_of_one_that_is_given_up() -> None:
    world = World(AGENT)
    world.hanging = {AGENT}
    world.after(16.0)
    assert world.health == [(AGENT, "hangs", 100), (AGENT, "lost", None)]
    world.after(60.0)
    assert [state for _, state, _ in world.health[-2:]] == ["lost", "given_up"]
    world.hanging = set()
    world.after(6.0)
    assert world.health[-1] == (AGENT, "ready", 102)


def test_everybody_is_asked_every_two_seconds_and_never_all_at_once() -> None:
    names = [f"PairAgent:{number}" for number in range(16)]
    world = World(*names)

    world.after(20.0)

    assert {world.asked.count(one) for one in names} <= {9, 10}
    world.asked.clear()
    world.after(0.5)
    assert len(world.asked) <= 5
    assert world.alerts == []


def test_one_that_owes_an_answer_is_asked_nothing_more() -> None:
    world = World(GATE, AGENT)
    world.hanging = {GATE}

    world.after(14.0)

    assert world.asked.count(GATE) == 1
    assert world.asked.count(AGENT) == 7
    assert world.killed == []


def test_one_that_hangs_is_killed_and_comes_back() -> None:
    world = World(GATE)
    world.hanging = {GATE}
    world.after(15.5)
    world.hanging = set()
    world.after(4.0)

    assert world.killed == [GATE]
    assert world.alerts == [("ACTOR_HANGS", GATE)]
    assert world.supervisor.waited(GATE) == 0.0


def test_a_supervisor_that_was_asleep_itself_blames_nobody() -> None:
    world = World(GATE)
    world.hanging = {GATE}
    world.after(1.0)

    world.after(600.0, every=100.0)

    assert world.killed == []


def test_deaths_are_counted_by_process_and_told() -> None:
    world = World(GATE, restarts=2)
    for _ in range(2):
        world.die(GATE)
        world.after(3.0)
    assert world.alerts == [("ACTOR_RESTARTED", GATE)] * 2

    world.die(GATE)
    world.after(3.0)

    assert world.alerts[2:] == [("HALTED_BY_SUPERVISOR", GATE)]
    assert world.latched == ["RiskManager: 3 restarts within 60 s"]
    world.die(GATE)
    assert world.after(3.0) is None
    assert len(world.latched) == 1


def test_a_budget_comes_back_after_a_quiet_window() -> None:
    world = World(GATE, restarts=0)
    world.die(GATE)
    world.after(3.0)
    world.after(70.0)
    world.die(GATE)
    world.after(3.0)

    assert len(world.latched) == 2


def test_a_halt_that_cannot_be_written_down_is_decided_again() -> None:
    world = World(EXECUTOR, restarts=0)
    world.writable = False
    world.die(EXECUTOR)
    world.after(3.0)
    assert (world.latched, world.alerts) == ([], [])

    world.writable = True
    world.after(1.0)

    assert world.latched == ["Executor: 1 restarts within 60 s"]


def test_a_gate_that_never_comes_back_halts_and_ends_the_run() -> None:
    world = World(GATE, AGENT)
    world.hanging = {GATE}

    said = world.after(120.0)

    assert said == "RiskManager cannot be had (killed 2 times in vain): the kill switch is latched"
    assert world.killed == [GATE, GATE]
    assert [name for name, _ in world.alerts] == [
        "ACTOR_HANGS",
        "ACTOR_HANGS",
        "HALTED_BY_SUPERVISOR",
        "STOPPED_BY_SUPERVISOR",
    ]


def test_one_that_is_lost_for_long_hangs() -> None:
    world = World(FEED)
    world.lost = {FEED}
    world.after(17.0)
    assert world.killed == [FEED]
    assert world.asked.count(FEED) > 10


def test_an_executor_that_dies_while_it_reconciles_ends_the_run() -> None:
    world = World(EXECUTOR)
    world.supervisor._watched[EXECUTOR].ready_once = False
    world.unready = {EXECUTOR}
    assert world.after(20.0) is None

    world.lost = {EXECUTOR}

    assert world.after(3.0) == "Executor failed before it was ready"


def test_what_a_closed_cycle_proves_counts_before_the_first_answer() -> None:
    world = World(EXECUTOR)
    world.supervisor._watched[EXECUTOR].ready_once = False
    world.supervisor.proven(EXECUTOR)
    world.unready = {EXECUTOR}
    assert world.after(20.0) is None

    world.lost = {EXECUTOR}

    assert world.after(3.0) is None


def test_a_driver_that_cannot_trust_its_state_begins_again_once_a_cycle() -> None:
    world = World(DRIVER)
    world.after(4.0)

    assert world.supervisor.reset("InvalidTransition: a bug") is None
    world.after(4.0)
    said = world.supervisor.reset("InvalidTransition: a bug")

    assert world.killed == [DRIVER]
    assert world.alerts == [("ACTOR_RESET", DRIVER)]
    assert said == "the driver failed twice after cycle 7: InvalidTransition: a bug"


def test_a_driver_is_killed_for_what_it_holds_only_if_it_owes_an_answer() -> None:
    world = World(DRIVER)
    world.after(4.0)
    world.supervisor.free("a halt waits")
    assert world.killed == []

    world.hanging = {DRIVER}
    world.after(5.0)
    world.supervisor.free("a halt waits")

    assert world.killed == [DRIVER]
    assert world.alerts == [("ACTOR_HANGS", DRIVER)]
