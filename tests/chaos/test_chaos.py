"""The chaos suite, short: engines that die at every point leave a book that equals the venue's."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import chaos
from benchmarks.chaos_seed import Outcome, Plan, Seed
from domain.errors import ConfigError


def run(folder: Path, seed: int, intents: int, name: str = "chaos", **more: Any) -> Outcome:
    url = f"sqlite:///{folder / name}.db"
    return Seed(Plan(venue="paper", intents=intents, seed=seed, url=url, symbols=10, **more)).run()


@pytest.mark.parametrize("seed", [2, 3], ids=["fills-at-the-next-open", "fills-when-it-is-sent"])
def test_no_order_is_lost_and_none_is_sent_twice(tmp_path: Path, seed: int) -> None:
    outcome = run(tmp_path, seed, 500)

    assert outcome.findings.lines() == []
    assert outcome.problems == []
    assert outcome.never == []
    assert outcome.intents >= 500
    assert outcome.crashes > 100


def test_the_same_holds_on_postgresql(postgres_url: str) -> None:
    outcome = Seed(Plan(venue="paper", intents=60, seed=1, url=postgres_url, symbols=10)).run()

    assert outcome.findings.lines() == []
    assert outcome.problems == []
    assert outcome.crashes > 50


def test_an_executor_that_sends_again_after_a_time_out_is_seen(tmp_path: Path) -> None:
    outcome = run(tmp_path, 1, 100, naive=True)

    assert outcome.findings.duplicates


def test_the_same_seed_breaks_the_same_things(tmp_path: Path) -> None:
    first, again = (run(tmp_path, 3, 25, name) for name in ("first", "again"))

    assert first.struck == again.struck
    assert (first.intents, first.crashes, first.engines) == (again.intents, again.crashes, again.engines)


def test_a_seed_needs_a_fresh_database(tmp_path: Path) -> None:
    run(tmp_path, 4, 5)

    with pytest.raises(ConfigError, match="name a fresh one"):
        run(tmp_path, 4, 5)


def test_the_command_prints_its_numbers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["chaos", "--venue", "paper", "--intents", "20", "--seed", "5", "--json"])

    code = chaos.main()

    said = json.loads(capsys.readouterr().out)
    assert {"intents", "duplicates", "lost", "mismatches", "unresolved", "crashes"} <= set(said)
    assert said["intents"] >= 20
    assert code == (0 if chaos.sound(said) else 1) == 0


@pytest.mark.parametrize("name", ["duplicates", "lost", "mismatches", "unresolved"])
def test_whatever_is_found_fails_the_command(name: str) -> None:
    calm: dict[str, Any] = dict.fromkeys(chaos.COUNTED, 0) | {"seeds": [], "kills": []}

    assert chaos.sound(calm)
    assert not chaos.sound(calm | {name: 1})
    assert not chaos.sound(calm | {"seeds": [{"problems": ["IntegrityError"]}]})
    assert not chaos.sound(calm | {"seeds": [{"problems": [], "never": ["Executor.submit hangs"]}]})
