"""Runs in which something died, once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.errors import ActorLost, DeadlineMissed
from journal import commands
from journal.engines import open_engine
from tests.flow.replaying import (
    COINS,
    LATER,
    QUICK,
    WAVES,
    Stopped,
    again,
    identical,
    resumed,
    telling,
)
from tests.flow.system import System


@pytest.fixture
def system(tmp_path: Path) -> System:
    return System(tmp_path, QUICK)


@pytest.mark.parametrize("method", ["snapshot", "reserve", "submit", "record"])
@pytest.mark.parametrize("count", [8, 11])
def test_a_killed_run_is_compared_as_far_as_it_got(system: System, method: str, count: int) -> None:
    seen: list[str] = []

    def kill(actor: str, asked: str) -> None:
        seen.append(asked)
        if asked == method and seen.count(method) == count * (5 if method == "snapshot" else 1):
            raise Stopped

    with pytest.raises(Stopped):
        system.run({"EURUSD": WAVES, "BTC": COINS}, fault=kill)

    report = again(system)

    assert report.difference is None, report.difference.facts()
    assert report.cycles > 10


def test_a_run_that_was_paused_killed_and_resumed_is_identical(system: System) -> None:
    seen: list[str] = []

    def kill(actor: str, asked: str) -> None:
        seen.append(asked)
        if asked == "submit" and seen.count(asked) == 10:
            raise Stopped

    with pytest.raises(Stopped):
        system.run(
            {"EURUSD": WAVES, "BTC": COINS}, fault=kill, during=telling(system, (9, "pause", {}), (16, "resume", {}))
        )
    killed = again(system)
    assert killed.difference is None, killed.difference.facts()
    resumed(system, killed.run_id)

    report = again(system)

    assert report.difference is None, report.difference.facts()
    assert report.cycles == len(WAVES) > killed.cycles


def test_a_halt_while_the_engine_was_away_changes_nothing_that_was_decided_before(system: System) -> None:
    seen: list[str] = []

    def kill(actor: str, asked: str) -> None:
        seen.append(asked)
        if asked == "submit" and seen.count(asked) == 10:
            raise Stopped

    with pytest.raises(Stopped):
        system.run({"EURUSD": WAVES, "BTC": COINS}, fault=kill)
    engine = open_engine(system.url)
    commands.add(engine, "halt", {"flatten": True}, "test", "why", LATER)
    engine.dispose()
    resumed(system, "run-0")

    report = again(system)

    assert report.difference is None, report.difference.facts()
    assert report.cycles == len(WAVES)


def test_symbols_whose_host_is_out_are_left_out_again(system: System) -> None:
    calls: list[str] = []

    def hang(actor: str, method: str) -> None:
        calls.append(actor)
        if (actor, method) == ("PairAgent:BTC", "scan") and calls.count(actor) > 40:
            raise DeadlineMissed(actor, 5.0)

    story = system.run({"EURUSD": WAVES, "BTC": COINS}, fault=hang)

    assert list(story.summary.out) == ["BTC"]
    identical(again(system), story)


def test_actors_that_died_change_nothing(system: System) -> None:
    calls: list[tuple[str, str]] = []

    def die(actor: str, method: str) -> None:
        calls.append((actor, method))
        if calls.count((actor, method)) == 3 and method in ("reserve", "submit", "advance", "snapshot", "record"):
            raise ActorLost(actor, "killed by the test")

    story = system.run({"EURUSD": WAVES, "BTC": COINS}, fault=die)

    assert story.of("ERROR")
    identical(again(system), story)
