"""The gate's shell: the account's gate over the database, with the shared key-values."""

from __future__ import annotations

from actors.account_gate import AccountGate, GateAnswer
from actors.base import Health, health_of
from actors.gate_records import GateRecords
from actors.records import Records
from actors.shared_state import SharedState
from actors.specs import GateSpec
from domain.ports import Clock
from journal.store import Store

__all__ = ["GateAnswer", "RiskManager"]


class RiskManager(AccountGate, SharedState):
    """Every order passes here. One call at a time; what it answers is written down before it is said."""

    def __init__(self, spec: GateSpec, store: Store, clock: Clock, records: Records | None = None) -> None:
        SharedState.__init__(self, store, clock)
        AccountGate.__init__(self, spec, clock, records or GateRecords(store, spec.run, spec.venue))

    def health(self) -> Health:
        return health_of(
            "RiskManager",
            cursor=self._cursor,
            positions=len(self.book.positions),
            working=len(self.book.working),
            state=self._switch.state.name,
        )
