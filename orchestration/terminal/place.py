"""Which database a verb means, and whether an engine lives on it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine

from journal.address import data_folder, default_url, resolved
from journal.database import require
from journal.engines import open_engine
from journal.lease import PATIENCE, Lease, holder
from orchestration.clock import WallClock

VARIABLE = "ARGUS__DATABASE__URL"


def database_url(given: str | None, environ: Mapping[str, str] | None = None) -> str:
    """The option, else the environment's, else argus.db in the data folder. Raises ConfigError."""
    named = {name.upper(): value for name, value in (os.environ if environ is None else environ).items()}
    found = given or named.get(VARIABLE, "")
    return resolved(default_url() if found in ("", "null", "~") else found)


@contextmanager
def reading(url: str) -> Iterator[Connection]:
    """One consistent view. Raises ConfigError where there is no database of this program."""
    require(url)
    with opened(url, read_only=True) as engine, engine.begin() as connection:
        yield connection


@contextmanager
def opened(url: str, read_only: bool = False) -> Iterator[Engine]:
    engine = open_engine(url, read_only)
    try:
        yield engine
    finally:
        engine.dispose()


def halt_file() -> Path:
    """Every engine of this data folder halts while the file is there."""
    return data_folder() / "HALT"


def now() -> int:
    return WallClock().now()


def operator() -> str:
    """user@host, for the row of a command."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without a user table
        user = str(os.getuid()) if hasattr(os, "getuid") else "unknown"
    return f"{user}@{socket.gethostname()}"


def living(url: str) -> Lease | None:
    """The engine that holds the database and lives."""
    held = holder(url)
    return held if held is not None and lives(held, now(), socket.gethostname(), process_since) else None


def lives(held: Lease, at: int, host: str, since: Callable[[int], int | None]) -> bool:
    """On this host the process decides, elsewhere a beat of the last five seconds.

    ``since``: when the process with a pid was started (UTC nanoseconds), None if there is none. One that
    started after the lease was taken is another process with the same number.
    """
    if held.host != host:
        return at - held.beat_at <= PATIENCE
    started = since(held.pid)
    return started is not None and started <= held.started_at + PATIENCE


def process_since(pid: int) -> int | None:
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else int(process.create_time() * 1e9)
    except psutil.AccessDenied:
        return 0
    except psutil.NoSuchProcess:
        return None
