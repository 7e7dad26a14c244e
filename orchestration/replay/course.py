"""The record of a run as a replay walks along it: its cycles, and what reached it from outside at which step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from actors.inputs import Reading, absences
from actors.snapshot import GateSnapshot, decode
from actors.weighing import Weighed, weighed
from domain import order as orders
from domain.events import ALERT, CANDIDATE, RISK_APPROVED, RISK_DENIED, SCAN_START, SCAN_SUMMARY
from journal import commands as table
from journal import schema as s
from orchestration.frozen import Recorded
from risk.state import HALTED, TradingState

AHEAD = 500
"""Cycles that are read at once."""
BY_A_PERSON = ("HALT", "HALT_FILE")
"""Codes of a kill switch that a person has latched; what a limit latches is decided again."""
STEPS = {"open": 0, "emergency": 1, "wait": 2}
"""Steps at which commands take effect, in their order within a cycle."""
RECEIVED = {orders.ACCEPTED, orders.TRIGGERED, orders.PARTIALLY_FILLED, orders.FILLED}
"""Statuses that an order only has when the venue took it."""


class Cycle(NamedTuple):
    """One recorded cycle. Its T, and the clock's time at which it decided (both ns)."""

    n: int
    at: int
    now: int
    digest: str
    closed: bool
    snapshot: GateSnapshot


class Command(NamedTuple):
    """An operator's command with the cycle and step at which it took effect."""

    id: int
    verb: str
    arguments: dict[str, Any]
    why: str
    who: str
    cycle: int
    step: str


class Course:
    """Where the replay is: ``n`` is the cycle under way, 0 before the first. It is a clock too."""

    def __init__(self, reading: Reading, found: Recorded) -> None:
        self._reading, self._found = reading, found
        self._cycles: dict[int, Cycle] = {}
        self.n = 0
        with reading() as c:
            opened = c.execute(sa.select(sa.func.max(s.cycles.c.n)).where(_of(s.cycles, found))).scalar() or 0
            self.last = min(opened, found.closed + 1)  # its engine may still go on
            self._changes = _changes(c, found)
            self._commands = _commands(c, found)
            self.unsent = _unsent(c, found)
        self.spoken = bool(self._commands)
        self._absences = absences(reading, found.run_id)
        self._halted, self._halted_at = TradingState(), 0

    # -- cycles ----------------------------------------------------------------------------------

    def cycle(self, n: int) -> Cycle:
        """One recorded cycle; the next ones are read with it."""
        if n not in self._cycles:
            some = _of(s.cycles, self._found) & s.cycles.c.n.between(n, n + AHEAD - 1)
            with self._reading() as c:
                rows = c.execute(sa.select(s.cycles).where(some)).all()
            self._cycles = {row.n: _cycle(row) for row in rows}
        return self._cycles[n]

    def cycles(self) -> Iterator[Cycle]:
        return map(self.cycle, range(1, self.last + 1))

    @property
    def at(self) -> int:
        """The T of the cycle under way (ns)."""
        return self.cycle(self.n).at if self.n else self._found.warmed_until

    def now(self) -> int:
        """The clock's time at which the cycle under way decided (ns)."""
        return self.cycle(self.n).now if self.n else self._found.started_at

    # -- what came from outside ------------------------------------------------------------------

    def waiting(self) -> bool:
        """Whether an operator was heard between this cycle and the next."""
        return bool(self._commands) and self._commands[0].cycle <= self.n

    def due(self, cycle: int, step: str) -> Iterator[Command]:
        """Commands that took effect up to here and have not been given yet."""
        while self._commands:
            one = self._commands[0]
            if self._place(one) > (cycle, STEPS[step]):
                return
            del self._commands[0]
            if one.verb == "halt":
                self._halted, self._halted_at = TradingState(HALTED, "HALT", one.why or "halt"), self.n
            yield one

    def _place(self, one: Command) -> tuple[int, int]:
        """Cycle and step. What the supervisor did for a driver that hung came before the answers of that cycle if the
        gate was halted before them."""
        late = one.step == "emergency" and one.cycle not in self._changes
        return one.cycle, STEPS["wait" if late else one.step]

    def gate(self, step: str) -> TradingState:
        """Where the gate stood at this step of the cycle under way."""
        if step == "emergency":
            return self._halted
        if step == "reserve" and self.n in self._changes:
            return self._changes[self.n]
        if step == "reserve" and self._halted_at == self.n:
            return self._halted
        return self.cycle(self.n).snapshot.state if self.n else TradingState()

    def weighed(self, n: int, at: int) -> list[Weighed]:
        """What research had made of the candidates of that cycle, as its driver took it."""
        return weighed(self._reading, self._found.run_id, n, at) or []

    def absent(self, n: int) -> dict[str, str]:
        """Symbols that had no host in that cycle, with the reason."""
        return self._absences.at(n)


def _of(of: sa.Table, found: Recorded) -> sa.ColumnElement[bool]:
    return of.c.run_id == found.run_id


def _cycle(row: Any) -> Cycle:
    return Cycle(row.n, row.at, row.now or row.at, row.digest, row.closed, decode(row.snapshot))


def _commands(c: sa.Connection, found: Recorded) -> list[Command]:
    of = s.commands.c
    taken = sa.select(s.commands).where(_of(s.commands, found), of.state == table.DONE, of.cycle.is_not(None))
    return [
        Command(one.id, one.verb, msgspec.json.decode(one.arguments), one.why, one.who, one.cycle, one.step)
        for one in c.execute(taken.order_by(of.id))
    ]


def _changes(c: sa.Connection, found: Recorded) -> dict[int, TradingState]:
    """By cycle, where the gate stood when it answered, if it was halted or released after the snapshot."""
    of = s.events.c
    alerts = sa.select(of.seq, of.body).where(_of(s.events, found), of.type == ALERT).order_by(of.seq)
    changes: dict[int, TradingState] = {}
    for seq, body in c.execute(alerts).all():
        told = msgspec.json.decode(body)
        if told.get("alert") != "TRADING_STATE" or HALTED not in (told["from"], told["to"]):
            continue
        n = _deciding(c, found, seq)
        if n:
            changes[n] = TradingState(told["to"], told["code"], told["value"], told["threshold"])
    return changes


def _deciding(c: sa.Connection, found: Recorded, seq: int) -> int:
    """The cycle that had not decided yet when this event was written; 0 if it had, or if nothing is left to tell."""
    start, summary = (_before(c, found, (kind,), seq) for kind in (SCAN_START, SCAN_SUMMARY))
    if start is None:
        first = sa.select(sa.func.min(s.events.c.seq)).where(_of(s.events, found), s.events.c.type == SCAN_START)
        seen = c.execute(first).scalar()
        return 1 if seen is None or _number(c, seen) == 1 else 0
    if summary is not None and summary > start:
        return _number(c, start) + 1
    decided = _before(c, found, (CANDIDATE, RISK_APPROVED, RISK_DENIED), seq)
    return 0 if decided is not None and decided > start else _number(c, start)


def _before(c: sa.Connection, found: Recorded, kinds: tuple[str, ...], seq: int) -> int | None:
    """The last event of one of these types before this one."""
    of = s.events.c
    query = sa.select(of.seq).where(_of(s.events, found), of.type.in_(kinds), of.seq < seq)
    return c.execute(query.order_by(of.seq.desc()).limit(1)).scalar()


def _number(c: sa.Connection, seq: int) -> int:
    body = c.execute(sa.select(s.events.c.body).where(s.events.c.seq == seq)).scalar_one()
    return int(msgspec.json.decode(body)["cycle"])


def _unsent(c: sa.Connection, found: Recorded) -> dict[str, tuple[str, str]]:
    """Orders that the venue never took, with the last status and code: too late, unreachable, or never answered."""
    of = s.order_events.c
    taken = sa.func.sum(sa.case((of.status.in_(sorted(RECEIVED)), 1), else_=0))
    never = sa.select(sa.func.max(of.seq)).join(s.orders, s.orders.c.id == of.order_id)
    never = never.where(_of(s.orders, found), of.code != "OPERATOR")
    last = sa.select(of.order_id, of.status, of.code).where(of.seq.in_(never.group_by(of.order_id).having(taken == 0)))
    return {order_id: (status, code) for order_id, status, code in c.execute(last)}
