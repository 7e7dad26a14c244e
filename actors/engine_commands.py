"""Commands of an operator to a running engine: rows of one table, obeyed at the steps of a cycle."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from actors.engine_machine import EngineMachine
from actors.engine_records import alert, command_alert
from actors.risk_manager import GateAnswer
from actors.snapshot import GateSnapshot
from actors.specs import DriverSpec
from domain import engine_state as states
from domain.candidate import Exit, identity
from domain.errors import ActorLost, DatabaseAway, DeadlineMissed, Refused, VenueError
from domain.money import from_text
from domain.ports import Clock
from journal import commands as table
from journal import schema as s
from journal.store import Store
from risk.news import Calendar

BY_ITSELF = ("news", "HALT file", "supervisor")
"""Who asks for what the program does by itself; what somebody else asks is told as an event."""
NO_ANSWER = (ActorLost, DeadlineMissed, DatabaseAway, VenueError)
"""What an emergency may meet: it is tried again at the next step."""

_WAITING = (
    sa.select(s.commands)
    .where(s.commands.c.state == table.PENDING, s.commands.c.at >= sa.bindparam("since"))
    .order_by(s.commands.c.id)
)
_TAKEN = (
    sa.select(s.commands)
    .where(s.commands.c.run_id == sa.bindparam("run"), s.commands.c.verb == "close", s.commands.c.state == table.DONE)
    .where(
        sa.or_(
            (s.commands.c.cycle == sa.bindparam("closed")) & (s.commands.c.step == "wait"),
            (s.commands.c.cycle == sa.bindparam("closed") + 1) & (s.commands.c.step == "open"),
        )
    )
    .order_by(s.commands.c.id)
)
"""Closes that were promised for the cycle after the last closed one."""


_LAST_WORD = (
    sa.select(s.commands.c.verb, s.commands.c.why)
    .where(s.commands.c.verb.in_(("halt", "reset-kill-switch")))
    .order_by(s.commands.c.id.desc())
    .limit(1)
)


def latch(store: Store, who: str, why: str, at: int) -> bool:
    """A ``halt`` of the whole database that lasts until a person resets it; False if one holds already."""
    with store.transaction() as tx:
        if _halt(tx.connection) is not None:
            return False
        row = {"at": at, "verb": "halt", "arguments": "{}", "who": who, "why": why, "state": table.PENDING}
        tx.insert(s.commands, [row])
    return True


def _halt(connection: sa.Connection) -> str | None:
    """Why the whole database is halted, if it is."""
    said = connection.execute(_LAST_WORD).first()
    return said.why if said is not None and said.verb == "halt" else None


def steps(flatten: bool) -> tuple[bool, ...]:
    """What the gate is asked for, one after the other: first only cancels, then the exits. A reversal that is cancelled
    closes nothing, and one that filled meanwhile has closed already: what is left to exit is known only afterwards."""
    return (False, True) if flatten else (False,)


def verified(answer: GateAnswer, found: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """What an emergency has done up to this step, for the answer of its command: verified when no entry is left at
    the venue. ``closing`` also names what an exit from before already closes; ``before`` is the step before."""
    return {
        **found,
        "cancelled": before.get("cancelled", {}) | found["cancelled"],
        "closing": sorted({one.symbol for one in answer.orders}.union(found["closing"])),
        "verified": not found["left"],
    }


class Engine(Protocol):
    """What a command may do to the driver."""

    snapshot: GateSnapshot | None

    async def stop(self, reason: str) -> None: ...

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]: ...

    async def resolve(self, order_id: str, status: str, quantity: int, price: int, who: str) -> str: ...

    async def unlock(self, lock_id: str, why: str, who: str) -> bool: ...

    async def calendar(self, calendar: Calendar) -> None: ...

    async def emergency(self, flatten: bool) -> dict[str, Any]:
        """Cancel working entries, close every position if asked, and what the venue then says."""
        ...


class Wanted(msgspec.Struct):
    """An operator's close that waits for its order: symbol, fraction, purpose, command."""

    symbol: str
    fraction: float
    purpose: str
    command: int


class EngineCommands:
    """Reads, obeys, answers. The gate obeys ``halt`` and ``reset-kill-switch`` by itself; here working entries are
    cancelled, positions closed if asked, and the answer says what the venue then had."""

    def __init__(self, engine: Engine, machine: EngineMachine, store: Store, spec: DriverSpec, clock: Clock) -> None:
        self._engine, self._machine = engine, machine
        self._store, self._spec, self._clock = store, spec, clock
        self._closes: list[Wanted] = []

    def restore(self, closed: int) -> None:
        """Closes that a process before this one promised for the cycle after the last closed one."""
        with self._store.read() as c:
            taken = c.execute(_TAKEN, {"run": self._spec.run.run_id, "closed": closed}).all()
        for one in taken:
            arguments = msgspec.json.decode(one.arguments)
            self._want(arguments["symbol"], float(arguments.get("fraction", 1.0)), one.id)

    def halted(self) -> str:
        """Why the engine starts halted; empty if it does not."""
        with self._store.read() as c:
            why = _halt(c)
        return "" if why is None else f"still halted: {why or 'halt'}"

    async def obey(self, cycle: int, step: str) -> None:
        """Take up what waits since this run began; each answer says at which cycle and step it took effect."""
        self._look_for_file()
        with self._store.read() as c:
            waiting = c.execute(_WAITING, {"since": self._spec.started_at}).all()
        for one in waiting:
            found = await self._one(one.verb, msgspec.json.decode(one.arguments), one.why, one.id, one.who)
            if found is None:
                continue
            state, answer = found
            said, now = msgspec.json.encode(answer).decode(), self._clock.now()
            drafts = [command_alert(one, state, answer, now)] if one.who not in BY_ITSELF else []
            if one.verb == "halt":
                drafts.append(alert("EMERGENCY", now, by="driver", reason=one.why or "halt", **answer))
            with self._store.transaction() as tx:
                run_id = self._spec.run.run_id
                if table.answer(tx, one.id, state, said, now, run_id, cycle, step):
                    tx.emit(run_id, drafts)

    async def _one(
        self, verb: str, arguments: dict[str, Any], why: str, number: int, who: str = ""
    ) -> tuple[str, dict[str, Any]] | None:
        """The answer; None to be asked again at the next step."""
        engine, machine = self._engine, self._machine
        match verb:
            case "pause":
                machine.pause(why or "operator")
            case "resume":
                if machine.state == states.EMERGENCY:
                    return table.REFUSED, {"reason": "the kill switch is latched: reset-kill-switch --reason … first"}
                machine.resume(why or "operator", self.holding)
            case "stop":
                await engine.stop(f"stopped: {why}" if why else "stopped")
            case "halt":
                return await self._halt(bool(arguments.get("flatten")), why)
            case "reset-kill-switch":
                pass
            case "cancel":
                return table.DONE, await engine.cancel([arguments["order_id"]])
            case "close":
                return self._close(arguments["symbol"], float(arguments.get("fraction", 1.0)), number)
            case "resolve":
                return await self._resolve(arguments, who)
            case "calendar":
                await engine.calendar(msgspec.convert(arguments["calendar"], Calendar))
            case "remove-lock":
                if not await engine.unlock(arguments["id"], why, who):
                    return table.REFUSED, {"reason": f"no lock {arguments['id']} holds"}
            case _:
                return table.REFUSED, {"reason": f"unknown command {verb!r}"}
        return table.DONE, {}

    async def _resolve(self, arguments: dict[str, Any], who: str) -> tuple[str, dict[str, Any]]:
        order_id, quantity, price = arguments["order_id"], arguments["quantity"], arguments["price"]
        try:
            said = (order_id, arguments["status"], from_text(quantity), from_text(price), who)
            status = await self._engine.resolve(*said)
        except Refused as refusal:
            return table.REFUSED, {"reason": refusal.what}
        return table.DONE, {order_id: status}

    @property
    def holding(self) -> bool:
        """Whether positions are open, as of the last snapshot."""
        return bool(self._engine.snapshot and self._engine.snapshot.held)

    # -- halt ------------------------------------------------------------------------------------

    async def _halt(self, flatten: bool, why: str) -> tuple[str, dict[str, Any]] | None:
        self._machine.follow(True, f"HALT: {why or 'halt'}", self.holding)
        try:
            return table.DONE, await self._engine.emergency(flatten)
        except NO_ANSWER:
            return None

    def _look_for_file(self) -> None:
        """The HALT file is as good as a command, and holds like one when it is gone."""
        halt_file = self._spec.run.halt_file
        if halt_file and os.path.exists(halt_file):
            latch(self._store, "HALT file", f"the file {halt_file}", self._clock.now())

    # -- closes ----------------------------------------------------------------------------------

    def _close(self, symbol: str, fraction: float, number: int) -> tuple[str, dict[str, Any]]:
        held = self._engine.snapshot.held if self._engine.snapshot else {}
        if symbol not in held:
            return table.REFUSED, {"reason": f"no position in {symbol}"}
        self._want(symbol, fraction, number)
        return table.DONE, {"closing": [symbol]}

    def _want(self, symbol: str, fraction: float, number: int) -> None:
        if all(one.command != number for one in self._closes):
            purpose = f"OPERATOR:{identity(self._spec.run.run_id, number)[:12]}"
            self._closes.append(Wanted(symbol, fraction, purpose, number))

    def exits(self, at: int, strategy: str) -> list[Exit]:
        """The closes asked for since the last cycle, as exits of this one; kept until it has acted on them."""
        return [Exit(one.symbol, strategy, one.purpose, at, 0, one.fraction) for one in self._closes]

    def acted(self) -> None:
        """The gate has answered them: nothing is asked for any more."""
        self._closes = []
