"""What the routes work with: ``site(request)`` gives it, and ``client(request)`` who asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, Engine, event
from starlette.requests import HTTPConnection

from api.frames import Joined, Snapshots
from api.security.client import Client
from journal.engines import BRIEF, open_engine
from journal.outages import told

if TYPE_CHECKING:
    from api.engine_process import EngineProcess
    from api.security.desk import Security

ANSWER_WITHIN = 10.0
"""Seconds for one statement of a request, where the database can be told so."""


class Site:
    """One database as a server shows it. Threads may share it.

    ``beside``: it is the server of a run, which it does not start. ``reports`` is the folder of backtests' results.
    ``ray`` and ``metrics`` are where Ray's dashboard and its own metrics are, empty where nobody knows.
    """

    def __init__(
        self,
        url: str,
        hub: Any,
        security: Security,
        process: EngineProcess,
        *,
        address: str,
        beside: bool = False,
        reports: str | None = None,
        ray: str = "",
        metrics: str = "",
    ) -> None:
        self.url, self.hub, self.security, self.process = url, hub, security, process
        self.address, self.beside, self.reports, self.ray, self.metrics = address, beside, reports, ray, metrics
        self.version = _version()
        self.snapshots, self.joined = Snapshots(hub, beside), Joined()
        self._reader = _bounded(open_engine(url, read_only=True, patience=BRIEF))
        self.engine = _bounded(open_engine(url, patience=BRIEF))
        """For commands: ``journal.commands.add(site.engine, …)`` inside ``with site.told():``."""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view. Raises DatabaseAway or DatabaseBroken (answered with 503)."""
        with told(self.url), self._reader.begin() as connection:
            yield connection

    def probe(self) -> None:
        """Raises DatabaseAway or DatabaseBroken before something that would wait for longer is tried."""
        with self.read() as connection:
            connection.exec_driver_sql("SELECT 1")

    @contextmanager
    def told(self) -> Iterator[None]:
        """What the driver raises inside, as DatabaseAway or DatabaseBroken where it is that."""
        with told(self.url):
            yield

    def close(self) -> None:
        self.hub.close()
        self._reader.dispose()
        self.engine.dispose()


def site(request: HTTPConnection) -> Site:
    return cast(Site, request.app.state.site)


def client(request: HTTPConnection) -> Client:
    """Who asks; the door lets in nobody without a role."""
    return cast(Client, request.scope["state"]["client"])


def _version() -> str:
    try:
        return version("argus-trading")
    except PackageNotFoundError:
        return "unknown"


def _bounded(engine: Engine) -> Engine:
    """The engine with connections of which PostgreSQL lets none wait, or work, for long."""

    def connected(connection: Any, record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout={int(BRIEF * 1e3)}; SET statement_timeout={int(ANSWER_WITHIN * 1e3)}")
        connection.commit()

    if engine.url.get_backend_name() != "sqlite":
        event.listen(engine, "connect", connected)
    return engine
