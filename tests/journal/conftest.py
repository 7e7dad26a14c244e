"""A database of its own for every test: SQLite, and PostgreSQL where there is a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import database
from journal.store import Store


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A new database."""
    found: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return found


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where there is no database yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'argus.db'}"
    else:
        with request.getfixturevalue("postgres").empty_database() as address:
            yield address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    one = Store(url, epoch=1)
    yield one
    one.close()
