"""What an operator asks of a running engine: rows that the driver and the gate take up and answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, insert, select, update

from journal.schema import commands
from journal.store import Tx

PENDING, DONE, REFUSED = "PENDING", "DONE", "REFUSED"


def add(engine: Engine, verb: str, arguments: Mapping[str, Any], who: str, why: str, at: int) -> int:
    """Ask for something; the command's id."""
    row = {
        "at": at,
        "verb": verb,
        "arguments": msgspec.json.encode(dict(arguments)).decode(),
        "who": who,
        "why": why,
        "state": PENDING,
    }
    with engine.begin() as connection:
        return int(connection.execute(insert(commands).values(row).returning(commands.c.id)).scalar_one())


def answer(
    tx: Tx,
    id: int,
    state: str,
    answer: str,
    at: int,
    run_id: str | None = None,
    cycle: int | None = None,
    step: str | None = None,
) -> bool:
    """DONE or REFUSED, and at which cycle and step it took effect. The first answer stays; whether this is it."""
    waiting = (commands.c.id == id) & (commands.c.state == PENDING)
    said = {"state": state, "answer": answer, "answered_at": at, "run_id": run_id, "cycle": cycle, "step": step}
    return tx.connection.execute(update(commands).where(waiting).values(said)).rowcount == 1


def get(connection: Connection, id: int) -> dict[str, Any] | None:
    """One command as it stands; times in UTC nanoseconds, arguments as they were given."""
    row = connection.execute(select(commands).where(commands.c.id == id)).one_or_none()
    return None if row is None else plain(dict(row._mapping))


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the table with its arguments read."""
    return row | {"arguments": msgspec.json.decode(row["arguments"])}
