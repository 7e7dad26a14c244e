"""What a chat completion says, read from the bytes of the wire: nothing of it is trusted to have its type."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from domain.research import OK, Usage
from research import usage
from research.reading import MOST_TEXT, storable

_MOST_NAME = 200


class Said(msgspec.Struct, frozen=True):
    """One answer. ``text`` is raw: what the model wrote, or what came instead. ``outcome`` is OK where there is
    something to read; ``detail`` says why not."""

    outcome: str
    detail: str
    text: str
    usage: Usage | None = None
    fingerprint: str = ""


def said(body: bytes) -> Said:
    """The answer in the body of a 200. Never raises."""
    try:
        text = body.decode("utf-8")
        completion = json.loads(text)
    except (ValueError, RecursionError):
        return _nothing("the endpoint answered no JSON", body.decode("utf-8", "replace"))
    if not isinstance(completion, dict):
        return _nothing("the endpoint answered no chat completion", text)
    counted = usage.told(completion.get("usage"))
    fingerprint = completion.get("system_fingerprint")
    fingerprint = storable(fingerprint)[:_MOST_NAME] if isinstance(fingerprint, str) else ""
    outcome, detail, found = _choice(completion, text)
    return Said(outcome, detail, storable(_cut(found)), counted, fingerprint)


def _choice(completion: dict[str, Any], body: str) -> tuple[str, str, str]:
    """Outcome, detail and text of the first choice."""
    choices = completion.get("choices")
    if not isinstance(choices, list) or not choices:
        return "NO_CHOICES", "the endpoint answered no choices", body
    first = choices[0] if isinstance(choices[0], dict) else {}
    message = first.get("message")
    if not isinstance(message, dict) or not isinstance(message.get("content"), str | None):
        return "NO_CHOICES", "the first choice holds no message with text", body
    content, refusal, finish = message.get("content") or "", message.get("refusal"), first.get("finish_reason")
    if isinstance(refusal, str) and refusal.strip():
        return "REFUSAL", f"the model refused: {storable(refusal)[:_MOST_NAME]}", content or refusal
    if finish == "content_filter":
        return "CONTENT_FILTER", "the endpoint's filter held the answer back", content
    if finish == "length":
        return "TRUNCATED", "the answer is cut off at the limit of tokens", content
    if message.get("tool_calls") or message.get("function_call"):
        return "INVALID", "the model asked for a tool, and there is none", content or body
    if not content.strip():
        return "EMPTY", "the answer is empty", content
    return OK, "", content


def _nothing(why: str, body: str) -> Said:
    looks = body.lstrip()[:15].lower()
    page = " but a page of HTML" if looks.startswith(("<!doctype", "<html")) else ""
    return Said("NO_CHOICES", why + page, storable(_cut(body)))


def _cut(body: str) -> str:
    """What is kept of a text: one that is cut is too long to be read as an answer."""
    return body if len(body) <= MOST_TEXT else f"{body[:MOST_TEXT]} … and {len(body) - MOST_TEXT:,} characters more"
