"""The local server that speaks the chat-completions wire."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.research.wire import Wire, a_wire


@pytest.fixture
def wire() -> Iterator[Wire]:
    with a_wire() as server:
        yield server
