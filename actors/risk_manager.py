"""The gate's shell: the account's gate over the database, with the shared key-values."""

from __future__ import annotations

import time
from collections.abc import Sequence

from actors.account_gate import AccountGate, GateAnswer
from actors.base import Health, health_of
from actors.gate_records import GateRecords
from actors.records import Records
from actors.shared_state import SharedState
from actors.specs import GateSpec
from domain.candidate import Amend, Candidate, Exit
from domain.ports import Clock, Meter
from journal.store import Store

__all__ = ["GateAnswer", "RiskManager"]


class RiskManager(AccountGate, SharedState):
    """Every order passes here. One call at a time; what it answers is written down before it is said."""

    def __init__(
        self, spec: GateSpec, store: Store, clock: Clock, records: Records | None = None, meter: Meter | None = None
    ) -> None:
        self._meter = meter
        SharedState.__init__(self, store, clock)
        AccountGate.__init__(self, spec, clock, records or GateRecords(store, spec.run, spec.venue))

    def reserve(
        self,
        exits: Sequence[Exit],
        candidates: Sequence[Candidate],
        now: int,
        paused: bool = False,
        amends: Sequence[Amend] = (),
    ) -> GateAnswer:
        begun = time.perf_counter()
        answer = super().reserve(exits, candidates, now, paused, amends)
        if self._meter is not None:
            self._meter.observe("argus_gate_ms", (time.perf_counter() - begun) * 1e3)
        return answer

    def health(self) -> Health:
        return health_of(
            "RiskManager",
            cursor=self._cursor,
            positions=len(self.book.positions),
            working=len(self.book.working),
            state=self._switch.state.name,
        )
