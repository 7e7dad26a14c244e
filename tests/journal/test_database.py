from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from domain.errors import ConfigError
from domain.events import CANDIDATE, RUN_STARTED, SCAN_SUMMARY, TRADE_EXECUTION, Draft
from domain.timeframe import HOUR
from journal import database, schema
from journal.retention import compact
from journal.store import Store

only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def said(problem: pytest.ExceptionInfo[ConfigError]) -> str:
    (line,) = problem.value.problems
    return line


# -- where it is -------------------------------------------------------------------------------------


def test_the_data_folder_is_argus_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path))

    assert database.data_folder() == tmp_path
    assert database.default_url() == f"sqlite:///{tmp_path / 'argus.db'}"


def test_without_argus_home_it_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGUS_HOME", raising=False)

    assert database.data_folder().name == "argus"
    assert database.data_folder().is_absolute()


def test_a_relative_path_is_the_same_database_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)

    assert database.resolved("sqlite:///argus.db") == f"sqlite:///{tmp_path / 'argus.db'}"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host/argus", "postgresql://ann:***@host/argus"),
        ("postgresql+psycopg://ann:se%40cret@host:5432/argus", "postgresql+psycopg://ann:***@host:5432/argus"),
        ("postgresql://host/argus?user=ann&password=secret&x=1", "postgresql://host/argus?user=ann&password=***&x=1"),
        ("sqlite:////data/argus.db", "sqlite:////data/argus.db"),
    ],
)
def test_a_password_is_never_shown(url: str, shown: str) -> None:
    assert database.password_hidden(url) == shown


# -- what cannot be used -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("nonsense", "nonsense"),
        ("", "''"),
        ("mysql://ann:secret@host/argus", "mysql"),
        ("postgresql+asyncpg://host/argus", "asyncpg"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
        ("sqlite:///file:argus.db?uri=true", "no file"),
        ("sqlite:///argus.db?mode=ro", "path and nothing else"),
        ("sqlite:///argus\0.db", "no file"),
        ("postgresql://host:port/argus", "cannot be read"),
    ],
)
def test_a_url_that_cannot_be_used_is_named_without_its_password(url: str, names: str) -> None:
    for verb in (database.prepare, database.exists, database.require, database.resolved):
        with pytest.raises(ConfigError) as problem:
            verb(url)
        assert names in said(problem)
        assert "secret" not in said(problem)
        assert "sqlite:///folder/argus.db" in said(problem)


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("x")
    return folder / "file" / "argus.db"


def a_folder(folder: Path) -> Path:
    (folder / "argus.db").mkdir()
    return folder / "argus.db"


def garbage(folder: Path) -> Path:
    (folder / "argus.db").write_bytes(b"this is no database" * 500)
    return folder / "argus.db"


def truncated(folder: Path) -> Path:
    path = folder / "argus.db"
    database.prepare(f"sqlite:///{path}")
    path.write_bytes(path.read_bytes()[:20_000])
    return path


def torn(folder: Path) -> Path:
    path = folder / "argus.db"
    database.prepare(f"sqlite:///{path}")
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * 3000 + whole[3100:])
    return path


BAD: list[tuple[Callable[[Path], Path], str]] = [
    (below_a_file, "cannot be made"),
    (a_folder, "name a file"),
    (garbage, "is not a database"),
    (truncated, "is damaged"),
    (torn, "is damaged"),
    (lambda _: Path("/proc/argus/argus.db"), "cannot be made"),
    (lambda _: Path("/proc/self/argus.db"), "read-only"),
    (lambda _: Path("/dev/null"), "name a file"),
    (lambda folder: folder / ("x" * 300), "cannot be opened"),
]


@pytest.mark.parametrize(("make", "says"), BAD)
def test_an_unusable_path_is_named_with_a_way_out_and_nothing_is_left(
    tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    path = make(tmp_path)
    before = {one: one.read_bytes() if one.is_file() else None for one in tmp_path.rglob("*")}

    for verb in (database.prepare, database.migrate):
        with pytest.raises(ConfigError) as problem:
            verb(f"sqlite:///{path}")
        assert says in said(problem)
        assert str(path.parent) in said(problem)

    assert {one: one.read_bytes() if one.is_file() else None for one in tmp_path.rglob("*")} == before


@pytest.mark.parametrize(("make", "says"), BAD)
def test_reading_an_unusable_path_is_refused_too(tmp_path: Path, make: Callable[[Path], Path], says: str) -> None:
    url = f"sqlite:///{make(tmp_path)}"

    for verb in (database.require, database.check):
        with pytest.raises(ConfigError):
            verb(url)


def read_only(monkeypatch: pytest.MonkeyPatch, *paths: Path) -> None:
    """As a user without the right to write there: root may write everywhere."""
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, how: may(path, how) and not (how & os.W_OK and Path(path) in paths))


def test_a_read_only_folder_and_a_read_only_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "argus.db"
    database.prepare(f"sqlite:///{path}")
    read_only(monkeypatch, path)
    with pytest.raises(ConfigError, match=f"{path} is read-only"):
        database.prepare(f"sqlite:///{path}")
    read_only(monkeypatch, tmp_path)
    with pytest.raises(ConfigError, match=f"folder {tmp_path} .* is read-only"):
        database.prepare(f"sqlite:///{tmp_path / 'other.db'}")

    assert list(tmp_path.iterdir()) == [path]


@only_sqlite
def test_a_read_only_database_can_be_read_and_nothing_is_written_beside_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_only(monkeypatch, tmp_path)
    engine = database.open_engine(url, read_only=True)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT seq FROM sequence")).scalar_one() == 0
        assert [one.name for one in tmp_path.iterdir()] == ["argus.db"]
    engine.dispose()

    assert database.check(url)["ok"]


def test_a_database_held_by_another_program_is_refused(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("journal.engines.PATIENCE", 0.05)
    engine = database.open_engine(url)
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE alembic_version"))
        with pytest.raises(ConfigError, match="held by another program"):
            database.prepare(url)
    engine.dispose()


def test_a_missing_database_is_said_to_be_missing_and_is_not_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'argus.db'}"

    assert not database.exists(url)
    with pytest.raises(ConfigError, match="start a run first"):
        database.require(url)
    with pytest.raises(OperationalError), database.open_engine(url).connect():
        pass
    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_must_be_migrated_before_it_is_read(url: str) -> None:
    engine = database.open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()

    with pytest.raises(ConfigError, match="db migrate"):
        database.require(url)


# -- how it is opened --------------------------------------------------------------------------------


@only_sqlite
def test_it_is_a_write_ahead_log_that_is_synced_at_every_commit(url: str) -> None:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        settings = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    engine.dispose()

    assert settings == ["wal", 2, 5000, 0]


def test_a_read_only_engine_cannot_write(url: str) -> None:
    engine = database.open_engine(url, read_only=True)
    with pytest.raises(DBAPIError, match=r"readonly|read-only"), engine.begin() as connection:
        connection.execute(update(schema.sequence).values(seq=5))
    engine.dispose()


def test_a_reader_waits_for_no_writer_and_sees_what_is_committed(store: Store) -> None:
    with store.transaction() as tx:
        tx.emit("run", [Draft(CANDIDATE, 1, "a", {})])
        with store.read() as connection:
            assert connection.execute(text("SELECT count(*) FROM events")).scalar_one() == 0
    with store.read() as connection:
        assert connection.execute(text("SELECT count(*) FROM events")).scalar_one() == 1


@only_sqlite
def test_nothing_remains_beside_the_database(url: str, tmp_path: Path) -> None:
    database.prepare(url)
    database.check(url)

    assert [one.name for one in tmp_path.iterdir()] == ["argus.db"]


def test_processes_that_start_together_make_one_database(empty_url: str) -> None:
    url = empty_url
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(database.prepare, [url] * 6, chunksize=1)

    assert database.check(url)["ok"]


# -- what a check finds ------------------------------------------------------------------------------


def an_order_event(seq: int, order: str, status: str, fill: str | None = None) -> dict[str, object]:
    return {
        "seq": seq,
        "order_id": order,
        "account": "paper",
        "status": status,
        "at": seq,
        "code": "",
        "text": "",
        "venue_ref": "",
        "surprising": False,
        "fill_id": fill,
    }


def test_a_check_counts_events_and_names_unresolved_orders(url: str, store: Store) -> None:
    steps = [("a", "SUBMITTED"), ("b", "SUBMITTED"), ("b", "FILLED"), ("c", "SUBMITTED"), ("c", "UNKNOWN")]
    with store.transaction() as tx:
        for number, (order, status) in enumerate(steps):
            seq = tx.emit("run", [Draft(f"ORDER_{status}", 1, f"{number}", {})])
            tx.insert(schema.order_events, [an_order_event(seq, order, status)])

    assert database.check(url) == {
        "ok": True,
        "schema": schema.HEAD,
        "head": schema.HEAD,
        "integrity": "ok",
        "events": 5,
        "gaps": 0,
        "orders": 0,
        "fills": 0,
        "duplicates": 0,
        "unresolved": [{"order_id": "a", "status": "SUBMITTED"}, {"order_id": "c", "status": "UNKNOWN"}],
        "unrecorded": [],
        "reservations": [],
        "positions": [],
        "mismatches": [],
        "illegal": [],
        "doubled": [],
        "trades": [],
        "locks": [],
    }


def test_a_check_finds_a_gap(url: str, store: Store) -> None:
    with store.transaction() as tx:
        tx.emit("run", [Draft(CANDIDATE, 1, str(number), {}) for number in range(5)])
    with store.transaction() as tx:
        tx.connection.execute(text("DELETE FROM events WHERE seq IN (2, 5)"))

    assert database.check(url)["gaps"] == 2
    assert not database.check(url)["ok"]


def test_old_scans_of_live_runs_may_be_dropped_without_a_gap(url: str, store: Store) -> None:
    live = {
        "run_id": "live",
        "epoch": 1,
        "account": "paper",
        "live": True,
        "simulated": False,
        "started_at": 1,
        "config": "{}",
        "symbols": "[]",
        "codes": "[]",
        "inputs": "{}",
        "warmed_until": 0,
    }
    with store.transaction() as tx:
        tx.insert(schema.runs, [live])
        tx.emit("live", [Draft(RUN_STARTED, 1, "", {})])
        tx.emit("live", [Draft(SCAN_SUMMARY, number, str(number), {}) for number in range(4)])
        assert compact(tx.connection, {SCAN_SUMMARY: 1.0}, 2 + HOUR) == 2
    assert database.check(url)["ok"]

    with store.transaction() as tx:
        tx.connection.execute(text("DELETE FROM events WHERE seq = 5"))
    assert database.check(url)["gaps"] == 1


def test_a_check_finds_what_happened_twice(url: str, store: Store) -> None:
    with store.transaction() as tx:
        seq = tx.emit("run", [Draft(TRADE_EXECUTION, 1, "f", {}), Draft("ORDER_FILLED", 1, "x", {})])
        tx.emit("run", [Draft("ORDER_FILLED", 1, "y", {})])
        again = [an_order_event(seq + 1, "a", "FILLED", "f"), an_order_event(seq + 2, "a", "FILLED", "f")]
        tx.connection.execute(insert(schema.order_events), again)

    assert database.check(url)["duplicates"] == 2
    assert not database.check(url)["ok"]
