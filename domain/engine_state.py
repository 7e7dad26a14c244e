"""The engine's states and their matrix of transitions (design section 12)."""

from __future__ import annotations

from domain.errors import InvalidTransition

IDLE = "IDLE"
INITIALIZING = "INITIALIZING"
SCANNING = "SCANNING"
LEVEL_BUILDING = "LEVEL_BUILDING"
SIGNAL_WAIT = "SIGNAL_WAIT"
SIZING = "SIZING"
EXECUTION = "EXECUTION"
MANAGING = "MANAGING"
PAUSED = "PAUSED"
ERROR = "ERROR"
EMERGENCY = "EMERGENCY"
STOPPED = "STOPPED"

_ANY = frozenset({ERROR, EMERGENCY, STOPPED})

NEXT: dict[str, frozenset[str]] = {
    IDLE: _ANY | {INITIALIZING, SCANNING},
    INITIALIZING: _ANY | {SCANNING, PAUSED},
    SCANNING: _ANY | {LEVEL_BUILDING, MANAGING, PAUSED},
    LEVEL_BUILDING: _ANY | {SIGNAL_WAIT, SCANNING, PAUSED},
    SIGNAL_WAIT: _ANY | {SIZING, MANAGING, SCANNING, PAUSED},
    SIZING: _ANY | {EXECUTION, SCANNING, PAUSED},
    EXECUTION: _ANY | {MANAGING, SCANNING, PAUSED},
    MANAGING: _ANY | {SCANNING, PAUSED},
    PAUSED: _ANY | {SCANNING, MANAGING, IDLE},
    ERROR: _ANY - {ERROR} | {SCANNING, MANAGING, IDLE},
    EMERGENCY: frozenset({SCANNING, MANAGING, STOPPED, IDLE}),
    STOPPED: frozenset({IDLE, INITIALIZING, EMERGENCY}),
}

PHASES = frozenset({SCANNING, LEVEL_BUILDING, SIGNAL_WAIT, SIZING, EXECUTION, MANAGING})
"""The phases of a cycle: they live in memory and metrics, events call them running."""

BEFORE = frozenset({IDLE, INITIALIZING})
"""Before the engine is ready for its first cycle."""

COMMANDS: dict[str, tuple[str, ...]] = {
    "idle": ("pause", "halt"),
    "initializing": ("pause", "halt"),
    "running": ("pause", "halt", "close", "cancel"),
    "paused": ("resume", "halt", "close", "cancel"),
    "error": ("halt", "reset-kill-switch"),
    "emergency": ("reset-kill-switch", "halt", "pause", "close", "cancel"),
    "stopped": ("halt", "reset-kill-switch"),
}
"""What an operator may usefully say in each public state; halt and reset-kill-switch are obeyed in every one."""


def public(state: str) -> str:
    """The name that ENGINE_STATE events use."""
    return "running" if state in PHASES else state.lower()


def move(state: str, to: str) -> str:
    """The new state. Raises InvalidTransition if the matrix does not have the step."""
    if to not in NEXT[state]:
        raise InvalidTransition("engine", state, to)
    return to
