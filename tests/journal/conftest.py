"""A database of its own for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from journal import database
from journal.store import Store


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A new database."""
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    one = Store(url, epoch=1)
    yield one
    one.close()
