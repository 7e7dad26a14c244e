"""The one port through which every judgement is asked for: a task in, an answer out, never an exception."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from domain.research import LLM, OK, Usage


class Message(msgspec.Struct, frozen=True):
    """``role`` is system, user or assistant."""

    role: str
    content: str


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that shapes a model's answer; ``key`` is its hash. ``prompt`` names the prompt's file and version
    ("judge@1"), ``endpoint`` the base URL, ``schema`` is the JSON Schema of the answer, ``sample`` numbers repeated
    questions."""

    prompt: str
    endpoint: str
    model: str
    messages: tuple[Message, ...]
    schema_name: str
    schema: dict[str, Any]
    temperature: float | None = 0.0
    max_tokens: int = 800
    seed: int | None = None
    effort: str | None = None
    sample: int = 0

    @property
    def key(self) -> str:
        """SHA-256 (hex) of the canonical JSON of the whole request."""
        return hashlib.sha256(_CANONICAL.encode(self)).hexdigest()


_CANONICAL = msgspec.json.Encoder(order="sorted")

Check = Callable[[Any], Any]
"""Makes the typed answer of a parsed JSON value. Raises ValueError with what is wrong, in words a model can use;
UnknownEvidence where it cites what it was not shown."""


class UnknownEvidence(ValueError):
    """An answer cites a number of evidence that was not shown."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A question to one role. ``given`` is its typed input, which the rules read; ``request`` is the same for a model.

    ``case_id`` and ``subject`` are for the record; ``at`` is market time (ns): nothing later may be known.
    """

    role: str
    subject: str
    at: int
    given: Any
    request: Request
    check: Check
    case_id: str = ""
    run_id: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """``value`` is what ``check`` made, None unless ``outcome`` is OK. ``detail`` is safe to show: it holds no key.

    ``text`` is the raw answer as it came (of the repair, if there was one), ``parsed`` its JSON; ``tries`` counts the
    requests that were sent; ``cost`` in 1e-9 US dollars, None where it is not known. ``error`` is what the caller
    has to raise, where the configuration wants an end to it (``missing: error``).
    """

    outcome: str = OK
    value: Any = None
    source: str = LLM
    detail: str = ""
    text: str = ""
    parsed: Any = None
    mode: str = ""
    repaired: bool = False
    tries: int = 0
    usage: Usage | None = None
    cost: int | None = None
    latency: float = 0.0
    fingerprint: str = ""
    error: Any = None


class Model(Protocol):
    """Whoever answers: a language model, recorded answers, the rules."""

    async def answer(self, task: Task, within: float) -> Answer:
        """An answer within so many seconds; what goes wrong is its outcome. Raises only CancelledError."""
        ...

    async def close(self) -> None: ...
