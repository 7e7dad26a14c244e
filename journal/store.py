"""One transaction: a change of state and the events that tell of it, or neither (the outbox of design section 5)."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, Table, insert, select
from sqlalchemy.engine import Dialect, RootTransaction
from sqlalchemy.exc import DBAPIError

from domain.errors import StaleEpoch
from domain.events import Draft
from journal.address import password_hidden
from journal.engines import open_engine
from journal.outages import named, patiently, told
from journal.schema import events, sequence

Rows = Sequence[dict[str, Any]]

_COUNTER = select(sequence.c.seq, sequence.c.epoch).where(sequence.c.id == 1).with_for_update()
_JSON = msgspec.json.Encoder()


class Statement:
    """An INSERT for one table and one set of columns, and how to take its values out of a row."""

    def __init__(self, table: Table, columns: tuple[str, ...], ending: str, dialect: Dialect) -> None:
        compiled = insert(table).inline().compile(dialect=dialect, column_keys=columns)
        order = tuple(compiled.positiontup or ())
        self.sql = f"{compiled}{ending}"
        self._values: Callable[[dict[str, Any]], tuple[Any, ...]] = (
            itemgetter(*order) if len(order) > 1 else lambda row: (row[order[0]],)
        )

    def run(self, connection: Connection, rows: Rows) -> None:
        connection.exec_driver_sql(self.sql, list(map(self._values, rows)))


class Statements:
    """Every INSERT is built once. Rows go to the driver as they are: half the cost of Core's own executemany."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._known: dict[tuple[str, str, tuple[str, ...]], Statement] = {}
        self.counter = str(_COUNTER.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        self.probe = "" if dialect.name == "sqlite" else "SELECT 1"
        mark = "?" if dialect.paramstyle == "qmark" else "%s"
        self.count = f"UPDATE {sequence.name} SET seq = {mark} WHERE id = 1"

    def get(self, table: Table, columns: tuple[str, ...], conflict: str) -> Statement:
        key = (table.name, conflict, columns)
        if key not in self._known:
            self._known[key] = Statement(table, columns, self._ending(table, columns, conflict), self._dialect)
        return self._known[key]

    def _ending(self, table: Table, columns: tuple[str, ...], conflict: str) -> str:
        """What to do with a row that is there already; the same words in SQLite and PostgreSQL."""
        if conflict == "fail":
            return ""
        quote = self._dialect.identifier_preparer.quote
        keys = [column.name for column in table.primary_key]
        changes = [f"{quote(one)} = excluded.{quote(one)}" for one in columns if one not in keys]
        if conflict == "keep" or not changes:
            return " ON CONFLICT DO NOTHING"
        return f" ON CONFLICT ({', '.join(map(quote, keys))}) DO UPDATE SET {', '.join(changes)}"


class Tx:
    """One write transaction of one engine. After an error it is lost: let the error out.

    Rows of one call have the same columns. Their values are what the driver takes as it is (see ``schema``).
    """

    def __init__(self, connection: Connection, statements: Statements, seq: int) -> None:
        self.connection = connection
        self._statements = statements
        self._seq = self._counted = seq

    def insert(self, table: Table, rows: Rows) -> None:
        """New rows; nothing for an empty list. Raises IntegrityError if one is there already."""
        self._write(table, rows, "fail")

    def upsert(self, table: Table, rows: Rows) -> None:
        """New rows, or new values for those whose primary key is there already."""
        self._write(table, rows, "replace")

    def insert_new(self, table: Table, rows: Rows) -> None:
        """New rows; one that is there already stays as it is."""
        self._write(table, rows, "keep")

    def emit(self, run_id: str, drafts: Sequence[Draft]) -> int:
        """Write events with consecutive numbers; the first number (of the next event, if there are no drafts)."""
        first = self._seq + 1
        self.insert(events, [_row(run_id, seq, draft) for seq, draft in enumerate(drafts, first)])
        self._seq += len(drafts)
        return first

    def finish(self) -> None:
        """Write the counter, once, if anything was emitted."""
        if self._seq != self._counted:
            self.connection.exec_driver_sql(self._statements.count, (self._seq,))
            self._counted = self._seq

    def _write(self, table: Table, rows: Rows, conflict: str) -> None:
        if rows:
            self._statements.get(table, tuple(rows[0]), conflict).run(self.connection, rows)


@contextmanager
def emitting(connection: Connection) -> Iterator[Tx]:
    """For events inside a write transaction that is not the engine's: they get the numbers that come next."""
    statements = Statements(connection.dialect)
    seq, _ = connection.exec_driver_sql(statements.counter).one()
    tx = Tx(connection, statements, seq)
    yield tx
    tx.finish()


class Store:
    """The database for one process of the engine that holds ``epoch``; each thread uses its own transaction.

    Before anything is written, a server that is away is waited for; a connection that failed is never used again.
    ``committed`` hears how many milliseconds each commit took; ``patience`` as of ``open_engine``.
    """

    def __init__(
        self,
        url: str,
        epoch: int,
        committed: Callable[[float], None] | None = None,
        patience: float | None = None,
    ) -> None:
        self.url, self.epoch = url, epoch
        self._committed = committed
        self.engine = open_engine(url, patience=patience)
        self._reader = open_engine(url, read_only=True, patience=patience)
        self._statements = Statements(self.engine.dialect)
        self._kept = threading.local()
        self._open: list[Connection] = []
        self._end = weakref.finalize(self, _closed, self._open, (self.engine, self._reader))

    @contextmanager
    def transaction(self) -> Iterator[Tx]:
        """All of it or nothing. Raises StaleEpoch before anything is written if another engine has started.

        Raises DatabaseAway when it is unknown whether it happened, DatabaseBroken when it did not and cannot.
        """
        transaction, (seq, epoch) = self._begun(self.engine, "writer", self._statements.counter)
        connection = transaction.connection
        try:
            with transaction:
                if epoch > self.epoch:
                    raise StaleEpoch(
                        f"database {password_hidden(self.url)} is at epoch {epoch}, this engine at {self.epoch}: "
                        "another engine has started and this one must stop"
                    )
                tx = Tx(connection, self._statements, seq)
                yield tx
                tx.finish()
                begun = time.perf_counter()
        except DBAPIError as error:
            self._failed(connection, error)
            raise

        if self._committed is not None:
            self._committed((time.perf_counter() - begun) * 1e3)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; waits for no writer. Raises DatabaseAway or DatabaseBroken when there is none."""
        transaction, _ = self._begun(self._reader, "reader", self._statements.probe)
        connection = transaction.connection
        try:
            with transaction:
                yield connection
        except DBAPIError as error:
            self._failed(connection, error)
            raise

    def _begun(self, engine: Engine, kind: str, first: str) -> tuple[RootTransaction, Any]:
        """A transaction whose first statement has been answered, and that answer."""
        with told(self.url):
            return patiently(lambda: self._begin(engine, kind, first))

    def _begin(self, engine: Engine, kind: str, first: str) -> tuple[RootTransaction, Any]:
        connection = self._connection(engine, kind)
        try:
            transaction = connection.begin()
            return transaction, connection.exec_driver_sql(first).one() if first else None
        except DBAPIError:
            self._drop(connection)
            raise

    def _failed(self, connection: Connection, error: DBAPIError) -> None:
        """Raises DatabaseAway or DatabaseBroken if the error is that; the connection is then not used again."""
        trouble = named(error, self.url)
        if trouble is not None:
            self._drop(connection)
            raise trouble from error

    def _connection(self, engine: Engine, kind: str) -> Connection:
        """One connection per thread and kind, kept open: to open one costs more than most of what it is used for.

        A second one while the first is in use (a read within a read).
        """
        found: Connection | None = getattr(self._kept, kind, None)
        if found is None or found.closed or found.in_transaction():
            found = engine.connect()
            setattr(self._kept, kind, found)
            self._open.append(found)
        return found

    def _drop(self, connection: Connection) -> None:
        """The next transaction connects anew."""
        connection.invalidate()
        connection.close()
        self._open.remove(connection)

    def close(self) -> None:
        """Give every connection back; a store that nobody holds any more does it by itself."""
        self._end()


def _closed(opened: list[Connection], engines: Sequence[Engine]) -> None:
    for connection in opened:
        connection.close()
    opened.clear()
    for engine in engines:
        engine.dispose()


def _row(run_id: str, seq: int, draft: Draft) -> dict[str, Any]:
    data = draft.data
    return {
        "seq": seq,
        "id": draft.id(run_id),
        "type": draft.type,
        "at": draft.at,
        "run_id": run_id,
        "symbol": draft.symbol,
        "correlation_id": draft.correlation_id,
        "causation_id": draft.causation_id,
        "form": draft.form,
        "body": data if isinstance(data, bytes) else _JSON.encode(data),
    }
