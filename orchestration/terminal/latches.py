"""Everything that holds the kill switch of an account, as the gate itself would find it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from domain.timeframe import iso
from journal import schema

OPERATOR = ("halt", "reset-kill-switch")

_LAST_WORD = (
    select(schema.commands).where(schema.commands.c.verb.in_(OPERATOR)).order_by(schema.commands.c.id.desc()).limit(1)
)


def standing(connection: Connection, account: str | None, halt_file: Path) -> list[dict[str, Any]]:
    """The HALT file, an operator's halt, and limits of the account that nobody has reset since."""
    found = [_latch("HALT_FILE", f"the file {halt_file} is there")] if halt_file.exists() else []
    said = connection.execute(_LAST_WORD).one_or_none()
    if said is not None and said.verb == "halt":
        found.append(_latch("HALT", said.why or "halt", said.at, who=said.who))
    reset_at = said.at if said is not None and said.verb != "halt" else 0
    limits = select(schema.latches).where(schema.latches.c.reset_at.is_(None), schema.latches.c.at >= reset_at)
    for limit in connection.execute(limits.where(schema.latches.c.account.in_(("*", account)))):
        value, threshold = (None if one is None else _read(one) for one in (limit.value, limit.threshold))
        found.append(_latch(limit.code, limit.reason, limit.at, value=value, threshold=threshold))
    return found


def _latch(code: str, reason: str, at: int | None = None, **more: Any) -> dict[str, Any]:
    return {"code": code, "reason": reason, "at": None if at is None else iso(at), "who": None, **more}


def _read(text: str) -> Any:
    """JSON text as its value; what is no JSON as the text it is."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
