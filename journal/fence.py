"""Which engine holds the database now: what a gateway asks before it sends."""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import select

from domain.errors import DatabaseAway
from journal.schema import sequence
from journal.store import Store

_EPOCH = select(sequence.c.epoch).where(sequence.c.id == 1)

FRESH = 1.0
"""Seconds after which an answer is too old to act on."""


def newest(store: Store, clock: Callable[[], float] = time.monotonic) -> Callable[[], int]:
    """Reads the epoch of the engine that started last; waits for no writer. Raises DatabaseAway when there is no
    answer, or when it has come late: the database was away, or this process was frozen in the middle of reading."""
    statement = str(_EPOCH.compile(dialect=store.engine.dialect, compile_kwargs={"literal_binds": True}))

    def read() -> int:
        asked = clock()
        with store.read() as connection:
            epoch = int(connection.exec_driver_sql(statement).scalar_one())
        took = clock() - asked
        if took > FRESH:
            raise DatabaseAway(f"the present epoch was asked for {took:.1f} s ago: too long to rely on the answer")
        return epoch

    return read
