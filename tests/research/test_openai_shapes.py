"""The wire of these tests is the official one: its answers and our requests are of the package's own types."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, completion_create_params
from openai.types.shared import ErrorObject
from pydantic import BaseModel, TypeAdapter

from tests.research.asking_desk import KEY, a_model, a_task, ask, asked
from tests.research.wire import Wire
from tests.research.wire_faults import FAULTS

BROKEN = {"no-choices", "null-choices", "no-message", "wrong-types", "no-usage", "wrong-usage"}
"""Answers whose shape is their fault."""


def invented(value: Any, where: str = "") -> list[str]:
    """Fields that the official types do not know."""
    if isinstance(value, list):
        return [name for one in value for name in invented(one, where)]
    if not isinstance(value, BaseModel):
        return []
    found = [f"{where}.{name}" for name in value.model_extra or {}]
    return found + [name for key, one in vars(value).items() for name in invented(one, f"{where}.{key}")]


def answered(wire: Wire, fault: str) -> httpx.Response:
    asked(a_model(wire), a_task())
    body = wire.seen[0].body | {"model": f"fault:{fault}"}
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.post(f"{wire.url}/chat/completions", json=body, headers=headers, trust_env=False, timeout=10)


SHAPELESS = {"hang", "drip", "cut", "drop", "page", "broken-wire", "no-body", "not-text", "list", "302", "502-page"}
"""No completion, and no error of the endpoint."""


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - BROKEN - SHAPELESS))
def test_the_wire_answers_in_official_shapes(wire: Wire, fault: str) -> None:
    answer = answered(wire, fault)

    if answer.status_code == 200:
        completion = ChatCompletion.model_validate(answer.json(), strict=True)
        assert invented(completion) == []
        assert (completion.choices[0].finish_reason, completion.object) != ("", "")
    else:
        assert set(answer.json()) == {"error"}
        assert invented(ErrorObject.model_validate(answer.json()["error"], strict=True)) == []


@pytest.mark.parametrize("fault", sorted(BROKEN - {"no-usage"}))
def test_a_broken_shape_is_broken(wire: Wire, fault: str) -> None:
    """Else these faults would test nothing. (usage may be missing officially.)"""
    body = answered(wire, fault).json()

    with pytest.raises((ValueError, IndexError)):
        _ = ChatCompletion.model_validate(body, strict=True).choices[0]


@pytest.mark.parametrize("fault", ["ok", "no-schema", "no-json", "old-limit", "malformed-once"])
def test_our_requests_are_official(wire: Wire, fault: str) -> None:
    official: TypeAdapter[Any] = TypeAdapter(completion_create_params.CompletionCreateParamsNonStreaming)
    known = set(completion_create_params.CompletionCreateParamsNonStreaming.__annotations__)
    known |= set(completion_create_params.CompletionCreateParamsBase.__annotations__)

    ask(wire, fault, effort="low")

    for one in wire.seen:
        assert set(one.body) <= known
        official.validate_python(one.body)


def test_the_models_of_the_wire_are_official(wire: Wire) -> None:
    listed = httpx.get(f"{wire.url}/models", trust_env=False).json()

    assert [invented(Model.model_validate(one, strict=True)) for one in listed["data"]] == [[]]


def test_another_process_drives_the_wire(wire: Wire) -> None:
    given = {
        "clear": True,
        "rules": [{"fault": "429-later", "times": 1, "schema": "verdict", "containing": "E2"}],
        "answers": {"verdict": {"verdict": "NO_GO", "p_win": 0.25}},
    }
    assert httpx.post(f"{wire.root}/control", json=given, trust_env=False).json() == {"ok": True}

    first, second = asked(a_model(wire, retries=0), a_task(), a_task())

    assert (first.outcome, second.outcome) == ("RATE_LIMITED", "OK")
    assert (second.value.verdict, second.value.p_win) == ("NO_GO", 0.25)
    told = httpx.get(f"{wire.root}/control", trust_env=False).json()
    assert (told["hits"], told["distinct"]) == (2, 1)
    assert [one["fault"] for one in told["seen"]] == ["429-later", "ok"]
    assert KEY not in str(told)
