"""The event table as envelopes: from any ``seq`` on, in pages, each of one consistent view."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy import Connection

from domain.events import ENGINE_STATE, VERSION
from journal import views
from journal.schema import events, sequence
from orchestration.terminal.envelopes import public

COMPACTED = "COMPACTED"
"""Stands in a stream where numbers are missing: their events were dropped by retention, or are another run's."""

AROUND = 300
"""Bytes of a row beside its body, about."""

_ENCODER = msgspec.json.Encoder()
_UNKNOWN: dict[str, Any] = {"symbols": [], "codes": [], "simulated": False}


class Told(dict[str, Any]):
    """An envelope. ``text`` is its JSON, made once however many it is told to; ``weight`` its bytes in the database."""

    __slots__ = ("_text", "weight")
    _text: str
    weight: int

    def __init__(self, envelope: Mapping[str, Any], weight: int) -> None:
        super().__init__(envelope)
        self.weight = weight

    @property
    def text(self) -> str:
        try:
            return self._text
        except AttributeError:
            self._text = _ENCODER.encode(dict(self)).decode()
            return self._text


class Wish(NamedTuple):
    """Which events somebody wants: None is every run, every type, every symbol and those of none."""

    run_id: str | None = None
    types: frozenset[str] | None = None
    symbols: frozenset[str] | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing of the run is left out, so that its numbers can be followed."""
        return self.types is None and self.symbols is None

    def takes(self, one: Told) -> bool:
        return (
            (self.run_id is None or one["run_id"] == self.run_id)
            and (self.types is None or one["type"] in self.types)
            and (self.symbols is None or one["symbol"] in self.symbols)
        )


class Page(NamedTuple):
    """Envelopes in the order of ``seq``, the number up to which there is nothing else, and whether ``more`` are there
    behind it."""

    found: list[Told]
    until: int
    more: bool


def wish(run_id: str | None, types: Iterable[str] | None, symbols: Iterable[str] | None) -> Wish:
    return Wish(run_id, None if types is None else frozenset(types), None if symbols is None else frozenset(symbols))


class Runs:
    """What is needed of a run to read its events, looked up once. Threads may share it.

    The first word of a run, its ENGINE_STATE, comes a moment before the run itself is written down. It is held back
    until then, so that it is told as it will always be told; not for longer than ``patience`` seconds.
    """

    def __init__(self, patience: float = 2.0) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._since: dict[str, float] = {}
        self._patience = patience

    def get(self, c: Connection, run_id: str) -> dict[str, Any]:
        if run_id not in self._known:
            found = views.run(c, run_id)
            if found is None:
                return _UNKNOWN
            self._known[run_id] = {name: found[name] for name in _UNKNOWN}
        return self._known[run_id]

    def held(self, c: Connection, run_id: str, kind: str) -> bool:
        """Whether an event of this run is to be told later."""
        if kind != ENGINE_STATE or self.get(c, run_id) is not _UNKNOWN:
            self._since.pop(run_id, None)
            return False
        return time.monotonic() - self._since.setdefault(run_id, time.monotonic()) < self._patience

    def told(self, c: Connection, rows: Iterable[Any]) -> list[Told]:
        found = []
        runs: dict[str, dict[str, Any]] = {}
        for row in rows:
            run_id = row["run_id"]
            run = runs[run_id] if run_id in runs else runs.setdefault(run_id, self.get(c, run_id))
            envelope = public(row, run["symbols"], run["codes"], run["simulated"])
            found.append(Told(envelope, AROUND + len(row["body"])))
        return found


def page(c: Connection, runs: Runs, wanted: Wish, after: int, limit: int, heaviest: int) -> Page:
    """At most ``limit`` events that are wanted and have a greater number, and no more than weigh ``heaviest`` bytes;
    one at least."""
    query = _wanted(sa.select(events).where(events.c.seq > after), wanted).order_by(events.c.seq).limit(limit)
    rows: list[Any] = []
    weight, cut = 0, False
    with c.execute(query) as result:  # SQLite reads no further than we do
        for row in result.mappings():
            weight += AROUND + len(row["body"])
            if cut := bool(rows) and weight > heaviest:
                break
            rows.append(row)
    for place, row in enumerate(rows):
        if runs.held(c, row["run_id"], row["type"]):
            return Page(runs.told(c, rows[:place]), row["seq"] - 1, False)
    more = cut or len(rows) == limit
    return Page(runs.told(c, rows), rows[-1]["seq"] if more else newest(c), more)


def last(c: Connection, runs: Runs, wanted: Wish, limit: int) -> list[Told]:
    """The newest ones, oldest of them first."""
    query = _wanted(sa.select(events), wanted).order_by(events.c.seq.desc()).limit(limit)
    return runs.told(c, c.execute(query).mappings())[::-1]


def newest(c: Connection) -> int:
    """The number of the last event of the database."""
    return int(c.execute(sa.select(sequence.c.seq).where(sequence.c.id == 1)).scalar_one())


def _wanted(query: sa.Select[Any], wanted: Wish) -> sa.Select[Any]:
    if wanted.run_id is not None:
        query = query.where(events.c.run_id == wanted.run_id)
    if wanted.types is not None:
        query = query.where(events.c.type.in_(sorted(wanted.types)))
    if wanted.symbols is not None:
        query = query.where(events.c.symbol.in_(sorted(wanted.symbols)))
    return query


# -- numbers that are missing ------------------------------------------------------------------------


def marker(run_id: str | None, first: int, until: int) -> Told:
    """In place of the numbers from ``first`` to ``until``; its own ``seq`` is the last of them."""
    envelope = {
        "v": VERSION,
        "seq": until,
        "id": f"{COMPACTED}:{first}:{until}",
        "type": COMPACTED,
        "ts": None,
        "run_id": run_id,
        "symbol": None,
        "correlation_id": None,
        "causation_id": None,
        "data": {"from_seq": first, "to_seq": until},
    }
    return Told(envelope, AROUND)


def begins(one: Told) -> int:
    """The first number that an envelope or a marker stands for."""
    return int(one["data"]["from_seq"] if one["type"] == COMPACTED else one["seq"])


def complete(found: Sequence[Told], before: int, run_id: str | None) -> list[Told]:
    """With a marker wherever numbers are missing after ``before`` (0: nothing is known to be before)."""
    whole: list[Told] = []
    for one in found:
        if before and begins(one) > before + 1:
            whole.append(marker(run_id, before + 1, begins(one) - 1))
        whole.append(one)
        before = one["seq"]
    return whole
