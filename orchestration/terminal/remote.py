"""A verb that asks a running server instead of the database: who it is, how it asks, and what a refusal means."""

from __future__ import annotations

import os
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from domain.errors import ConfigError, NotRunning
from orchestration.terminal.exits import Failed, NoAnswer

DEFAULT = "http://127.0.0.1:8765"
VARIABLE = "ARGUS_API_TOKEN"
WITHIN = 15.0
"""Seconds for one answer."""
PATIENCE = 60.0
"""Seconds for what has to be worked out."""
EVERY = 0.1

PATHS = {
    "pause": "/api/engine/pause",
    "resume": "/api/engine/resume",
    "halt": "/api/engine/emergency-stop",
    "reset-kill-switch": "/api/engine/reset-kill-switch",
    "close": "/api/positions/{symbol}/close",
    "cancel": "/api/orders/{order_id}/cancel",
    "remove-lock": "/api/locks/{id}/remove",
}
"""The command of every verb; a name in braces is one of its arguments."""


class Illegal(Failed):
    """Not possible in the state in which the engine is."""


class InWork(Failed):
    """The server still works it out."""


@contextmanager
def remote(url: str, token_file: str | None, environ: Mapping[str, str] | None = None) -> Iterator[Remote]:
    """A server for the time of a verb. Raises ConfigError for an address or a token that will not do."""
    import httpx

    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname or place.query or place.fragment:
        raise ConfigError(f"--url {url}: give the server's address, like {DEFAULT}")
    token = _token(token_file, os.environ if environ is None else environ, place.hostname)
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "argus"}
    known = ssl.create_default_context() if place.scheme == "https" else False
    with httpx.Client(
        base_url=url.rstrip("/"), headers=headers, timeout=WITHIN, verify=known, trust_env=False
    ) as client:
        yield Remote(client, url)


def _token(file: str | None, environ: Mapping[str, str], host: str) -> str:
    from domain.registry import load
    from journal.address import data_folder

    if file is None and not environ.get(VARIABLE) and not load("api.security.binding:local")(host):
        raise ConfigError(f"--url names another machine: give its token by {VARIABLE} or --token-file")
    if file is None and environ.get(VARIABLE):
        found = environ[VARIABLE].strip()
        if not found.isascii() or not found.isprintable():
            raise ConfigError(f"{VARIABLE} holds no token")
        return found
    return str(load("api.security.tokens:read")(Path(file) if file is not None else data_folder() / "api-token"))


class Remote:
    """One server. What it refuses is raised as the verb would raise it without one."""

    def __init__(self, client: Any, url: str) -> None:
        self._client, self.url = client, url

    def get(self, path: str, **asked: Any) -> Any:
        """Asked again for up to ``PATIENCE`` seconds while the server works it out."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                return self._answer("GET", path, params={name: one for name, one in asked.items() if one is not None})
            except InWork:
                if time.monotonic() >= until:
                    raise
                time.sleep(EVERY)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """With a key of its own: asked again after a broken connection, it is done once."""
        return self._answer("POST", path, json=dict(body), headers={"Idempotency-Key": secrets.token_hex(16)})

    def items(self, path: str, **asked: Any) -> list[dict[str, Any]]:
        return list(self.get(path, **asked)["items"])

    def order(self, beginning: str) -> str:
        """The one order whose id begins so."""
        return str(self.get(f"/api/terminal/order/{quote(beginning, safe='')}")["id"])

    def command(self, verb: str, arguments: Mapping[str, Any], why: str, within: float) -> dict[str, Any]:
        """Ask, and wait so long for the engine's answer; the command's row as it then stands."""
        path = PATHS[verb].format(**{name: quote(str(one), safe="") for name, one in arguments.items()})
        inside = {name: one for name, one in arguments.items() if f"{{{name}}}" not in PATHS[verb]}
        try:
            number = self.post(path, inside | {"reason": why or f"{verb}, from the command line"})["command_id"]
        except Illegal as error:
            if not self.get("/api/terminal/status")["alive"]:
                raise NotRunning(f"{verb} needs a running engine, and none runs there: {error}") from error
            raise
        if number is None:
            raise Failed(f"{verb}: the database cannot be written; the file HALT was made there, which halts as well")
        until = time.monotonic() + within
        while True:
            row: dict[str, Any] = self.get(f"/api/terminal/commands/{number}")
            left = until - time.monotonic()
            if row["state"] != "PENDING" or left <= 0 or row["engine"] is None:
                return row
            time.sleep(min(EVERY, left))

    def _answer(self, method: str, path: str, **more: Any) -> Any:
        import httpx

        try:
            try:
                answer = self._client.request(method, path, **more)
            except (httpx.ReadError, httpx.RemoteProtocolError):
                answer = self._client.request(method, path, **more)
        except httpx.ConnectError as error:
            raise NotRunning(f"no server answers at {self.url} ({error}): start one with run or serve") from error
        except httpx.TimeoutException as error:
            raise NoAnswer(f"no answer from {self.url} within {WITHIN:g} s") from error
        except httpx.HTTPError as error:
            raise Failed(f"{self.url}: {error or type(error).__name__}") from error
        try:
            found = answer.json()
        except ValueError:
            raise Failed(f"{self.url} is no server of this program (it answered {answer.status_code})") from None
        if answer.is_success:
            return found
        raise self._refusal(answer.status_code, found)

    def _refusal(self, status: int, found: Any) -> Exception:
        error = found.get("error") if isinstance(found, dict) else None
        if not isinstance(error, dict):
            return Failed(f"{self.url} is no server of this program (it answered {status})")
        said = str(error.get("message"))
        if error.get("legal"):
            said += f"; allowed now: {', '.join(map(str, error['legal']))}"
        if status == 409:
            return Illegal(said)
        if status == 422:
            return ConfigError(said)
        if error.get("code") == "IN_WORK":
            return InWork(said)
        if status == 401:
            return Failed(f"{said} ({VARIABLE}, --token-file, or api-token in the data folder)")
        return Failed(said)
