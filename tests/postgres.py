"""A PostgreSQL server of its own for one session of tests: in a temporary folder, removed at the end."""

from __future__ import annotations

import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from journal import database, schema

USUAL_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
)
PATIENCE = 60.0
ONE_ROW = ("sequence", "identity")

CLEARING_UP = 'cat >/dev/null; "$0" -D data -m immediate stop; cd / && rm -rf "$1"'
"""Waits for the end of the tests, also of tests that were killed."""

EMPTYING = (
    "; ".join(f"DELETE FROM {one.name}" for one in schema.metadata.sorted_tables if one.name not in ONE_ROW),
    "UPDATE sequence SET seq = 0, epoch = 0",
    f"UPDATE alembic_version SET version_num = '{schema.HEAD}'",
    "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'",
)
"""What makes a used database new, in a hundredth of the time that a new one takes."""


def programs() -> Path | None:
    """The folder with ``postgres`` and ``initdb``."""
    on_path = shutil.which("postgres")
    folders = [Path(on_path).parent] if on_path else []
    folders += [Path(one) for place in USUAL_PLACES for one in sorted(glob.glob(place), reverse=True)]
    return next((one for one in folders if (one / "postgres").exists() and (one / "initdb").exists()), None)


class Server:
    """One server that listens on a Unix socket in its own folder, and lets everybody in as ``postgres``."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self.folder = Path(tempfile.mkdtemp(prefix="argus-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._free: list[str] = []
        self._as: dict[str, Any] = {"cwd": self.folder, "stdin": subprocess.DEVNULL}
        if os.name == "posix" and os.geteuid() == 0:  # the server refuses to run as root
            self._as |= {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(self.folder, "postgres", "postgres")
        self._initialise()
        watch = [*("/bin/sh", "-c", CLEARING_UP), self._programs / "pg_ctl", self.folder]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "start_new_session": True}
        self._watch = subprocess.Popen(watch, **self._as | quiet | {"stdin": subprocess.PIPE})

    def _initialise(self) -> None:
        made = [self._programs / "initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        done = subprocess.run([*made, "--locale=C", "--no-instructions"], **self._as, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"initdb: {done.stderr or done.stdout}")
        access = self.folder / "data" / "pg_hba.conf"
        access.write_text("local all guarded scram-sha-256\nlocal all all trust\n")

    # -- the process -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start it if it does not run, and wait until it lets somebody in."""
        if self._process is None or self._process.poll() is not None:
            settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=60"]
            options = [part for one in settings for part in ("-c", one)]
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self._programs / "postgres", "-D", "data", *options], **self._as, stdout=log, stderr=log
                )
        ends = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None and time.monotonic() < ends:
                time.sleep(0.1)  # the last one's memory is still there
                return self.start()
            if time.monotonic() > ends:
                raise RuntimeError(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(host=str(self.folder), user="postgres", dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends it in order, SIGQUIT at once without writing anything, SIGKILL as a crash does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)

    def remove(self) -> None:
        self.stop()
        self._watch.communicate()

    # -- its databases ---------------------------------------------------------------------------

    def url(self, name: str, user: str = "postgres") -> str:
        return f"postgresql://{user}@/{name}?host={self.folder}"

    def run(self, statement: str, name: str = "postgres") -> list[Any]:
        """One statement outside a transaction, by a connection of its own; its rows."""
        import psycopg

        with psycopg.connect(host=str(self.folder), user="postgres", dbname=name, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """The URL of a new database without a table; it is dropped afterwards."""
        name = self._new_database()
        try:
            yield self.url(name)
        finally:
            self.start()
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def database(self) -> Iterator[str]:
        """The URL of a database with the schema of this program and no rows; emptied afterwards for the next test."""
        if not self._free:
            self._free.append(self._new_database())
            database.prepare(self.url(self._free[-1]))
        name = self._free.pop()
        try:
            yield self.url(name)
        finally:
            self.start()
            self.run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
            for statement in EMPTYING:
                self.run(statement, name)
            self._free.append(name)

    def _new_database(self) -> str:
        self._made += 1
        name = f"argus_{self._made}"
        self.run(f"CREATE DATABASE {name}")
        return name


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """The server; where there is none the test is skipped, or fails if CI is set."""
    pytest.importorskip("psycopg") if not os.environ.get("CI") else __import__("psycopg")
    found = programs()
    if found is None:
        without = "no PostgreSQL server on this machine (programs postgres and initdb)"
        pytest.fail(without) if os.environ.get("CI") else pytest.skip(without)
    server = Server(found)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """A new database on it."""
    with postgres.database() as url:
        yield url
