"""A copy of the database is whole, is made while others write, and takes no other file's place."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select

from domain.errors import ConfigError, DatabaseBroken
from domain.events import CANDIDATE, Draft, event_id
from journal import backup as copies
from journal import database, schema
from journal.address import parse
from journal.backup import backup
from journal.store import Store
from tests.postgres import Server

NOW = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)


def write(store: Store, *keys: object) -> None:
    with store.transaction() as tx:
        tx.emit("run", [Draft(CANDIDATE, 1, str(key), {"key": key}) for key in keys])


def seqs(url: str) -> list[int]:
    engine = database.open_engine(url, read_only=True)
    with engine.begin() as connection:
        found = list(connection.execute(select(schema.events.c.seq).order_by(schema.events.c.seq)).scalars())
    engine.dispose()
    return found


def test_a_copy_is_made_beside_the_database_and_named_by_the_time(sqlite_url: str, tmp_path: Path) -> None:
    path = backup(sqlite_url, None, NOW)

    assert path == tmp_path / "argus-20240101T000000Z.db"
    assert database.check(f"sqlite:///{path}")["ok"]


def test_a_copy_may_go_into_a_folder(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    kind = "db" if url.startswith("sqlite") else "dump"

    path = backup(url, str(folder), NOW)

    assert path == folder / f"{Path(str(parse(url).database)).stem}-20240101T000000Z.{kind}"
    assert [one.name for one in folder.iterdir()] == [path.name]


@only_sqlite
def test_a_copy_made_while_others_write_is_of_one_moment(url: str, store: Store, tmp_path: Path) -> None:
    write(store, *range(2000))
    over = threading.Event()

    def go_on() -> None:
        mine, number = Store(url, epoch=1), 0
        while not over.is_set():
            write(mine, f"{number}a", f"{number}b")
            number += 1
        mine.close()

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        paths = [backup(url, str(tmp_path / f"copy{number}.db"), NOW) for number in range(5)]
    finally:
        over.set()
        writer.join()

    for path in paths:
        found = database.check(f"sqlite:///{path}")
        assert found["ok"]
        assert found["events"] >= 2000
        assert found["events"] % 2 == 0
    assert database.check(url)["ok"]


@only_sqlite
def test_a_restored_copy_goes_on_where_it_was_made(url: str, store: Store, tmp_path: Path) -> None:
    write(store, 1, 2)
    path = backup(url, str(tmp_path / "copy.db"), NOW)
    write(store, 3)

    database.prepare(f"sqlite:///{path}")
    again = Store(f"sqlite:///{path}", epoch=1)
    write(again, 4)
    again.close()

    assert (seqs(url), seqs(f"sqlite:///{path}")) == ([1, 2, 3], [1, 2, 3])


def test_a_file_that_is_there_is_not_overwritten(url: str, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_text("precious")

    with pytest.raises(ConfigError, match="not overwritten"):
        backup(url, str(path), NOW)

    assert path.read_text() == "precious"


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "copy"
    monkeypatch.setattr(copies, "_synced", lambda *_: path.write_text("precious"))

    with pytest.raises(ConfigError, match="not overwritten"):
        backup(url, str(path), NOW)

    assert path.read_text() == "precious"
    assert [one.name for one in tmp_path.iterdir() if "part" in one.name] == []


def test_what_cannot_be_written_is_named(url: str, tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere" / "copy", Path("/proc/self/copy")):
        with pytest.raises(ConfigError, match=str(place.parent)):
            backup(url, str(place), NOW)


def test_there_is_nothing_to_copy_where_there_is_no_database(empty_url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no database"):
        backup(empty_url, str(tmp_path / "copy"), NOW)

    assert list(tmp_path.iterdir()) == []


def a_page(whole: bytes) -> bytes:
    middle = whole.index(b"x" * 500) // 4096 * 4096
    return whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :]


def an_entry_of_an_index(whole: bytes) -> bytes:
    id = event_id("run", CANDIDATE, "1" + "x" * 500).encode()
    return whole.replace(id, id[:-1] + b"?", 1)


@pytest.mark.parametrize("damaged", [a_page, an_entry_of_an_index])
def test_what_is_damaged_makes_no_copy(sqlite_url: str, tmp_path: Path, damaged: Callable[[bytes], bytes]) -> None:
    store = Store(sqlite_url, epoch=1)
    write(store, *(f"{number}{'x' * 500}" for number in range(400)))
    store.close()
    path = tmp_path / "argus.db"
    path.write_bytes(damaged(path.read_bytes()))

    with pytest.raises(DatabaseBroken, match="is damaged, and so is a copy of it: restore an earlier one"):
        backup(sqlite_url, str(tmp_path / "copy.db"), NOW)

    assert [one.name for one in tmp_path.iterdir() if "copy" in one.name] == []
    assert not database.check(sqlite_url)["ok"]


# -- PostgreSQL --------------------------------------------------------------------------------------


def test_a_dump_can_be_restored(postgres_url: str, postgres: Server, tmp_path: Path) -> None:
    if shutil.which("pg_restore") is None:
        pytest.skip("pg_restore is not on the path")
    store = Store(postgres_url, epoch=1)
    write(store, *range(50))
    path = backup(postgres_url, str(tmp_path / "copy.dump"), NOW)
    store.close()

    with postgres.empty_database() as restored:
        address = restored.replace("postgresql+psycopg", "postgresql")
        subprocess.run(["pg_restore", f"--dbname={address}", str(path)], check=True, capture_output=True)

        assert seqs(restored) == list(range(1, 51))
        found = database.check(restored)
        assert (found["ok"], found["events"]) == (True, 50)


def test_a_password_goes_by_the_environment_and_not_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    for given in ("postgresql://ann:s3cret@host:1/argus", "postgresql://ann@host:1/argus?password=s3cret"):
        asked, environment = copies.without_password(parse(given))
        assert asked == "postgresql://ann@host:1/argus"
        assert environment["PGPASSWORD"] == "s3cret"
    asked, environment = copies.without_password(parse("postgresql://ann@/argus?host=/run/pg&sslmode=disable"))
    assert asked == "postgresql://ann@/argus?host=%2Frun%2Fpg&sslmode=disable"
    assert environment.get("PGPASSWORD") == os.environ.get("PGPASSWORD")


def test_a_user_with_a_password_can_copy(postgres_url: str, postgres: Server, tmp_path: Path) -> None:
    name = postgres_url.split("/")[3].split("?")[0]
    if not postgres.run("SELECT 1 FROM pg_roles WHERE rolname = 'owner'"):
        postgres.run("CREATE ROLE owner LOGIN SUPERUSER PASSWORD 's3cret'")
    access = postgres.folder / "data" / "pg_hba.conf"
    before = access.read_text()
    access.write_text("local all owner scram-sha-256\n" + before)
    postgres.run("SELECT pg_reload_conf()")
    try:
        path = backup(postgres.url(name, "owner:s3cret"), str(tmp_path / "copy"), NOW)
        with pytest.raises(ConfigError, match="check the user and the password"):
            backup(postgres.url(name, "owner:wr0ng"), str(tmp_path / "other"), NOW)
    finally:
        access.write_text(before)
        postgres.run("SELECT pg_reload_conf()")

    assert path.stat().st_size > 1000


def test_without_the_program_it_is_named(postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ConfigError, match="needs the program pg_dump"):
        backup(postgres_url, str(tmp_path / "copy"), NOW)

    assert list(tmp_path.iterdir()) == []


def test_a_dump_that_fails_leaves_nothing_and_says_why(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "pg_dump"
    program.write_text("#!/bin/sh\necho aborting because of server version mismatch >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")

    with pytest.raises(ConfigError, match="server version mismatch"):
        backup(postgres_url, str(tmp_path / "copy"), NOW)

    assert [one.name for one in tmp_path.iterdir()] == ["programs"]


def test_a_copy_holds_a_whole_file(sqlite_url: str, tmp_path: Path) -> None:
    path = backup(sqlite_url, str(tmp_path / "copy.db"), NOW)
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.move(path, tmp_path / "elsewhere" / "copy.db")

    with sqlite3.connect(moved) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT seq FROM sequence").fetchone() == (0,)
    connection.close()
