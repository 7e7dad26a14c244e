"""``halt`` and the HALT file, obeyed also when the driver hangs: asked of the gate and the executor directly."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from actors.engine_commands import BY_ITSELF, latch, steps, verified
from actors.engine_records import alert, command_alert
from domain.ports import Clock
from journal import commands as table
from journal import schema as s
from journal.store import Store
from orchestration.supervision import EXECUTOR, GATE

EVERY = 0.5
"""Seconds between two looks for a halt."""
DRIVERS = 2.0
"""Seconds for the driver to answer it."""

_PENDING = (
    sa.select(s.commands)
    .where(s.commands.c.state == table.PENDING, s.commands.c.verb == "halt", s.commands.c.at >= sa.bindparam("since"))
    .order_by(s.commands.c.id)
)
_LAST = sa.select(s.cycles.c.n, s.cycles.c.at).where(s.cycles.c.run_id == sa.bindparam("run"))
_LAST = _LAST.order_by(s.cycles.c.n.desc()).limit(1)


class Asks(Protocol):
    """What it needs of the runtime."""

    def ask(self, name: str, method: str, *args: Any) -> Any: ...

    def outcome(self, name: str, reference: Any, within: float) -> Any: ...


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The run that may be halted. ``since``: its first command's time (UTC ns); ``deadline`` in seconds."""

    run_id: str
    live: bool
    since: int
    halt_file: str
    deadline: float


class Emergency:
    """Looks for halts that nobody has answered. What cannot be done now is tried again at the next look."""

    def __init__(self, actors: Asks, store: Store, run: Run, clock: Clock, ticks: Callable[[], float]) -> None:
        self._actors, self._store, self._run = actors, store, run
        self._clock, self._ticks = clock, ticks
        self._looked = ticks() - EVERY
        self._since: dict[int, float] = {}
        self._told: set[int] = set()
        self.wanted = False
        """Whether a halt waits that has not been carried out."""

    def look(self, driver_waits: float) -> None:
        """``driver_waits``: seconds for which the driver has owed an answer. Raises DatabaseAway."""
        now = self._ticks()
        if now - self._looked < EVERY:
            return
        self._looked = now
        if self._run.halt_file and os.path.exists(self._run.halt_file):
            self.wanted = True
            latch(self._store, "HALT file", f"the file {self._run.halt_file}", self._clock.now())
        with self._store.read() as c:
            pending = c.execute(_PENDING, {"since": self._run.since}).all()
        self.wanted = bool(pending)
        for one in pending:
            if now - self._since.setdefault(one.id, now) >= DRIVERS or driver_waits >= DRIVERS:
                self._act(one)

    def _act(self, command: Any) -> None:
        cycle, at = self._last()
        found = self._halt(bool(msgspec.json.decode(command.arguments).get("flatten")), at)
        now, run_id = self._clock.now(), self._run.run_id
        if not isinstance(found, dict):
            if command.id not in self._told:
                self._told.add(command.id)
                with self._store.transaction() as tx:
                    tx.emit(run_id, [alert("EMERGENCY_FAILED", now, by="supervisor", reason=str(found))])
            return
        said = msgspec.json.encode(found).decode()
        with self._store.transaction() as tx:
            self.wanted = False
            if table.answer(tx, command.id, table.DONE, said, now, run_id, cycle, "emergency"):
                told = alert("EMERGENCY", now, by="supervisor", reason=command.why or "halt", **found)
                asked = [command_alert(command, table.DONE, found, now)] if command.who not in BY_ITSELF else []
                tx.emit(run_id, [*asked, told])

    def _halt(self, flatten: bool, at: int) -> Any:
        """What was done and what the venue then had, or why it could not be done."""
        actors = self._actors
        done: dict[str, Any] = {}
        for exits in steps(flatten):
            within = self._run.deadline
            answer = actors.outcome(GATE, actors.ask(GATE, "emergency", exits, at), within)
            if isinstance(answer, BaseException):
                return answer
            within *= 1 + len(answer.orders) + len(answer.cancels)
            found = actors.outcome(EXECUTOR, actors.ask(EXECUTOR, "emergency", answer, at), within)
            if isinstance(found, BaseException):
                return found
            done = verified(answer, found, done)
        return done

    def _last(self) -> tuple[int, int]:
        """The last cycle that was opened, and the time at which an emergency acts: the clock's, or the run's T."""
        with self._store.read() as c:
            last = c.execute(_LAST, {"run": self._run.run_id}).first()
        n, at = (last.n, last.at) if last is not None else (0, 0)
        return n, self._clock.now() if self._run.live else at
