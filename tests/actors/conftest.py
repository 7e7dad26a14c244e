"""A desk: gate, executor and a hostile venue over a database that is migrated once. Events are as documented."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.specs import ExecutorSpec, GateSpec
from tests.actors.desk import Desk, template
from tests.documented import documented

__all__ = ["a_desk", "desk_template", "documented"]


@pytest.fixture(scope="session")
def desk_template(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[GateSpec, ExecutorSpec], Path]:
    folder = tmp_path_factory.mktemp("desk")
    return template(folder), folder / "template.db"


@pytest.fixture
def a_desk(desk_template: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Desk]]:
    """Makes a desk. An unknown order is asked about once at once, and then in the background."""
    monkeypatch.setattr("actors.executor.QUESTIONS", 1)
    specs, source = desk_template
    made: list[Desk] = []

    def make(**more: Any) -> Desk:
        made.append(Desk(specs, source, tmp_path, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()
