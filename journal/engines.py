"""Connections to the database, set up so that several processes can write to it safely.

SQLite: write-ahead log, ``synchronous=FULL``, five seconds of patience for another writer, and the
driver's own transaction handling switched off in favour of an explicit BEGIN (SQLAlchemy's documented
recipe for pysqlite). Write transactions take the write lock at once (BEGIN IMMEDIATE), so that none
fails half-way because it read before it wrote. The schema has no foreign keys.

PostgreSQL: a writer waits five seconds for another one, every commit is durable, and whoever holds a
transaction open and does nothing (a frozen process) is cut off by the server, so that it stops nobody for long.
A reader sees one moment, as in SQLite. A server that has vanished is noticed within seconds.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event

from domain.errors import ConfigError
from journal.address import parse, password_hidden

PATIENCE = 5.0
"""Seconds to wait for another writer."""
BRIEF = 1.0
"""Seconds for who shows what is there, and would rather say that it is away than wait."""

_SETTINGS = ("synchronous=FULL", "wal_autocheckpoint=4000")
_CACHE, _READERS_CACHE = 64_000, 4_000
"""Kilobytes. Computed ids fall all over an index: 64 MB and fewer checkpoints save a quarter of a batch's time. Readers
are no faster with more than 4 MB, and a server has one for each of its threads."""

_WRITER = "-c lock_timeout={patience} -c idle_in_transaction_session_timeout={idle} -c synchronous_commit=on"
_READER = "-c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"

IDLE = 10.0
"""Seconds after which PostgreSQL ends a write transaction in which nothing happens."""

_READS = {"argus_reads": True}


def open_engine(url: str, read_only: bool = False, patience: float | None = None) -> Engine:
    """An engine over an existing database; connects on first use. Raises ConfigError for a URL that cannot be used.

    With ``read_only`` the connections refuse to write. ``patience`` in seconds, None: ``PATIENCE``. Opening never
    creates a file.
    """
    return connected(url, "rw", read_only, patience)


def connected(url: str, mode: str, read_only: bool = False, patience: float | None = None) -> Engine:
    """As ``open_engine``; SQLite's ``mode`` is ``rw``, or ``rwc`` to create the file."""
    target = parse(url)
    patience = PATIENCE if patience is None else patience
    if target.get_backend_name() == "sqlite":
        engine = create_engine(target, creator=_opener(Path(str(target.database)), mode, read_only, patience))
        event.listen(engine, "begin", _begin)
    else:
        try:
            arguments = _server_settings(target, read_only, patience)
            engine = create_engine(target, paramstyle="format", pool_pre_ping=True, connect_args=arguments)
        except ImportError as error:
            raise ConfigError(
                f"database {password_hidden(url)} needs the driver {error.name}: install argus-trading[postgresql]"
            ) from error
    return reading(engine) if read_only else engine


def reading(engine: Engine) -> Engine:
    """The same connections for transactions that only read: they wait for no writer."""
    return engine.execution_options(**_READS)


def _opener(path: Path, mode: str, read_only: bool, patience: float) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        address = f"{path.as_uri()}?{'mode=ro&immutable=1' if read_only and _frozen(path) else f'mode={mode}'}"
        connection = sqlite3.connect(address, uri=True, timeout=patience, isolation_level=None, check_same_thread=False)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        connection.execute(f"PRAGMA cache_size=-{_READERS_CACHE if read_only else _CACHE}")
        if read_only:
            connection.execute("PRAGMA query_only=ON")
        return connection

    return connect


def _server_settings(target: URL, read_only: bool, patience: float) -> dict[str, str | int]:
    """How a connection to PostgreSQL is set up; what the URL says itself comes first."""
    settings: dict[str, str | int] = {
        "connect_timeout": max(2, int(patience)),
        "application_name": "argus",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
    settings = {name: value for name, value in settings.items() if name not in target.query}
    given = target.query.get("options", "")
    ours = _READER if read_only else _WRITER.format(patience=int(patience * 1000), idle=int(IDLE * 1000))
    return settings | {"options": f"{ours} {given if isinstance(given, str) else ' '.join(given)}".rstrip()}


def _frozen(path: Path) -> bool:
    """Whether the file can be read but not written, and nobody else writes: then SQLite needs no log beside it."""
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    return os.path.isfile(path) and not writable and not os.path.exists(f"{path}-wal")


def _begin(connection: Connection) -> None:
    options: Any = connection.get_execution_options()
    connection.exec_driver_sql("BEGIN" if options.get("argus_reads") else "BEGIN IMMEDIATE")
