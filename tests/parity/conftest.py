"""A run on real Ray actors, to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.cluster import RayRuntime
from tests.cluster.conftest import Live
from tests.parity.left import Given, Ran, of_run


@pytest.fixture
def on_ray(ray_runtime: RayRuntime, tmp_path: Path) -> Iterator[Callable[[Given], Ran]]:
    """All symbols in one host, so that fewer processes start; what the run leaves behind."""
    begun: list[Live] = []

    def run(given: Given) -> Ran:
        more: dict[str, Any] = {**given, "sets": (*given.get("sets", ()), "ray.agents_per_host=8")}
        begun.append(live := Live(ray_runtime, tmp_path, **more))
        return of_run(live.url, live.run_id, live.end(120))

    yield run
    for one in begun:
        one.close()
