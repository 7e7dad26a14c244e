from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, Table, text
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.schema import CreateTable

from domain.errors import ConfigError
from journal import database, engines, migrations, schema
from journal.store import Statements


def a_database(url: str, *statements: str) -> None:
    engine: Engine = engines.connected(url, "rwc")
    with engine.begin() as connection:
        for one in statements:
            connection.execute(text(one))
    engine.dispose()


def test_the_migrated_database_is_exactly_the_schema(url: str) -> None:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    engine.dispose()

    assert differences == []


def test_the_program_knows_every_revision_in_order(url: str) -> None:
    engine = database.open_engine(url)
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(migrations.configuration(connection))
        known = [one.revision for one in script.walk_revisions()][::-1]
    engine.dispose()

    assert tuple(known) == schema.REVISIONS


def test_a_new_database_starts_at_zero_with_a_name_of_its_own(url: str, tmp_path: Path) -> None:
    other = f"sqlite:///{tmp_path / 'other.db'}"
    database.prepare(other)
    names = []
    for one in (url, other):
        engine = database.open_engine(one, read_only=True)
        with engine.begin() as connection:
            assert connection.execute(text("SELECT id, seq, epoch FROM sequence")).all() == [(1, 0, 0)]
            names.append(connection.execute(text("SELECT database_id FROM identity")).scalar_one())
        engine.dispose()

    assert len(set(names)) == 2


def test_migrating_says_from_where_to_where_and_twice_is_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'folder' / 'argus.db'}"

    assert database.migrate(url) == {"from": None, "to": schema.HEAD}
    assert database.migrate(url) == {"from": schema.HEAD, "to": schema.HEAD}


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    path = tmp_path / "argus.db"
    path.touch()

    database.prepare(f"sqlite:///{path}")

    assert database.check(f"sqlite:///{path}")["ok"]


@pytest.mark.parametrize(
    ("statements", "says"),
    [
        (("CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('9999')"), "newer"),
        (("CREATE TABLE songs (name TEXT)",), "another program"),
    ],
)
def test_a_schema_that_is_newer_or_not_ours_is_refused_and_left_alone(
    tmp_path: Path, statements: tuple[str, ...], says: str
) -> None:
    path = tmp_path / "argus.db"
    url = f"sqlite:///{path}"
    a_database(url, *statements)
    before = path.read_bytes()

    for verb in (database.prepare, database.migrate, database.require, database.check):
        with pytest.raises(ConfigError, match=says) as refusal:
            verb(url)
        assert str(path) in str(refusal.value)

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_migration_leaves_nothing_behind(tmp_path: Path) -> None:
    """The schema is made in one transaction: a table in the way undoes the others."""
    path = tmp_path / "argus.db"
    url = f"sqlite:///{path}"
    a_database(
        url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)",  # as ours, before its first revision
        "CREATE TABLE trades (x TEXT)",
    )

    with pytest.raises(ConfigError, match="already exists"):
        database.prepare(url)

    engine = database.open_engine(url, read_only=True)
    with engine.begin() as connection:
        tables = set(connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars())
    engine.dispose()
    assert tables == {"alembic_version", "trades"}


@pytest.mark.parametrize("table", schema.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_and_insert_can_be_said_to_postgresql(table: Table) -> None:
    dialect = psycopg.dialect(paramstyle="format")
    statements = Statements(dialect)
    columns = tuple(column.name for column in table.columns)

    assert str(CreateTable(table).compile(dialect=dialect))
    for conflict in ("fail", "replace", "keep"):
        sql = statements.get(table, columns, conflict).sql
        assert sql.count("%s") == len(columns)
        assert "RETURNING" not in sql
