"""How an endpoint wants to be asked: in which mode, with which parameters. Learned from its refusals."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

from research.port import Message, Request

SCHEMA, OBJECT, TEXT = "json_schema", "json_object", "text"
MODES = (SCHEMA, OBJECT, TEXT)
"""Best first: the endpoint keeps to the schema; it answers JSON; it answers anything."""

_CANNOT = re.compile(
    r"unsupported|not supported|does ?n[o']t support|unavailable|not available|unknown|unrecogni[sz]ed|unexpected|"
    r"not permitted|not allowed|extra inputs|extra_forbidden|invalid|must be|only|no such",
    re.IGNORECASE,
)
_MODE = re.compile(r"response.?format|json.?schema|json.?object|json.?mode|structured.?output", re.IGNORECASE)
_OPTIONAL = {"temperature": "temperature", "seed": "seed", "effort": "reasoning_effort"}
"""Field of a request → its name on the wire: parameters that an answer can do without."""


class Dialect(msgspec.Struct, frozen=True):
    """What one model at one endpoint takes. ``limit`` is the name of the limit on tokens."""

    mode: str = SCHEMA
    limit: str = "max_completion_tokens"
    without: frozenset[str] = frozenset()

    def arguments(self, request: Request, more: tuple[Message, ...] = ()) -> dict[str, Any]:
        """The arguments of ``chat.completions.create``, with ``more`` after the request's own messages."""
        found: dict[str, Any] = {
            "model": request.model,
            "messages": [{"role": one.role, "content": one.content} for one in self.messages(request, more)],
            self.limit: request.max_tokens,
        }
        if self.mode == SCHEMA:
            schema = {"name": request.schema_name, "schema": request.schema, "strict": True}
            found["response_format"] = {"type": SCHEMA, "json_schema": schema}
        elif self.mode == OBJECT:
            found["response_format"] = {"type": OBJECT}
        for field, name in _OPTIONAL.items():
            value = getattr(request, field)
            if value is not None and name not in self.without:
                found[name] = value
        return found

    def messages(self, request: Request, more: tuple[Message, ...] = ()) -> tuple[Message, ...]:
        """The request's messages; where the endpoint does not hold to the schema, it is written into the first."""
        messages = (*request.messages, *more)
        if self.mode == SCHEMA:
            return messages
        schema = json.dumps(request.schema, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        told = f"Answer with one JSON object and nothing else. It satisfies this JSON Schema:\n{schema}"
        first = messages[0] if messages else Message("system", "")
        if first.role != "system":
            return (Message("system", told), *messages)
        return (Message("system", f"{first.content}\n\n{told}".lstrip()), *messages[1:])

    def after(self, refusal: str) -> Dialect | None:
        """How to ask next when a request was refused with these words; None if they are about something else."""
        if not _CANNOT.search(refusal):
            return None
        if self.limit == "max_completion_tokens" and "max_completion_tokens" in refusal:
            return msgspec.structs.replace(self, limit="max_tokens")
        for name in _OPTIONAL.values():
            if name not in self.without and re.search(rf"\b{name}\b", refusal):
                return msgspec.structs.replace(self, without=self.without | {name})
        if self.mode != TEXT and _MODE.search(refusal):
            return msgspec.structs.replace(self, mode=MODES[MODES.index(self.mode) + 1])
        return None
