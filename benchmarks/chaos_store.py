"""A database whose commits fail: by the death of who commits, or because it is busy, full or gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Dialect, event
from sqlalchemy.exc import OperationalError

from benchmarks import chaos_faults as kinds
from journal.store import Store
from orchestration.local import Killed, Life

_SQLITE = {
    kinds.BUSY: ("database is locked", sqlite3.SQLITE_BUSY),
    kinds.FULL: ("database or disk is full", sqlite3.SQLITE_FULL),
    kinds.AWAY: ("disk I/O error", sqlite3.SQLITE_IOERR),
}
_POSTGRESQL = {kinds.BUSY: "LockNotAvailable", kinds.FULL: "DiskFull", kinds.AWAY: "AdminShutdown"}


def raised(dialect: Dialect, fault: str) -> Exception:
    """What the driver of this database raises for a fault."""
    if dialect.name == "sqlite":
        text, code = _SQLITE[fault]
        error = sqlite3.OperationalError(text)
        error.sqlite_errorcode = code
        return error
    module = import_module("psycopg.errors")
    made: Exception = getattr(module, _POSTGRESQL[fault])(f"{fault}, says chaos")
    return made


def _unhurried(connection: Any, record: Any) -> None:
    """Nothing here cuts the power: what the system has been given is kept, and no commit waits for the disk."""
    connection.execute("PRAGMA synchronous=OFF")


class Commits:
    """Strikes the transactions of one store, which belongs to one actor.

    ``struck`` says which fault is due at this commit; ``end`` ends the actor, or every one; ``done`` hears of
    what was committed. They are called in the middle of the transaction, by the actor's own code.
    """

    def __init__(
        self,
        store: Store,
        life: Life,
        struck: Callable[[], str],
        end: Callable[[str], None],
        done: Callable[[], None],
    ) -> None:
        self._life, self._struck, self._end, self._done = life, struck, end, done
        dialect: Any = store.engine.dialect
        self._dialect, self._commit = dialect, dialect.do_commit
        dialect.do_commit = self._committed
        self._fault = ""
        self._writes = False
        if dialect.name == "sqlite":
            event.listen(store.engine, "connect", _unhurried)
        event.listen(store.engine, "begin", self._begun, insert=True)
        event.listen(store._reader, "begin", self._alive, insert=True)
        event.listen(store.engine, "commit", self._committing)

    def _begun(self, connection: Connection) -> None:
        """Before the write lock is asked for."""
        self._alive(connection)
        if connection.get_execution_options().get("argus_reads"):
            return
        fault = self._fault = self._struck()
        if fault == kinds.BUSY:
            raise OperationalError("BEGIN", None, raised(self._dialect, fault))

    def _alive(self, connection: Connection) -> None:
        """Whoever has died reads nothing and writes nothing."""
        if self._life.over:
            raise Killed(self._life.name)

    def _committing(self, connection: Connection) -> None:
        self._writes = not connection.get_execution_options().get("argus_reads")

    def _committed(self, connection: Any) -> None:
        """In place of the driver's commit; what is raised here looks as if the driver had raised it."""
        fault, self._fault = (self._fault, "") if self._writes else ("", self._fault)
        if fault in (kinds.DIES_BEFORE, kinds.ALL_BEFORE):
            self._end(fault)
            raise Killed(self._life.name)
        if fault == kinds.FULL:
            raise raised(self._dialect, fault)
        self._commit(connection)
        if self._writes:
            self._done()
        if fault in (kinds.DIES_AFTER, kinds.ALL_AFTER):
            self._end(fault)
            raise Killed(self._life.name)
        if fault == kinds.AWAY:
            raise raised(self._dialect, fault)
