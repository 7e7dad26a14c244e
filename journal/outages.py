"""What a driver raises, as an error of ours with its way out: the database is away, or a person must look.

Away: nobody knows whether the transaction happened. Broken: it did not, and trying again does not help. Everything
else (a row that is there already, a mistake in a statement) stays what it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.exc import DBAPIError, OperationalError

from domain.errors import ArgusError, DatabaseAway, DatabaseBroken
from journal.address import password_hidden

WAIT = 10.0
"""Seconds for which a server that does not answer is asked again, before anything has been written."""

_ADVICE = (
    ("not a database", "is not a database: name another file, or move this one away"),
    ("malformed", "is damaged: restore a backup, or move it away to start a new one"),
    ("readonly", "cannot be written: make the file and its folder writable, or name another database"),
    ("unable to open", "cannot be opened: check the path and its permissions, or name another database"),
    ("locked", "is held by another program: close that program and try again"),
    ("disk I/O error", "cannot be read or written, the disk may be full or failing: make room, or name another disk"),
    ("disk is full", "cannot grow, the disk is full: make room, or name a database on another disk"),
    ("lock timeout", "is held by another program: close that program and try again"),
    ("read-only transaction", "takes no changes, the server may be a standby: name the primary server"),
    ("No space left", "cannot grow, the disk of the server is full: make room"),
    ("password", "does not let the user in: check the user and the password in the URL"),
    ("FATAL: role", "does not let the user in: check the user in the URL, or create it on the server"),
    ("FATAL: database", "is not there or not open to the user: create it with createdb, or name another database"),
    ("pg_hba.conf", "does not let this machine in: allow it in the server's pg_hba.conf"),
    ("too many", "has no connection left: close other programs, or raise the server's max_connections"),
    ("resolve", "is on a host that nobody knows: check the host in the URL"),
    ("connection", "does not answer: start the server, or check host and port in the URL"),
)
"""What SQLite and PostgreSQL say, and what a person can do about it; the first that fits."""

_FALLBACK = "cannot be used: check that it is there and that its permissions are right"

_AWAY_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR}
_BROKEN_SQLITE = {
    *(sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FULL),
    *(sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOTADB),
}

_AWAY_STATES = ("08", "25P03", "40001", "40P01", "53300", "55P03", "57014", "57P01", "57P02", "57P03", "57P05")
"""Connection lost, idle for too long, deadlock, too many connections, lock not had in time, cancelled, stopped."""

_BROKEN_STATES = ("25006", "53", "58", "XX001", "XX002")
"""Read-only, out of disk or memory, the server's own files, damaged."""

_FINAL = ("password", "authentication", "FATAL: role", "FATAL: database", "pg_hba.conf", "resolve")
"""What a client is told by a server that will not let it in later either."""

Value = TypeVar("Value")


def explanation(error: DBAPIError, url: str) -> str:
    """The database, what can be done about it, and what the driver said, on one line and without a password."""
    said = _said(error)
    advice = next((advice for sign, advice in _ADVICE if sign in said), _FALLBACK)
    return f"database {password_hidden(url)} {advice} ({password_hidden(said)})"


def _said(error: DBAPIError) -> str:
    return " ".join(str(error.orig).split())


def named(error: DBAPIError, url: str) -> ArgusError | None:
    """DatabaseAway or DatabaseBroken; None for what is neither."""
    kind = _kind(error)
    return None if kind is None else kind(explanation(error, url))


def _kind(error: DBAPIError) -> type[ArgusError] | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        code &= 0xFF  # without what SQLite adds for detail
        return DatabaseAway if code in _AWAY_SQLITE else DatabaseBroken if code in _BROKEN_SQLITE else None
    state = getattr(error.orig, "sqlstate", None) or ""
    if error.connection_invalidated or _no_server(error) or state.startswith(_AWAY_STATES):
        return DatabaseAway
    return DatabaseBroken if state.startswith(_BROKEN_STATES) else None


def _no_server(error: DBAPIError) -> bool:
    """A server that was never reached has no code for it."""
    return isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", "") is None


def passes(error: Exception) -> bool:
    """Whether the server was lost or not reached, and may be there again in a moment."""
    if not isinstance(error, DBAPIError) or hasattr(error.orig, "sqlite_errorcode"):
        return False
    return error.connection_invalidated or (_no_server(error) and not any(sign in _said(error) for sign in _FINAL))


def patiently(begin: Callable[[], Value]) -> Value:
    """``begin()``, which writes nothing, again and again while the server is away, for up to ``WAIT`` seconds."""
    try:
        return begin()
    except DBAPIError as error:
        if not passes(error):
            raise
    import stamina  # seldom needed

    stamina.instrumentation.set_on_retry_hooks(())  # else it writes to stdout
    for attempt in stamina.retry_context(
        on=passes, attempts=None, timeout=WAIT, wait_initial=0.05, wait_max=1.0, wait_jitter=0.05
    ):
        with attempt:
            return begin()
    raise AssertionError("unreachable")


@contextmanager
def told(url: str) -> Iterator[None]:
    """What the driver raises inside, as DatabaseAway or DatabaseBroken where it is that."""
    try:
        yield
    except DBAPIError as error:
        trouble = named(error, url)
        if trouble is None:
            raise
        raise trouble from error
