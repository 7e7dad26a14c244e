"""Each check finds what it is there for, and shows the first bar at which it differs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from strategies import lint
from strategies.base import resolve
from strategies.files import read, strategy_named
from tests.strategies.own import FOLLOWING, line_of, write

BARS = lint.made_bars(600, 3)
COUNTING = "\n    memory.append(bar.close)\n    return 1 if len(memory) % 13 > 5 else -1\n"
"""Remembers in a variable of the module."""


def found(file: Path) -> dict[str, str]:
    own = read(file)
    strategy = strategy_named(file.stem, own)
    return {one.name: one.first for one in lint.checked(strategy, resolve(strategy, {}), {"X": BARS}, own)}


@pytest.mark.parametrize("compiled", [False, True])
def test_a_good_one_passes_every_check(tmp_path: Path, compiled: bool) -> None:
    assert found(write(tmp_path, compiled=compiled)) == {one: "" for one in lint.CHECKS if one != "later start"}


@pytest.mark.parametrize("check", ["own row", "deterministic", "later bars", "live step", "restart"])
def test_memory_outside_of_the_state_is_found(tmp_path: Path, check: str) -> None:
    """Each check by itself: what one has left in the memory is not what the next one stands on."""
    own = read(write(tmp_path, check.replace(" ", "_"), COUNTING))
    strategy = strategy_named(own.name, own)

    said = lint.CHECKS[check][1](strategy, resolve(strategy, {}), BARS)

    assert said.startswith("bar ")
    left, right = re.findall(r"(?:stance -?1) \([a-z]+\)", said)
    assert left != right


def test_a_difference_in_the_facts_alone_is_found(tmp_path: Path) -> None:
    body = FOLLOWING.replace("= 0.5", "= 1 / (1 + len(memory))").replace("    up", "    memory.append(1)\n    up")

    said = found(write(tmp_path, body=body))

    assert re.match(r"X: bar 3 \(.+\): score first time 0\.\d+, second time 0\.\d+$", said["deterministic"])


def test_a_difference_in_the_state_alone_is_found(tmp_path: Path) -> None:
    body = "\n    memory.append(1)\n    state[OWN] = len(memory)\n    return 1 if bar.close > bar.open else -1\n"

    said = found(write(tmp_path, body=body))

    assert said["deterministic"].startswith("X: after the last bar: slot OWN + 0 of the state first time ")
    assert said["sound"] == said["warm-up"] == ""


def test_a_fact_that_needs_what_a_quiet_market_has_not_is_found(tmp_path: Path) -> None:
    body = "\n    state[SCORE] = 0.5 if bar.volume or state[SEEN] < 200 else float('nan')\n    return 1\n"

    said = found(write(tmp_path, body=body))

    assert "score nan" in said["sound"]


def test_a_score_beyond_its_bounds_is_found(tmp_path: Path) -> None:
    said = found(write(tmp_path, body="\n    state[SCORE] = 1.5\n    return 1\n"))

    assert said["sound"].startswith("X: bar 3 (")
    assert said["sound"].endswith("score 1.5; allowed is 0 to 1")


def test_a_warm_up_that_is_too_short_is_found(tmp_path: Path) -> None:
    late = (
        "\n    state[SCORE] = 0.5 if state[SEEN] > 9 else float('nan')\n    return 1 if bar.close > bar.open else -1\n"
    )

    assert "score nan" in found(write(tmp_path, "short", late))["warm-up"]
    assert found(write(tmp_path, "enough", late, warm_up="9"))["warm-up"] == ""


FIRST = "\n    if state[SEEN] == 1:\n        state[OWN] = bar.close\n    return 1 if bar.close > state[OWN] else 0\n"


@pytest.mark.parametrize(
    ("body", "forget", "passes"), [(FOLLOWING, 2, True), (FOLLOWING, 0, False), (FIRST, 100, False)]
)
def test_what_is_declared_to_be_forgotten_must_be(tmp_path: Path, body: str, forget: int, passes: bool) -> None:
    """The first close is never forgotten, the bar before is; reporting begins after the warm-up of 3."""
    file = write(tmp_path, body=body)
    file.write_text(file.read_text().replace("compiled=False", f"compiled=False, forget=lambda params: {forget} + 1"))

    said = found(file)["later start"]

    assert (said == "") is passes
    assert passes or f"though it forgets after {forget + 1} bars" in said


def test_writing_beyond_the_slots_ends_the_checks(tmp_path: Path) -> None:
    said = found(write(tmp_path, body="\n    state[OWN + 1] = 1.0\n    return 1\n", compiled=True))

    assert list(said) == ["own row"]
    assert "it writes outside of its own row" in said["own row"]


def test_what_it_raises_is_the_difference(tmp_path: Path) -> None:
    file = write(tmp_path, body="\n    if state[SEEN] == 90:\n        raise KeyError('x')\n    return 1\n")

    assert set(found(file).values()) == {f"X: {file} line {line_of(file, 'KeyError')}: KeyError: 'x'"}


def test_how_often_it_speaks_is_counted(tmp_path: Path) -> None:
    own = read(write(tmp_path, "silent", "\n    return 0\n"))
    silent = strategy_named("silent", own)

    assert lint.spoken(silent, resolve(silent, {}), {"X": BARS}, own) == {"X": 0}
