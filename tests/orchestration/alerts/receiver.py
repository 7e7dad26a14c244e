"""A real receiver of messages on this machine: it may be slow, refuse, drip, or be dead; and a desk to feed it from."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from domain.events import ALERT, Draft
from journal.store import Store
from orchestration.alerts.channels import deliveries
from orchestration.alerts.desk import Desk, Run, Wishes
from orchestration.alerts.rules import Rule, in_force

RUN = "0198c5a0-run"
T = 1_704_153_600_000_000_000


class Receiver(ThreadingHTTPServer):
    """Takes Apprise's json:// messages; ``how`` is ok, slow, drip, or a status."""

    daemon_threads = True

    def __init__(self, how: str | int = "ok") -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.how = how
        self.got: list[dict[str, str]] = []
        self.asked = 0
        self.location = ""
        self.go = threading.Event()

    @property
    def url(self) -> str:
        return f"json://user:pass-secret@127.0.0.1:{self.server_address[1]}/token-secret"

    def titles(self) -> list[str]:
        return [one["title"] for one in self.got]

    def text(self) -> str:
        return "\n".join(one["title"] + "\n" + one["message"] for one in self.got)


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        server.asked += 1
        if server.how == "slow":
            server.go.wait(60)
        status = server.how if isinstance(server.how, int) else 200
        if status == 200:
            server.got.append(body)
        self.send_response(status)
        if server.location:
            self.send_header("Location", server.location)
        if server.how == "drip":
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not server.go.wait(0.05):
                self.wfile.write(b"x")
            return
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return None

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            return  # who asked has gone


@contextmanager
def receiving(how: str | int = "ok") -> Iterator[Receiver]:
    with Receiver(how) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.go.set()
            server.shutdown()
            thread.join()


class Meter:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.counts: dict[str, float] = {}
        self.gauges: dict[str, float] = {}

    def count(self, name: str, by: float = 1, **tags: str) -> None:
        key = " ".join([name, *tags.values()])
        self.counts[key] = self.counts.get(key, 0) + by

    def gauge(self, name: str, value: float) -> None:
        self.gauges[name] = value

    def observe(self, name: str, value: float) -> None:
        self.gauges[name] = value


class Clock:
    def __init__(self) -> None:
        self.at = T

    def now(self) -> int:
        return self.at


def wait(holds: Callable[[], object], within: float = 20.0) -> None:
    ends = time.monotonic() + within
    while not holds():
        assert time.monotonic() < ends, "it does not happen"
        time.sleep(0.01)


def halted(code: str = "MAX_DRAWDOWN", key: str = "h") -> Draft:
    data = {"alert": "TRADING_STATE", "from": "ACTIVE", "to": "HALTED", "code": code, "value": 0.13, "threshold": 0.12}
    return Draft(ALERT, T, f"{key}{code}", data)


def locked(symbol: str, key: str) -> Draft:
    """An alert that is only worth an information."""
    data = {"alert": "LOCKED", "lock": key, "code": "COOLDOWN", "side": None, "until": "later", "reason": "two losses"}
    return Draft(ALERT, T, key, data, symbol)


class Office:
    """A desk over a database, with receivers as its channels; what it reports becomes events, as in a run."""

    def __init__(self, url: str, channels: dict[str, str], **changed: Any) -> None:
        self.url, self.clock, self.meter = url, Clock(), Meter()
        self.channels, self.changed = channels, changed
        self.reports: list[tuple[str, dict[str, Any]]] = []
        self.store = Store(url, 1)
        self.desk = self.new()

    def new(self, run_id: str = RUN, told: int = 0, mode: str = "paper") -> Desk:
        rules: tuple[Rule, ...] = in_force(self.changed.get("rules", ()), self.changed.get("defaults", True))
        wishes = Wishes(
            rules=rules,
            dedup=self.changed.get("dedup", 300.0),
            rate=self.changed.get("rate", 100),
            timeout=self.changed.get("timeout", 5.0),
            quiet=self.changed.get("quiet"),
            summary=self.changed.get("summary"),
        )
        run = Run(run_id, "paper", mode, told)
        store = Store(self.url, 1)
        ticks = self.changed.get("ticks", time.monotonic)
        return Desk(run, wishes, deliveries(self.channels), store, self.clock, self.meter, self.report, ticks)

    def report(self, name: str, **facts: Any) -> None:
        self.reports.append((name, facts))
        at = T + len(self.reports)
        self.emit(Draft(ALERT, at, f"{name}:{at}", {"alert": name, **facts}))

    def emit(self, *drafts: Draft, run_id: str = RUN) -> None:
        with self.store.transaction() as tx:
            tx.emit(run_id, drafts)

    def again(self, **given: Any) -> Desk:
        """The process was killed, and a new one begins: nobody has said goodbye."""
        self.desk = self.new(**given)
        self.desk.start()
        return self.desk
