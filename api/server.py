"""The server in a thread: beside a run, which it never disturbs, or by itself."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence

import uvicorn

from api import static
from api.app import PARTS, create_app
from api.engine_process import EngineProcess
from api.errors import scrubbed
from api.hub import Hub
from api.security import ended, tokens
from api.security.binding import Bound, bind
from api.security.client import OPERATOR
from api.security.desk import Security
from api.security.limits import Limits
from api.site import Site
from api.wire import Frames, Http, most_connections
from domain.errors import ArgusError
from journal import database
from journal.address import data_folder
from orchestration import kernel_cache
from orchestration.clock import WallClock
from orchestration.serving import Serving
from orchestration.terminal.exits import debugging, visible

START_WITHIN = 15.0
"""Seconds for the server to answer for the first time."""
KEEP_ALIVE = 15
"""Seconds for which a connection may ask nothing."""
STOP_WITHIN = 5.0
"""Seconds for what is under way when it is told to end."""
QUIET = 60.0
"""Seconds in which the same trouble is told once."""


class Server:
    """uvicorn over one database. ``told`` takes what a person should know, from any thread. Raises ConfigError for an
    address or a token's file that will not do."""

    def __init__(
        self,
        serving: Serving,
        url: str,
        told: Callable[[str], None],
        *,
        limits: Limits | None = None,
        files: tuple[str, ...] = (),
        beside: bool = False,
        reports: str | None = None,
        ray: str = "",
        metrics: str = "",
        page: list[static.File] | None = None,
        parts: Sequence[str] = PARTS,
    ) -> None:
        self._told, clock = told, WallClock()
        limits = limits or Limits()
        found = tokens.of(data_folder())
        self.bound: Bound = bind(serving)
        secure = serving.tls_cert is not None
        self.security = Security(
            found,
            self.bound.hosts,
            secure,
            limits,
            lambda: clock.now() // 10**9,
            time.monotonic,
            data_folder() / ended.FILE,
        )
        process = EngineProcess(url, files, beside)
        self.site = Site(
            url,
            Hub(url),
            self.security,
            process,
            address=self.bound.url,
            beside=beside,
            reports=reports,
            ray=ray,
            metrics=metrics,
        )
        Http.most = most_connections()
        self._server = uvicorn.Server(
            uvicorn.Config(
                create_app(self.site, page, parts),
                http=Http,
                ws=Frames,
                ws_max_size=limits.message,
                ws_per_message_deflate=False,
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=int(STOP_WITHIN) - 2,
                ssl_certfile=serving.tls_cert,
                ssl_keyfile=serving.tls_key,
            )
        )
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)

    @property
    def page_url(self) -> str:
        """The page's address with a new one-time code, which a browser keeps to itself."""
        return f"{self.bound.url}/#code={self.security.codes.issue(OPERATOR)}"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def start(self) -> bool:
        """Whether it answers now."""
        self._logs = Told(self._told)
        self._logs.listen()
        self._thread.start()
        ends = time.monotonic() + START_WITHIN
        while self.alive and not self._server.started and time.monotonic() < ends:
            time.sleep(0.01)
        return self.alive and self._server.started

    def stop(self) -> None:
        """End it, within some seconds, whatever its clients do."""
        self._stopping = True
        self._server.should_exit = True
        self._thread.join(STOP_WITHIN)
        if self.alive:
            self._server.force_exit = True
            self._thread.join(1.0)
        self._logs.leave()

    def _run(self) -> None:
        why = ""
        try:
            self._server.run(sockets=[self.bound.socket])
        except (OSError, RuntimeError, ValueError, ArgusError, SystemExit) as error:
            why = f": {scrubbed(str(error)) or type(error).__name__}"
        finally:
            self.bound.socket.close()
            if not self._stopping:
                self._told(f"the server has ended{why}; trading goes on without it")


class Told(logging.Handler):
    """What uvicorn logs, as one line for a person, and the same trouble once a minute."""

    def __init__(self, told: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._told = told
        self._last: dict[str, float] = {}

    def listen(self) -> None:
        logger = logging.getLogger("uvicorn.error")
        logger.addHandler(self)
        logger.propagate = False

    def leave(self) -> None:
        logging.getLogger("uvicorn.error").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if not record.exc_info and record.levelno < logging.ERROR:
            return  # what strangers send is answered, and nothing to look at
        kind = record.exc_info[0] if record.exc_info else None
        what = f"{kind.__name__}: {record.exc_info[1]}" if kind and record.exc_info else record.getMessage()
        what = visible(scrubbed(what.strip().partition("\n")[0]))[:300]
        now, key = time.monotonic(), what[:60]
        if now - self._last.get(key, -QUIET) < QUIET:
            return
        if len(self._last) > 100:
            self._last.clear()
        self._last[key] = now
        self._told(f"server: {what}")
        if debugging(os.environ) and record.exc_info:
            self._told(logging.Formatter().formatException(record.exc_info))


class Beside:
    """The server of a run: nothing that happens to it reaches the run."""

    def __init__(
        self, serving: Serving, url: str, told: Callable[[str], None], ray: str = "", metrics: str = ""
    ) -> None:
        self._serving, self._url, self._told, self._ray, self._metrics = serving, url, told, ray, metrics
        self._server: Server | None = None

    def start(self) -> str:
        """The page's address with a one-time code; empty if there is no server, which was told then."""
        try:
            server = Server(self._serving, self._url, self._told, beside=True, ray=self._ray, metrics=self._metrics)
        except (ArgusError, OSError) as error:
            self._told(f"no server: {error}")
            return ""
        if not server.start():
            server.stop()
            self._told("no server: it did not start")
            return ""
        self._server = server
        if server.bound.taken is not None:
            self._told(f"port {server.bound.taken} is taken: the server listens on {server.bound.port}")
        return server.page_url

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop()


def alone(
    serving: Serving,
    url: str,
    files: tuple[str, ...],
    reports: str | None,
    told: Callable[[str], None],
    shown: Callable[[str, str], None],
) -> bool:
    """The server without a run, until SIGINT or SIGTERM; whether it ended because it was asked. ``shown`` is given its
    address and the page's. Raises ConfigError for what will not do."""
    ready(url)
    kernels = kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now())
    if kernels.notice:
        told(kernels.notice)
    server = Server(serving, url, told, files=files, reports=reports)
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        if not server.start():
            return False
        if server.bound.taken is not None:
            told(f"port {server.bound.taken} is taken: the server listens on {server.bound.port}")
        shown(server.bound.url, server.page_url)
        while server.alive and not asked.wait(0.5):
            pass
        return asked.is_set()
    finally:
        server.stop()
        engine = server.site.process.state()
        if engine is not None and engine.exit_code is None:
            told(
                f"the engine goes on (pid {engine.pid}): python cli.py status shows it, kill -TERM {engine.pid} ends it"
            )
        for number, handler in before.items():
            signal.signal(number, handler)


def ready(url: str) -> None:
    """A database to show: made where there is none, of this program's schema where there is one. Raises ConfigError."""
    if database.exists(url):
        database.require(url)
    else:
        database.prepare(url)
