"""A price has a day and a source; a file that is wrong says where, and what is not listed is not guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.errors import ConfigError
from domain.research import Usage
from research.config import ResearchConfig
from research.prices import Price, load

TODAY = "2026-11-20"
ENTRY = "{from: 2026-01-01, input: 2, cached: 0.5, output: 8.25, source: here, read: 2026-01-02}"


def own(folder: Path, text: str | bytes) -> str:
    path = folder / "prices.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def price(**more: Any) -> Price:
    given = {"model": "m", "since": "2026-01-01", "input": 150_000_000, "cached": 75_000_000, "output": 600_000_000}
    return Price(**(given | {"source": "here", "read": "2026-01-02"} | more))


@pytest.mark.parametrize(
    ("usage", "nanos"),
    [
        (Usage(1_000_000, 0), 150_000_000),  # 15 cents
        (Usage(0, 1_000_000), 600_000_000),
        (Usage(1_000, 200), 270_000),  # 1,000 at 150 and 200 at 600 millionths of a cent
        (Usage(1_000, 200, cached=400), 240_000),
        (Usage(1_000, 200, cached=400, reasoning=150), 240_000),  # reasoning is part of the completion
        (Usage(10, 0, cached=50), 750),  # no more can be kept than there is
        (Usage(0, 0), 0),
    ],
)
def test_a_cost_is_exact(usage: Usage, nanos: int) -> None:
    assert price().cost(usage) == nanos


def test_a_cost_is_rounded_up() -> None:
    assert price(input=1).cost(Usage(1, 0)) == 1
    assert price(input=1_000_001).cost(Usage(1, 0)) == 2


def test_the_model_that_is_asked_by_default_has_a_price() -> None:
    found = load().of(ResearchConfig().model, TODAY)

    assert found is not None
    assert (found.input, found.cached, found.output) == (150_000_000, 75_000_000, 600_000_000)


def test_every_shipped_price_has_its_source_and_its_day() -> None:
    prices = load()
    found = [prices.of(model, TODAY) for model in prices.models]

    assert len(found) >= 5
    for one in found:
        assert one is not None
        assert one.source.startswith("https://")
        assert one.since <= one.read <= TODAY
        assert 0 < one.cached < one.input < one.output


def test_a_dated_snapshot_costs_what_its_model_does() -> None:
    prices = load()

    assert prices.of("gpt-4o-mini-2024-07-18", TODAY) == prices.of("gpt-4o-mini", TODAY)


@pytest.mark.parametrize(
    "model", ["gpt-4o-mini-ft", "openai/gpt-4o-mini", "gpt-4o-mini-2024", "GPT-4O-MINI", "", "llama3"]
)
def test_what_is_not_listed_has_no_known_price(model: str) -> None:
    assert load().of(model, TODAY) is None


def test_an_own_file_stands_over_the_shipped_one(tmp_path: Path) -> None:
    prices = load(own(tmp_path, f"models: {{gpt-4o: [{ENTRY}], local: [{ENTRY}]}}"))
    found = prices.of("gpt-4o", TODAY)

    assert found == Price("gpt-4o", "2026-01-01", 2_000_000_000, 500_000_000, 8_250_000_000, "here", "2026-01-02")
    assert prices.of("local", TODAY) is not None
    assert prices.of("gpt-4o-mini", TODAY) == load().of("gpt-4o-mini", TODAY)


def test_the_last_price_of_a_day_holds(tmp_path: Path) -> None:
    later = ENTRY.replace("2026-01-01", "2026-03-01").replace("input: 2", "input: 3")
    prices = load(own(tmp_path, f"models: {{m: [{later}, {ENTRY}], m-2026-02-02: [{ENTRY}]}}"))
    inputs = {
        day: found.input if (found := prices.of("m", day)) else None
        for day in ("2025-12-31", "2026-01-01", "2026-02-28", "2026-03-01")
    }

    assert inputs == {"2025-12-31": None, "2026-01-01": 2 * 10**9, "2026-02-28": 2 * 10**9, "2026-03-01": 3 * 10**9}
    snapshot = prices.of("m-2026-02-02", TODAY)
    assert snapshot is not None
    assert snapshot.input == 2 * 10**9


BAD = {
    "empty": ("", "one section, models"),
    "a text": ("prices", "one section, models"),
    "another section": (f"models: {{m: [{ENTRY}]}}\nmore: 1", "one section, models"),
    "no YAML": ("models: {m: [", "line"),
    "a tab": ("models:\n\tm: 1", "line 2"),
    "twice": (f"models:\n  m: [{ENTRY}]\n  m: [{ENTRY}]", "line 3: m is there twice"),
    "an alias": (f"models: {{m: &a [{ENTRY}], n: *a}}", "aliases are not read"),
    "no list": ("models: {m: 3}", "m: allowed: a list of prices"),
    "an empty list": ("models: {m: []}", "m: allowed: a list of prices"),
    "no mapping": ("models: {m: [3]}", "m[0]: allowed: exactly from, input"),
    "a field too few": (f"models: {{m: [{ENTRY.replace(', read: 2026-01-02', '')}]}}", "m[0]: allowed: exactly"),
    "a field too many": (f"models: {{m: [{ENTRY.replace('from', 'batch: 1, from')}]}}", "m[0]: allowed: exactly"),
    "a negative price": (f"models: {{m: [{ENTRY.replace('input: 2', 'input: -2')}]}}", "m[0].input = -2"),
    "not a number": (f"models: {{m: [{ENTRY.replace('input: 2', 'input: NaN')}]}}", "m[0].input = NaN"),
    "infinite": (f"models: {{m: [{ENTRY.replace('8.25', 'Infinity')}]}}", "m[0].output = Infinity"),
    "a word": (f"models: {{m: [{ENTRY.replace('0.5', 'free')}]}}", "m[0].cached = free"),
    "per token": (f"models: {{m: [{ENTRY.replace('input: 2', 'input: 2000000')}]}}", "m[0].input = 2000000"),
    "no day": (f"models: {{m: [{ENTRY.replace('2026-01-01', 'January')}]}}", "m[0].from = January"),
    "no such day": (f"models: {{m: [{ENTRY.replace('2026-01-02', '2026-02-30')}]}}", "m[0].read = 2026-02-30"),
    "no source": (f"models: {{m: [{ENTRY.replace('here', chr(39) * 2)}]}}", "m[0].source"),
    "two of a day": (f"models: {{m: [{ENTRY}, {ENTRY}]}}", "m: two prices from the same day"),
    "not UTF-8": (b"models: \xff\xfe", "is not UTF-8 text"),
    "deep": ("models: " + "[" * 1500, ""),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_file_says_where_and_what_is_allowed(tmp_path: Path, bad: str) -> None:
    text, said = BAD[bad]
    path = own(tmp_path, text)

    with pytest.raises(ConfigError) as caught:
        load(path)
    assert said in str(caught.value)
    assert path in str(caught.value)


def test_all_problems_are_told_together(tmp_path: Path) -> None:
    text = f"models: {{m: [{ENTRY.replace('input: 2', 'input: x').replace('8.25', 'y')}], n: 1}}"

    with pytest.raises(ConfigError) as caught:
        load(own(tmp_path, text))
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(("name", "said"), [("missing.yaml", "does not exist"), (".", "is no file")])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load(str(tmp_path / name))


def test_a_file_that_is_far_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load(own(tmp_path, "# " + "x" * 1_000_001))
