"""The command line over a database of its own, without an engine or with one that answers."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from typer.testing import CliRunner

from journal import commands, database, lease, views
from journal.store import Store
from orchestration.clock import WallClock
from tests.orchestration.terminal.story import RUN

Said = tuple[int, str, str]
Argus = Callable[..., Said]
Answers = dict[str, tuple[str, object]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder of its own."""
    for name in [one for one in os.environ if one.upper().startswith("ARGUS")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "home"


@pytest.fixture
def argus(home: Path) -> Argus:
    """Runs a verb: (exit code, stdout, stderr)."""
    from cli import app

    def call(*arguments: str) -> Said:
        done = CliRunner().invoke(app, list(arguments))
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout, done.stderr

    return call


@pytest.fixture
def url(home: Path) -> str:
    """The database in the data folder, which is there already."""
    address = f"sqlite:///{home / 'argus.db'}"
    database.prepare(address)
    return address


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    one = Store(url, epoch=9)
    yield one
    one.close()


class AnsweringEngine:
    """Holds the lease as this process, and answers each command with what it was given for its verb."""

    def __init__(self, url: str, answers: Answers) -> None:
        now = WallClock().now()
        self.epoch = lease.acquire(url, os.getpid(), socket.gethostname(), now, RUN, psutil.pid_exists)
        self._store, self._answers = Store(url, self.epoch), answers
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._over.wait(0.02):
            with self._store.read() as connection:
                waiting = views.pending_commands(connection)
            for one in [one for one in waiting if one["verb"] in self._answers]:
                state, answer = self._answers[one["verb"]]
                said = msgspec.json.encode(answer).decode()
                with self._store.transaction() as tx:
                    commands.answer(tx, one["id"], state, said, WallClock().now(), RUN, 7, "open")

    def stop(self) -> None:
        self._over.set()
        self._thread.join()
        lease.release(self._store, self.epoch)
        self._store.close()


@pytest.fixture
def engine(url: str) -> Iterator[Callable[[Answers], AnsweringEngine]]:
    """Starts an engine that answers."""
    running: list[AnsweringEngine] = []

    def start(answers: Answers) -> AnsweringEngine:
        running.append(AnsweringEngine(url, answers))
        return running[-1]

    yield start
    for one in running:
        one.stop()
