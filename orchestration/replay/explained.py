"""A decision of a recorded run as it was made: the run is played again up to there, and its gate keeps the ladder."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import sqlalchemy as sa

from actors.inputs import Reading
from actors.specs import GateSpec
from domain.errors import ConfigError
from domain.events import CANDIDATE, RISK_APPROVED, RISK_DENIED
from domain.order import ENTRY
from journal import schema as s
from journal.store import Store
from orchestration import frozen
from orchestration.replay import SHOWN, reading, thrown_away
from orchestration.replay.cast import ReplayedGate
from orchestration.replay.comparison import DECISION, Comparison, Difference, Facts, cycle_at
from orchestration.replay.course import Course
from orchestration.replay.playing import Play, Progress, prepared
from risk.explain import Explaining, Ladder

KINDS = (CANDIDATE, RISK_DENIED, RISK_APPROVED)
"""Events that tell of a decision."""


class Decided(msgspec.Struct, frozen=True):
    """A recorded answer of the gate to a candidate."""

    order_id: str
    run_id: str
    symbol: str
    strategy: str
    at: int


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The ladder as it was (None if the replay never came to that wish), the cycle of the decision, and the first
    difference between the record and the replay up to it (None: they are the same)."""

    decided: Decided
    cycle: int
    account: str
    currency: str
    simulated: bool
    preset: str
    ladder: Ladder | None
    difference: Difference | None


def explained(url: str, beginning: str, progress: Progress) -> Past:
    """The decision that an event or an order tells of; the beginning of an id is enough.

    Raises ConfigError if there is no such id, it is no decision on an entry, or the inputs of its run are gone.
    """
    from journal import database

    database.require(url)
    with reading(url) as recorded:
        with recorded() as connection:
            decided = find(connection, beginning)
        play = prepared(frozen.run_of(url, decided.run_id), recorded)
        with recorded() as connection:
            cycle = cycle_at(connection, decided.run_id, decided.at)
        play.course.last = min(play.course.last, cycle)
        changed = play.changed()
        if changed is not None and changed.at <= decided.at:
            return _past(play, decided, cycle, None, changed)
        with thrown_away(play.found.epoch) as store:
            return asyncio.run(_played(play, decided, cycle, recorded, store, progress))


class NotingGate(ReplayedGate):
    """Keeps the ladder of one order."""

    def __init__(self, spec: GateSpec, store: Store, course: Course, order_id: str) -> None:
        super().__init__(spec, store, course)
        self._gate = self.noting = Explaining(spec.risk, spec.run.scope, spec.run.account, order_id)


async def _played(
    play: Play, decided: Decided, cycle: int, recorded: Reading, store: Store, progress: Progress
) -> Past:
    course = play.course

    def turn() -> bool:
        if course.n % SHOWN == 0:
            progress(course.n, course.last)
        return course.n < course.last

    def noting(spec: GateSpec, store: Store, course: Course) -> NotingGate:
        return NotingGate(spec, store, course, decided.order_id)

    _, gate = await play.through(store, turn, noting)
    assert isinstance(gate, NotingGate)
    difference = Comparison(play.found, recorded, store.read).upto(course.n, decided.at)
    if difference is None:
        with recorded() as ours, store.read() as theirs:
            difference = _other(decided, cycle, decision(ours, decided), decision(theirs, decided))
    return _past(play, decided, cycle, gate.noting.ladder, difference)


def _past(play: Play, decided: Decided, cycle: int, ladder: Ladder | None, difference: Difference | None) -> Past:
    settings = play.settings
    return Past(
        decided=decided,
        cycle=cycle,
        account=play.found.account,
        currency=settings.account.currency,
        simulated=play.found.simulated,
        preset=settings.preset,
        ladder=ladder,
        difference=difference,
    )


def _other(decided: Decided, cycle: int, recorded: Facts | None, replayed: Facts | None) -> Difference | None:
    if recorded == replayed:
        return None
    return Difference(
        kind=DECISION, at=decided.at, cycle=cycle, recorded=recorded, replayed=replayed, symbol=decided.symbol
    )


def decision(c: sa.Connection, decided: Decided) -> Facts | None:
    """What was decided on the candidate; None if nothing was."""
    of = s.decisions.c
    bodies = sa.select(of.body).where(of.run_id == decided.run_id, of.at == decided.at).order_by(of.rank)
    for body in c.execute(bodies).scalars():
        found: dict[str, Any] = msgspec.json.decode(body)
        if (found["symbol"], found["strategy"], found["purpose"]) == (decided.symbol, decided.strategy, ENTRY):
            return found
    return None


# -- which one -------------------------------------------------------------------------------------


def find(c: sa.Connection, beginning: str) -> Decided:
    """The decision that is meant. Raises ConfigError for none, for several, and for what is no entry."""
    ids = {**_of_events(c, beginning), **_of_orders(c, beginning)}
    exact = ids.get(beginning)
    orders = {exact} if exact else set(ids.values())
    if not beginning or not orders:
        raise ConfigError(_unknown(c, beginning))
    if len(orders) > 1:
        raise ConfigError(f"{beginning} is the beginning of several ids: {', '.join(sorted(ids)[:4])}; give more of it")
    (order_id,) = orders
    row = c.execute(sa.select(s.orders).where(s.orders.c.id == order_id)).first()
    if row is None:
        raise ConfigError(f"order {order_id} of {beginning} is not in this database")
    if row.purpose != ENTRY:
        raise ConfigError(
            f"{beginning} tells of order {order_id[:16]}, which closes {row.symbol} ({row.purpose}): what closes "
            "passes every limit, so there is no ladder; only entries have one"
        )
    return Decided(row.id, row.run_id, row.symbol, row.strategy, row.at)


def _of_events(c: sa.Connection, beginning: str) -> dict[str, str]:
    """Id of an event to the id of its order."""
    of = s.events.c
    mine = of.id.startswith(beginning, autoescape=True) & of.type.in_(KINDS)
    rows = c.execute(sa.select(of.id, of.type, of.correlation_id, of.body).where(mine).limit(5)).all()
    return {row.id: _order_id(row) for row in rows}


def _order_id(row: Any) -> str:
    """A candidate's correlation is its order; the others name theirs, which may be one that closes."""
    return str(row.correlation_id if row.type == CANDIDATE else msgspec.json.decode(row.body)["order_id"])


def _of_orders(c: sa.Connection, beginning: str) -> dict[str, str]:
    of = s.orders.c
    rows = c.execute(sa.select(of.id).where(of.id.startswith(beginning, autoescape=True)).limit(5))
    return {found: found for found in rows.scalars()}


def _unknown(c: sa.Connection, beginning: str) -> str:
    of = s.events.c
    other = sa.select(of.type, of.correlation_id).where(of.id.startswith(beginning, autoescape=True)).limit(1)
    row = c.execute(other).first() if beginning else None
    if row is None:
        return (
            f"no event or order begins with {beginning!r}: `python cli.py orders` shows orders, and `python cli.py "
            f"events --type {','.join(KINDS)} --json` events"
        )
    about = f"; it belongs to order {row.correlation_id}" if row.correlation_id else ""
    return f"{beginning} is an event of type {row.type}: {', '.join(KINDS)} tell of decisions{about}"
