"""The engine's state: every pair of states, its history, its lock, and who is told."""

from __future__ import annotations

import itertools
import threading

import pytest

from actors.engine_machine import KEPT, EngineMachine, Transition
from domain import engine_state as states
from domain.engine_state import NEXT
from domain.errors import DeadlineMissed, InvalidTransition

ROUTE = {
    "IDLE": "",
    "INITIALIZING": "INITIALIZING",
    "SCANNING": "SCANNING",
    "LEVEL_BUILDING": "SCANNING LEVEL_BUILDING",
    "SIGNAL_WAIT": "SCANNING LEVEL_BUILDING SIGNAL_WAIT",
    "SIZING": "SCANNING LEVEL_BUILDING SIGNAL_WAIT SIZING",
    "EXECUTION": "SCANNING LEVEL_BUILDING SIGNAL_WAIT SIZING EXECUTION",
    "MANAGING": "SCANNING MANAGING",
    "PAUSED": "SCANNING PAUSED",
    "ERROR": "ERROR",
    "EMERGENCY": "EMERGENCY",
    "STOPPED": "STOPPED",
}
"""How each state is reached from the first one."""


class Ticking:
    """A clock that goes on by one with every look."""

    def __init__(self) -> None:
        self.at = 0

    def now(self) -> int:
        self.at += 1
        return self.at


def at(state: str, **more: object) -> EngineMachine:
    machine = EngineMachine(Ticking(), **more)  # type: ignore[arg-type]
    for one in ROUTE[state].split():
        machine.transition(one, "on the way")
    return machine


@pytest.mark.parametrize(("state", "to"), sorted(itertools.product(NEXT, repeat=2)))
def test_it_moves_by_the_matrix_and_ignores_the_same_state(state: str, to: str) -> None:
    machine = at(state)
    before = machine.history

    if state == to:
        assert not machine.transition(to, "again")
        assert machine.history == before
    elif to in NEXT[state]:
        assert machine.transition(to, "because", {"by": "test"})
        assert machine.history[-1] == Transition(state, to, "because", len(before) + 1, {"by": "test"})
        assert machine.state == to
    else:
        with pytest.raises(InvalidTransition):
            machine.transition(to, "because")
        assert (machine.state, machine.history) == (state, before)


def test_the_legal_next_states_are_those_of_the_matrix() -> None:
    assert all(at(state).legal == NEXT[state] for state in NEXT)


def test_a_cycle_is_walked_and_remembered_and_not_told() -> None:
    told: list[Transition] = []
    machine = at("SCANNING", told=(told.append,))
    told.clear()
    cycle = ["LEVEL_BUILDING", "SIGNAL_WAIT", "SIZING", "EXECUTION", "MANAGING", "SCANNING"]

    for phase in cycle:
        machine.walk(phase)

    assert [one.to for one in machine.history[-6:]] == cycle
    assert told == []


@pytest.mark.parametrize("state", ["PAUSED", "EMERGENCY", "ERROR", "STOPPED", "IDLE"])
def test_no_phase_is_walked_outside_a_cycle(state: str) -> None:
    machine = at(state)
    machine.walk(states.SIZING)
    assert machine.state == state


def test_a_walk_outside_the_matrix_is_a_bug() -> None:
    with pytest.raises(InvalidTransition, match="SCANNING -> EXECUTION"):
        at("SCANNING").walk(states.EXECUTION)


def test_the_last_hundred_transitions_are_kept() -> None:
    machine = at("SCANNING")
    for number in range(KEPT):
        machine.transition(states.PAUSED if number % 2 == 0 else states.SCANNING, str(number))

    assert len(machine.history) == KEPT == 100
    assert [one.why for one in machine.history] == [str(number) for number in range(KEPT)]


def test_who_is_told_is_told_outside_the_lock_and_may_move_the_engine() -> None:
    told: list[str] = []

    def go_on(one: Transition) -> None:
        if one.to == states.INITIALIZING:
            assert machine.transition(states.SCANNING, "ready at once")

    def listen(one: Transition) -> None:
        told.append(f"{one.before} {one.to}")

    machine = EngineMachine(Ticking(), (go_on, listen), patience=0.05)
    machine.transition(states.INITIALIZING, "start")

    assert machine.state == states.SCANNING
    assert told == ["IDLE INITIALIZING", "INITIALIZING SCANNING"]


def test_one_that_fails_disturbs_nobody_and_is_reported() -> None:
    told: list[str] = []
    reported: list[tuple[str, str]] = []

    def fail(one: Transition) -> None:
        raise RuntimeError("no")

    machine = EngineMachine(
        Ticking(), (fail, lambda one: told.append(one.to)), lambda one, what: reported.append((one.to, what))
    )
    machine.transition(states.INITIALIZING, "start")

    assert (machine.state, told) == ("INITIALIZING", ["INITIALIZING"])
    assert reported == [("INITIALIZING", "RuntimeError: no")]


def test_a_lock_that_is_not_to_be_had_is_an_error_and_moves_nothing() -> None:
    machine = at("SCANNING", patience=0.01)
    held, release = threading.Event(), threading.Event()

    class Slow:
        def now(self) -> int:
            held.set()
            assert release.wait(60)
            return 7

    machine._clock = Slow()
    holder = threading.Thread(target=machine.transition, args=(states.PAUSED, "slowly"))
    holder.start()
    assert held.wait(60)
    try:
        for attempt in (lambda: machine.transition(states.STOPPED, "now"), lambda: machine.walk(states.LEVEL_BUILDING)):
            machine.state = states.SCANNING  # as whoever looks before the other has moved sees it
            with pytest.raises(DeadlineMissed, match=r"the lock of the engine's state did not answer within 0.01 s"):
                attempt()
    finally:
        release.set()
        holder.join()
    assert [one.to for one in machine.history] == ["SCANNING", "PAUSED"]


def test_threads_that_move_at_once_make_one_history() -> None:
    told: list[Transition] = []
    machine = at("SCANNING", told=(told.append,))
    told.clear()

    def toggle() -> None:
        for _ in range(200):
            for to in (states.PAUSED, states.SCANNING):
                machine.transition(to, "toggle")

    threads = [threading.Thread(target=toggle) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert all(one.to == next.before for one, next in itertools.pairwise(told))
    assert all(one.to == next.before for one, next in itertools.pairwise(machine.history))
    assert [one.at for one in told] == sorted(one.at for one in told)


# -- what is asked of it -----------------------------------------------------------------------------


@pytest.mark.parametrize(("holding", "to"), [(True, "MANAGING"), (False, "SCANNING")])
def test_resume_and_release_go_to_managing_when_positions_are_open(holding: bool, to: str) -> None:
    paused, halted = at("SIZING"), at("SIZING")
    paused.pause("operator")
    assert (paused.state, paused.paused) == ("PAUSED", True)
    paused.resume("operator", holding)
    assert (paused.state, paused.paused) == (to, False)

    halted.follow(True, "HALT", holding)
    assert halted.state == "EMERGENCY"
    halted.follow(False, "kill switch reset", holding)
    assert halted.state == to


def test_an_engine_that_was_paused_before_its_emergency_is_paused_after_it() -> None:
    machine = at("SCANNING")
    machine.pause("operator")
    machine.follow(True, "HALT", True)
    machine.follow(True, "HALT", True)
    assert (machine.state, len(machine.history)) == ("EMERGENCY", 3)

    machine.follow(False, "reset", True)

    assert (machine.state, machine.paused) == ("PAUSED", True)


def test_a_pause_in_an_emergency_holds_once_it_is_over() -> None:
    machine = at("EMERGENCY")
    machine.pause("operator")
    assert machine.state == "EMERGENCY"
    machine.follow(False, "reset", False)
    assert machine.state == "PAUSED"


@pytest.mark.parametrize(("state", "after"), [("SIZING", "ERROR"), ("PAUSED", "ERROR"), ("EMERGENCY", "EMERGENCY")])
def test_a_halted_engine_that_fails_stays_halted(state: str, after: str) -> None:
    machine = at(state)
    machine.fail("no gate")
    assert machine.state == after
