"""Under barriers a host that misses three deadlines at one T is out for the rest of the run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from domain.errors import DeadlineMissed
from tests.flow.system import System, path

BARS = {"EURUSD": path(*[(30, -0.0002), (30, 0.0003)] * 3), "BTC": path((180, 3.0), start=40_000.0)}


def test_a_host_that_never_answers_is_out_and_named_and_the_others_trade_on(tmp_path: Path) -> None:
    calls: Counter[tuple[str, str]] = Counter()

    def hang(actor: str, method: str) -> None:
        calls[actor, method] += 1
        if actor == "PairAgent:BTC" and method == "scan" and calls[actor, method] > 50:
            raise DeadlineMissed(actor, 5.0)

    story = System(tmp_path).run(BARS, fault=hang)

    assert story.reasons("BTC")[49] != "HOST_DOWN"
    assert all(one.startswith("HOST_DOWN") and "3 times" in one for one in story.reasons("BTC")[51:])
    assert list(story.summary.out) == ["BTC"]
    assert story.summary.fills >= 4
    assert not any(one.startswith("HOST_DOWN") for one in story.reasons("EURUSD"))


def test_a_host_that_misses_two_deadlines_at_one_t_changes_no_decision(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    calls: Counter[tuple[str, str]] = Counter()

    def slow(actor: str, method: str) -> None:
        calls[actor, method] += 1
        if (actor, method) == ("PairAgent:EURUSD", "scan") and calls[actor, method] in (70, 71):
            raise DeadlineMissed(actor, 5.0)

    calm = System(tmp_path / "a").run(BARS)
    story = System(tmp_path / "b").run(BARS, fault=slow)

    assert story.summary.out == {}
    assert story.summary.decisions_hash == calm.summary.decisions_hash
    assert story.summary.equity == calm.summary.equity
