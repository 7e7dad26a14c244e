"""A site with its routes and without its door: databases made by real runs, and whoever asks has a role."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from starlette.types import Receive, Scope, Send

from api import agent_v1, commands, proposals
from api.engine_process import EngineProcess, Running, Wanted
from api.errors import handle
from api.read import ROUTERS
from api.security.client import OPERATOR, Client
from api.site import Site
from journal import commands as table
from journal import database, lease, schema
from journal.engines import open_engine
from journal.store import Store
from orchestration.clock import WallClock
from orchestration.local import LocalRuntime
from orchestration.plan import Identity, actor_specs, market
from orchestration.settings import Overrides, load

QUICK = ("strategy.fast=2", "strategy.slow=5", "feed.warm_up=20")


class Processes(EngineProcess):
    """Starts nothing, and remembers what it was asked for."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: list[Wanted] = []
        self.told_to_stop = 0

    def start(self, wanted: Wanted) -> Running:
        self._fit(wanted)
        self.asked.append(wanted)
        return Running(pid=4711, started_at=WallClock().now(), exit_code=None, said="")

    def stop(self) -> bool:
        self.told_to_stop += 1
        return True


class Silent:
    """Where a hub would be: nobody listens here."""

    def close(self) -> None:
        return None


class Desk:
    """A client of the routes over one database."""

    def __init__(self, url: str, reports: Path | None = None, beside: bool = False) -> None:
        self.url = url
        self.processes = Processes(url)
        folder = None if reports is None else str(reports)
        self.site = Site(url, Silent(), None, self.processes, address="", beside=beside, reports=folder)  # type: ignore[arg-type]
        self.app = FastAPI()
        self.app.state.site = self.site
        handle(self.app)
        for router in (*ROUTERS, commands.router, proposals.router, agent_v1.router):
            self.app.include_router(router)
        self.client = TestClient(self._with_a_role, raise_server_exceptions=False)

    async def _with_a_role(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["client"] = Client(role=OPERATOR, address="test")
        await self.app(scope, receive, send)

    def close(self) -> None:
        self.client.close()
        self.site.close()

    # -- asking ----------------------------------------------------------------------------------

    def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        """The answer, which must be as it is described."""
        found = self.client.get(path, params=query or None)
        assert found.status_code == expect, f"{path}: {found.status_code} {found.text[:500]}"
        told: Any = json.loads(found.text, parse_constant=_strict) if found.text else None
        if expect == 200:
            self.fits(path, told)
        else:
            assert told["error"]["message"], path
            assert "Traceback" not in found.text
        return told

    def post(self, path: str, body: Any = None, key: str | None = None, status: int = 200) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        found = self.client.post(path, json=body, headers=headers)
        assert found.status_code == status, f"{path}: {found.status_code} {found.text[:500]}"
        return json.loads(found.text, parse_constant=_strict)

    def fits(self, path: str, told: Any) -> None:
        """The answer is strictly what its model says."""
        model = model_of(path)
        if model is not None:
            TypeAdapter(model).validate_python(told, strict=True)

    def pages(self, path: str, limit: int, **query: Any) -> Iterator[list[dict[str, Any]]]:
        """Every page to the end."""
        after: Any = query.pop("after", None)
        for _ in range(10_000):
            more = {} if after is None else {"after": after}
            found = self.get(path, limit=limit, **more, **query)
            yield found["items"]
            if found["next"] is None:
                return
            after = found["next"]
        raise AssertionError(f"{path} has no end")

    def rows(self, table: sa.Table) -> list[Any]:
        engine = open_engine(self.url)
        with engine.connect() as c:
            found = list(c.execute(sa.select(table)))
        engine.dispose()
        return found


def _strict(text: str) -> float:
    raise AssertionError(f"{text} is no JSON")


def model_of(path: str) -> Any:
    """The response model of the GET route of a path."""
    scope = {"type": "http", "method": "GET", "path": path.partition("?")[0]}
    for router in (*ROUTERS, commands.router, proposals.router, agent_v1.router):
        for route in router.routes:
            if "GET" in getattr(route, "methods", ()) and route.path_regex.match(scope["path"]):  # type: ignore[attr-defined]
                return route.response_model  # type: ignore[attr-defined]
    raise AssertionError(f"no route for {path}")


# -- runs --------------------------------------------------------------------------------------------


def overrides(url: str, **more: Any) -> Overrides:
    given: dict[str, Any] = {"symbols": ("EURUSD", "BTC"), "preset": "balanced", "speed": "max", "db_url": url}
    return Overrides(**given | {"sets": QUICK} | more)


async def play(
    url: str,
    run_id: str,
    folder: Path,
    during: Callable[[LocalRuntime], Any] | None = None,
    pid: int = 1,
    **more: Any,
) -> None:
    """A run under the local runtime, to its end."""
    settings = load(overrides(url, **more), {})
    database.prepare(url)
    now = WallClock().now()
    epoch = lease.acquire(url, pid, socket.gethostname(), now, run_id, lambda pid: False)
    identity = Identity(run_id, epoch, url, now, str(folder / "HALT"))
    runtime = LocalRuntime()
    runtime.spawn(actor_specs(settings, market(settings), identity))
    running = runtime.ask("InstitutionalStrategy", "run")
    try:
        if during is not None:
            await during(runtime)
        await running
    finally:
        engine = open_engine(url)
        lease.release(engine, epoch)
        engine.dispose()


def played(url: str, run_id: str, folder: Path, **more: Any) -> None:
    asyncio.run(play(url, run_id, folder, **more))


@contextmanager
def living(url: str, run_id: str, folder: Path, **more: Any) -> Iterator[threading.Thread]:
    """A run that goes on in a thread, as long as it is looked at: this process holds the lease."""
    thread = threading.Thread(
        target=lambda: asyncio.run(play(url, run_id, folder, pid=os.getpid(), **more)), name="engine", daemon=True
    )
    thread.start()
    try:
        yield thread
    finally:
        engine = open_engine(url)
        table.add(engine, "stop", {}, "test", "the end", WallClock().now())
        engine.dispose()
        thread.join(60)
        assert not thread.is_alive()


@contextmanager
def holding(url: str, run_id: str) -> Iterator[None]:
    """Somebody lives on the database, and answers nothing."""
    epoch = lease.acquire(url, os.getpid(), socket.gethostname(), WallClock().now(), run_id, lambda pid: False)
    try:
        yield
    finally:
        engine = open_engine(url)
        lease.release(engine, epoch)
        engine.dispose()


def written(url: str, table_: sa.Table, *rows: dict[str, Any]) -> None:
    store = Store(url, 10**6)
    with store.transaction() as tx:
        tx.insert(table_, list(rows))
    store.close()


__all__ = ["Desk", "holding", "living", "overrides", "play", "played", "schema", "written"]
