"""Taking a lock away where no engine runs; a running one does it itself, asked by the command ``remove-lock``."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from domain.timeframe import iso
from journal.commands import DONE
from journal.schema import commands, locks, sequence

REMOVE = "remove-lock"


def beginning(connection: Connection, text: str) -> list[Any]:
    """Rows whose id begins so, two at most."""
    query = select(locks).where(locks.c.id.startswith(text, autoescape=True)).order_by(locks.c.id).limit(2)
    return list(connection.execute(query))


def against(lock: Any, at: int) -> str | None:
    """Why a lock cannot be removed at that time of its account; None if it can."""
    if lock.removed_at is not None:
        return f"lock {lock.id[:16]} was removed already, at {iso(lock.removed_at)} by {lock.removed_why}"
    return f"lock {lock.id[:16]} is over since {iso(lock.until_at)}" if lock.until_at <= at else None


def keep_engines_away(connection: Connection) -> None:
    """Until this write transaction ends no engine can take the database: it would not learn of what is done here."""
    connection.execute(select(sequence.c.epoch).where(sequence.c.id == 1).with_for_update())


def remove(connection: Connection, id: str, who: str, why: str, at: int, now: int) -> str | None:
    """Remove a lock at its account's time ``at``, and keep who did it as an answered command of now.

    What stands against it, as a text; then nothing has changed.
    """
    found = connection.execute(select(locks).where(locks.c.id == id)).one()
    reason = against(found, at)
    if reason is not None:
        return reason
    connection.execute(update(locks).where(locks.c.id == id).values(removed_at=at, removed_why=f"{who}: {why}"))
    asked = {"at": now, "verb": REMOVE, "arguments": msgspec.json.encode({"id": id}).decode(), "who": who, "why": why}
    connection.execute(insert(commands).values(asked | {"state": DONE, "answer": "{}", "answered_at": now}))
    return None
