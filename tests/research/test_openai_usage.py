"""Tokens are counted or estimated, never nothing; the raw text is kept of whatever comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from domain.research import OK
from research.port import Answer
from tests.research.asking_desk import ask
from tests.research.wire import Wire
from tests.research.wire_faults import FAULTS
from tests.research.wire_shapes import Asked, Reply, completion, good, reply


@pytest.mark.parametrize("fault", ["no-usage", "wrong-usage"])
def test_uncounted_tokens_are_estimated_never_nothing(wire: Wire, fault: str) -> None:
    answer = ask(wire, fault)

    assert answer.usage is not None
    assert answer.usage.estimated
    assert answer.usage.prompt > 10
    assert answer.usage.completion > 10


def usage_of(monkeypatch: pytest.MonkeyPatch, wire: Wire, usage: Any) -> Answer:
    def fault(request: Asked, answer: Any) -> Reply:
        return reply(completion(request, json.dumps(answer)) | {"usage": usage})

    monkeypatch.setitem(FAULTS, "usage", fault)
    return ask(wire, "usage")


def test_cached_and_reasoning_tokens_are_told(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    answer = usage_of(
        monkeypatch,
        wire,
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "total_tokens": 150,
            "prompt_tokens_details": {"cached_tokens": 64},
            "completion_tokens_details": {"reasoning_tokens": 32},
        },
    )

    assert answer.usage is not None
    told = (answer.usage.prompt, answer.usage.completion, answer.usage.cached, answer.usage.reasoning)
    assert told == (100, 50, 64, 32)
    assert not answer.usage.estimated


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": True, "completion_tokens": 5},
        {"prompt_tokens": 10**30, "completion_tokens": 5},
        {"prompt_tokens": 0, "completion_tokens": 0},
        {"prompt_tokens": float("inf"), "completion_tokens": 5},
        {"prompt_tokens": 5},
        {"input_tokens": 5, "output_tokens": 5},
        [1, 2],
        "many",
    ],
)
def test_a_count_that_is_none_is_estimated(monkeypatch: pytest.MonkeyPatch, wire: Wire, usage: Any) -> None:
    answer = usage_of(monkeypatch, wire, usage)

    assert answer.outcome == OK
    assert answer.usage is not None
    assert answer.usage.estimated


@pytest.mark.parametrize("fault", ["hang", "drip", "cut"])
def test_a_lost_answer_is_counted_at_its_worst(wire: Wire, fault: str) -> None:
    answer = ask(wire, fault, within=0.3, retries=0)

    assert answer.usage is not None
    assert (answer.usage.completion, answer.usage.estimated) == (300, True)


def test_a_refused_request_costs_nothing(wire: Wire) -> None:
    assert ask(wire, "401").usage is None


@pytest.mark.parametrize("fault", ["refusal", "length", "empty", "only-prose", "tool", "content-filter"])
def test_what_was_paid_for_in_vain_is_counted(wire: Wire, fault: str) -> None:
    answer = ask(wire, fault)

    assert answer.usage is not None
    assert answer.usage.prompt > 0


@pytest.mark.parametrize("fault", ["refusal", "length", "page", "broken-wire", "only-prose"])
def test_the_raw_text_is_kept_of_what_cannot_be_used(wire: Wire, fault: str) -> None:
    assert ask(wire, fault).text


def test_a_raw_text_can_always_be_stored(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    monkeypatch.setitem(FAULTS, "odd", lambda request, answer: good(request, "GO \x00 \ud800"))

    answer = ask(wire, "odd")

    assert answer.outcome == "NOT_JSON"
    assert "\0" not in answer.text
    answer.text.encode()


def test_of_a_raw_text_without_end_a_part_is_kept(monkeypatch: pytest.MonkeyPatch, wire: Wire) -> None:
    monkeypatch.setitem(FAULTS, "long", lambda request, answer: good(request, json.dumps(answer) + " " * 1_000_000))

    answer = ask(wire, "long")

    assert answer.outcome == "NOT_JSON"  # whole or not at all
    assert answer.text.startswith('{"verdict"')
    assert len(answer.text) < 70_000
