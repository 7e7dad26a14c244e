"""The engine's state as it moves: one lock, a short history, and who is told (design section 12)."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from actors.base import Failure, guarded
from domain import engine_state as states
from domain.errors import DeadlineMissed
from domain.ports import Clock

PATIENCE = 5.0
"""Seconds to wait for the lock."""
KEPT = 100
"""Transitions that are remembered."""


class Transition(msgspec.Struct, frozen=True, gc=False):
    """One step of the engine, at a time of the clock (UTC ns)."""

    before: str
    to: str
    why: str
    at: int
    metadata: Mapping[str, Any] = {}


_NOTHING: Mapping[str, Any] = {}


class EngineMachine:
    """Moves by the matrix of ``domain.engine_state``, and remembers what pause, resume and halt ask of it.

    Whoever is ``told`` is told outside the lock and in the order of the transitions, so it may move the engine
    itself; one that fails disturbs neither the engine nor the others and goes to ``report``. Steps between the
    phases of a cycle are remembered and not told.
    """

    def __init__(
        self,
        clock: Clock,
        told: tuple[Callable[[Transition], None], ...] = (),
        report: Callable[[Transition, str], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._clock, self._told, self._report, self._patience = clock, told, report, patience
        self._lock = threading.Lock()
        self._history: deque[Transition] = deque(maxlen=KEPT)
        self._untold: deque[Transition] = deque()
        self._telling = False
        self.state = states.IDLE
        self.paused = False

    @property
    def history(self) -> list[Transition]:
        """The last transitions, the oldest first."""
        with self._held():
            return list(self._history)

    @property
    def legal(self) -> frozenset[str]:
        """The states that may come next."""
        return states.NEXT[self.state]

    def transition(self, to: str, why: str, metadata: Mapping[str, Any] | None = None) -> bool:
        """Move; whether it moved: the same state again is ignored.

        Raises InvalidTransition if the matrix does not have the step, DeadlineMissed if the lock was not to be had.
        """
        with self._held():
            before = self.state
            if before == to:
                return False
            found = self._step(before, to, why, metadata or {})
            if states.public(before) != states.public(to):
                self._untold.append(found)
        self._tell()
        return True

    def walk(self, phase: str) -> None:
        """The next phase of a cycle; nothing while the engine is in none (paused, halted)."""
        before = self.state
        if before == phase or before not in states.PHASES:
            return
        self._acquire()
        try:
            if self.state in states.PHASES and self.state != phase:
                self._step(self.state, phase, "cycle", _NOTHING)
        finally:
            self._lock.release()

    # -- what is asked of it ---------------------------------------------------------------------

    def pause(self, why: str) -> None:
        """No new entries from now on; a halted engine is paused once it has been released."""
        self.paused = True
        if states.PAUSED in self.legal:
            self.transition(states.PAUSED, why)

    def resume(self, why: str, holding: bool) -> None:
        """Entries again: to MANAGING when positions are open, else to SCANNING."""
        self.paused = False
        if self.state == states.PAUSED:
            self.transition(states.MANAGING if holding else states.SCANNING, why)

    def follow(self, halted: bool, why: str, holding: bool) -> None:
        """EMERGENCY while the gate is halted; once it is released, as after a resume, and paused if it was."""
        if halted:
            self.transition(states.EMERGENCY, why)
        elif self.state == states.EMERGENCY:
            self.transition(states.MANAGING if holding else states.SCANNING, why)
            if self.paused:
                self.transition(states.PAUSED, "still paused")

    def fail(self, why: str) -> None:
        """ERROR; a halted engine stays where it is."""
        if states.ERROR in self.legal:
            self.transition(states.ERROR, why)

    # -- inside ----------------------------------------------------------------------------------

    def _step(self, before: str, to: str, why: str, metadata: Mapping[str, Any]) -> Transition:
        self.state = states.move(before, to)
        found = Transition(before, to, why, self._clock.now(), metadata)
        self._history.append(found)
        return found

    def _tell(self) -> None:
        """Everything that is untold, by one teller at a time: a nested transition is told after this one."""
        while True:
            with self._held():
                if self._telling or not self._untold:
                    return
                one, self._telling = self._untold.popleft(), True
            try:
                for told in self._told:
                    found = guarded(told, one)
                    if isinstance(found, Failure) and self._report is not None:
                        self._report(one, found.what)
            finally:
                self._telling = False

    @contextmanager
    def _held(self) -> Iterator[None]:
        self._acquire()
        try:
            yield
        finally:
            self._lock.release()

    def _acquire(self) -> None:
        if not self._lock.acquire(timeout=self._patience):
            raise DeadlineMissed("the lock of the engine's state", self._patience)
