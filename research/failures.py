"""What the client's exceptions mean: one outcome each, whether to try again, and after how many seconds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import openai

MOST_WORDS = 300

_BY_STATUS = {
    401: "UNAUTHORISED",
    403: "UNAUTHORISED",
    404: "UNKNOWN_MODEL",
    408: "SERVER_ERROR",
    409: "SERVER_ERROR",
    429: "RATE_LIMITED",
}
_AGAIN = frozenset({408, 409, 429})
_BY_CODE = {"model_not_found": "UNKNOWN_MODEL", "content_filter": "CONTENT_FILTER"}
_FINAL = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""Refusals that come as a 429, and that waiting does not mend."""
_NOT_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol", "LocalProtocolError", "ProxyError")


class Failed(Exception):
    """Why there is no answer: an outcome of domain.research, and words for people."""

    def __init__(self, outcome: str, detail: str) -> None:
        self.outcome, self.detail = outcome, detail
        super().__init__(outcome, detail)


class TooLarge(Exception):
    """The endpoint sends more than an answer can be, or sends it compressed."""


class Failure(msgspec.Struct, frozen=True):
    """``wait``: seconds that the endpoint asks for, None where it does not. ``status`` 0: no answer at all;
    ``sent``: the request may have been answered, and the answer was lost."""

    outcome: str
    detail: str
    status: int = 0
    again: bool = False
    wait: float | None = None
    sent: bool = False


def of_status(error: openai.APIStatusError) -> Failure:
    """What an answer other than 200 means."""
    status = error.status_code
    code = error.code if isinstance(error.code, str) else ""
    outcome = _BY_CODE.get(code) or _BY_STATUS.get(status) or ("SERVER_ERROR" if status >= 500 else "BAD_REQUEST")
    headers = error.response.headers
    again = (status in _AGAIN or status >= 500) and code not in _FINAL and headers.get("x-should-retry") != "false"
    said = "a redirect, which is not followed" if 300 <= status < 400 else _words(error)
    return Failure(outcome, f"answered {status}: {said}", status, again, wait_of(headers))


def of_connection(error: openai.APIConnectionError) -> Failure:
    """What it means that no answer came."""
    cause: BaseException = error.__cause__ or error
    kind = type(cause).__name__
    why = f"{kind}: {cause}"[:MOST_WORDS] if str(cause) else kind
    return Failure("UNREACHABLE", f"cannot be reached: {why}", again=True, sent=kind not in _NOT_SENT)


def wait_of(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for, as a number, or as a date beside the answer's own; None if it says nothing."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            wait = float(headers.get(name, "nan")) / unit
        except ValueError:
            continue
        if not math.isnan(wait):
            return wait if wait >= 0 else None
    try:
        wait = (parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return wait if wait >= 0 else None


def _words(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        said = body.get("message") or body.get("detail") or body.get("error") or body
        said = " ".join(str(one) for one in (said, body.get("param"), body.get("code")) if one)
    else:
        said = body or "nothing"
    text = " ".join(str(said).split())
    page = text[:15].lower().startswith(("<!doctype", "<html"))
    return "a page of HTML" if page else text[: 10 * MOST_WORDS]
