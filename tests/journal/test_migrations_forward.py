"""A database of every released schema comes forward with its rows, also when the migration is killed on the way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Boolean, Connection, Double, Integer, LargeBinary, MetaData, Table, Text, insert, select, text
from sqlalchemy.exc import DBAPIError

from domain.errors import ConfigError
from journal import database, engines, schema
from journal.migrations import upgrade
from journal.store import Store

ROOT = Path(__file__).resolve().parents[2]
NOT_ROWS = ("alembic_version", "sequence", "identity")
OLDER = schema.REVISIONS[:-1]


def a_value(column: Any, number: int) -> Any:
    kind = column.type
    if isinstance(kind, Boolean):
        return number % 2 == 0
    if isinstance(kind, LargeBinary):
        return bytes([number, 0, 255])
    if isinstance(kind, Text):
        return f"{column.name} {number} é"
    return number + 0.5 if isinstance(kind, Double) else number if isinstance(kind, Integer) else None


def an_older_database(url: str, revision: str) -> dict[str, list[dict[str, Any]]]:
    """A database as a release with that schema left it, with two rows in every table; those rows."""
    engine = engines.connected(url, "rwc")
    with engine.begin() as connection:
        upgrade(connection, revision)
    kept = {}
    with engine.begin() as connection:
        for table in tables(connection):
            rows = [{one.name: a_value(one, number) for one in table.columns} for number in (1, 2)]
            connection.execute(insert(table), rows)
            kept[table.name] = rows
        connection.execute(text("UPDATE sequence SET seq = 7, epoch = 3"))
    engine.dispose()
    return kept


def tables(connection: Connection) -> list[Table]:
    found = MetaData()
    found.reflect(connection)
    return [one for one in found.sorted_tables if one.name not in NOT_ROWS]


def rows_of(url: str) -> dict[str, list[dict[str, Any]]]:
    engine = database.open_engine(url, read_only=True)
    with engine.begin() as connection:
        found = {
            one.name: [dict(row) for row in connection.execute(select(one).order_by(*one.primary_key)).mappings()]
            for one in tables(connection)
        }
    engine.dispose()
    return found


def schema_of(url: str) -> str:
    engine = database.open_engine(url, read_only=True)
    with engine.begin() as connection:
        version = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    engine.dispose()
    return version


@pytest.mark.parametrize("revision", OLDER)
def test_every_row_of_an_older_database_is_kept(empty_url: str, revision: str) -> None:
    kept = an_older_database(empty_url, revision)
    assert {one: len(rows) for one, rows in kept.items()} == dict.fromkeys(kept, 2)

    with pytest.raises(ConfigError, match="db migrate"):
        database.require(empty_url)
    assert database.migrate(empty_url) == {"from": revision, "to": schema.HEAD}

    now = rows_of(empty_url)
    for name, rows in kept.items():
        assert [{column: row[column] for column in rows[0]} for row in now[name]] == rows
    assert {name: rows for name, rows in now.items() if name not in kept and rows} == {}
    store = Store(empty_url, epoch=3)
    with store.transaction() as tx:
        assert tx.emit("run", []) == 8
    store.close()


BLOCKED = """
import sys, time
from sqlalchemy import Engine, event
from journal import database

@event.listens_for(Engine, "after_cursor_execute")
def stop(connection, cursor, statement, *rest):
    if sys.argv[2] in statement:
        print("here", flush=True)
        time.sleep(600)

database.prepare(sys.argv[1])
"""


def killed_at(url: str, statement: str) -> None:
    """A start that is killed right after it has said this to the database."""
    command = [sys.executable, "-c", BLOCKED, url, statement]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"here\n"
        process.send_signal(signal.SIGKILL)


def soon(work: Callable[[], Any]) -> Any:
    """The server may need a moment to notice that a client is dead."""
    for _ in range(50):
        try:
            return work()
        except (DBAPIError, ConfigError):
            time.sleep(0.1)
    return work()


@pytest.mark.parametrize(
    "statement", ["venue_cursors", "foreign_holdings", "ALTER TABLE cycles", "UPDATE alembic_version"]
)
def test_a_migration_that_is_killed_leaves_the_old_schema_and_the_next_start_migrates(
    empty_url: str, statement: str
) -> None:
    kept = an_older_database(empty_url, "0001")
    killed_at(empty_url, statement)

    assert soon(lambda: schema_of(empty_url)) == "0001"
    assert soon(lambda: rows_of(empty_url)) == kept
    assert database.migrate(empty_url) == {"from": "0001", "to": schema.HEAD}
    assert rows_of(empty_url)["orders"][0].items() >= kept["orders"][0].items()


def test_a_first_start_that_is_killed_leaves_nothing_in_the_way(empty_url: str) -> None:
    killed_at(empty_url, "CREATE TABLE orders")

    assert soon(lambda: database.exists(empty_url)) is False
    assert database.migrate(empty_url) == {"from": None, "to": schema.HEAD}
    assert database.check(empty_url)["ok"]


def test_a_newer_database_is_refused_and_left_alone(url: str) -> None:
    engine = database.open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    for verb in (database.prepare, database.migrate, database.require, database.check):
        with pytest.raises(ConfigError, match="newer than this program"):
            verb(url)
    assert schema_of(url) == "9999"
