"""A server on a free port over a database of its own, and clients of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import ClientConnection, connect

from api import static
from api.app import PARTS
from api.security.limits import Limits
from api.server import Server
from domain.events import Draft
from journal import database
from journal.store import Store
from orchestration import kernel_cache
from orchestration.serving import Serving

PAGE = [
    static._file("/", ".html", b"<!doctype html><title>Argus</title>"),
    static._file("/assets/index-1a2b.js", ".js", b"export {}"),
]


class Desk:
    """One server, its tokens, and the database behind it."""

    def __init__(self, server: Server, url: str, told: list[str]) -> None:
        self.server, self.database, self.told = server, url, told
        self.url = server.bound.url
        self.operator, self.reader = server.security.tokens.operator, server.security.tokens.read_only
        self.store = Store(url, 1)
        self._clients: list[httpx.Client] = []

    def client(self, token: str | None = None, **headers: str) -> httpx.Client:
        said = {"Authorization": f"Bearer {token}"} if token else {}
        made = httpx.Client(base_url=self.url, headers=said | headers, trust_env=False, timeout=20, verify=False)
        self._clients.append(made)
        return made

    def session(self) -> tuple[httpx.Client, str]:
        """A page that has logged in: its client, and its CSRF header's value."""
        page = self.client(Origin=self.url)
        answer = page.post("/login", json={"code": self.server.page_url.partition("#code=")[2]})
        assert answer.status_code == 200, answer.text
        return page, answer.json()["csrf"]

    @contextmanager
    def socket(self, token: str | None = None, **more: Any) -> Iterator[ClientConnection]:
        """A socket; with a token one that has said it, and has not read the snapshot."""
        address = f"ws{self.url.removeprefix('http')}/ws"
        with connect(address, open_timeout=10, close_timeout=0.2, proxy=None, max_size=None, **more) as made:
            if token is not None:
                say(made, type="auth", token=token)
            yield made

    def emit(self, *keys: str, kind: str = "HEARTBEAT", symbol: str | None = None, run: str = "r") -> None:
        drafts = [Draft(kind, 1, key, {"cycle": 1}, symbol=symbol) for key in keys]
        with self.store.transaction() as tx:
            tx.emit(run, drafts)

    def close(self) -> None:
        for one in self._clients:
            one.close()
        self.server.stop()
        self.store.close()


@contextmanager
def serving(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    limits: Limits | None = None,
    parts: tuple[str, ...] = (),
    where: Serving | None = None,
    **more: Any,
) -> Iterator[Desk]:
    kernels = kernel_cache.cache_root(os.environ)
    monkeypatch.setattr(kernel_cache, "cache_root", lambda environ: kernels)
    for name in [one for one in os.environ if one.upper().startswith("ARGUS")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ARGUS_HOME", str(home))
    url = f"sqlite:///{home / 'argus.db'}"
    database.prepare(url)
    told: list[str] = []
    server = Server(where or Serving(port=0), url, told.append, limits=limits, page=PAGE, parts=parts, **more)
    desk = Desk(server, url, told)
    try:
        assert server.start(), told
        yield desk
    finally:
        desk.close()


WHOLE = PARTS
"""With every route."""


def say(socket: ClientConnection, **message: Any) -> None:
    socket.send(json.dumps(message))


def heard(socket: ClientConnection, within: float = 10.0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(socket.recv(within))
    return found


def events(socket: ClientConnection, count: int) -> list[int]:
    """The numbers of the next so many events."""
    return [heard(socket)["seq"] for _ in range(count)]
