"""Who may write: the lease row of the living engine, and the epoch that fences off every earlier one.

The rules of design section 5: the same host and a dead pid is taken over at once; a beat older than five
seconds means the next epoch even if the pid lives; anything else is refused. Every start raises the epoch
in the transaction that takes the lease, so of two that start together one is refused.

Beats are wall-clock times, and a wall clock can be set back. A holder writes the time it has, also when
that is earlier than its last beat. A beat that lies more than five seconds in the future can be that of a
living holder (about to beat again) or of one that died before the clock was set back (fresh for hours, by
the clock). Nobody can tell yet: the start is refused, and the row is dated now. A living holder beats
again within a second; a dead one is old, and can be taken over, five seconds later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from sqlalchemy import Connection, Engine, delete, select, update

from domain.errors import AlreadyRunning, StaleEpoch
from journal.address import password_hidden
from journal.database import exists
from journal.engines import open_engine
from journal.outages import told
from journal.schema import lease, sequence
from journal.store import Store

PATIENCE = 5_000_000_000
"""A beat older than this (nanoseconds) is no sign of life."""

_SEQUENCE = select(sequence.c.epoch).where(sequence.c.id == 1).with_for_update()
_LEASE = select(lease).where(lease.c.id == 1)


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """The engine that holds the database; times in UTC nanoseconds."""

    pid: int
    host: str
    beat_at: int
    started_at: int
    epoch: int
    run_id: str


def acquire(url: str, pid: int, host: str, now: int, run_id: str, alive: Callable[[int], bool]) -> int:
    """Take the lease; the new epoch. Raises AlreadyRunning while another engine may be alive, DatabaseAway when
    it is unknown whether it was taken (the epoch is then raised, and nobody uses it).

    ``alive`` says whether a process of this host lives.
    """
    engine = open_engine(url)
    try:
        with told(url), engine.begin() as connection:
            epoch = int(connection.execute(_SEQUENCE).scalar_one()) + 1
            held = _held(connection)
            if held is None or _over(held, host, now, alive):
                _take(connection, Lease(pid=pid, host=host, beat_at=now, started_at=now, epoch=epoch, run_id=run_id))
                return epoch
            if held.beat_at > now + PATIENCE:
                connection.execute(update(lease).where(lease.c.id == 1).values(beat_at=now))
    finally:
        engine.dispose()
    raise AlreadyRunning(
        f"an engine (pid {held.pid} on {held.host}, run {held.run_id}) already uses database "
        f"{password_hidden(url)}: stop it, or name another database; if it is dead, try again in 5 s"
    )


def beat(database: Store | Engine, epoch: int, now: int) -> None:
    """A sign of life. Raises StaleEpoch if the lease is no longer ours, DatabaseAway if nobody answers for now."""
    ours = (lease.c.id == 1) & (lease.c.epoch == epoch)
    with _transaction(database) as connection:
        if connection.execute(update(lease).where(ours).values(beat_at=now)).rowcount == 0:
            raise StaleEpoch(f"epoch {epoch} no longer holds the lease: another engine has started, this one must stop")


def release(database: Store | Engine, epoch: int) -> None:
    """Give the lease back; nothing happens if it is no longer ours."""
    with _transaction(database) as connection:
        connection.execute(delete(lease).where((lease.c.id == 1) & (lease.c.epoch == epoch)))


def holder(url: str) -> Lease | None:
    """Who holds the database, whether it still lives or not; None if nobody does or there is none."""
    if not exists(url):
        return None
    engine = open_engine(url, read_only=True)
    try:
        with told(url), engine.begin() as connection:
            return _held(connection)
    finally:
        engine.dispose()


@contextmanager
def _transaction(database: Store | Engine) -> Iterator[Connection]:
    with told(str(database.engine.url)), database.engine.begin() as connection:
        yield connection


def _held(connection: Connection) -> Lease | None:
    row = connection.execute(_LEASE).mappings().one_or_none()
    return None if row is None else Lease(**{name: row[name] for name in Lease.__struct_fields__})


def _over(held: Lease, host: str, now: int, alive: Callable[[int], bool]) -> bool:
    """Whether the lease has ended without having been given back."""
    return (held.host == host and not alive(held.pid)) or now - held.beat_at > PATIENCE


def _take(connection: Connection, new: Lease) -> None:
    connection.execute(update(sequence).where(sequence.c.id == 1).values(epoch=new.epoch))
    connection.execute(delete(lease))
    connection.execute(lease.insert().values(id=1, **msgspec.structs.asdict(new)))
