"""The matrix of the engine's states."""

from __future__ import annotations

import itertools

import pytest

from domain.engine_state import NEXT, PHASES, move, public
from domain.errors import InvalidTransition

# The matrix of system 004 (A2) with the corrections of design section 12.
TABLE = {
    "IDLE": "INITIALIZING SCANNING STOPPED ERROR EMERGENCY",
    "INITIALIZING": "SCANNING PAUSED ERROR EMERGENCY STOPPED",
    "SCANNING": "LEVEL_BUILDING MANAGING PAUSED ERROR EMERGENCY STOPPED",
    "LEVEL_BUILDING": "SIGNAL_WAIT SCANNING PAUSED ERROR EMERGENCY STOPPED",
    "SIGNAL_WAIT": "SIZING MANAGING SCANNING PAUSED ERROR EMERGENCY STOPPED",
    "SIZING": "EXECUTION SCANNING PAUSED ERROR EMERGENCY STOPPED",
    "EXECUTION": "MANAGING SCANNING PAUSED ERROR EMERGENCY STOPPED",
    "MANAGING": "SCANNING PAUSED ERROR EMERGENCY STOPPED",
    "PAUSED": "SCANNING MANAGING IDLE ERROR EMERGENCY STOPPED",
    "ERROR": "SCANNING MANAGING IDLE EMERGENCY STOPPED",
    "EMERGENCY": "SCANNING MANAGING STOPPED IDLE",
    "STOPPED": "IDLE INITIALIZING EMERGENCY",
}
LEGAL = {(state, to) for state, ends in TABLE.items() for to in ends.split()}
CYCLE = ["SCANNING", "LEVEL_BUILDING", "SIGNAL_WAIT", "SIZING", "EXECUTION", "MANAGING", "SCANNING"]


@pytest.mark.parametrize(("state", "to"), sorted(itertools.product(TABLE, repeat=2)))
def test_the_matrix_has_these_steps_and_no_other(state: str, to: str) -> None:
    if (state, to) in LEGAL:
        assert move(state, to) == to
    else:
        with pytest.raises(InvalidTransition, match=f"engine: {state} -> {to}"):
            move(state, to)


def test_a_cycle_walks_its_phases() -> None:
    assert [move(state, to) for state, to in itertools.pairwise(CYCLE)] == CYCLE[1:]


@pytest.mark.parametrize("phase", sorted(PHASES - {"SCANNING"}))
def test_a_phase_with_nothing_left_to_do_returns_to_scanning(phase: str) -> None:
    assert move(phase, "SCANNING") == "SCANNING"


@pytest.mark.parametrize("phase", sorted(PHASES))
def test_every_trading_state_can_be_paused(phase: str) -> None:
    assert move(phase, "PAUSED") == "PAUSED"


@pytest.mark.parametrize("state", sorted(set(TABLE) - {"EMERGENCY"}))
def test_an_emergency_is_legal_from_every_state(state: str) -> None:
    assert move(state, "EMERGENCY") == "EMERGENCY"


@pytest.mark.parametrize("held", ["SCANNING", "MANAGING"])
def test_resume_goes_on_with_or_without_positions(held: str) -> None:
    assert move("PAUSED", held) == move("EMERGENCY", held) == held


def test_events_call_every_phase_running() -> None:
    assert {public(one) for one in PHASES} == {"running"}
    assert [public(one) for one in NEXT if one not in PHASES] == [
        "idle",
        "initializing",
        "paused",
        "error",
        "emergency",
        "stopped",
    ]
