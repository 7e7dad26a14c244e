"""What an operator is told of a halt, and of an engine: since when, why, what may be said, what went wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.engine_machine import Transition
from actors.engine_records import EngineRecords, alert
from domain.timeframe import SECOND, iso
from journal.store import Store
from orchestration.clock import WallClock
from orchestration.heartbeat import FILE, Beat
from tests.orchestration.terminal.conftest import AnsweringEngine, Answers, Argus
from tests.orchestration.terminal.story import RUN, T, write_run

Start = Callable[[Answers], AnsweringEngine]
DONE: dict[str, Any] = {"verified": True, "cancelled": {}, "closing": [], "left": [], "positions": {}}


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({}, "halted at cycle 7: verified at the venue: no entry works, positions: none\n"),
        (
            {
                "cancelled": {"a": "CANCELLED", "b": "FILLED"},
                "closing": ["BTC"],
                "positions": {"BTC": 0.5, "EURUSD": -1.0},
            },
            "halted at cycle 7: 1 working entry cancelled; closing BTC (at the next price); verified at the venue: "
            "no entry works, positions: BTC +0.5, EURUSD -1\n",
        ),
    ],
)
def test_a_halt_says_what_the_venue_then_had(argus: Argus, engine: Start, answer: dict[str, Any], text: str) -> None:
    engine({"halt": ("DONE", DONE | answer)})
    assert argus("halt") == (0, text, "")


def test_a_halt_that_leaves_entries_at_the_venue_has_failed(argus: Argus, engine: Start) -> None:
    engine({"halt": ("DONE", DONE | {"verified": False, "left": ["0123456789abcdef0123"], "closing": ["BTC"]})})

    code, out, err = argus("halt")

    assert (code, out) == (1, "")
    assert "closing BTC (at the next price); entries still work at the venue: 0123456789abcdef; see orders" in err


@pytest.mark.parametrize(
    ("state", "commands"),
    [
        ("SCANNING", ["pause", "halt", "close", "cancel"]),
        ("PAUSED", ["resume", "halt", "close", "cancel"]),
        ("EMERGENCY", ["reset-kill-switch", "halt", "pause", "close", "cancel"]),
    ],
)
def test_status_says_since_when_why_and_what_may_be_said(
    argus: Argus, store: Store, engine: Start, state: str, commands: list[str]
) -> None:
    write_run(store, ended_at=None, exit_reason=None)
    EngineRecords(store, RUN).state(Transition("INITIALIZING", state, "because", T + SECOND), T)
    store.close()
    engine({})

    said = json.loads(argus("status", "--json")[1])

    assert (said["since"], said["why"], said["commands"]) == ("2024-01-02T00:00:01Z", "because", commands)
    assert "2024-01-02 00:00:01 UTC: because" in argus("status")[1]


def test_without_an_engine_halt_and_reset_may_be_said(argus: Argus, store: Store) -> None:
    write_run(store)
    said = json.loads(argus("status", "--json")[1])
    assert (said["since"], said["why"], said["commands"]) == (None, None, ["halt", "reset-kill-switch"])
    assert (said["heartbeat"], said["alerts"]) == (None, [])


def test_status_shows_the_last_alerts_and_the_age_of_the_heartbeat(argus: Argus, store: Store, home: Path) -> None:
    write_run(store)
    with store.transaction() as tx:
        drafts = [alert("ACTOR_RESTARTED", T + place, actor="Executor", reason="it died") for place in range(7)]
        tx.emit(RUN, drafts)
    beat = Beat(pid=1, run_id=RUN, cycle=1234, at=iso(WallClock().now() - 90 * SECOND), state="running")
    (home / FILE).write_bytes(msgspec.json.encode(beat))

    said, text = json.loads(argus("status", "--json")[1]), argus("status")[1]

    assert [(one["alert"], one["actor"]) for one in said["alerts"]] == [("ACTOR_RESTARTED", "Executor")] * 5
    assert said["alerts"][-1]["at"] == iso(T + 6)
    assert "ACTOR_RESTARTED Executor: it died" in text
    assert 90 <= said["heartbeat"]["age"] < 600
    assert "cycle 1,234" in text
