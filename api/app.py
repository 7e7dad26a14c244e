"""The application: routes behind the door, errors in one form, and a description that programs can read."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from importlib import import_module
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from pydantic import BaseModel
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api import login, public, socket, static, terminal
from api.errors import Problem, answer, handle, problem_of
from api.security.door import LOGIN, Door
from api.site import Site

THREADS = 12
"""Requests that read the database at one time; its connections are not many more."""

PARTS = ("api.read:ROUTERS", "api.commands:router", "api.proposals:router", "api.agent_v1:router")
"""What is beside login, health and socket: routers, or lists of them, by name."""

DESCRIPTION = """What a run does, and what may be asked of it.

Every request has `Authorization: Bearer TOKEN` (the files `api-token` and `api-token-read-only` in the data folder), or
the session cookie of a page, and then `X-CSRF-Token` on everything but GET and HEAD. Open to everybody are `/ping`,
`/health/live`, the page and `POST /login`. Events come over the WebSocket `/ws`.
"""


class Fault(BaseModel):
    """What went wrong: a code for programs, a message for people, and what may be asked for instead."""

    code: str
    message: str
    legal: list[str] | None = None
    details: Any = None


class Refused(BaseModel):
    """Every answer that is not a success."""

    error: Fault


STATUSES = {
    400: "The request cannot be read, or holds a secret in its address.",
    401: "No token or session, or one that does not count.",
    403: "Not with this role, not without the CSRF header, not from there.",
    404: "Nothing is there by that name.",
    405: "Not with this method.",
    408: "The body did not arrive in time.",
    409: "Not in this state; legal are the ones in error.legal.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "A value is not allowed; error.details names each.",
    429: "Too much was asked; Retry-After says when again.",
    503: "The database, the engine or the answer is away for now; Retry-After says when again.",
}


class Application(FastAPI):
    """FastAPI inside the door: what reaches a route has passed it."""

    door: Door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.door(scope, receive, send)

    async def inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = _described(super().openapi())
        return self.openapi_schema


def create_app(site: Site, page: list[static.File] | None = None, parts: Sequence[str] = PARTS) -> Application:
    """The application over one database. ``page`` is read from the package if it is not given."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        try:
            yield
        finally:
            await anyio.to_thread.run_sync(site.close)

    app = Application(
        title="Argus",
        version=site.version,
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.site = site
    handle(app)
    app.add_exception_handler(405, _not_so)
    for router in (public.router, login.router, socket.router, terminal.router, *_routers(parts)):
        app.include_router(router)
    shown = static.files() if page is None else page
    app.router.routes.extend(static.routes(shown))
    app.door = Door(app.inside, site.security, opened(shown))
    return app


def opened(page: list[static.File]) -> set[tuple[str, str]]:
    """What needs no role, as method and path."""
    paths = [*public.PATHS, *(one.path for one in page)]
    return {("POST", LOGIN), *((method, path) for path in paths for method in ("GET", "HEAD"))}


def _routers(parts: Sequence[str]) -> Iterator[APIRouter]:
    for name in parts:
        module, _, attribute = name.partition(":")
        found = getattr(import_module(module), attribute)
        yield from found if isinstance(found, list | tuple) else [found]


async def _not_so(request: Request, error: Exception) -> Response:
    """405, with the methods of this very path: a path with a parameter may fit it too."""
    found = problem_of(error)
    operations = request.app.openapi()["paths"].get(request.url.path)
    allowed = (
        {"Allow": ", ".join(sorted(one.upper() for one in operations))} if operations else dict(found.headers or {})
    )
    return answer(Problem(found.status, found.code, found.message, headers=allowed))


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    """The description with how a role is proved, and with every answer that the door gives."""
    parts = schema.setdefault("components", {})
    parts["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "The operator's token, or the read-only one."},
        "session": {"type": "apiKey", "in": "cookie", "name": "argus_session", "description": "From POST /login."},
    }
    refused = Refused.model_json_schema(ref_template="#/components/schemas/{model}")
    shapes = parts.setdefault("schemas", {})
    shapes |= refused.pop("$defs")
    shapes["Refused"] = refused
    schema["security"] = [{"token": []}, {"session": []}]
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Refused"}}}
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if (method.upper(), path) in {("POST", LOGIN), *(("GET", one) for one in public.PATHS)}:
                operation["security"] = []
            for status, what in STATUSES.items():
                operation["responses"][str(status)] = {"description": what, "content": content}
    return schema
