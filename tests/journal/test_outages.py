"""The database goes away, fills up or breaks: all or nothing is written, and whoever asks is told what it was."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from domain.errors import AlreadyRunning, ConfigError, DatabaseAway, DatabaseBroken, StaleEpoch
from domain.events import CANDIDATE, Draft
from journal import database, engines, lease, outages, schema
from journal.store import Store, Tx
from tests.postgres import Server

NOW = 1_700_000_000_000_000_000
ROOT = Path(__file__).resolve().parents[2]
only_sqlite = pytest.mark.parametrize("url", ["sqlite"], indirect=True)
only_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)


def drafts(*keys: object) -> list[Draft]:
    return [Draft(CANDIDATE, 1, str(key), {"key": key}) for key in keys]


def seqs(store: Store) -> list[int]:
    with store.read() as connection:
        return list(connection.execute(select(schema.events.c.seq).order_by(schema.events.c.seq)).scalars())


def cut_off(tx: Tx, postgres: Server) -> None:
    """Somebody ends our connection at the server."""
    pid = tx.connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    assert postgres.run(f"SELECT pg_terminate_backend({pid}, 5000)") == [(True,)]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take long to start a server."""
    monkeypatch.setattr(outages, "WAIT", 60.0)


@contextmanager
def down(postgres: Server, how: signal.Signals, seconds: float) -> Iterator[None]:
    """The server stops now and is there again after so many seconds."""

    def again() -> None:
        time.sleep(seconds)
        postgres.start()

    postgres.stop(how)
    later = threading.Thread(target=again)
    later.start()
    try:
        yield
    finally:
        later.join()


# -- a connection that is lost -----------------------------------------------------------------------


@only_postgresql
def test_a_connection_lost_before_the_commit_leaves_nothing_and_the_store_goes_on(
    store: Store, postgres: Server
) -> None:
    def act() -> None:
        with store.transaction() as tx:
            tx.emit("run", drafts(1, 2))
            cut_off(tx, postgres)

    with pytest.raises(DatabaseAway):
        act()

    assert seqs(store) == []
    with store.transaction() as tx:
        assert tx.emit("run", drafts(3)) == 1


@only_postgresql
def test_a_connection_lost_between_two_statements_leaves_nothing(store: Store, postgres: Server) -> None:
    def act() -> None:
        with store.transaction() as tx:
            tx.emit("run", drafts(1))
            cut_off(tx, postgres)
            tx.emit("run", drafts(2))

    with pytest.raises(DatabaseAway, match="does not answer"):
        act()

    assert seqs(store) == []


@only_postgresql
def test_a_connection_lost_between_two_transactions_is_not_noticed(store: Store, postgres: Server) -> None:
    seqs(store)
    with store.transaction() as tx:
        tx.emit("run", drafts(1))
    postgres.run("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'argus'")

    assert seqs(store) == [1]
    with store.transaction() as tx:
        assert tx.emit("run", drafts(2)) == 2


class Wire:
    """Stands between clients and the server; once ``losing``, it hands on a COMMIT and loses the answer."""

    def __init__(self, postgres: Server, folder: Path) -> None:
        self.losing = False
        self.lost: list[socket.socket] = []
        self._server = str(postgres.folder / ".s.PGSQL.5432")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._open = [self._listener]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                here = self._listener.accept()[0]
            except OSError:
                return
            there = socket.socket(socket.AF_UNIX)
            there.connect(self._server)
            self._open += [here, there]
            self._start(self._questions, here, there)
            self._start(self._answers, here, there)

    def _questions(self, here: socket.socket, there: socket.socket) -> None:
        while said := received(here):
            if self.losing and b"COMMIT" in said:
                self.losing = False
                self.lost.append(there)
            handed_on(there, said)
        hung_up(there)

    def _answers(self, here: socket.socket, there: socket.socket) -> None:
        while (said := received(there)) and there not in self.lost:
            handed_on(here, said)
        hung_up(here)

    def close(self) -> None:
        for one in self._open:
            hung_up(one)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()


def received(one: socket.socket) -> bytes:
    try:
        return one.recv(65536)
    except OSError:
        return b""


def handed_on(one: socket.socket, said: bytes) -> None:
    with suppress(OSError):
        one.sendall(said)


def hung_up(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def wire(postgres: Server) -> Iterator[tuple[Wire, Path]]:
    """The wire, and the folder of its own end: a short path, as sockets want it."""
    with tempfile.TemporaryDirectory(prefix="argus-wire-") as folder:
        one = Wire(postgres, Path(folder))
        yield one, Path(folder)
        one.close()


@only_postgresql
def test_a_commit_whose_answer_is_lost_is_unknown_and_has_happened(
    url: str, wire: tuple[Wire, Path], postgres: Server
) -> None:
    line, folder = wire
    store = Store(url.replace(str(postgres.folder), str(folder)), epoch=1)
    with store.transaction() as tx:
        tx.emit("run", drafts(1))

    line.losing = True
    with pytest.raises(DatabaseAway), store.transaction() as tx:
        tx.emit("run", drafts(2, 3))

    assert len(line.lost) == 1
    assert seqs(store) == [1, 2, 3]
    with store.transaction() as tx:
        assert tx.emit("run", drafts(4)) == 4
    store.close()


# -- a server that is away ---------------------------------------------------------------------------


@only_postgresql
@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_dies_within_a_transaction_leaves_all_or_nothing_and_is_waited_for(
    store: Store, postgres: Server, how: signal.Signals
) -> None:
    def act() -> None:
        with store.transaction() as tx:
            tx.emit("run", drafts(2))
            postgres.stop(how)

    with store.transaction() as tx:
        tx.emit("run", drafts(1))
    with pytest.raises(DatabaseAway):
        act()

    with down(postgres, how, seconds=0.5):
        assert seqs(store) == [1]
    with down(postgres, how, seconds=0.5), store.transaction() as tx:
        assert tx.emit("run", drafts(3)) == 2


@only_postgresql
def test_a_server_that_stays_away_is_given_up(store: Store, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "WAIT", 0.3)
    epoch = lease.acquire(store.url, 1, "here", NOW, "run", alive=lambda _: False)
    postgres.stop(signal.SIGQUIT)

    with pytest.raises(DatabaseAway, match="start the server"), store.transaction():
        pass
    with pytest.raises(DatabaseAway, match="start the server"), store.read():
        pass
    with pytest.raises(DatabaseAway):
        lease.beat(store, epoch, NOW)
    with pytest.raises(DatabaseAway):
        Store(store.url, 1).transaction().__enter__()
    for verb in (database.prepare, database.require, lease.holder):
        with pytest.raises(ConfigError, match="start the server"):
            verb(store.url)

    postgres.start()
    with store.transaction() as tx:
        assert tx.emit("run", drafts(1)) == 1
    lease.beat(store, epoch, NOW)


@only_postgresql
def test_a_start_waits_for_a_server_that_is_starting_too(url: str, postgres: Server) -> None:
    with down(postgres, signal.SIGQUIT, seconds=0.3):
        database.prepare(url)


@only_postgresql
def test_the_lease_outlives_an_outage(store: Store, postgres: Server) -> None:
    epoch = lease.acquire(store.url, 1, "here", NOW, "run", alive=lambda _: True)
    engine = database.open_engine(store.url)
    lease.beat(engine, epoch, NOW)
    postgres.stop(signal.SIGQUIT)
    with pytest.raises(DatabaseAway):
        lease.beat(engine, epoch, NOW + 1)
    postgres.start()

    lease.beat(engine, epoch, NOW + 2)
    engine.dispose()


def test_a_server_that_lets_nobody_in_is_not_asked_twice(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "WAIT", 3600.0)
    for name, user, says in (
        ("nowhere", "postgres", "create it with createdb"),
        ("postgres", "nobody", "check the user in the URL"),
        ("postgres", "guarded:wrong", "check the user and the password in the URL"),
    ):
        with pytest.raises(ConfigError, match=says) as refusal:
            database.prepare(postgres.url(name, user))
        assert "wrong@" not in str(refusal.value)


def test_a_host_that_nobody_knows_is_named() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(ConfigError, match=r"host that nobody knows.*nowhere\.invalid"):
        database.prepare("postgresql://ann:secret@nowhere.invalid/argus")


# -- two engines, and one that is frozen -------------------------------------------------------------


@only_postgresql
def test_a_lease_is_taken_only_after_the_transaction_that_is_open(url: str, store: Store) -> None:
    taken: list[int] = []
    second = threading.Thread(
        target=lambda: taken.append(lease.acquire(url, 2, "here", NOW, "two", alive=lambda _: False))
    )
    with store.transaction() as tx:
        tx.emit("run", drafts(1))
        second.start()
        second.join(0.3)
        assert taken == []
        first = tx.emit("run", drafts(2))
    second.join()

    assert (first, taken) == (2, [1])
    with store.transaction() as tx:  # epoch 1 is ours
        tx.emit("run", drafts(3))
    lease.acquire(url, 3, "here", NOW, "three", alive=lambda _: False)
    with pytest.raises(StaleEpoch), store.transaction():
        pass
    assert seqs(store) == [1, 2, 3]


@only_postgresql
def test_engines_that_start_at_once_get_the_lease_one_after_the_other(url: str) -> None:
    got: list[int] = []
    refused: list[str] = []
    ready = threading.Barrier(6)

    def start(pid: int) -> None:
        ready.wait()
        try:
            got.append(lease.acquire(url, pid, "here", NOW, f"run{pid}", alive=lambda _: True))
        except AlreadyRunning as error:
            refused.append(str(error))

    threads = [threading.Thread(target=start, args=(pid,)) for pid in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert got == [1]
    assert len(refused) == 5


@only_postgresql
def test_an_engine_that_is_frozen_within_a_transaction_stops_nobody_for_long(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "IDLE", 0.5)
    old = Store(url, epoch=1)

    def act() -> None:
        with old.transaction() as tx:
            assert lease.acquire(url, 2, "there", NOW, "new", alive=lambda _: False) == 1  # waits for half a second
            lease.acquire(url, 3, "there", NOW + 10**10, "newer", alive=lambda _: False)
            tx.emit("run", drafts(1))  # thawed

    with pytest.raises(DatabaseAway):
        act()

    with pytest.raises(StaleEpoch), old.transaction():
        pass
    assert seqs(old) == []
    old.close()


@only_postgresql
def test_a_view_is_of_one_moment(store: Store) -> None:
    with store.read() as connection:
        before = connection.execute(text("SELECT count(*) FROM events")).scalar_one()
        with store.transaction() as tx:
            tx.emit("run", drafts(1))
        after = connection.execute(text("SELECT count(*) FROM events")).scalar_one()

    assert (before, after) == (0, 0)
    assert seqs(store) == [1]


@only_postgresql
def test_a_commit_is_durable_also_where_the_server_would_not_wait(store: Store, postgres: Server) -> None:
    with store.transaction() as tx:
        name = tx.connection.exec_driver_sql("SELECT current_database()").scalar_one()
    postgres.run(f"ALTER DATABASE {name} SET synchronous_commit = off")
    other = Store(store.url, 1)
    with other.transaction() as tx:
        assert tx.connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "on"
    other.close()
    postgres.run(f"ALTER DATABASE {name} RESET synchronous_commit")


# -- broken: a person must look ----------------------------------------------------------------------


def refuse_writes(tx: Tx) -> None:
    if tx.connection.dialect.name == "sqlite":
        tx.connection.exec_driver_sql("PRAGMA query_only = ON")
    else:
        tx.connection.exec_driver_sql("SET TRANSACTION READ ONLY")


def test_a_database_that_takes_no_writes_is_said_to_be_so(store: Store) -> None:
    def act() -> None:
        with store.transaction() as tx:
            refuse_writes(tx)
            tx.emit("run", drafts(1))

    with pytest.raises(DatabaseBroken, match=r"cannot be written|takes no changes"):
        act()

    assert seqs(store) == []
    with store.transaction() as tx:
        assert tx.emit("run", drafts(2)) == 1


def test_what_is_no_fault_of_the_database_stays_what_it_is(store: Store) -> None:
    row = {"key": "a", "value": "1", "updated_at": 1}

    def twice() -> None:
        with store.transaction() as tx:
            tx.insert(schema.key_values, [row])
            tx.insert(schema.key_values, [row])

    def in_vain() -> None:
        with store.transaction() as tx:
            tx.insert(schema.key_values, [row])
            raise ValueError("on second thoughts")

    with pytest.raises(IntegrityError):
        twice()
    with pytest.raises(ValueError, match="second thoughts"):
        in_vain()
    with store.transaction() as tx:
        tx.insert(schema.key_values, [row])


@only_sqlite
def test_a_damaged_page_is_found_and_named(url: str, store: Store) -> None:
    with store.transaction() as tx:
        tx.emit("run", [Draft(CANDIDATE, 1, str(key), {"key": "x" * 500}) for key in range(400)])
    store.close()
    path = Path(url.removeprefix("sqlite:///"))
    whole = path.read_bytes()
    middle = whole.index(b"x" * 500) // 4096 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :])

    found = database.check(url)
    assert not found["ok"]
    assert found["integrity"] != "ok"
    again = Store(url, epoch=1)
    with pytest.raises(DatabaseBroken, match="is damaged: restore a backup"), again.read() as connection:
        connection.execute(text("SELECT sum(length(body)) FROM events")).scalar_one()
    again.close()


FILLING = """
import resource, sys
from domain.errors import ArgusError
from domain.events import CANDIDATE, Draft
from journal.store import Store
store = Store(sys.argv[1], epoch=1)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
written = 0
try:
    while True:
        with store.transaction() as tx:
            tx.emit("run", [Draft(CANDIDATE, 1, f"{written}:{key}", b"x" * 3000) for key in range(10)])
        written += 10
except ArgusError as error:
    print(written, type(error).__name__, error)
"""


@only_sqlite
def test_a_file_that_cannot_grow_any_more_keeps_what_was_committed(url: str, store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILLING, url, str(1_500_000)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )

    assert done.returncode == 0, done.stderr
    written, kind, said = done.stdout.strip().split(" ", 2)
    assert kind in ("DatabaseAway", "DatabaseBroken")
    assert "make room" in said
    assert len(seqs(store)) == int(written) > 0
    assert database.check(url)["ok"]
    with store.transaction() as tx:
        assert tx.emit("run", drafts("later")) == int(written) + 1
