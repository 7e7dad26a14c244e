"""The agents' whiteboard: a durable, atomic key-value table behind the RiskManager."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from actors import gate_rows as rows
from domain.ports import Clock
from journal import schema as s
from journal.store import Store

_OF = s.key_values.c.key == sa.bindparam("of")
_VALUE = sa.select(s.key_values.c.value).where(_OF)
_UPDATED = sa.select(s.key_values.c.updated_at).where(_OF)
_ALL = sa.select(s.key_values).order_by(s.key_values.c.key)
_DELETE = sa.delete(s.key_values).where(_OF)


class SharedState:
    """Values that JSON can hold, by key; each call is one transaction."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    def set(self, key: str, value: Any) -> None:
        with self._store.transaction() as tx:
            tx.upsert(s.key_values, [self._row(key, value)])

    def get(self, key: str, default: Any = None) -> Any:
        with self._store.read() as c:
            found = c.execute(_VALUE, {"of": key}).scalar()
        return default if found is None else rows.value(found)

    def delete(self, key: str) -> bool:
        """Whether there was such a key."""
        with self._store.transaction() as tx:
            return tx.connection.execute(_DELETE, {"of": key}).rowcount > 0

    def get_all(self) -> dict[str, Any]:
        with self._store.read() as c:
            return {one.key: rows.value(one.value) for one in c.execute(_ALL)}

    def get_last_update(self, key: str) -> int | None:
        """UTC nanoseconds of the last write of the key, None if there is none."""
        with self._store.read() as c:
            return c.execute(_UPDATED, {"of": key}).scalar()

    def compare_and_set(self, key: str, expected: Any, value: Any) -> bool:
        """Atomic: set only if the present value equals ``expected`` (None: the key is absent)."""
        with self._store.transaction() as tx:
            found = tx.connection.execute(_VALUE, {"of": key}).scalar()
            if (None if found is None else rows.value(found)) != expected:
                return False
            tx.upsert(s.key_values, [self._row(key, value)])
            return True

    def _row(self, key: str, value: Any) -> dict[str, Any]:
        return {"key": key, "value": rows.text(value), "updated_at": self._clock.now()}
