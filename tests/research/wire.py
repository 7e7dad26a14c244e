"""A local server that speaks the chat-completions wire, with scripted answers and faults to switch on.

Answers: ``server.script`` makes one of a request (a JSON value, or text as it is); without one, an answer is made
from the schema, and ``server.answers`` changes its properties by the schema's name: ``{"verdict": {"p_win": 0.2}}``.

Faults (names in wire_faults.FAULTS): by the model's name (``fault:429``, or ``fault:429:gpt-x``), or by rules, of
which the first that fits holds. Whoever runs in another process POSTs the same to ``/control``: ``{"clear": true,
"rules": [{"fault": "429", "times": 2, "schema": "verdict", "containing": "EURUSD"}], "answers": {…}, "seconds": 0.5}``
and GETs what was asked so far.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.research.wire_faults import FAULTS
from tests.research.wire_shapes import Asked, Reply, error, filled, reply

Script = Callable[[Asked], Any]


@dataclass
class Rule:
    """A fault for the next ``times`` requests (None: all) that have this schema and contain this text."""

    fault: str
    times: int | None = None
    schema: str = ""
    containing: str = ""

    def fits(self, asked: Asked) -> bool:
        return (
            self.times != 0
            and (not self.schema or self.schema == asked.schema_name)
            and (not self.containing or self.containing in asked.text)
        )


class Wire:
    """The server, in threads of its own. ``key`` and ``models``: what it insists on, None for anything."""

    def __init__(self, script: Script | None = None, key: str | None = None, models: set[str] | None = None) -> None:
        self.script, self.key, self.models = script, key, models
        self.answers: dict[str, dict[str, Any]] = {}
        self.rules: list[Rule] = []
        self.seconds: float | None = None
        """Instead of those of a slow or dripping fault."""
        self.seen: list[Asked] = []
        self.faults: list[str] = []
        self.errors: list[BaseException] = []
        """What a script raised."""
        self.asked = threading.Event()
        """Set by the first request."""
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"{self.root}/v1"

    @property
    def hits(self) -> int:
        return len(self.seen)

    def rule(self, fault: str, times: int | None = None, schema: str = "", containing: str = "") -> None:
        if fault not in FAULTS:
            raise KeyError(fault)
        self.rules.append(Rule(fault, times, schema, containing))

    def clear(self) -> None:
        """No rules, no own answers, nothing seen."""
        with self._lock:
            self.rules, self.answers, self.seconds, self.seen, self.faults = [], {}, None, [], []

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def answered(self, body: Any, authorization: str) -> Reply:
        """What a request gets."""
        with self._lock:
            asked = Asked(body, authorization, len(self.seen) + 1)
            self.seen.append(asked)
            self.asked.set()
            fault = self._fault(asked)
            self.faults.append(fault)
        if self.key is not None and authorization != f"Bearer {self.key}":
            shown = f"{authorization.removeprefix('Bearer ')[:8]}***"
            return error(401, f"Incorrect API key provided: {shown}.", "invalid_request_error", "invalid_api_key")
        if self.models is not None and asked.model not in self.models and not asked.model.startswith("fault:"):
            missing = f"The model `{asked.model}` does not exist or you do not have access to it."
            return error(404, missing, "invalid_request_error", "model_not_found")
        return FAULTS[fault](asked, self._answer(asked))

    def controlled(self, given: dict[str, Any]) -> None:
        if given.get("clear"):
            self.clear()
        for one in given.get("rules", []):
            self.rule(**one)
        self.answers |= given.get("answers", {})
        self.seconds = given.get("seconds", self.seconds)

    def told(self) -> dict[str, Any]:
        """What was asked: never a key, and the messages only as a hash."""
        with self._lock:
            seen = [
                {
                    "schema": asked.schema_name,
                    "model": asked.model,
                    "mode": asked.mode,
                    "fault": fault,
                    "hash": hashlib.sha256(json.dumps(asked.body, sort_keys=True).encode()).hexdigest()[:16],
                }
                for asked, fault in zip(self.seen, self.faults, strict=True)
            ]
        return {"hits": len(seen), "distinct": len({one["hash"] for one in seen}), "seen": seen}

    def _fault(self, asked: Asked) -> str:
        if asked.model.startswith("fault:"):
            return asked.model.split(":")[1]
        for rule in self.rules:
            if rule.fits(asked):
                rule.times = None if rule.times is None else rule.times - 1
                return rule.fault
        return "ok"

    def _answer(self, asked: Asked) -> Any:
        if self.script is not None:
            return self.script(asked)
        made = filled(asked)
        return made | self.answers.get(asked.schema_name, {}) if isinstance(made, dict) else made


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.wire._lock:
            self.wire._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.wire._lock:
            self.wire._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what this server is for; a script that raises is a mistake."""
        error = sys.exception()
        if error is not None and not isinstance(error, OSError):
            self.wire.errors.append(error)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        wire = self.server.wire
        if self.path == "/control":
            self._send(reply(wire.told()))
        elif self.path == "/v1/models":
            models = [
                {"id": one, "object": "model", "created": 1, "owned_by": "wire"}
                for one in sorted(wire.models or {"any"})
            ]
            self._send(reply({"object": "list", "data": models}))
        else:
            self._send(error(404, "Unknown request URL", "invalid_request_error", "unknown_url"))

    def do_POST(self) -> None:
        wire = self.server.wire
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"null")
        if self.path == "/control":
            wire.controlled(body)
            self._send(reply({"ok": True}))
        elif self.path == "/v1/chat/completions":
            self._send(wire.answered(body, self.headers.get("Authorization", "")))
        else:
            self._send(error(404, "Unknown request URL", "invalid_request_error", "unknown_url"))

    def _send(self, given: Reply) -> None:
        wire = self.server.wire
        seconds = given.seconds if wire.seconds is None else wire.seconds
        headers = {"Content-Length": str(len(given.body)), **given.headers}
        lines = [f"HTTP/1.1 {given.status} {'OK' if given.status == 200 else 'Status'}"]
        head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()
        if given.send == "slow":
            wire.stopping.wait(seconds)
        if given.send == "hang":
            wire.stopping.wait()
        if given.send in ("hang", "drop"):
            self.close_connection = True
            return
        if given.send == "drip":
            self.wfile.write(head)
            for byte in given.body:
                if wire.stopping.wait(seconds):
                    break
                self.wfile.write(bytes([byte]))
            return
        cut = len(given.body) // 2 if given.send == "cut" else len(given.body)
        self.close_connection = self.close_connection or given.send == "cut"
        self.wfile.write(head + given.body[:cut])

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: what was asked is in ``seen``."""


@contextlib.contextmanager
def a_wire(script: Script | None = None, **given: Any) -> Iterator[Wire]:
    wire = Wire(script, **given)
    try:
        yield wire
    finally:
        wire.stop()


def dead_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
