"""What can come over the chat-completions wire: every fault of an endpoint or of a model."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.research.wire_shapes import Asked, Reply, completion, error, good, reply, said

# -- what the endpoint does ------------------------------------------------------------------------

Fault = Callable[[Asked, Any], Reply]
"""Of a request and the answer that it would get."""

BUSY = "Rate limit reached for requests"
FORM = "Invalid parameter: 'response_format' of type '{}' is not supported with this model."


def _refusing(*modes: str) -> Fault:
    def fault(asked: Asked, answer: Any) -> Reply:
        if asked.mode in modes:
            return error(400, FORM.format(asked.mode), "invalid_request_error", None, "response_format")
        return good(asked, answer)

    return fault


def _without(name: str, message: str) -> Fault:
    def fault(asked: Asked, answer: Any) -> Reply:
        if name in asked.body:
            return error(400, message, "invalid_request_error", "unsupported_parameter", name)
        return good(asked, answer)

    return fault


def _changed(change: Callable[[dict[str, Any]], None]) -> Fault:
    """The usual completion with something done to it."""

    def fault(asked: Asked, answer: Any) -> Reply:
        body = completion(asked, json.dumps(answer))
        change(body)
        return reply(body)

    return fault


def _sent(send: str, seconds: float) -> Fault:
    def fault(asked: Asked, answer: Any) -> Reply:
        whole = good(asked, answer)
        return Reply(whole.status, whole.body, whole.headers, send, seconds)

    return fault


def _error(status: int, message: str, kind: str, code: str | None = None, **headers: str) -> Fault:
    return lambda asked, answer: error(status, message, kind, code, **headers)


def _told(asked: Asked, before: str) -> Reply:
    return error(
        401, f"{before}: {asked.authorization.removeprefix('Bearer ')}.", "invalid_request_error", "invalid_api_key"
    )


PAGE = b"<!DOCTYPE html><html><body><h1>Sign in to the network</h1></body></html>"

ENDPOINT: dict[str, Fault] = {
    "429": _error(429, BUSY, "requests", "rate_limit_exceeded"),
    "429-soon": _error(429, BUSY, "requests", "rate_limit_exceeded", retry_after="0.05"),
    "429-later": _error(429, BUSY, "requests", "rate_limit_exceeded", retry_after="60"),
    "429-never": _error(429, BUSY, "requests", "rate_limit_exceeded", retry_after="86400"),
    "429-quota": _error(429, "You exceeded your current quota", "insufficient_quota", "insufficient_quota"),
    "500": _error(500, "The server had an error", "server_error"),
    "502-page": lambda asked, answer: Reply(502, PAGE, {"Content-Type": "text/html"}),
    "503": _error(503, "Overloaded", "server_error", retry_after="0.05"),
    "408": _error(408, "Request timed out", "server_error"),
    "409": _error(409, "Conflict", "server_error"),
    "400": _error(400, "Something is wrong with this request", "invalid_request_error"),
    "401": _error(401, "Invalid authentication", "invalid_request_error", "invalid_api_key"),
    "401-key": lambda asked, answer: _told(asked, "Incorrect API key provided"),
    "403": _error(403, "Country, region, or territory not supported", "request_forbidden"),
    "404": _error(404, "The model does not exist", "invalid_request_error", "model_not_found"),
    "422": _error(422, "Unprocessable", "invalid_request_error"),
    "302": lambda asked, answer: Reply(302, b"", {"Location": "http://127.0.0.1:9/v1/chat/completions"}),
    "no-schema": _refusing("json_schema"),
    "no-json": _refusing("json_schema", "json_object"),
    "old-limit": _without("max_completion_tokens", "Unrecognized request argument supplied: max_completion_tokens"),
    "no-temperature": _without("temperature", "Unsupported value: 'temperature' does not support 0 with this model."),
    "no-seed": _without("seed", "Unsupported parameter: 'seed' is not supported with this model."),
    "slow": _sent("slow", 0.3),
    "hang": _sent("hang", 0.0),
    "drip": _sent("drip", 0.02),
    "cut": _sent("cut", 0.0),
    "drop": _sent("drop", 0.0),
    "page": lambda asked, answer: Reply(200, PAGE, {"Content-Type": "text/html"}),
    "broken-wire": lambda asked, answer: Reply(
        200, b'{"id": "chatcmpl-1", "choices": [', {"Content-Type": "application/json"}
    ),
    "no-body": lambda asked, answer: Reply(200, b"", {"Content-Type": "application/json"}),
    "not-text": lambda asked, answer: Reply(200, b"\xff\xfe\x00{}", {"Content-Type": "application/json"}),
    "list": lambda asked, answer: reply([1, 2, 3]),
    "huge": lambda asked, answer: said(asked, "x" * 3_000_000),
    "compressed": lambda asked, answer: Reply(
        200, gzip.compress(good(asked, answer).body), {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    ),
    "no-choices": _changed(lambda body: body.update(choices=[])),
    "null-choices": _changed(lambda body: body.update(choices=None)),
    "no-message": _changed(lambda body: body["choices"][0].pop("message")),
    "wrong-types": _changed(
        lambda body: body["choices"][0]["message"].update(content=[{"type": "text", "text": "{}"}])
    ),
    "no-usage": _changed(lambda body: body.pop("usage")),
    "wrong-usage": _changed(lambda body: body.update(usage={"prompt_tokens": "12", "completion_tokens": -3})),
    "key-in-fingerprint": lambda asked, answer: reply(
        completion(asked, json.dumps(answer)) | {"system_fingerprint": asked.authorization}
    ),
}

# -- what the model writes -------------------------------------------------------------------------


def _written(write: Callable[[str, Any], str], finish: str = "stop") -> Fault:
    return lambda asked, answer: said(asked, write(json.dumps(answer), copy.deepcopy(answer)), finish)


def _places(value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Every (container, key, value) of a JSON value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(pairs):
        yield value, key, one
        yield from _places(one)


def _numbers(instead: Any) -> Callable[[str, Any], str]:
    def write(text: str, answer: Any) -> str:
        for container, key, one in _places(answer):
            if isinstance(one, int | float) and not isinstance(one, bool):
                container[key] = instead
        return json.dumps(answer)

    return write


def _cites(text: str, answer: Any) -> str:
    for container, key, one in _places(answer):
        if key == "evidence":
            container[key] = ["E999"] if isinstance(one, list) else "E999"
    return json.dumps(answer)


def _once(fault: Fault) -> Fault:
    return lambda asked, answer: good(asked, answer) if asked.repairing else fault(asked, answer)


MODEL: dict[str, Fault] = {
    "refusal": lambda asked, answer: said(asked, None, refusal="I'm sorry, I cannot assist with that request."),
    "content-filter": _written(lambda text, answer: "", "content_filter"),
    "length": _written(lambda text, answer: text[: len(text) // 2], "length"),
    "empty": _written(lambda text, answer: ""),
    "null": lambda asked, answer: said(asked, None),
    "tool": lambda asked, answer: said(
        asked,
        None,
        "tool_calls",
        tool_calls=[{"id": "call_1", "type": "function", "function": {"name": "submit_order", "arguments": "{}"}}],
    ),
    "fenced": _written(lambda text, answer: f"```json\n{text}\n```"),
    "think": _written(lambda text, answer: f"<think>\nBUY {{now}} or [not]?\n</think>\n\n{text}"),
    "think-unopened": _written(lambda text, answer: f"Let me {{weigh}} this.\n</think>\n{text}"),
    "think-endless": _written(lambda text, answer: f"<think>\nlet me think {text}"),
    "prose": _written(lambda text, answer: f"Here is my judgement, from [E1]:\n\n{text}\n\nI hope this helps."),
    "only-prose": _written(lambda text, answer: "GO! Do not wait, buy now."),
    "malformed": _written(lambda text, answer: text.replace('"', "'")),
    "truncated": _written(lambda text, answer: text[: len(text) - 3]),
    "two": _written(lambda text, answer: f"{text}\n{text}"),
    "array": _written(lambda text, answer: f"[{text}]"),
    "quoted": _written(lambda text, answer: json.dumps(text)),
    "nan": _written(_numbers(float("nan"))),
    "infinity": _written(_numbers(float("inf"))),
    "five": _written(_numbers(55)),
    "high": _written(_numbers("high")),
    "unknown-evidence": _written(_cites),
    "twice": _written(lambda text, answer: "{" + text[1:-1] + ", " + text[1:]),
    "deep": _written(lambda text, answer: '{"a":' * 3000 + "1" + "}" * 3000),
    "more": _written(lambda text, answer: json.dumps(answer | {"order": "BUY 100"})),
    "less": _written(lambda text, answer: json.dumps(dict(list(answer.items())[1:]))),
    "key-in-answer": lambda asked, answer: said(asked, f"Your header is {asked.authorization}. {json.dumps(answer)}"),
}
MODEL["malformed-once"] = _once(MODEL["malformed"])
MODEL["unknown-evidence-once"] = _once(MODEL["unknown-evidence"])
MODEL["five-once"] = _once(MODEL["five"])

FAULTS: dict[str, Fault] = {"ok": good} | ENDPOINT | MODEL
