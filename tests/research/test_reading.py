"""The one JSON object of an answer: found where it is certain, refused where it would be a guess."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from research.reading import MOST_DEPTH, MOST_TEXT, NotJson, read, storable

GO = {"verdict": "GO", "p_win": 0.6, "evidence": ["E1"]}
TEXT = json.dumps(GO)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"  \n{TEXT}\n ",
        f"\ufeff{TEXT}",
        f"```json\n{TEXT}\n```",
        f"```\n{TEXT}\n```",
        f"```JSON {TEXT}```",
        f"<think>it may {{rise}} or [fall]</think>{TEXT}",
        f"<think>\n\n</think>\n\n```json\n{TEXT}\n```",
        f"<THINK>loud</THINK>{TEXT}",
        f"<thinking>a</thinking><reasoning>b</reasoning>{TEXT}",
        f"so it {{may}} rise.\n</think>\n{TEXT}",
        f"Here it is, from [E1] and [E2]: {TEXT} I hope this helps.",
        json.dumps(GO, indent=4),
    ],
)
def test_the_object_is_found(text: str) -> None:
    assert read(text) == GO


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON object"),
        ("GO, buy now", "no JSON object"),
        ("null", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('"GO"', "no JSON object"),
        (TEXT[:-1], "not JSON"),
        (TEXT[:-3], "not JSON"),
        ('{"first": {"verdict": "GO"}, "second": ', "not JSON"),
        ('{"verdict": "GO", "reason": "it is', "not JSON"),
        (TEXT.replace('"', "'"), "not JSON"),
        ('{"verdict": "GO",}', "not JSON"),
        ('{"verdict": "GO" // yes\n}', "not JSON"),
        ('{verdict: "GO"}', "not JSON"),
        ('{"reason": "two\nlines"}', "not JSON"),
        (f"{TEXT} {TEXT}", "more than one"),
        (f"{TEXT}\nor rather\n{TEXT}", "more than one"),
        (f"{TEXT}}}", "more than one"),
        (f"```json\n{TEXT}\n```\n```json\n{TEXT}\n```", "more than one"),
        (f"[{TEXT}]", "does not begin it"),
        (f"[1, 2, {TEXT}]", "does not begin it"),
        (f"}} {TEXT}", "does not begin it"),
        (f"I {{think}} so: {TEXT}", "not JSON"),
        (json.dumps(TEXT), "not JSON"),
        (f"<think>{TEXT}", "never end"),
        (f"<think>a {TEXT}", "never end"),
        (f"<think>a</think> {TEXT} </think> {TEXT}", "more than one"),
        ('{"p": NaN}', "NaN"),
        ('{"p": Infinity}', "Infinity"),
        ('{"p": -Infinity}', "-Infinity"),
        ('{"p": 1e999}', "not finite"),
        ('{"p": 99999999999999999999}', "64 bits"),
        ('{"p": ' + "9" * 5000 + "}", "64 bits"),
        ('{"verdict": "NO_GO", "verdict": "GO"}', "twice"),
        ('{"a": {"b": 1, "b": 2}}', "twice"),
        ('{"a": "\\u0000"}', "cannot be stored"),
        ('{"a": "\\ud800"}', "cannot be stored"),
        ('{"a": [["\\ud800"]]}', "cannot be stored"),
        ('{"\\ud800": 1}', "cannot be stored"),
        ('{"a":' * 20 + "1" + "}" * 20, "deeper"),
        ('{"a":' + "[" * 100_000, "characters"),
        ('{"a":' + "[" * 50_000, "deeper"),
        (TEXT + " " * MOST_TEXT, "characters"),
    ],
)
def test_what_is_not_certain_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(NotJson, match=why):
        read(text)


def test_brackets_in_texts_are_no_depth() -> None:
    deep = {"reason": "[" * 500 + "{" * 500 + '\\"' + '"'}

    assert read(json.dumps(deep)) == deep


def test_the_depth_that_is_allowed() -> None:
    depth = MOST_DEPTH - 1

    assert read('{"a":' * depth + "{}" + "}" * depth)
    with pytest.raises(NotJson):
        read('{"a":' * (depth + 1) + "{}" + "}" * (depth + 1))


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63) + 1, 0.1, -1e-9, 1e300])
def test_numbers_are_read_exactly(number: float) -> None:
    assert read(f'{{"p": {number!r}}}') == {"p": number}


VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False)
    # no surrogates, no NUL: those cannot be stored
    | some.text(some.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20),
    lambda inner: (
        some.lists(inner, max_size=3)
        | some.dictionaries(
            some.text(some.characters(codec="ascii", exclude_characters="\0"), max_size=5), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@given(some.dictionaries(some.sampled_from("abcdef"), VALUES, max_size=4), some.booleans())
def test_every_object_is_read_back(value: dict[str, Any], plain: bool) -> None:
    assert read(json.dumps(value, ensure_ascii=plain)) == value


@given(some.dictionaries(some.sampled_from("abcdef"), VALUES, min_size=1, max_size=4), some.data())
def test_nothing_is_ever_salvaged_of_a_part(value: dict[str, Any], data: some.DataObject) -> None:
    whole = json.dumps(value)
    cut = data.draw(some.integers(1, len(whole) - 1))

    with pytest.raises(NotJson):
        read(whole[:cut])


@given(some.text(max_size=200))
def test_any_text_is_an_object_or_refused(text: str) -> None:
    with contextlib.suppress(NotJson):
        assert isinstance(read(text), dict)


@given(some.text(max_size=50))
def test_storable_text_stays_as_it_is(text: str) -> None:
    stored = storable(text)

    assert "\0" not in stored
    assert storable(stored) == stored
    stored.encode()
