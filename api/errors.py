"""What is answered when something is refused or fails: one form, without a traceback or a path of this machine."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from domain.errors import AlreadyRunning, ArgusError, ConfigError, DatabaseAway, DatabaseBroken, NotRunning
from journal.outages import named

RETRY = {"Retry-After": "1"}

_PATH = re.compile(r"(?<![\w/:.])(?:[A-Za-z]:\\|/)[^\s'\":;,()]+|(?<=sqlite://)/[^\s'\":;,()]+")

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "TOO_SLOW",
    409: "CONFLICT",
    413: "TOO_LARGE",
    415: "NOT_JSON",
    422: "INVALID",
    429: "TOO_MANY_REQUESTS",
    503: "UNAVAILABLE",
}


class Problem(ArgusError):
    """Refused, with the status and the code that a program reads.

    ``legal`` is what may be asked for instead; ``details`` are plain values.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        legal: tuple[str, ...] | None = None,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status, self.code, self.message = status, code, message
        self.legal, self.details, self.headers = legal, details, headers
        super().__init__(status, code, message)

    def __str__(self) -> str:
        return self.message


def scrubbed(text: str) -> str:
    """The text without paths of this machine and passwords of its databases."""
    from journal.address import password_hidden

    return _PATH.sub("…", password_hidden(text))


def body(code: str, message: str, legal: tuple[str, ...] | None = None, details: Any = None) -> bytes:
    error: dict[str, Any] = {"code": code, "message": message}
    if legal is not None:
        error["legal"] = list(legal)
    if details is not None:
        error["details"] = details
    return msgspec.json.encode({"error": error})


def answer(problem: Problem) -> Response:
    found = body(problem.code, problem.message, problem.legal, problem.details)
    return Response(found, problem.status, dict(problem.headers or {}), "application/json")


def problem_of(error: Exception) -> Problem:
    """Any error as what is answered."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, DBAPIError):
        error = named(error, "") or error
    if isinstance(error, DatabaseAway | NoConnection):
        return Problem(503, "DATABASE_AWAY", "the database is busy or away: try again", headers=RETRY)
    if isinstance(error, DatabaseBroken):
        return Problem(503, "DATABASE_BROKEN", "the database is full, read-only or damaged: a person must look")
    if isinstance(error, NotRunning | AlreadyRunning):
        return Problem(409, "NOT_RUNNING" if isinstance(error, NotRunning) else "ALREADY_RUNNING", scrubbed(str(error)))
    if isinstance(error, ConfigError):
        details = [scrubbed(one) for one in error.problems]
        return Problem(422, "INVALID", "; ".join(details), details=details)
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "FAILED")
        return Problem(error.status_code, code, scrubbed(str(error.detail)), headers=error.headers)
    return Problem(500, "FAILED", f"this should not have happened ({type(error).__name__}): please report it")


def handle(app: FastAPI) -> None:
    """Every error of the application in the one form."""

    async def problem(request: Request, error: Exception) -> Response:
        found = problem_of(error)
        if found.status == 500 and isinstance(error, ArgusError | DBAPIError):  # the rest is raised on, and told there
            logging.getLogger("uvicorn.error").error("unexpected", exc_info=error)
        return answer(found)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(_invalid(error))

    for kind in (ArgusError, HTTPException, DBAPIError, NoConnection, Exception):
        app.add_exception_handler(kind, problem)
    app.add_exception_handler(RequestValidationError, invalid)


def _invalid(error: RequestValidationError) -> Problem:
    """What is wrong with a request, without repeating what was sent."""
    found = [
        {"where": ".".join(str(part) for part in one["loc"]), "what": str(one["msg"])} for one in error.errors()[:20]
    ]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return Problem(400, "BAD_JSON", "the body is not JSON")
    said = "; ".join(f"{one['where']}: {one['what']}" for one in found)
    return Problem(422, "INVALID", said, details=found)
