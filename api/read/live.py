"""Who lives on the database, in which state, and what may be asked of it."""

from __future__ import annotations

import socket
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from api import queries
from api.errors import scrubbed
from api.runs import Run
from domain.timeframe import iso, nanos
from journal import codec
from journal import schema as s
from journal.lease import Lease
from orchestration.terminal import latches
from orchestration.terminal.place import halt_file, lives, now, process_since

Plain = dict[str, Any]

IDLE, INITIALIZING, STOPPED = "idle", "initializing", "stopped"

START, STOP, PAUSE, RESUME, RELOAD = "start", "stop", "pause", "resume", "reload"
EMERGENCY_STOP, RESET = "emergency-stop", "reset-kill-switch"
CLOSE, CANCEL, REMOVE_LOCK = "close", "cancel", "remove-lock"

WITH_AN_ENGINE: dict[str, tuple[str, ...]] = {
    "idle": (EMERGENCY_STOP, STOP, PAUSE),
    "initializing": (EMERGENCY_STOP, STOP, PAUSE),
    "running": (EMERGENCY_STOP, STOP, PAUSE, RELOAD, CLOSE, CANCEL, REMOVE_LOCK),
    "paused": (EMERGENCY_STOP, STOP, RESUME, RELOAD, CLOSE, CANCEL, REMOVE_LOCK),
    "error": (EMERGENCY_STOP, STOP, REMOVE_LOCK),
    "emergency": (EMERGENCY_STOP, STOP, PAUSE, RELOAD, CLOSE, CANCEL, REMOVE_LOCK),
    "stopped": (EMERGENCY_STOP,),
}
"""What may be asked in each public state of a living engine; a reset too wherever a latch stands."""
WITHOUT = (EMERGENCY_STOP, REMOVE_LOCK)
"""What needs no engine; a start too, where the server may start one."""


def holder(c: Connection) -> Lease | None:
    """The engine that holds the database and lives."""
    row = c.execute(select(s.lease)).mappings().one_or_none()
    if row is None:
        return None
    found = Lease(**{name: row[name] for name in Lease.__struct_fields__})
    return found if lives(found, now(), socket.gethostname(), process_since) else None


class Engine:
    """One run's engine as the database tells of it. ``state`` is the public one of ENGINE_STATE."""

    def __init__(self, c: Connection, run: Run | None, history: int = 1) -> None:
        self.run = run
        held = holder(c)
        newest = c.execute(select(s.runs.c.run_id).order_by(s.runs.c.epoch.desc()).limit(1)).scalar()
        self.newest = run is None or run.run_id == newest
        """Whether this is the run that commands are meant for."""
        self.lease = held if held is not None and run is not None and held.run_id == run.run_id else None
        unknown = held is not None and c.execute(select(s.runs).where(s.runs.c.run_id == held.run_id)).first() is None
        self.starting = unknown and self.newest
        """An engine lives whose run is not written down yet."""
        self.alive = self.lease is not None or self.starting
        self.history = queries.engine_states(c, run.run_id, history) if run is not None else []
        self.cycle = queries.last_cycle(c, run.run_id) if run is not None else None
        self.latches = latches.standing(c, run.account if run else None, halt_file())

    @property
    def last(self) -> Plain | None:
        return self.history[-1]["data"] | {"at": iso(self.history[-1]["at"])} if self.history else None

    @property
    def state(self) -> str:
        if self.starting:
            return INITIALIZING
        if self.lease is not None:
            said = self.last
            return str(said["state"]) if said is not None and self._of_this_engine(said) else INITIALIZING
        return IDLE if self.run is None else STOPPED

    def _of_this_engine(self, said: Plain) -> bool:
        """A run that goes on still has the last word of the engine before."""
        assert self.lease is not None
        since = said.get("since")
        return since is None or nanos(datetime.fromisoformat(since)) >= self.lease.started_at

    @property
    def latched(self) -> bool:
        return bool(self.latches)

    def legal(self, beside: bool) -> tuple[str, ...]:
        """What may be asked now; nothing of a run that is over. ``beside``: the server starts none."""
        if not self.newest:
            return ()
        found = WITH_AN_ENGINE.get(self.state, WITHOUT) if self.alive else WITHOUT + (() if beside else (START,))
        if self.run is None or not self.run.live:  # nothing of such a run is read again
            found = tuple(one for one in found if one != RELOAD)
        return found + ((RESET,) if self.latched else ())

    def facts(self, beside: bool, times: list[float]) -> Plain:
        """As /api/engine tells it."""
        said, run, cycle, held = self.last, self.run, self.cycle, self.lease
        ended = run is not None and run.ended_at is not None
        return {
            "state": self.state,
            "since": (said["since"] if said and said.get("since") else said["at"] if said else None),
            "reason": said["reason"] if said else "",
            "alive": self.alive,
            "orderly": self.alive or run is None or ended,
            "legal": list(self.legal(beside)),
            "trading": "HALTED" if self.latched else "ACTIVE",
            "latches": [latch(one) for one in self.latches],
            "run": None if run is None else run.run_id,
            "exit_reason": None if run is None else run.exit_reason,
            "cycle": None if cycle is None else cycle["n"],
            "cycle_at": None if cycle is None else iso(cycle["at"]),
            "cycle_times_ms": times,
            "history": [_transition(one) for one in self.history],
            "process": None if held is None else _process(held),
        }


def latch(found: Plain) -> Plain:
    """As an answer has it, without paths of this machine."""
    told = {name: found.get(name) for name in ("code", "reason", "at", "who", "value", "threshold")}
    return told | {"reason": scrubbed(str(told["reason"]))} if found["code"] == "HALT_FILE" else told


def cycle_times(c: Connection, run: Run, limit: int) -> list[float]:
    """How long the newest cycles took (ms), oldest first."""
    heads = (codec.facts(one["body"]) for one in queries.scans(c, run.run_id, limit))
    found = [one.get("last_cycle_ms") for one in heads]
    return [one for one in found if one is not None][::-1]


def _transition(event: Plain) -> Plain:
    told = event["data"]
    known = {name: told.get(name) for name in ("from", "state", "reason", "since")}
    metadata = {name: one for name, one in told.items() if name not in (*known, "simulated")}
    return {
        "seq": event["seq"],
        "from": known["from"],
        "to": known["state"],
        "reason": known["reason"],
        "at": known["since"] or iso(event["at"]),
        "metadata": metadata,
    }


def _process(held: Lease) -> Plain:
    return {
        "pid": held.pid,
        "host": held.host,
        "epoch": held.epoch,
        "started_at": iso(held.started_at),
        "beat_at": iso(held.beat_at),
        "beat_age_s": round(max(0, now() - held.beat_at) / 1e9, 1),
    }
