"""Runs to be replayed: what is said to them, what kills them, and files that grow under them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from domain.timeframe import MINUTE, iso
from journal import commands, lease
from journal.engines import open_engine
from orchestration import frozen
from orchestration.clock import WallClock
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs
from orchestration.replay import Report, replay
from tests.flow.system import START, Story, System, path, write_bars

WAVES = path(*[(6, -0.0004), (6, 0.0005)] * 9)
COINS = path(*[(5, 60.0), (7, -50.0)] * 9, start=40_000.0)
QUICK = ["strategy.fast=2", "strategy.slow=5"]
LATER = START + 2 * 10**18


def again(system: System, run: str | None = None) -> Report:
    return replay(system.url, run, lambda done, total: None, lambda text: None)


def identical(report: Report, story: Story) -> None:
    assert report.difference is None, report.difference.facts()
    assert report.cycles == story.summary.cycles
    assert report.decisions > 0


def telling(system: System, *said: tuple[int, str, dict[str, Any]]) -> Callable[[LocalRuntime], Any]:
    """Says each thing once that many cycles are closed."""

    async def tell(runtime: LocalRuntime) -> None:
        engine, driver = open_engine(system.url), runtime.object("InstitutionalStrategy")
        for n, verb, arguments in said:
            while driver._n < n and not (driver._task and driver._task.done()):  # noqa: ASYNC110 - the run's own state
                await asyncio.sleep(0)
            commands.add(engine, verb, arguments, "test", f"why {verb}", LATER + n)
        engine.dispose()

    return tell


class Stopped(BaseException):
    """The whole process ends here."""


def resumed(system: System, run_id: str, during: Callable[[LocalRuntime], Any] | None = None) -> None:
    """The run goes on under a new engine, to its end."""

    async def go_on() -> None:
        found = frozen.to_resume(system.url, run_id)
        settings = frozen.settings_of(found.config)
        epoch = lease.acquire(system.url, 1, "test", LATER, found.run_id, lambda pid: False)
        identity = Identity(found.run_id, epoch, system.url, found.started_at, str(system.folder / "HALT"))
        runtime = LocalRuntime()
        runtime.spawn(actor_specs(settings, frozen.market_of(found, settings), identity))
        running = runtime.ask("InstitutionalStrategy", "run")
        if during is not None:
            await during(runtime)
        await running
        engine = open_engine(system.url)
        lease.release(engine, epoch)
        engine.dispose()

    asyncio.run(go_on())


class Growing:
    """Files of one-minute bars around now, to which a run that follows them has more appended."""

    def __init__(self, folder: Path, behind: int = 0, **closes: Sequence[float]) -> None:
        """``behind``: minutes between the last bar that is there and now."""
        self.start = WallClock().now() // MINUTE * MINUTE - (60 + behind) * MINUTE
        self._closes, self._folder, self.given = closes, folder, 60
        for symbol, prices in closes.items():
            write_bars(self.path(symbol), prices[: self.given], self.start)

    def path(self, symbol: str) -> Path:
        return self._folder / f"{symbol}_M1.csv"

    def grow(self, *symbols: str) -> None:
        """One more bar of each of these symbols (none named: of all)."""
        for symbol in symbols or self._closes:
            before, close = self._closes[symbol][self.given - 1 : self.given + 1]
            high, low = round(max(before, close) + 0.0001, 6), round(min(before, close) - 0.0001, 6)
            with self.path(symbol).open("a", encoding="utf-8") as file:
                file.write(f"{iso(self.start + self.given * MINUTE)},{before},{high},{low},{close}\n")
        self.given += 1

    @property
    def data(self) -> tuple[str, ...]:
        return tuple(f"{symbol}={self.path(symbol)}" for symbol in self._closes)


def feeding(files: Growing, bars: int, told: Callable[[int], None] | None = None) -> Callable[[LocalRuntime], Any]:
    """Appends so many bars, each when the run has seen the one before, and ends it."""

    async def feed(runtime: LocalRuntime) -> None:
        driver = runtime.object("InstitutionalStrategy")
        while driver._n == 0:  # noqa: ASYNC110 - the run's own state
            await asyncio.sleep(0.002)
        for number in range(bars):
            files.grow()
            if told is not None:
                told(number)
            n = driver._n
            while driver._n < n + 2 and not driver._task.done():  # noqa: ASYNC110 - the run's own state
                await asyncio.sleep(0.002)
            if driver._task.done():
                return
        await driver.stop("enough")

    return feed


def followed(system: System, files: Growing, bars: int, **more: Any) -> Story:
    """A live run of so many new bars."""
    during = feeding(files, bars, more.pop("told", None))
    symbols = tuple(files._closes)
    return system.run(symbols=symbols, data=files.data, follow=True, interval=0.01, during=during, **more)
