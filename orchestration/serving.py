"""Where a run shows itself to programs and to a browser; the server is loaded by name, and only if it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec

from domain.registry import load

PORT = 8765
LOOPBACK = "127.0.0.1"

START_WITHIN = 20.0
STOP_WITHIN = 15.0
"""Seconds that a run waits for its server, at most."""


class Serving(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says about the server.

    ``port`` None is the first free one from 8765 on. ``names`` are further host names by which it may be asked.
    ``insecure`` lets it listen beyond this machine without TLS.
    """

    host: str = LOOPBACK
    port: int | None = None
    names: tuple[str, ...] = ()
    tls_cert: str | None = None
    tls_key: str | None = None
    insecure: bool = False


class Served:
    """The server beside a run, in threads of its own from the first import on: whatever goes wrong with it is
    ``told``, and the run goes on."""

    def __init__(self, serving: Serving, told: Callable[[str], None]) -> None:
        self._serving, self._told = serving, told
        self._thread = ThreadPoolExecutor(1, "server")
        self._kind = self._thread.submit(load, "api.server:Beside")  # takes a second: while Ray starts
        self._made: Any = None

    def start(self, url: str, ray: str, metrics: str) -> str:
        """The page's address with a one-time code; empty if there is no server."""

        def begin() -> str:
            self._made = self._kind.result()(self._serving, url, self._told, ray, metrics)
            return str(self._made.start())

        return self._outcome(self._thread.submit(begin), START_WITHIN, "no server") or ""

    def stop(self) -> None:
        if self._made is not None:
            self._outcome(self._thread.submit(self._made.stop), STOP_WITHIN, "the server does not end")
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _outcome(self, work: Future[Any], within: float, what: str) -> Any:
        try:
            failed = work.exception(within)
        except TimeoutError:
            failed = TimeoutError(f"not within {within:g} s")
        if failed is None:
            return work.result()
        self._told(f"{what}: {failed or type(failed).__name__}")
        return None
