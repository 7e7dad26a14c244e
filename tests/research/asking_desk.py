"""A question about one symbol, asked of a model over the wire."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from research.config import ResearchConfig
from research.openai_model import OpenAIModel
from research.port import Answer, Message, Model, Request, Task, UnknownEvidence
from research.secrets import Secret
from tests.research.wire import Wire

KEY = "sk-wire-0123456789abcdefABCDEF42"


class Opinion(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    verdict: str
    p_win: float = Field(ge=0, le=1)
    size_factor: float = Field(ge=0, le=1)
    evidence: list[str]


SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["GO", "NO_GO", "ABSTAIN"]},
        "p_win": {"type": "number"},
        "size_factor": {"type": "number"},
        "evidence": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["verdict", "p_win", "size_factor", "evidence"],
    "additionalProperties": False,
}


def checked(parsed: Any) -> Opinion:
    opinion = Opinion.model_validate(parsed)
    unknown = sorted(set(opinion.evidence) - {"E1", "E2"})
    if unknown:
        raise UnknownEvidence(f"evidence {', '.join(unknown)} was not shown")
    return opinion


def a_request(**changes: Any) -> Request:
    given: dict[str, Any] = {
        "prompt": "judge@1",
        "endpoint": "http://here/v1",
        "model": "gpt-wire",
        "messages": (Message("system", "You judge."), Message("user", "E1 the trend is up\nE2 the range is wide")),
        "schema_name": "verdict",
        "schema": SCHEMA,
        "max_tokens": 300,
        "seed": 7,
    }
    return Request(**(given | changes))


def a_task(check: Any = checked, **changes: Any) -> Task:
    return Task(role="judge", subject="EURUSD", at=1, given=None, request=a_request(**changes), check=check)


def a_config(wire: Wire | None = None, **changes: Any) -> ResearchConfig:
    given: dict[str, Any] = {"base_url": wire.url if wire else None, "model": "gpt-wire", "retries": 1}
    return ResearchConfig(**(given | changes))


def a_model(wire: Wire | None = None, key: str | None = KEY, **config: Any) -> OpenAIModel:
    return OpenAIModel(a_config(wire, **config), Secret(key) if key else None)


def asked(model: Model, *tasks: Task, within: float = 5.0) -> list[Answer]:
    """The answers to questions asked one after another, in one event loop that is left clean."""

    async def whole() -> list[Answer]:
        try:
            return [await model.answer(one, within) for one in tasks]
        finally:
            await model.close()

    return asyncio.run(whole())


def ask(wire: Wire, fault: str = "ok", within: float = 5.0, key: str | None = KEY, **config: Any) -> Answer:
    """One question with one fault for every request."""
    if fault != "ok":
        wire.rule(fault)
    (answer,) = asked(a_model(wire, key, **config), a_task(), within=within)
    assert wire.errors == []
    return answer
