"""A whole system in one process, and the words its stories are told in."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from actors.driver_records import RunSummary
from domain.candidate import REASONS
from domain.timeframe import MINUTE, iso, nanos, utc
from journal import database, lease
from journal.codec import envelope
from journal.engines import open_engine
from journal.views import events
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, Settings, load

START = nanos(utc(0)) + 28_401_120 * MINUTE  # 2024-01-01T00:00Z


def write_bars(path: Path, closes: Sequence[float], start: int = START, width: float = 0.0001, **more: Any) -> Path:
    """A CSV of one-minute bars whose opens are the closes before; ``width`` is the wick on each side."""
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["ts", "open", "high", "low", "close"])
        before = closes[0]
        for place, close in enumerate(closes):
            high, low = max(before, close) + width, min(before, close) - width
            writer.writerow([iso(start + place * MINUTE), before, round(high, 6), round(low, 6), close])
            before = close
    return path


@dataclass
class Story:
    """What a run said and how it ended."""

    summary: RunSummary
    events: list[dict[str, Any]]
    runtime: LocalRuntime
    url: str
    run_id: str
    settings: Settings

    def said(self, symbol: str | None = None, *, without: Sequence[str] = ("SCAN_START", "SCAN_SUMMARY")) -> list[str]:
        """Event types in order: of one symbol, or all."""
        return [one["type"] for one in self.events if one["type"] not in without and symbol in (None, one["symbol"])]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.events if one["type"] == kind]

    def reasons(self, symbol: str) -> list[str]:
        return [one["data"]["symbols"][symbol] for one in self.of("SCAN_SUMMARY")]


@dataclass
class System:
    """One database, and runs on it; ``database`` is its URL if it is not a file in the folder."""

    folder: Path
    sets: list[str] = field(default_factory=list)
    database: str = ""

    @property
    def url(self) -> str:
        return self.database or f"sqlite:///{self.folder / 'argus.db'}"

    def run(
        self,
        closes: dict[str, Sequence[float]] | None = None,
        *,
        preset: str = "yardstick",
        sets: Sequence[str] = (),
        fault: Callable[[str, str], None] | None = None,
        during: Callable[[LocalRuntime], Any] | None = None,
        **more: Any,
    ) -> Story:
        """Run to the end of the data. ``closes`` are one-minute closes by symbol."""
        files = {}
        for symbol, prices in (closes or {}).items():
            files[symbol] = write_bars(self.folder / f"{symbol}_M1.csv", prices)
        overrides = Overrides(
            symbols=more.pop("symbols", tuple(files)),
            data=more.pop("data", None) or tuple(f"{symbol}={path}" for symbol, path in files.items()),
            preset=preset,
            sets=(*self.sets, *sets),
            db_url=self.url,
            **more,
        )
        return asyncio.run(self._run(load(overrides, {}), fault, during))

    async def _run(
        self,
        settings: Settings,
        fault: Callable[[str, str], None] | None,
        during: Callable[[LocalRuntime], Any] | None,
    ) -> Story:
        database.prepare(self.url)
        run_id = f"run-{len(list(self.folder.glob('started-*')))}"
        (self.folder / f"started-{run_id}").touch()
        now = START + 10**18
        epoch = lease.acquire(self.url, 1, "test", now, run_id, lambda pid: False)
        identity = Identity(run_id, epoch, self.url, 0, str(self.folder / "HALT"))
        runtime = LocalRuntime(fault)
        found = market(settings)
        runtime.spawn(actor_specs(settings, found, identity))
        driver = runtime.ask("InstitutionalStrategy", "run")
        if during is not None:
            await during(runtime)
        summary = await driver
        engine = open_engine(self.url)
        with engine.connect() as connection:
            rows = events(connection, run_id, 0, 1_000_000)
        lease.release(engine, epoch)
        engine.dispose()
        symbols = settings.symbols
        told = [envelope(one, symbols, REASONS) for one in rows]
        return Story(summary, told, runtime, self.url, run_id, settings)


def path(*legs: tuple[int, float], start: float = 1.1) -> list[float]:
    """Closes along straight legs: (bars, change per bar)."""
    closes = [start]
    for bars, change in legs:
        for _ in range(bars):
            closes.append(round(closes[-1] + change, 6))
    return closes
