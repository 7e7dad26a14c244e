"""The actors of ``benchmarks.gate``: the shipped gate in a process of its own, and one that does nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain.timeframe import SECOND


class MeasuredGate:
    """The gate with everything it is asked for between two measured calls."""

    def __init__(self, folder: str, positions: int) -> None:
        from actors.risk_manager import RiskManager
        from benchmarks import gate_desk as desk
        from orchestration.clock import WallClock

        Path(folder).mkdir(parents=True, exist_ok=True)
        self._desk, self._positions = desk, positions
        self._spec, store = desk.with_store(Path(folder), positions, 100)
        self._gate, self._past = RiskManager(self._spec, store, WallClock()), desk.Past(self._spec)
        desk.ready(self._gate, self._past)
        self._at = desk.NOON

    def ready(self) -> None:
        """Answers when it stands."""

    def next(self, count: int) -> Any:
        """The next bars, and candidates of them."""
        for order_id in list(self._gate.book.working):
            self._gate.book.release(order_id)
        self._at += SECOND
        self._gate.snapshot(self._past.bars(self._at))
        return self._desk.candidates(self._spec, self._past, self._positions, count, self._at)

    def reserve(self, wishes: Any) -> Any:
        return self._gate.reserve([], wishes, self._at)


class BareGate:
    """One call that gives back what it was given."""

    def call(self, wishes: Any = None) -> Any:
        return wishes
