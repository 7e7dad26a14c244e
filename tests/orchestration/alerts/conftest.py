from __future__ import annotations

from pathlib import Path

import pytest

from journal import database


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address
