"""The runs of a database as the routes need them: what never changes of one is read once."""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from api.errors import Problem
from domain.errors import ConfigError
from domain.instrument import Instrument
from domain.market import FeedInfo
from journal import schema as s

KEPT = 16
"""Runs that are remembered."""

_NEWEST = (s.runs.c.epoch.desc(), s.runs.c.started_at.desc(), s.runs.c.run_id)
_CHANGING = ("ended_at", "exit_reason", "epoch")


class Inputs(msgspec.Struct, frozen=True):
    """What the routes read of ``plan.Kept``."""

    feed: str = ""
    inputs: dict[str, dict[str, str]] = {}
    arguments: dict[str, Any] = {}
    instruments: dict[str, Instrument] = {}
    subscribed: tuple[str, ...] = ()


class Run:
    """One run. Times in UTC nanoseconds; ``ended_at`` and ``exit_reason`` are as they were when it was asked for."""

    def __init__(self, row: dict[str, Any]) -> None:
        self._row = row
        self.run_id: str = row["run_id"]
        self.account: str = row["account"]
        self.live: bool = row["live"]
        self.simulated: bool = row["simulated"]
        self.started_at: int = row["started_at"]
        self.warmed_until: int = row["warmed_until"]
        self.epoch: int = row["epoch"]
        self.ended_at: int | None = row["ended_at"]
        self.exit_reason: str | None = row["exit_reason"]

    def now(self, changed: dict[str, Any]) -> Run:
        """The same run, as it stands now; what was read of it stays read."""
        found = Run.__new__(Run)
        found.__dict__.update(self.__dict__)
        found.__dict__.update({name: changed[name] for name in _CHANGING})
        return found

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        return msgspec.json.decode(self._row["symbols"], type=tuple[str, ...])

    @cached_property
    def codes(self) -> tuple[str, ...]:
        return msgspec.json.decode(self._row["codes"], type=tuple[str, ...])

    @cached_property
    def config(self) -> dict[str, Any]:
        """The frozen configuration as plain values; empty if another version wrote it so that it cannot be read."""
        found = _read(self._row["config"])
        return found if isinstance(found, dict) else {}

    @property
    def written(self) -> str:
        """The frozen configuration as it is stored."""
        return str(self._row["config"])

    @cached_property
    def inputs(self) -> Inputs:
        try:
            return msgspec.json.decode(self._row["inputs"], type=Inputs)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return Inputs()

    def setting(self, section: str, name: str, default: Any = None) -> Any:
        found = self.config.get(section)
        return found.get(name, default) if isinstance(found, dict) else default

    @property
    def strategy(self) -> str | None:
        found = self.setting("strategy", "name")
        return found if isinstance(found, str) else None

    @property
    def preset(self) -> str | None:
        return self.config.get("preset")


class Runs:
    """Finds runs by the beginning of their id. Threads may share it."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Run] = OrderedDict()
        self._lock = Lock()

    def newest(self, c: Connection) -> Run | None:
        run_id = c.execute(select(s.runs.c.run_id).order_by(*_NEWEST).limit(1)).scalar()
        return None if run_id is None else self._get(c, run_id)

    def of(self, c: Connection, beginning: str | None) -> Run | None:
        """The run whose id begins so, else the newest; None before the first. Raises Problem 404."""
        if beginning is None:
            return self.newest(c)
        column = s.runs.c.run_id
        known = select(column).where(column.startswith(beginning, autoescape=True)).order_by(column).limit(2)
        found = list(c.execute(known).scalars()) if beginning else []
        if beginning in found:
            found = [beginning]
        if len(found) != 1:
            what = "more than one run's id begins so" if found else "no run's id begins so"
            raise Problem(404, "UNKNOWN_RUN", f"run: {what}; /api/runs lists them")
        return self._get(c, found[0])

    def one(self, c: Connection, beginning: str | None) -> Run:
        """As ``of``. Raises Problem 404 before the first run too."""
        found = self.of(c, beginning)
        if found is None:
            raise Problem(404, "NO_RUN", "this database has no run yet")
        return found

    def page(self, c: Connection, after: tuple[int, int, str] | None, limit: int) -> list[dict[str, Any]]:
        """Rows of the newest runs without what is large, ``after`` the one with this epoch, start and id."""
        of = s.runs.c
        names = ("run_id", "epoch", "account", "live", "simulated", "started_at", "ended_at", "exit_reason")
        query = select(*(of[name] for name in names)).order_by(*_NEWEST).limit(limit)
        if after is not None:
            epoch, began, run_id = after
            same = (of.epoch == epoch) & ((of.started_at < began) | ((of.started_at == began) & (of.run_id > run_id)))
            query = query.where((of.epoch < epoch) | same)
        return [dict(row) for row in c.execute(query).mappings()]

    def get(self, c: Connection, run_id: str) -> Run | None:
        """The run with exactly this id."""
        try:
            return self._get(c, run_id)
        except LookupError:
            return None

    def _get(self, c: Connection, run_id: str) -> Run:
        of = s.runs.c
        with self._lock:
            known = self._known.get(run_id)
        if known is None:
            row = c.execute(select(s.runs).where(of.run_id == run_id)).mappings().one_or_none()
            if row is None:
                raise LookupError(run_id)
            known = Run(dict(row))
            with self._lock:
                self._known[run_id] = known
                while len(self._known) > KEPT:
                    self._known.popitem(last=False)
            return known
        changed = c.execute(select(*(of[name] for name in _CHANGING)).where(of.run_id == run_id)).mappings().one()
        return known.now(dict(changed))


def settings_of(run: Run) -> Any:
    """The run's settings. Raises Problem 422 where another version of the program wrote them."""
    from orchestration.frozen import settings_of as frozen

    try:
        return frozen(run.written)
    except ConfigError as error:
        raise Problem(422, "OTHER_VERSION", str(error)) from error


def feed_info(c: Connection, run: Run) -> FeedInfo | None:
    """What the feed of a live run said of itself."""
    of = s.inputs.c
    query = select(of.body).where(of.run_id == run.run_id, of.at == 0, of.kind == "feed")
    body = c.execute(query).scalar()
    return None if body is None else msgspec.json.decode(body, type=FeedInfo)


def _read(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
