"""What ``benchmarks.page`` says of the page: its files as the server sends them, and how its memory went."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from api import static
from benchmarks import page
from benchmarks.stream_server import served


def sample(minute: float, heap: float, **more: Any) -> dict[str, Any]:
    every = dict.fromkeys(("nodes", "listeners", "renderer_mb", "server_mb", "gaps", "repeats", "reconnects"), 0)
    tasks = {"long_tasks": 1, "longest_ms": 60, "long_ms": 60}
    return {"minute": minute, "heap_mb": heap, "skipped": 0, "received": 6000, **every, **tasks, **more}


def test_memory_is_a_slope_per_hour_behind_the_first_fifth() -> None:
    samples = [sample(1, 90.0), *(sample(minute, 10.0 + minute / 60) for minute in range(2, 11))]

    found = page.verdict(samples)

    assert found["heap_mb"]["per_hour"] == pytest.approx(1.0)
    assert (found["heap_mb"]["first"], found["heap_mb"]["most"]) == (90.0, 90.0)


def test_long_tasks_are_summed_and_the_stream_is_told_as_it_ended() -> None:
    found = page.verdict([sample(1, 9.0, longest_ms=80), sample(2, 9.0), sample(3, 9.0, gaps=2, received=1800)])

    assert (found["long_tasks"], found["longest_ms"], found["long_ms"]) == (3, 80, 180)
    assert (found["gaps"], found["events_per_s"]) == (2, 10.0)


def test_every_file_is_measured_as_it_is_sent(tmp_path: Path) -> None:
    with served(tmp_path, "serve") as server:
        found = {one["file"]: one for one in page.files(server, static.FOLDER)}

    script = max(found.values(), key=lambda one: one["bytes"])
    assert set(found) == {
        one.relative_to(static.FOLDER).as_posix() for one in static.FOLDER.rglob("*") if one.is_file()
    }
    assert script["bytes"] == (static.FOLDER / script["file"]).stat().st_size
    assert script["file"].endswith(".js")
    assert 0 < script["sent"] <= script["bytes"]
    assert (script["sent"] < script["bytes"]) is bool(script["encoding"])
