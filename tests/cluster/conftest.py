"""A run on the session's Ray."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.driver_records import RunSummary
from domain.candidate import REASONS
from journal import database, lease
from journal.codec import envelope
from journal.engines import open_engine
from journal.views import events
from orchestration.clock import WallClock
from orchestration.cluster import RayRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load


class Live:
    """A run under way on real Ray actors."""

    def __init__(self, runtime: RayRuntime, folder: Path, **overrides: Any) -> None:
        self.runtime, self.url = runtime, f"sqlite:///{folder / 'argus.db'}"
        self.settings = load(Overrides(db_url=self.url, **overrides), {})
        database.prepare(self.url)
        now = WallClock().now()
        self.run_id = f"run-{now}"
        self.epoch = lease.acquire(self.url, os.getpid(), "test", now, self.run_id, lambda pid: False)
        identity = Identity(self.run_id, self.epoch, self.url, now, str(folder / "HALT"))
        runtime.spawn(actor_specs(self.settings, market(self.settings), identity))
        runtime.ready(60)
        self.engine = open_engine(self.url)
        self._running = runtime.ask("InstitutionalStrategy", "run")

    def pid(self, name: str) -> int:
        return int(self.runtime.get(name, self.runtime.ask(name, "health"), 10).pid)

    def stop(self) -> RunSummary:
        self.runtime.get("InstitutionalStrategy", self.runtime.ask("InstitutionalStrategy", "stop", "test"), 10)
        return self.end()

    def end(self, within: float = 60) -> RunSummary:
        summary: RunSummary = self.runtime.get("InstitutionalStrategy", self._running, within)
        return summary

    def run_again(self) -> None:
        """What the engine does when the driver was lost."""
        self._running = self.runtime.ask("InstitutionalStrategy", "run")

    def close(self) -> None:
        self.runtime.clear()
        lease.release(self.engine, self.epoch)
        self.engine.dispose()

    def told(self, *kinds: str) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            rows = events(connection, self.run_id, 0, 1_000_000)
        told = [envelope(row, self.settings.symbols, REASONS) for row in rows]
        return [one for one in told if not kinds or one["type"] in kinds]

    def reasons(self) -> list[dict[str, str]]:
        """Every cycle's reasons by symbol."""
        return [one["data"]["symbols"] for one in self.told("SCAN_SUMMARY")]

    def wait(self, holds: Any, within: float = 30.0, what: str = "") -> None:
        ends = time.monotonic() + within
        while not holds():
            if time.monotonic() > ends:
                pytest.fail(f"not within {within:g} s: {what}; last reasons {self.reasons()[-3:]}")
            time.sleep(0.1)


@pytest.fixture
def start(ray_runtime: RayRuntime, tmp_path: Path) -> Iterator[Any]:
    """Start a run; it is cleared away afterwards."""
    begun: list[Live] = []

    def begin(symbols: Sequence[str], **overrides: Any) -> Live:
        begun.append(Live(ray_runtime, tmp_path, symbols=tuple(symbols), **overrides))
        return begun[-1]

    yield begin
    for one in begun:
        one.close()
