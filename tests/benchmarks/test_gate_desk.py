"""What ``benchmarks.gate`` measures is what it says: every rule is on, and everything passes."""

from __future__ import annotations

from pathlib import Path

from actors.risk_manager import RiskManager
from benchmarks import gate_desk as desk
from orchestration.clock import WallClock
from risk.rules import RULES


def test_all_rules_are_on_and_all_candidates_pass(tmp_path: Path) -> None:
    gate, store = desk.with_store(tmp_path, 6, 4)
    manager, past = RiskManager(gate, store, WallClock()), desk.Past(gate)
    desk.ready(manager, past)
    manager.snapshot(past.bars(desk.NOON))

    answer = manager.reserve([], desk.candidates(gate, past, 6, 4, desk.NOON), desk.NOON)

    assert set(manager._gate.rules.names) == set(RULES)
    assert len(manager.book.positions) == 6
    assert (len(answer.orders), answer.denied) == (4, ())
    store.close()
