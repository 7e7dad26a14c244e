"""The database as a whole: made, found, migrated and checked, each problem named with its way out."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DatabaseError

from domain.errors import ConfigError
from journal import checkup
from journal.address import data_folder, default_url, parse, password_hidden, resolved
from journal.engines import connected, open_engine, reading
from journal.outages import explanation, patiently
from journal.schema import HEAD, REVISIONS

__all__ = [
    "check",
    "data_folder",
    "default_url",
    "exists",
    "migrate",
    "open_engine",
    "password_hidden",
    "prepare",
    "require",
    "resolved",
]


def prepare(url: str) -> None:
    """Make the database ready for a run: create or migrate it. Raises ConfigError and leaves nothing half-written."""
    _ready(url)


def migrate(url: str) -> dict[str, str | None]:
    """As ``prepare``; says which schema it came from (None: there was none) and which it has now."""
    return {"from": _ready(url), "to": HEAD}


def exists(url: str) -> bool:
    """Whether there is an Argus database. Raises ConfigError for one that cannot be used."""
    path = _file(url)
    if path is not None and not os.path.exists(path):
        return False
    if path is not None:
        _a_file(path)
    with _explained(url), _reader(url) as connection:
        return _version(connection, url) is not None


def require(url: str) -> None:
    """For verbs that only read: ConfigError if there is no database, or not of this program's schema."""
    if not exists(url):
        raise ConfigError(f"there is no database at {password_hidden(url)}: start a run first, or name another")
    with _explained(url), _reader(url) as connection:
        version = _version(connection, url)
    if version != HEAD:
        raise ConfigError(
            f"database {password_hidden(url)} has schema {version}, this program reads {HEAD}: run `db migrate`"
        )


def check(url: str) -> dict[str, Any]:
    """Integrity, gaps, duplicates and what is unresolved. Raises ConfigError if there is nothing to check."""
    require(url)
    with _explained(url), _reader(url) as connection:
        return {"schema": _version(connection, url), "head": HEAD} | checkup.findings(connection)


# -- making it ready ---------------------------------------------------------------------------------


def _ready(url: str) -> str | None:
    path = _file(url)
    if path is not None:
        _usable(path)
    created = path is not None and not os.path.exists(path)
    try:
        with _explained(url), _engine(url, "rwc") as engine:
            patiently(lambda: _refused_or_ours(engine, url))
            if path is not None:
                _write_ahead(engine, path)
            return _forward(engine, url)
    finally:
        if created and path is not None:
            _without_remains(path)


def _refused_or_ours(engine: Engine, url: str) -> None:
    """Refuse what is not ours before anything in it changes."""
    with reading(engine).begin() as connection:
        _version(connection, url)


def _forward(engine: Engine, url: str) -> str | None:
    """Migrate in one transaction that holds the write lock; the schema before it."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('argus schema'))"))
        version = _version(connection, url)
        if version != HEAD:
            from journal.migrations import upgrade  # alembic costs 0.3 s: only when there is something to do

            upgrade(connection)
        connection.execute(text("SELECT seq, epoch FROM sequence WHERE id = 1")).one()
        return version


def _usable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"folder {path.parent} of the database cannot be made ({error.strerror}): name another with --db-url"
        ) from error
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise ConfigError(f"folder {path.parent} of the database is read-only: make it writable, or name another")
    if os.path.exists(path):
        _a_file(path)
        if not os.access(path, os.W_OK):
            raise ConfigError(f"database {path} is read-only: make it writable, or name another")


def _a_file(path: Path) -> None:
    if not os.path.isfile(path):
        raise ConfigError(f"database {path} is a folder or a device: name a file")


def _write_ahead(engine: Engine, path: Path) -> None:
    """The write-ahead log is a property of the file: set once, outside a transaction."""
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        mode = cursor.execute("PRAGMA journal_mode").fetchone()
        if mode != ("wal",):
            mode = cursor.execute("PRAGMA journal_mode=WAL").fetchone()
        cursor.close()
    except sqlite3.DatabaseError as error:
        raise DatabaseError("PRAGMA journal_mode", None, error) from error
    finally:
        raw.close()
    if mode != ("wal",):
        raise ConfigError(f"the disk of {path} cannot share a write-ahead log: use a local disk, or PostgreSQL")


def _without_remains(path: Path) -> None:
    """A file that we created and could not write to is taken away again; one with content is never touched."""
    with suppress(OSError):
        if path.stat().st_size == 0:
            path.unlink()


# -- reading about it --------------------------------------------------------------------------------


def _version(connection: Connection, url: str) -> str | None:
    """The schema's revision, None for an empty database. Raises ConfigError if it is not ours or newer."""
    tables = _tables(connection)
    if not tables:
        return None
    if "alembic_version" not in tables:
        raise ConfigError(f"database {password_hidden(url)} belongs to another program: name another")
    version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if version is not None and version not in REVISIONS:
        raise ConfigError(
            f"database {password_hidden(url)} has schema {version}, newer than this program's {HEAD}: "
            "install the newer version, or name another database"
        )
    return None if version is None else str(version)


def _tables(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
    else:
        query = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
    return {str(name) for (name,) in connection.execute(text(query))}


def _file(url: str) -> Path | None:
    target = parse(url)
    return Path(str(target.database)) if target.get_backend_name() == "sqlite" else None


@contextmanager
def _engine(url: str, mode: str, read_only: bool = False) -> Iterator[Engine]:
    engine = connected(url, mode, read_only)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _reader(url: str) -> Iterator[Connection]:
    with _engine(url, "rw", read_only=True) as engine, engine.connect() as connection:
        yield connection


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """What the driver raises, as a ConfigError that says what can be done."""
    try:
        yield
    except DatabaseError as error:
        if "malformed" in str(error.orig):
            _without_empty_log(_file(url))
        raise ConfigError(explanation(error, url)) from error


def _without_empty_log(path: Path | None) -> None:
    """SQLite does not clean up after itself beside a damaged file; a log that holds anything is never touched."""
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    with suppress(OSError):
        if log.stat().st_size == 0:
            log.unlink()
            index.unlink()
