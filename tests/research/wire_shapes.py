"""The shapes of the chat-completions wire: a request as it came, and the official answers and errors."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

FINGERPRINT = "fp_wire000001"
_TOLD = "JSON Schema:\n"
_NAMES = {
    "verdict": "verdict",
    "strength": "argument",
    "bias": "view",
    "readings": "readings",
    "lesson": "review",
    "changes": "plan",
}
"""A property that only one schema has → that schema's name, for modes in which the wire does not carry it."""


@dataclass(frozen=True)
class Asked:
    """One request as it came. ``authorization`` is the header."""

    body: dict[str, Any]
    authorization: str = ""
    number: int = 0

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def mode(self) -> str:
        return str((self.body.get("response_format") or {}).get("type", "text"))

    @property
    def text(self) -> str:
        """All messages."""
        return "\n".join(str(one.get("content", "")) for one in self.body.get("messages", []))

    @property
    def data(self) -> str:
        """What the question is about: the first message of a user."""
        messages = self.body.get("messages", [])
        return next((str(one["content"]) for one in messages if one.get("role") == "user"), "")

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the answer, from its parameter or from the text."""
        form = self.body.get("response_format") or {}
        if "json_schema" in form:
            return dict(form["json_schema"]["schema"])
        for one in self.body.get("messages", []):
            _, found, rest = str(one.get("content", "")).partition(_TOLD)
            if found:
                return dict(json.JSONDecoder().raw_decode(rest)[0])
        return {}

    @property
    def schema_name(self) -> str:
        form = self.body.get("response_format") or {}
        if "json_schema" in form:
            return str(form["json_schema"]["name"])
        properties = self.schema.get("properties", {})
        return next((name for mark, name in _NAMES.items() if mark in properties), "")

    @property
    def repairing(self) -> bool:
        """Whether this asks for a better answer than one before."""
        return any(one.get("role") == "assistant" for one in self.body.get("messages", []))


@dataclass(frozen=True)
class Reply:
    """What goes back. ``send``: whole; drip (``seconds`` between two bytes); slow (after ``seconds``); cut (half of
    it, then the connection ends); drop (nothing, the connection ends); hang (nothing at all)."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    send: str = "whole"
    seconds: float = 0.0


def filled(asked: Asked) -> Any:
    """An answer that satisfies the schema, citing the first evidence that is shown."""
    return _filled(asked.schema, "", asked.data)


def _filled(schema: dict[str, Any], name: str, text: str) -> Any:
    kind = schema.get("type")
    if "enum" in schema:
        return schema["enum"][0]
    if kind == "object":
        return {key: _filled(one, key, text) for key, one in schema.get("properties", {}).items()}
    if kind == "array":
        if name == "readings":
            ids = list(dict.fromkeys(re.findall(r'"id": ?"([^"]+)"', text)))
            return [_filled(schema["items"], "", text) | {"headline": one} for one in ids]
        return [_filled(schema["items"], name, text)] if name in ("evidence", "claims") else []
    if kind == "number":
        return {"size_factor": 1.0, "score": 6.0}.get(name, 0.6)
    if kind == "string":
        shown = re.search(r"\bE\d+\b", text)
        return (shown.group() if shown else "E1") if name == "evidence" else f"{name or 'text'} of the wire"
    return {"integer": 1, "boolean": False}.get(str(kind))


def completion(asked: Asked, content: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion in its official shape."""
    prompt = max(1, len(asked.text) // 4)
    written = max(1, len(content or "") // 4)
    return {
        "id": f"chatcmpl-wire{asked.number:06d}",
        "object": "chat.completion",
        "created": 1_780_000_000 + asked.number,
        "model": asked.model,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": content, "refusal": None, "annotations": []} | message,
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": written,
            "total_tokens": prompt + written,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "system_fingerprint": FINGERPRINT,
    }


def reply(body: Any, status: int = 200, **headers: str) -> Reply:
    named = {"Content-Type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
    return Reply(status, json.dumps(body).encode(), named)


def error(
    status: int, message: str, kind: str, code: str | None = None, param: str | None = None, **headers: str
) -> Reply:
    """An error in its official shape."""
    return reply({"error": {"message": message, "type": kind, "param": param, "code": code}}, status, **headers)


def said(asked: Asked, content: str | None, finish: str = "stop", **message: Any) -> Reply:
    return reply(completion(asked, content, finish, **message))


def good(asked: Asked, answer: Any) -> Reply:
    return said(asked, answer if isinstance(answer, str) else json.dumps(answer))
