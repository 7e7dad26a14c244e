"""Actors die between any two messages; the run goes on and decides nothing twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from domain.errors import ActorLost
from tests.flow.system import System, path

BARS = {
    "EURUSD": path((40, -0.0001), (30, 0.0003), (30, -0.0003), (30, 0.0004)),
    "BTC": path((130, 3.0), start=40_000.0),
}
CALLS = [
    ("PairAgent:EURUSD", "scan"),
    ("RiskManager", "snapshot"),
    ("RiskManager", "reserve"),
    ("Executor", "record"),
    ("Executor", "submit"),
    ("VenueGateway:paper", "advance"),
    ("VenueGateway:paper", "submit"),
    ("MarketFeed", "next"),
]


@pytest.mark.parametrize(("name", "method"), CALLS)
def test_an_actor_that_dies_before_a_call_changes_no_decision(tmp_path: Path, name: str, method: str) -> None:
    quiet = tmp_path / "quiet"
    loud = tmp_path / "loud"
    quiet.mkdir()
    loud.mkdir()
    calm = System(quiet).run(BARS, preset="balanced")
    system = System(loud)
    seen: Counter[tuple[str, str]] = Counter()
    runtimes = []

    def die(actor: str, call: str) -> None:
        seen[actor, call] += 1
        if (actor, call) == (name, method) and seen[actor, call] in (2, 3):
            runtimes[0].lose(name)
            raise ActorLost(name, "killed by the test")

    async def remember(runtime: object) -> None:
        runtimes.append(runtime)

    story = system.run(BARS, preset="balanced", fault=die, during=remember)

    assert seen[name, method] >= 3
    assert story.summary.decisions_hash == calm.summary.decisions_hash
    assert story.summary.fills == calm.summary.fills
    assert story.summary.equity == calm.summary.equity
    assert story.summary.positions == calm.summary.positions
