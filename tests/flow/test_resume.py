"""The whole engine dies, and another one goes on with its run: nothing is decided, sent or filled twice.

What survives a kill of all processes is the database, so a kill is known by the last commit before it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from actors.driver_records import RunSummary
from domain.candidate import REASONS
from domain.errors import ConfigError
from journal import database, lease, schema, views
from journal.codec import envelope
from journal.engines import open_engine
from journal.store import Store, Tx
from orchestration import frozen
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from tests.flow.system import START, path, write_bars

BARS = {
    "EURUSD": path((35, -0.0001), (25, 0.0003), (25, -0.0003)),
    "BTC": path((40, 3.0), (25, -9.0), (20, 12.0), start=40_000.0),
}
BEFORE_THE_FIRST_TRADE, AFTER_THE_SECOND = 62, 43
"""Commits and bars: two entries, a target and a stop lie between."""
NOW = START + 10**18
During = Callable[[LocalRuntime], Awaitable[None]]


class Death(SystemExit):
    """Every process of the engine ends here: it passes through the loop as nothing else does."""


class Lives:
    """The commits of all processes together; nothing is written after ``until`` of them."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.until: int | None = None
        self.done = 0
        self._stores: list[Store] = []
        self._threads: list[ThreadPoolExecutor] = []
        whole = Store.transaction
        lives = self

        @contextmanager
        def counted(store: Store) -> Iterator[Tx]:
            lives._look()
            with whole(store) as tx:
                yield tx
                before = lives.done
            if before == lives.done:  # not within another one
                lives.done += 1
            lives._look()

        patch.setattr(Store, "transaction", counted)
        patch.setattr(Store, "__init__", _remembering(Store.__init__, self._stores))
        patch.setattr(ThreadPoolExecutor, "__init__", _remembering(ThreadPoolExecutor.__init__, self._threads))

    def _look(self) -> None:
        if self.until is not None and self.done >= self.until:
            raise Death

    def begin(self, until: int | None) -> None:
        self.until, self.done = until, 0

    def over(self) -> None:
        """Wait for what has begun; nothing of an engine is left."""
        for pool in self._threads:
            pool.shutdown(wait=True, cancel_futures=True)
        for store in self._stores:
            store.close()
        self._stores.clear()
        self._threads.clear()


def _remembering(make: Callable[..., None], into: list[Any]) -> Callable[..., None]:
    def made(one: Any, *args: Any, **more: Any) -> None:
        into.append(one)
        make(one, *args, **more)

    return made


class Ended(NamedTuple):
    """What is compared of two runs."""

    decisions_hash: str
    cycles: int
    fills: list[tuple[Any, ...]]
    trades: list[tuple[Any, ...]]
    positions: list[dict[str, Any]]
    equity: float


class Engine:
    """Engines, one after another, on one database."""

    def __init__(self, folder: Path, lives: Lives, bars: dict[str, list[float]] = BARS, **given: Any) -> None:
        folder.mkdir()
        self.folder, self.lives = folder, lives
        self.database = folder / "argus.db"
        self.url = f"sqlite:///{self.database}"
        files = [f"{one}={write_bars(folder / f'{one}_M1.csv', closes)}" for one, closes in bars.items()]
        given = {"preset": "balanced", "symbols": tuple(BARS), "data": tuple(files)} | given
        self.settings = load(Overrides(db_url=self.url, **given), {})

    def live(self, until: int | None = None, during: During | None = None) -> RunSummary | None:
        """One engine from its start, on a new run or the one to go on with; None if it died."""
        database.prepare(self.url)
        self.lives.begin(None)
        settings, found, run_id, began = self.settings, None, "run", 7
        with self.reading() as connection:
            known = connection.execute(sa.select(schema.runs.c.run_id)).first()
        if known is not None:
            again = frozen.to_resume(self.url)
            settings, run_id, began = frozen.settings_of(again.config), again.run_id, again.started_at
            found = frozen.market_of(again, settings)
        epoch = lease.acquire(self.url, 1, "test", NOW, run_id, lambda pid: False)
        identity = Identity(run_id, epoch, self.url, began, str(self.folder / "HALT"))
        specs = actor_specs(settings, found or market(settings), identity)
        self.lives.begin(until)
        try:
            return _to_the_end(specs, during)
        finally:
            self.lives.over()

    def to_the_end(self) -> Ended:
        self.live()
        return self.ended()

    def complete(self) -> bool:
        """Whether the run has ended; whether anybody heard of it is another matter."""
        with self.reading() as connection:
            return connection.execute(sa.select(schema.runs.c.exit_reason)).scalar() is not None

    def ended(self) -> Ended:
        said = self.events("RUN_SUMMARY")[-1]["data"]
        with self.reading() as connection:
            fills, trades = schema.fills.c, schema.trades.c
            told = sa.select(
                *(fills[one] for one in ("symbol", "side", "quantity", "price", "commission", "at", "reason"))
            ).order_by(fills.at, fills.symbol, fills.side)
            closed = sa.select(*(trades[one] for one in ("symbol", "quantity", "entry", "exit", "pnl"))).order_by(
                trades.closed_at, trades.symbol
            )
            return Ended(
                said["decisions_hash"],
                said["cycles"],
                [tuple(one) for one in connection.execute(told)],
                [tuple(one) for one in connection.execute(closed)],
                said["positions"],
                said["equity"],
            )

    def sound(self) -> None:
        """The journal has no gap, nothing twice, and nothing unresolved."""
        found = database.check(self.url)
        assert found["ok"], found

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        with self.reading() as connection:
            rows = views.events(connection, None, 0, 1_000_000)
        told = [envelope(one, self.settings.symbols, REASONS) for one in rows]
        return [one for one in told if kind in (None, one["type"])]

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        engine = open_engine(self.url)
        with engine.begin() as connection:
            yield connection
        engine.dispose()


def _to_the_end(specs: Sequence[Any], during: During | None) -> RunSummary | None:
    """A loop that is dropped when the engine dies: nothing that was under way goes on."""
    loop = asyncio.new_event_loop()

    async def main() -> RunSummary:
        runtime = LocalRuntime()
        runtime.spawn(specs)
        driver = runtime.ask("InstitutionalStrategy", "run")
        if during is not None:
            await during(runtime)
        summary: RunSummary = await driver
        return summary

    try:
        return loop.run_until_complete(main())
    except Death:
        return None
    finally:
        loop.set_exception_handler(lambda loop, context: None)  # what was under way is dropped, and nobody hears of it
        for task in asyncio.all_tasks(loop):
            with suppress(RuntimeError, Death):
                task.get_coro().close()  # type: ignore[union-attr]
        loop.close()


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Lives:
    return Lives(monkeypatch)


@pytest.fixture
def calm(tmp_path: Path, lives: Lives) -> Ended:
    """What the bars come to when nothing happens."""
    return Engine(tmp_path / "calm", lives).to_the_end()


# -- kills -------------------------------------------------------------------------------------------


def test_a_run_whose_engines_die_again_and_again_ends_as_if_nothing_had_happened(
    tmp_path: Path, lives: Lives, calm: Ended
) -> None:
    engine = Engine(tmp_path / "loud", lives)
    died = 0
    while died == 0 or not engine.complete():
        engine.live(until=5 + died % 5)
        died += 1

    assert died > 20
    assert engine.ended() == calm
    engine.sound()


def test_a_kill_after_any_commit_changes_nothing(tmp_path: Path, lives: Lives) -> None:
    short = {symbol: closes[:AFTER_THE_SECOND] for symbol, closes in BARS.items()}
    undisturbed = Engine(tmp_path / "calm", lives, short).to_the_end()
    assert {reason for *_, reason in undisturbed.fills} == {"ENTRY", "STOP", "TARGET"}
    engine = Engine(tmp_path / "loud", lives, short)
    engine.live(until=BEFORE_THE_FIRST_TRADE)
    assert not engine.events("TRADE_EXECUTION")
    kept = shutil.copy(engine.database, tmp_path / "kept.db")

    until = 0
    while True:
        until += 1
        shutil.copy(kept, engine.database)
        engine.live(until)
        if engine.complete():
            break
        assert engine.to_the_end() == undisturbed, f"killed after commit {until}"
        engine.sound()

    assert until > 20


def test_a_kill_before_the_run_was_written_down_leaves_nothing_to_resume(tmp_path: Path, lives: Lives) -> None:
    engine = Engine(tmp_path / "loud", lives)
    engine.live(until=1)

    with pytest.raises(ConfigError, match=r"^nothing to resume; start a new run without --resume$"):
        frozen.to_resume(engine.url)
    with pytest.raises(ConfigError, match="no run is recorded"):
        frozen.run_of(engine.url)
    for until in range(1, 10):
        if not engine.events("RUN_STARTED"):
            engine.live(until)
    assert frozen.to_resume(engine.url).closed == 0
    assert engine.to_the_end().cycles == 86


# -- what is told ------------------------------------------------------------------------------------


def test_the_events_tell_of_every_start_and_the_run_is_the_last_engines(tmp_path: Path, lives: Lives) -> None:
    engine = Engine(tmp_path / "loud", lives)
    engine.live(until=43)
    closed = frozen.to_resume(engine.url).closed
    engine.live()

    first, second = engine.events("RUN_STARTED")
    assert (first["data"]["resumed"], first["data"]["cycle"]) == (False, 1)
    assert (second["data"]["resumed"], second["data"]["cycle"]) == (True, closed + 1)
    numbers = [one["seq"] for one in engine.events()]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    with engine.reading() as connection:
        row = connection.execute(sa.select(schema.runs)).one()
    assert (row.epoch, row.started_at, row.exit_reason) == (2, 7, "end_of_data")
    assert [one["data"]["cycle"] for one in engine.events("SCAN_SUMMARY")] == list(range(1, 87))


def stopped_with(reason: str) -> During:
    async def stop(runtime: LocalRuntime) -> None:
        while runtime.object("InstitutionalStrategy").snapshot is None:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await runtime.ask("InstitutionalStrategy", "stop", reason)

    return stop


def test_a_run_that_was_ended_by_a_person_goes_on_and_is_summed_up_as_a_whole(
    tmp_path: Path, lives: Lives, calm: Ended
) -> None:
    engine = Engine(tmp_path / "loud", lives)
    for reason in ("interrupted", "terminated", "enough for today"):
        engine.live(during=stopped_with(reason))
        assert engine.complete()

    assert engine.to_the_end() == calm
    told = [one["data"] for one in engine.events("RUN_SUMMARY")]
    assert [one["exit_reason"] for one in told] == ["interrupted", "terminated", "enough for today", "end_of_data"]
    assert told[0]["cycles"] < told[1]["cycles"] < told[2]["cycles"] < 86
    engine.sound()


def test_cycles_are_counted_from_the_runs_first(tmp_path: Path, lives: Lives) -> None:
    engine = Engine(tmp_path / "loud", lives, cycles=50)
    engine.live(until=63)

    assert engine.to_the_end().cycles == 50
    with pytest.raises(ConfigError, match=r"nothing to resume: run run is complete: it ended with cycles after 50"):
        frozen.to_resume(engine.url)
    with pytest.raises(ConfigError, match="no run of this database can be resumed"):
        frozen.to_resume(engine.url, "run")
