"""Where the database is: the data folder, and URLs that are checked, made absolute, and shown without a password."""

from __future__ import annotations

import os
import re
from pathlib import Path

import platformdirs
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from domain.errors import ConfigError

EXAMPLES = "use sqlite:///folder/argus.db or postgresql://user@host/database"

_SECRET = re.compile(r"(?<=:)[^:/@\s]+(?=@)|(?<=password=)[^&\s]+")


def data_folder() -> Path:
    """``ARGUS_HOME``, else the user's data folder for argus."""
    home = os.environ.get("ARGUS_HOME")
    return Path(home).expanduser().absolute() if home else platformdirs.user_data_path("argus", appauthor=False)


def default_url() -> str:
    return f"sqlite:///{data_folder() / 'argus.db'}"


def password_hidden(url: str) -> str:
    """The URL as it may be shown and logged."""
    return _SECRET.sub("***", url)


def parse(url: str) -> URL:
    """The URL, checked, with its driver named and a SQLite path made absolute. Raises ConfigError."""
    shown = password_hidden(url)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError(f"database URL {shown!r} cannot be read: {EXAMPLES}") from None
    if parsed.drivername in ("postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigError(f"database URL {shown!r}: {parsed.drivername} is not supported; {EXAMPLES}")
    name = parsed.database or ""
    if name in ("", ":memory:") or name.startswith("file:") or "\0" in name:
        raise ConfigError(f"database URL {shown!r} names no file that several processes can share: {EXAMPLES}")
    if parsed.host or parsed.query:
        raise ConfigError(f"database URL {shown!r}: SQLite takes a path and nothing else; {EXAMPLES}")
    return URL.create("sqlite", database=str(Path(name).expanduser().absolute()))


def resolved(url: str) -> str:
    """The same database from any working folder (worker processes have their own). Raises ConfigError."""
    return parse(url).render_as_string(hide_password=False)
