"""A copy of the database in one file, made while an engine may be running, checked before it gets its name."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from sqlalchemy import URL

from domain.errors import ConfigError, DatabaseBroken
from journal.address import data_folder, parse, password_hidden
from journal.database import require
from journal.engines import open_engine

PROGRAM = "pg_dump"
"""What copies a PostgreSQL database; it comes with PostgreSQL's client programs."""


def backup(url: str, target: str | None, now: int) -> Path:
    """Copy the database to ``target`` (a file, or a folder for a file named by the time); where the copy is.

    Without a target it is beside a SQLite database, else in the data folder. ``now`` is in UTC nanoseconds. A file
    that is there already stays. Raises ConfigError for what cannot be copied or written, DatabaseBroken for a copy
    that is not sound.
    """
    require(url)
    source = parse(url)
    sqlite = source.get_backend_name() == "sqlite"
    path = _place(source, target, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now // 10**9)), sqlite)
    with _unfinished(path) as part:
        _copied(url, part) if sqlite else _dumped(source, part)
        _named(part, path)
    return path


def _place(source: URL, target: str | None, stamp: str, sqlite: bool) -> Path:
    beside = Path(str(source.database)) if sqlite else data_folder() / f"{source.database}"
    name = f"{beside.stem}-{stamp}{'.db' if sqlite else '.dump'}"
    path = Path(target).expanduser().absolute() if target else beside.parent / name
    if path.is_dir():
        path /= name
    if not path.parent.is_dir():
        raise ConfigError(f"folder {path.parent} is not there: make it, or name another file")
    if path.exists():
        raise ConfigError(f"{path} is there already and is not overwritten: name another file")
    return path


@contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A file beside the target that only its owner can read; it does not outlive an error."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield part
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror or error}): name another file") from error
    finally:
        for left in (part, Path(f"{part}-journal")):
            with suppress(FileNotFoundError):
                left.unlink()


def _copied(url: str, part: Path) -> None:
    """SQLite's online backup, in one step: writers go on meanwhile, and none of their later changes come in."""
    engine = open_engine(url, read_only=True)
    try:
        with closing(engine.raw_connection()) as there, closing(sqlite3.connect(part, isolation_level=None)) as here:
            assert isinstance(there.driver_connection, sqlite3.Connection)
            there.driver_connection.backup(here)
            here.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
            said = _integrity(here)
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"database {url} could not be copied to {part.parent} ({error})") from error
    finally:
        engine.dispose()
    if said != "ok":
        raise DatabaseBroken(f"database {url} is damaged, and so is a copy of it: restore an earlier one ({said})")


def _integrity(copy: sqlite3.Connection) -> str:
    try:
        return "; ".join(str(line) for (line,) in copy.execute("PRAGMA integrity_check(5)"))
    except sqlite3.DatabaseError as error:
        return str(error)


def _dumped(source: URL, part: Path) -> None:
    """pg_dump's custom format; the password goes by the environment, where other users do not see it."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise ConfigError(f"a backup of PostgreSQL needs the program {PROGRAM}: install PostgreSQL's client programs")
    asked, environment = without_password(source)
    command = [program, "--format=custom", "--no-password", f"--file={part}", f"--dbname={asked}"]
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise ConfigError(f"database {password_hidden(asked)} could not be copied ({password_hidden(said)})")


def without_password(source: URL) -> tuple[str, dict[str, str]]:
    """The address as PostgreSQL's own programs take it, and the environment that holds its password."""
    given = source.password or source.query.get("password", "")
    bare = URL.create(
        "postgresql",
        source.username,
        None,
        source.host,
        source.port,
        source.database,
        {name: value for name, value in source.query.items() if name != "password"},
    )
    password = {"PGPASSWORD": str(given)} if given else {}
    return bare.render_as_string(hide_password=False), dict(os.environ) | password


def _named(part: Path, path: Path) -> None:
    """Durably, and never in the place of another file."""
    _synced(part)
    try:
        os.link(part, path)
    except FileExistsError:
        raise ConfigError(f"{path} is there already and is not overwritten: name another file") from None
    except OSError:  # a disk without links
        os.rename(part, path)
    with suppress(PermissionError):  # where a folder cannot be opened
        _synced(path.parent, os.O_RDONLY)


def _synced(path: Path, how: int = os.O_RDWR) -> None:
    number = os.open(path, how)
    try:
        os.fsync(number)
    finally:
        os.close(number)
