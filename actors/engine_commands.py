"""Commands of an operator to a running engine: rows of one table, obeyed at the steps of a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa

from actors.snapshot import GateSnapshot
from actors.specs import DriverSpec
from domain.candidate import Exit, identity
from domain.ports import Clock
from journal import commands as table
from journal import schema as s
from journal.store import Store

_WAITING = (
    sa.select(s.commands)
    .where(s.commands.c.state == table.PENDING, s.commands.c.at >= sa.bindparam("since"))
    .order_by(s.commands.c.id)
)


class Engine(Protocol):
    """What a command may do to the driver."""

    snapshot: GateSnapshot | None

    def pause(self, why: str) -> None: ...

    def resume(self, why: str) -> None: ...

    async def stop(self, reason: str) -> None: ...

    async def cancel(self, order_ids: Sequence[str]) -> dict[str, str]: ...


class Wanted(msgspec.Struct):
    """An operator's close that waits for its order: symbol, fraction, purpose, command."""

    symbol: str
    fraction: float
    purpose: str
    command: int


class EngineCommands:
    """Reads, obeys, answers. ``halt`` and ``reset-kill-switch`` are obeyed by the gate; here they are answered."""

    def __init__(self, engine: Engine, store: Store, spec: DriverSpec, clock: Clock) -> None:
        self._engine, self._store, self._spec, self._clock = engine, store, spec, clock
        self._closes: list[Wanted] = []

    async def obey(self, cycle: int, step: str) -> None:
        """Take up what waits since this run began; each answer says at which cycle and step it took effect."""
        with self._store.read() as c:
            waiting = c.execute(_WAITING, {"since": self._spec.started_at}).all()
        for one in waiting:
            state, answer = await self._one(one.verb, msgspec.json.decode(one.arguments), one.why, one.id)
            said = msgspec.json.encode(answer).decode()
            with self._store.transaction() as tx:
                table.answer(tx, one.id, state, said, self._clock.now(), self._spec.run.run_id, cycle, step)

    async def _one(self, verb: str, arguments: dict[str, Any], why: str, number: int) -> tuple[str, dict[str, Any]]:
        engine = self._engine
        match verb:
            case "pause":
                engine.pause(why or "operator")
            case "resume":
                engine.resume(why or "operator")
            case "stop":
                await engine.stop(why or "stopped")
            case "halt":
                if arguments.get("flatten"):
                    held = engine.snapshot.held if engine.snapshot else {}
                    return self._close({symbol: 1.0 for symbol in sorted(held)}, number)
            case "reset-kill-switch":
                pass
            case "cancel":
                found = await engine.cancel([arguments["order_id"]])
                return "DONE", found
            case "close":
                return self._close({arguments["symbol"]: float(arguments.get("fraction", 1.0))}, number)
            case _:
                return "REFUSED", {"reason": f"unknown command {verb!r}"}
        return "DONE", {}

    def _close(self, wanted: dict[str, float], number: int) -> tuple[str, dict[str, Any]]:
        held = self._engine.snapshot.held if self._engine.snapshot else {}
        closing = {symbol: fraction for symbol, fraction in wanted.items() if symbol in held}
        if wanted and not closing:
            return "REFUSED", {"reason": f"no position in {', '.join(wanted)}"}
        for symbol, fraction in closing.items():
            purpose = f"OPERATOR:{identity(self._spec.run.run_id, number)[:12]}"
            self._closes.append(Wanted(symbol, fraction, purpose, number))
        return "DONE", {"closing": sorted(closing)}

    def exits(self, at: int, strategy: str) -> list[Exit]:
        """The closes asked for since the last cycle, as exits of this one; kept until it has acted on them."""
        return [Exit(one.symbol, strategy, one.purpose, at, 0, one.fraction) for one in self._closes]

    def acted(self) -> None:
        """The gate has answered them: nothing is asked for any more."""
        self._closes = []
