"""What a check of the database looks at: the file, the sequence, what happened twice or not yet, and the books."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError

from domain.events import TRADE_EXECUTION
from domain.order import SUBMITTED, UNKNOWN
from journal import books, managed

_TWICE = """
SELECT count(*) FROM (
    SELECT fill_id FROM order_events WHERE fill_id IS NOT NULL GROUP BY fill_id HAVING count(*) > 1
) AS twice
"""

_UNRESOLVED = """
SELECT one.order_id, one.status FROM order_events AS one
WHERE one.status IN (:unknown, :submitted) AND NOT EXISTS (
    SELECT 1 FROM order_events AS later WHERE later.order_id = one.order_id AND later.seq > one.seq
) ORDER BY one.seq
"""


COUNTS = ("events", "gaps", "orders", "fills", "duplicates")
FOR_RECONCILING = ("unresolved", "unrecorded")
BOOKS = ("reservations", "positions", "mismatches", "illegal", "doubled", "trades", "locks")


def findings(connection: Connection) -> dict[str, Any]:
    """``ok`` means a sound file, no gap, nothing twice, and books that agree with their fills and with the venue.

    Orders that are ``unresolved`` and fills that are ``unrecorded`` are for reconciling, no fault. What cannot be
    read in a damaged file is None.
    """
    integrity = _integrity(connection)
    try:
        found = _content(connection)
    except DatabaseError:
        if integrity == "ok":
            raise
        return {"ok": False, "integrity": integrity} | dict.fromkeys((*COUNTS, *FOR_RECONCILING, *BOOKS))
    faults = integrity != "ok" or found["gaps"] or found["duplicates"] or any(found[name] for name in BOOKS)
    return {"ok": not faults, "integrity": integrity} | found


def _content(connection: Connection) -> dict[str, Any]:
    venue = books.at_the_paper_venue(connection)
    doubled = books.doubled(connection, venue.entries)
    unresolved = connection.execute(text(_UNRESOLVED), {"unknown": UNKNOWN, "submitted": SUBMITTED})
    return {
        "events": _count(connection, "SELECT count(*) FROM events"),
        "gaps": _gaps(connection),
        "orders": _count(connection, "SELECT count(*) FROM orders"),
        "fills": _count(connection, "SELECT count(*) FROM fills"),
        "duplicates": _duplicates(connection) + len(doubled),
        "unresolved": [{"order_id": order_id, "status": status} for order_id, status in unresolved],
        "unrecorded": venue.unrecorded,
        "reservations": books.stale_reservations(connection),
        "positions": books.wrong_positions(connection),
        "mismatches": [*venue.mismatches, *managed.wrong_stops(connection)],
        "illegal": books.illegal_steps(connection),
        "doubled": doubled,
        "trades": managed.wrong_trades(connection),
        "locks": managed.malformed_locks(connection),
    }


def _count(connection: Connection, query: str, **values: Any) -> int:
    return int(connection.execute(text(query), values).scalar() or 0)


def _integrity(connection: Connection) -> str:
    """``ok``, or the first complaints of SQLite; PostgreSQL guards its own pages."""
    if connection.dialect.name != "sqlite":
        return "ok"
    try:
        return "; ".join(str(line) for (line,) in connection.execute(text("PRAGMA integrity_check(5)")))
    except DatabaseError as error:
        return str(error.orig)


def _gaps(connection: Connection) -> int:
    """Numbers without an event, up to the counter; those of events that were dropped on purpose do not count."""
    last = _count(connection, "SELECT seq FROM sequence WHERE id = 1")
    dropped = _count(connection, "SELECT sum(to_seq - from_seq + 1) FROM compacted")
    return last - dropped - _count(connection, "SELECT count(*) FROM events")


def _duplicates(connection: Connection) -> int:
    """Fills taken into two order events, and executions published beyond the number of fills."""
    executions = _count(connection, "SELECT count(*) FROM events WHERE type = :kind", kind=TRADE_EXECUTION)
    fills = _count(connection, "SELECT count(*) FROM fills")
    return _count(connection, _TWICE) + max(0, executions - fills)
