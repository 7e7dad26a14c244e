"""Tokens of a request and its answer: as the endpoint counted them, else estimated from bytes, never zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from domain.research import Usage
from research.port import Message, Request

BYTES_PER_TOKEN = 3
"""English has about four bytes to a token: an estimate by three is rather too high."""
PER_MESSAGE = 8
"""Tokens that a message costs besides its text."""
MOST_TOKENS = 10**9


def estimate(text: str) -> int:
    """Tokens of a text, rather too many than too few."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def prompt_estimate(messages: Iterable[Message]) -> int:
    return sum(estimate(one.content) + PER_MESSAGE for one in messages)


def told(usage: Any) -> Usage | None:
    """What the endpoint says of an answer; None where it says nothing that can be counted with."""
    if not isinstance(usage, Mapping):
        return None
    prompt, completion = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if not prompt or completion is None:
        return None
    cached = _count(_within(usage, "prompt_tokens_details", "cached_tokens")) or 0
    reasoning = _count(_within(usage, "completion_tokens_details", "reasoning_tokens")) or 0
    return Usage(prompt, completion, min(cached, prompt), min(reasoning, completion))


def guessed(messages: Iterable[Message], text: str) -> Usage:
    """For an answer without a count."""
    return Usage(prompt_estimate(messages), max(1, estimate(text)), estimated=True)


def worst(messages: Iterable[Message], request: Request) -> Usage:
    """For a request whose answer was lost on the way: it may have been made, and is paid then."""
    return Usage(prompt_estimate(messages), request.max_tokens, estimated=True)


def total(parts: list[Usage]) -> Usage | None:
    """All requests of one answer together; None if none was answered."""
    if not parts:
        return None
    return Usage(
        sum(one.prompt for one in parts),
        sum(one.completion for one in parts),
        sum(one.cached for one in parts),
        sum(one.reasoning for one in parts),
        any(one.estimated for one in parts),
    )


def _count(value: Any) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value < MOST_TOKENS else None


def _within(usage: Mapping[str, Any], name: str, what: str) -> Any:
    details = usage.get(name)
    return details.get(what) if isinstance(details, Mapping) else None
