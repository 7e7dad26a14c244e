from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.run.place import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    found = Place(tmp_path)
    yield found
    found.close()
