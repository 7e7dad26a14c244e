"""Every event that a test has the real actors write must be one that docs/events.md has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from api.events import registry
from domain.events import JSON, VERSION, Draft
from domain.timeframe import iso
from journal.store import Tx


@pytest.fixture(autouse=True)
def documented(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks at every event as it is written, and fails the test for one that is not as it is documented."""
    real, wrong = Tx.emit, list[str]()

    def emit(self: Tx, run_id: str, drafts: Sequence[Draft]) -> int:
        first = real(self, run_id, drafts)
        for seq, draft in enumerate(drafts, first):
            if draft.form == JSON:
                wrong.extend(_fault(run_id, seq, draft))
        return first

    monkeypatch.setattr(Tx, "emit", emit)
    yield
    assert wrong == []


def _fault(run_id: str, seq: int, draft: Draft) -> Iterator[str]:
    data = draft.data if isinstance(draft.data, bytes) else msgspec.json.encode(draft.data)
    event: dict[str, Any] = {
        "v": VERSION,
        "seq": seq,
        "id": draft.id(run_id),
        "type": draft.type,
        "ts": iso(draft.at),
        "run_id": run_id,
        "symbol": draft.symbol,
        "correlation_id": draft.correlation_id,
        "causation_id": draft.causation_id,
        "data": msgspec.json.decode(data),
    }
    try:
        registry.check(event)
    except (ValidationError, KeyError) as error:
        yield f"{draft.type}: {error}"
