"""A server as the page expects it, with an invented market: to look at the page, and to break what it talks to.

``python -m tests.api.page_server --symbols 1000`` and then the address that it prints.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from api import static
from api.read.backtests import SANDBOX
from api.security.door import HEADERS
from tests.api.page_reads import reads
from tests.api.page_world import World, chosen

OPERATOR, READER, CODE = "operator-token-of-the-mock", "reader-token-of-the-mock", "code-of-the-mock"
COOKIE = "argus_session"
CSRF = "csrf-of-the-mock"

REPORT = "<!doctype html><title>Report</title><h1>A report</h1><script>document.body.append(self.origin)</script>"


class PageServer:
    """The page and its API on a free port. What is set here holds for whatever comes after."""

    def __init__(self, world: World, every: float = 0.25, port: int = 0) -> None:
        self.world, self.every = world, every
        self.silent = False
        """Nothing is told, and pings are not answered."""
        self.slow = 0.0
        """Seconds for every answer."""
        self.refusing = False
        """Sockets are not accepted."""
        self.forgets_resume = False
        self.lag = 0
        """By so many events /api/state is behind /api/events."""
        self.halts_after = 0.4
        self.verified = True
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        """Commands: path, idempotency key, body."""
        self.resumed: list[int] = []
        self.withheld: set[int] = set()
        """Numbers that sockets do not get."""
        self.codes = {CODE}
        self._answers: dict[str, dict[str, Any]] = {}
        self._sockets: set[WebSocket] = set()
        self._bell: asyncio.Event | None = None
        self._over = threading.Event()
        self.listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self.listening.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                self._app(), log_level="warning", ws="websockets-sansio", lifespan="off", timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    # -- for tests -------------------------------------------------------------------------------

    def start(self) -> PageServer:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._over.set()
        self._server.should_exit = True
        self._thread.join(10)
        self.listening.close()

    def drop(self, code: int = 1012) -> None:
        """Close every socket."""
        self._here(self._drop(code))

    def send(self, message: dict[str, Any]) -> None:
        """Say something to every socket that is no event of the world."""
        self._here(self._say(message))

    def _here(self, what: Any) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _drop(self, code: int) -> None:
        for one in list(self._sockets):
            with contextlib.suppress(RuntimeError):
                await one.close(code)

    async def _say(self, message: dict[str, Any]) -> None:
        for one in list(self._sockets):
            await one.send_text(json.dumps(message))

    # -- the loop --------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        ticking = asyncio.create_task(self._tick())
        await self._server.serve(sockets=[self.listening])
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self.every)
            if not self.silent:
                self.world.step()

    # -- the API ---------------------------------------------------------------------------------

    def _app(self) -> Headers:
        routes: list[Any] = [
            Route(path, self._read(found)) for path, found in reads(self.world, lambda: self.lag).items()
        ]
        routes += [
            Route("/login", self._login, methods=["POST"]),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/api/session", self._session),
            Route("/api/presets/validate", self._validate, methods=["POST"]),
            Route("/api/backtests/{name:path}/report", self._report),
            Route("/api/engine/{verb}", self._command, methods=["POST"]),
            Route("/api/orders/{id:path}/cancel", self._command, methods=["POST"]),
            Route("/api/positions/{s:path}/close", self._command, methods=["POST"]),
            Route("/api/locks/{id:path}/remove", self._command, methods=["POST"]),
            Route("/api/research/proposals/{id}/{verb}", self._command, methods=["POST"]),
            WebSocketRoute("/ws", self._ws),
            *static.routes(static.files()),
        ]
        return Headers(Starlette(routes=routes))

    def _read(self, found: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            if self._role(request.cookies) is None:
                return _error(401, "UNAUTHENTICATED", "a token is needed")
            await asyncio.sleep(self.slow)
            body = found(request)
            if body is None:
                return _error(404, "UNKNOWN", "there is nothing like that")
            text = json.dumps(body).encode()
            etag = f'"{hash(text):x}"'
            if request.headers.get("if-none-match") == etag:
                return Response(status_code=304, headers={"ETag": etag})
            return Response(text, media_type="application/json", headers={"ETag": etag})

        return answer

    @staticmethod
    def _role(cookies: dict[str, str]) -> str | None:
        return {"session-operator": "operator", "session-read-only": "read-only"}.get(cookies.get(COOKIE, ""))

    async def _login(self, request: Request) -> Response:
        said = await request.json()
        role = {OPERATOR: "operator", READER: "read-only"}.get(said.get("token", ""))
        if said.get("code") in self.codes:
            self.codes.discard(said["code"])
            role = "operator"
        if role is None:
            return _error(401, "WRONG_TOKEN", "this token is not one of this server's")
        answer = JSONResponse(_begun(role))
        answer.set_cookie(COOKIE, f"session-{role}", httponly=True, samesite="strict")
        return answer

    async def _logout(self, request: Request) -> Response:
        answer = JSONResponse({"ended": True})
        answer.delete_cookie(COOKIE)
        return answer

    async def _session(self, request: Request) -> Response:
        role = self._role(request.cookies)
        return _error(401, "UNAUTHENTICATED", "a token is needed") if role is None else JSONResponse(_begun(role))

    async def _report(self, request: Request) -> Response:
        return HTMLResponse(REPORT, headers={"Content-Security-Policy": SANDBOX, "X-Frame-Options": "SAMEORIGIN"})

    async def _validate(self, request: Request) -> Response:
        """Both roles may."""
        if self._role(request.cookies) is None or request.headers.get("x-csrf-token") != CSRF:
            return _error(403, "CSRF", "the header X-CSRF-Token is missing or wrong")
        body = await request.json()
        self.asked.append((request.url.path, "", body))
        return JSONResponse(chosen.validated(body))

    async def _command(self, request: Request) -> Response:
        if self._role(request.cookies) != "operator":
            return _error(403, "FORBIDDEN", "the role read-only may look, and change nothing")
        if request.headers.get("x-csrf-token") != CSRF:
            return _error(403, "CSRF", "the header X-CSRF-Token is missing or wrong")
        body, key = await request.json(), request.headers.get("idempotency-key", "")
        await asyncio.sleep(self.slow)
        verb = request.url.path.rsplit("/", 1)[1]
        first = key not in self._answers
        self.asked.append((request.url.path, key, body))
        if first and "/research/" in request.url.path:
            told = self.world.research.decide(request.path_params["id"], verb, body["reason"])
            if not told:
                return _error(409, "PROPOSAL_DECIDED", "the proposal is decided")
            self._answers[key] = {"command_id": len(self._answers) + 1} | told
        elif first:
            engine = self.world.engine()
            legal = engine["legal"]
            name = "remove-lock" if verb == "remove" else verb
            if name not in legal:
                return _error(409, "ILLEGAL_STATE", f"not possible while the engine is {engine['state']}", legal=legal)
            self._answers[key] = {"command_id": len(self._answers) + 1, "state": "PENDING", "answer": None}
            if verb == "emergency-stop":
                asyncio.get_running_loop().call_later(self.halts_after, self._halt, key, body)
            else:
                self._answers[key] |= self.world.obey(verb, request.path_params, body)
        return JSONResponse(self._answers[key])

    def _halt(self, key: str, body: dict[str, Any]) -> None:
        self._answers[key] |= self.world.halt(body["reason"], bool(body.get("flatten")), self.verified)

    async def _ws(self, ws: WebSocket) -> None:
        if self.refusing:
            await ws.close(1013)
            return
        await ws.accept()
        if self._role(ws.cookies) is None:
            await ws.close(4401)
            return
        self._sockets.add(ws)
        telling: asyncio.Task[None] | None = None
        try:
            snapshot = self.world.snapshot()
            await ws.send_text(json.dumps(snapshot))
            telling = asyncio.create_task(self._tell(ws, snapshot["seq"]))
            while True:
                said = json.loads(await ws.receive_text())
                if said["type"] == "ping" and not self.silent:
                    await ws.send_text(json.dumps({"type": "pong", "seq": self.world.seq}))
                elif said["type"] == "resume":
                    telling.cancel()
                    self.resumed.append(said["seq"])
                    if self.forgets_resume:
                        again = self.world.snapshot()
                        await ws.send_text(json.dumps(again))
                        telling = asyncio.create_task(self._tell(ws, again["seq"]))
                        continue
                    await ws.send_text(json.dumps({"type": "RESUMED", "seq": said["seq"], "run_id": said["run_id"]}))
                    telling = asyncio.create_task(self._tell(ws, said["seq"]))
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self._sockets.discard(ws)
            if telling is not None:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self, ws: WebSocket, after: int) -> None:
        while True:
            for one in self.world.after(after):
                if one["seq"] not in self.withheld:
                    await ws.send_text(json.dumps(one))
                after = one["seq"]
            await asyncio.sleep(0.02)


def _begun(role: str) -> dict[str, Any]:
    return {"role": role, "csrf": CSRF, "expires_at": "2099-01-01T00:00:00Z", "version": "0.0.0"}


def _error(status: int, code: str, message: str, **more: Any) -> Response:
    return JSONResponse({"error": {"code": code, "message": message} | more}, status)


class Headers:
    """The headers of the real server, its policy above all, on what Starlette answers by itself."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                known = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(one for one in HEADERS if one[0] not in known)]
            await send(message)

        await self._app(scope, receive, sending)


def main() -> None:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--symbols", type=int, default=12)
    told.add_argument("--port", type=int, default=8765)
    told.add_argument("--every", type=float, default=1.0)
    told.add_argument("--hostile", action="store_true")
    said = told.parse_args()
    server = PageServer(World(said.symbols, hostile=said.hostile), said.every, said.port).start()
    print(f"{server.address}/#code={CODE}\ntokens: {OPERATOR}, {READER}; page: {Path(static.FOLDER)}")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    server.stop()


if __name__ == "__main__":
    main()
