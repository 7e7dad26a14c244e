"""``db compact``: what each live run keeps no longer, dropped in short transactions beside whoever works."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, select

from domain.errors import ConfigError
from journal.outages import told
from journal.retention import DROPPABLE, compact
from journal.schema import runs, sequence
from orchestration.frozen import settings_of
from orchestration.terminal.place import living, now, opened

_ALONE = select(sequence.c.seq).where(sequence.c.id == 1).with_for_update()
"""One writer of the journal at a time."""


def compacted(url: str, keep_hours: float | None = None) -> dict[str, Any]:
    """Drop by what each live run was configured to keep, or by ``keep_hours`` for every type that may be dropped."""
    with told(url), opened(url) as engine:
        dropped = sum(_run(engine, run_id, hours) for run_id, hours in _live(engine, keep_hours))
        vacuumed = engine.dialect.name == "sqlite" and dropped > 0 and living(url) is None
        if vacuumed:
            _vacuum(engine)
    return {"dropped": dropped, "vacuumed": vacuumed}


def _live(engine: Engine, keep_hours: float | None) -> list[tuple[str, dict[str, float]]]:
    with engine.begin() as connection:
        found = connection.execute(
            select(runs.c.run_id, runs.c.config).where(runs.c.live).order_by(runs.c.run_id)
        ).all()
    if keep_hours is not None:
        return [(one.run_id, dict.fromkeys(DROPPABLE, keep_hours)) for one in found]
    return [(one.run_id, _kept(one.config)) for one in found]


def _kept(config: str) -> dict[str, float]:
    """As the run was told; one whose configuration this program cannot read any more keeps everything."""
    try:
        return settings_of(config).cycle.kept()
    except ConfigError:
        return {}


def _run(engine: Engine, run_id: str, hours: dict[str, float]) -> int:
    dropped = 0
    while True:
        with engine.begin() as connection:
            connection.execute(_ALONE)
            found = compact(connection, hours, now(), run_id)
        dropped += found
        if not found:
            return dropped


def _vacuum(engine: Engine) -> None:
    """Outside of any transaction, as SQLite wants it."""
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("VACUUM")
    finally:
        raw.close()
