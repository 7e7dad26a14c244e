"""What the driver writes down: once, whoever asks again, and read back as it was committed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from actors.driver_records import DriverRecords
from actors.scan import Scan
from actors.snapshot import GateSnapshot
from actors.specs import DriverSpec
from domain.errors import ArgusError, DatabaseAway, StaleEpoch
from domain.money import NANO
from domain.timeframe import MINUTE
from journal import commands, database, lease, schema, views
from journal.engines import open_engine
from journal.store import Store, Tx
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load
from risk.state import TradingState

T = 1_704_153_660_000_000_000
SAID = {"equity": 100_000.0, "positions": []}


class Desk:
    """One database, and the records of one run for engines of several epochs."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'argus.db'}"
        database.prepare(self.url)
        self._stores: list[Store] = []

    def records(self, started_at: int = 5) -> DriverRecords:
        """Of the next engine."""
        epoch = lease.acquire(self.url, 1, "test", T, "run", lambda pid: False)
        settings = load(Overrides(symbols=("EURUSD", "BTC")), {})
        identity = Identity("run", epoch, self.url, started_at, "")
        spec: DriverSpec = actor_specs(settings, market(settings), identity)[-1].spec
        self._stores.append(Store(self.url, epoch))
        return DriverRecords(self._stores[-1], spec)

    def events(self, kind: str) -> list[dict[str, Any]]:
        with self._stores[-1].read() as connection:
            rows = views.events(connection, "run", 0, 1000)
        return [msgspec.json.decode(one["body"]) for one in rows if one["type"] == kind and one["form"] == 0]

    def count(self, kind: str) -> int:
        with self._stores[-1].read() as connection:
            return sum(one["type"] == kind for one in views.events(connection, "run", 0, 1000))

    def row(self) -> Any:
        with self._stores[-1].read() as connection:
            return connection.execute(sa.select(schema.runs)).one()

    def close(self) -> None:
        for one in self._stores:
            one.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    found = Desk(tmp_path)
    yield found
    found.close()


def snapshot(at: int, equity: int = 100_000) -> GateSnapshot:
    return GateSnapshot(
        at=at,
        state=TradingState(),
        held={},
        equity=equity * NANO,
        balance=equity * NANO,
        peak=equity * NANO,
        day=1,
        day_equity=equity * NANO,
        marks={},
        cancels=(),
        working=0,
    )


def close(records: DriverRecords, n: int, at: int) -> None:
    records.close_cycle(n, at, Scan(("EURUSD", "BTC"), {"EURUSD": 0, "BTC": 1}), snapshot(at), 1.0, 1.0)


def away_after_the_commit(records: DriverRecords, patch: pytest.MonkeyPatch) -> None:
    """The next transaction happens, and nobody hears of it."""
    whole = records.store.transaction

    @contextmanager
    def unanswered() -> Iterator[Tx]:
        patch.undo()
        with whole() as tx:
            yield tx
        raise DatabaseAway("the connection was lost during a commit")

    patch.setattr(records.store, "transaction", unanswered)


# -- cycles ------------------------------------------------------------------------------------------


def test_a_cycle_whose_commit_was_not_heard_of_is_opened_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    records = desk.records()
    records.open_run(T)
    away_after_the_commit(records, monkeypatch)
    with pytest.raises(DatabaseAway):
        records.open_cycle(1, T, "digest", snapshot(T), T + 7)

    records.open_cycle(1, T, "digest", snapshot(T), T + 8)
    with pytest.raises(ArgusError, match=r"cycle 1 is recorded for T .* with other bars"):
        records.open_cycle(1, T, "another", snapshot(T), T + 8)
    with pytest.raises(ArgusError, match="other bars"):
        records.open_cycle(1, T + MINUTE, "digest", snapshot(T), T + 8)

    assert desk.count("SCAN_START") == 1
    assert records.decided_at(1) == T + 7
    close(records, 1, T)
    records.open_cycle(2, T + MINUTE, "digest", snapshot(T + MINUTE), T + MINUTE)
    assert desk.count("SCAN_START") == 2


def test_reread_says_what_was_committed_whatever_was_believed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    records = desk.records()
    assert records.open_run(T) is None
    assert records.reread() is None
    away_after_the_commit(records, monkeypatch)
    with pytest.raises(DatabaseAway):
        records.open_cycle(1, T, "digest", snapshot(T), T + 7)
    assert records.opened(1) is None

    assert records.reread() == (0, records.spec.warmed_until)
    assert (records.opened(1), records.decided_at(1)) == (snapshot(T), T + 7)

    away_after_the_commit(records, monkeypatch)
    with pytest.raises(DatabaseAway):
        close(records, 1, T)
    assert records.reread() == (1, T)
    assert records.opened(1) is None
    records.open_cycle(2, T + MINUTE, "digest", snapshot(T + MINUTE), T + MINUTE)
    assert records.reread() == (1, T)


def test_a_cycle_that_is_redone_keeps_what_was_recorded_first(desk: Desk) -> None:
    records = desk.records()
    records.open_run(T)
    records.open_cycle(1, T, "digest", snapshot(T), T + 7)
    again = desk.records()
    assert again.open_run(T) == (0, again.spec.warmed_until)

    again.open_cycle(1, T, "digest", snapshot(T, 90_000), T + 9)

    assert (again.opened(1), again.decided_at(1)) == (snapshot(T), T + 7)
    assert desk.count("SCAN_START") == 1


def test_a_cycle_is_closed_once(desk: Desk) -> None:
    records = desk.records()
    records.open_run(T)
    records.open_cycle(1, T, "digest", snapshot(T), T)

    close(records, 1, T)
    close(records, 1, T)

    assert desk.count("SCAN_SUMMARY") == 1


# -- the run -----------------------------------------------------------------------------------------


def test_the_run_belongs_to_the_engine_that_goes_on_with_it(desk: Desk) -> None:
    first = desk.records()
    first.open_run(T)
    first.open_cycle(1, T, "digest", snapshot(T), T)
    close(first, 1, T)
    first.finish(SAID, "interrupted", T + 5, T, {})
    assert (desk.row().exit_reason, desk.row().started_at) == ("interrupted", 5)
    second = desk.records(started_at=5)

    assert second.open_run(T + 9) == second.open_run(T + 10) == (1, T)  # twice is once

    row = desk.row()
    assert (row.epoch, row.started_at, row.ended_at, row.exit_reason) == (2, 5, None, None)
    assert [(one["resumed"], one["cycle"]) for one in desk.events("RUN_STARTED")] == [(False, 1), (True, 2)]
    with pytest.raises(StaleEpoch):
        first.open_cycle(2, T + MINUTE, "digest", snapshot(T), T)


def test_a_run_is_summed_up_once_for_as_far_as_it_has_come(desk: Desk) -> None:
    records = desk.records()
    records.open_run(T)
    said = [records.finish(SAID, "interrupted", T + 5, T, {}) for _ in range(2)]
    assert said[0] == said[1]
    assert desk.count("RUN_SUMMARY") == 1

    records.open_cycle(1, T, "digest", snapshot(T), T)
    close(records, 1, T)
    records.finish(SAID, "cycles", T + 9, T, {})

    assert [(one["cycles"], one["exit_reason"]) for one in desk.events("RUN_SUMMARY")] == [
        (0, "interrupted"),
        (1, "cycles"),
    ]
    assert desk.row().exit_reason == "cycles"
    again = desk.records()
    again.open_run(T)
    again.finish(SAID, "cycles", T + 9, T, {})
    assert desk.count("RUN_SUMMARY") == 3


def test_a_pause_that_was_obeyed_holds_until_it_is_taken_back(desk: Desk) -> None:
    records = desk.records()
    records.open_run(T)
    engine = open_engine(desk.url)

    def told(verb: str, run_id: str = "run", state: str = commands.DONE) -> None:
        number = commands.add(engine, verb, {}, "test", "", T)
        with records.store.transaction() as tx:
            commands.answer(tx, number, state, "{}", T, run_id, 1, "open")

    assert not records.paused()
    told("pause", run_id="another")
    told("pause", state=commands.REFUSED)
    commands.add(engine, "pause", {}, "test", "", T)  # not heard yet
    assert not records.paused()
    told("pause")
    told("halt")
    assert records.paused()
    told("resume")
    assert not records.paused()
    engine.dispose()
