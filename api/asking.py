"""Commands as rows of the command table: written once however often they are sent, and followed to their answer."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import anyio.to_thread
import msgspec
from sqlalchemy import Connection, insert, select, text, update

from api.errors import Problem
from api.read import live
from api.runs import Runs
from api.site import Site
from domain.candidate import identity
from domain.errors import DatabaseAway, DatabaseBroken
from domain.timeframe import iso
from journal import locks as locked
from journal.commands import DONE, PENDING, REFUSED
from journal.schema import commands as table
from journal.schema import runs
from orchestration.terminal.place import halt_file, now

WITHIN = 3.0
"""Seconds to wait for the engine's answer."""
EVERY = 0.05
"""Seconds between two looks for it."""
LATCHES = ("halt", "reset-kill-switch")
"""Rows that hold by themselves, without an engine too."""
READ_AGAIN = "calendar"
"""Its arguments are what was read, and so another time something else."""
KEY = "idempotency"
"""Under which name a row keeps the key that it was sent with."""
HOLDS = "no engine lives: it holds for every one that starts, until reset-kill-switch"
RELEASED = "no engine lives: the next one starts with the kill switch released"
_ADVISORY = 4_705_873_231
"""The lock of PostgreSQL under which keys are looked up and written."""
_CANCELLED = ("CANCELLED", "PENDING_CANCEL")

Plain = dict[str, Any]
T = TypeVar("T")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked: a verb of the command table, who asks and why, and the key of the request if it has one."""

    verb: str
    arguments: dict[str, Any]
    who: str
    why: str
    key: str | None = None

    @property
    def stored(self) -> str:
        """The arguments as a row keeps them."""
        more = {} if self.key is None else {KEY: self.mark}
        return msgspec.json.encode(self.arguments | more).decode()

    @property
    def mark(self) -> str:
        return identity("key", self.key)


class Refuse(Problem):
    """Not in this state: 409 with what is legal."""

    def __init__(self, what: str, legal: tuple[str, ...], code: str = "ILLEGAL_STATE") -> None:
        super().__init__(409, code, what, legal)


Check = Callable[[Connection, live.Engine], None]
"""Raises Problem for what may not be asked now."""


def write(here: Site, asked: Asked, check: Check, insertion: Callable[[Connection], int] | None = None) -> int:
    """The number of its row: that of before where the same key was sent with the same question.

    ``insertion`` writes something else than a waiting row and says its number. Raises Problem, DatabaseAway or
    DatabaseBroken.
    """
    with here.told(), here.engine.begin() as c:
        if c.dialect.name == "postgresql":
            c.execute(text("SELECT pg_advisory_xact_lock(:of)"), {"of": _ADVISORY})
        known = _known(c, asked)
        if known is not None:
            return known
        check(c, live.Engine(c, Runs().newest(c)))
        if insertion is not None:
            return insertion(c)
        return _insert(c, asked)


def _insert(c: Connection, asked: Asked, **answer: Any) -> int:
    row = {"at": now(), "verb": asked.verb, "arguments": asked.stored, "who": asked.who, "why": asked.why}
    row |= {"state": PENDING} | answer
    return int(c.execute(insert(table).values(row).returning(table.c.id)).scalar_one())


def answered_row(asked: Asked, answer: Plain) -> Callable[[Connection], int]:
    """Writes a row that nobody else has to answer."""

    def write(c: Connection) -> int:
        return _insert(c, asked, state=DONE, answer=_text(answer), answered_at=now())

    return write


def tell(here: Site, number: int, state: str, answer: Plain) -> None:
    """What came of a row that this server answers itself."""
    with here.told(), here.engine.begin() as c:
        said = {"state": state, "answer": _text(answer), "answered_at": now()}
        c.execute(update(table).where(table.c.id == number).values(said))


def unlocking(asked: Asked) -> Callable[[Connection], int]:
    """Takes a lock away where no engine lives, and keeps engines away meanwhile."""

    def write(c: Connection) -> int:
        locked.keep_engines_away(c)
        if live.holder(c) is not None:
            return _insert(c, asked)
        lock = asked.arguments["id"]
        reason = locked.remove(c, lock, asked.who, asked.why, account_time(c, lock), now())
        if reason is not None:
            raise Problem(409, "LOCK_OVER", reason)
        number = int(c.execute(select(table.c.id).order_by(table.c.id.desc()).limit(1)).scalar_one())
        c.execute(update(table).where(table.c.id == number).values(arguments=asked.stored))
        return number

    return write


def account_time(c: Connection, lock_id: str) -> int:
    """Now, in the time by which the newest run of the lock's account lives."""
    from journal import views
    from journal.schema import locks
    from orchestration.terminal.state import moment_of

    account = c.execute(select(locks.c.account).where(locks.c.id == lock_id)).scalar()
    run_id = next((one["run_id"] for one in views.runs(c) if one["account"] == account), None)
    return (moment_of(c, run_id, False) or 0) if run_id is not None else 0


# -- keys ------------------------------------------------------------------------------------------


def _known(c: Connection, asked: Asked) -> int | None:
    """The row that this key was sent with. Raises Problem 422 if that asked something else."""
    if asked.key is None:
        return None
    marked = table.c.arguments.contains(f'"{KEY}":"{asked.mark}"')
    found = c.execute(select(table).where(marked).limit(1)).first()
    if found is None:
        return None
    arguments = msgspec.json.decode(found.arguments)
    arguments.pop(KEY, None)
    same = asked.verb == READ_AGAIN or arguments == _plain(asked.arguments)
    if not same or (found.verb, found.why) != (asked.verb, asked.why):
        raise Problem(422, "KEY_REUSED", "this Idempotency-Key was sent with another command: take a new one")
    return int(found.id)


def _plain(arguments: Mapping[str, Any]) -> Plain:
    """As they come back from the database."""
    found: Plain = msgspec.json.decode(msgspec.json.encode(dict(arguments)))
    return found


def _text(answer: Plain) -> str:
    return msgspec.json.encode(answer).decode()


# -- answers ---------------------------------------------------------------------------------------


def command(c: Connection, number: int) -> Plain:
    """A row as it stands now. Raises Problem 404."""
    found = commands(c, [number])
    if not found:
        raise Problem(404, "UNKNOWN_COMMAND", "there is no command with this number")
    return found[0]


def commands(c: Connection, numbers: Sequence[int]) -> list[Plain]:
    """Rows as they stand now, the newest first."""
    query = select(table).where(table.c.id.in_(numbers)).order_by(table.c.id.desc())
    rows = [dict(row) for row in c.execute(query).mappings()]
    began = c.execute(
        select(runs.c.started_at).order_by(runs.c.epoch.desc(), runs.c.started_at.desc()).limit(1)
    ).scalar()
    alive = live.holder(c) is not None
    return [_told(row, began, alive) for row in rows]


def _told(row: Plain, began: int | None, alive: bool) -> Plain:
    """``began``: when the newest run did."""
    state, answer = _standing(row, began, alive)
    arguments = msgspec.json.decode(row["arguments"])
    arguments.pop(KEY, None)
    arguments.pop("calendar", None)
    return {
        "command_id": row["id"],
        "state": state,
        "answer": answer,
        "verb": row["verb"],
        "arguments": arguments,
        "who": row["who"],
        "why": row["why"],
        "at": iso(row["at"]),
        "answered_at": None if row["answered_at"] is None else iso(row["answered_at"]),
        "run_id": row["run_id"],
        "cycle": row["cycle"],
        "step": row["step"],
    }


def _standing(row: Plain, began: int | None, alive: bool) -> tuple[str, Plain | None]:
    """State and answer, also where no engine will ever answer."""
    answer = _read(row["answer"])
    if row["state"] != PENDING:
        return _judged(row, answer)
    over = began is not None and row["at"] < began
    if row["verb"] in LATCHES and (over or not alive):
        note = "it holds for every engine that starts, until reset-kill-switch"
        released = "the next engine starts with the kill switch released"
        return DONE, {
            "latched": row["verb"] == "halt",
            "engine": False,
            "note": note if row["verb"] == "halt" else released,
        }
    if over:
        return REFUSED, {"reason": "the engine ended before it took this up, and another run has begun"}
    return PENDING, None if alive else {"reason": "no engine lives now; a run that is resumed takes it up"}


def _judged(row: Plain, answer: Plain | None) -> tuple[str, Plain | None]:
    """A cancel is only done if the venue has cancelled."""
    if row["verb"] == "cancel" and row["state"] == DONE:
        status = str((answer or {}).get(msgspec.json.decode(row["arguments"]).get("order_id"), ""))
        if status not in _CANCELLED:
            return REFUSED, {"reason": f"the order was not cancelled: {status or 'nobody knows it'}", "status": status}
    return str(row["state"]), answer


def _read(text: str | None) -> Plain | None:
    """The engine's answer; a text is its reason."""
    if text is None:
        return None
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        found = text
    return found if isinstance(found, dict) else {"reason": found}


async def answer(here: Site, number: int, within: float = WITHIN) -> Plain:
    """The row once it is answered, or as it stands when time is up."""
    until = time.monotonic() + within
    while True:
        found = await aside(lambda: _look(here, number))
        if found["state"] != PENDING or time.monotonic() >= until:
            return found
        await asyncio.sleep(EVERY)


def _look(here: Site, number: int) -> Plain:
    with here.read() as c:
        return command(c, number)


async def aside(work: Callable[[], T]) -> T:
    """In a thread: the loop never waits for the database."""
    return await anyio.to_thread.run_sync(work)


# -- the way that always works -----------------------------------------------------------------------


async def halted(here: Site, asked: Asked, patience: float = 4.0) -> Plain:
    """As ``write`` and ``answer``; where the database cannot be written the HALT file is made, which every engine of
    this data folder obeys."""
    asked = asked if asked.key else msgspec.structs.replace(asked, key=secrets.token_hex(16))  # written once
    until = time.monotonic() + patience
    while True:
        try:
            number = await aside(lambda: write(here, asked, lambda c, engine: None))
            return await answer(here, number)
        except (DatabaseAway, DatabaseBroken) as error:
            if isinstance(error, DatabaseBroken) or time.monotonic() >= until:
                await aside(halt_by_file)
                return _by_file(asked)
            await asyncio.sleep(EVERY)


def halt_by_file() -> None:
    try:
        halt_file().parent.mkdir(parents=True, exist_ok=True)
        halt_file().touch()
    except OSError as error:
        raise Problem(
            503, "NOT_HALTED", "neither the database nor the HALT file can be written: nothing is halted"
        ) from error


def _by_file(asked: Asked) -> Plain:
    reason = (
        "the database cannot be written: the file HALT was made in the data folder, which every engine there obeys; "
        "remove it by hand before reset-kill-switch"
    )
    return {
        "command_id": None,
        "state": PENDING,
        "answer": {"halt_file": True, "reason": reason},
        "verb": asked.verb,
        "arguments": asked.arguments,
        "who": asked.who,
        "why": asked.why,
        "at": iso(now()),
        **dict.fromkeys(("answered_at", "run_id", "cycle", "step")),
    }
