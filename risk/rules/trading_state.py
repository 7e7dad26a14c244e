"""No entry unless trading is ACTIVE and the engine is running."""

from __future__ import annotations

from risk.config import RiskConfig
from risk.state import HALTED, REDUCING
from risk.view import Denial, Figures, View, Wish


class TradingStateRule:
    stage = 1
    keys: tuple[str, ...] = ()

    @classmethod
    def build(cls, config: RiskConfig) -> TradingStateRule:
        return cls()

    def check(self, wish: Wish, view: View) -> Denial | None:
        state = view.state
        if state.name == HALTED:
            return Denial("KILL_SWITCH", state.value if state.value is not None else state.code, state.threshold)
        if view.engine_paused:
            return Denial("ENGINE_PAUSED", "PAUSED", "RUNNING")
        if state.name == REDUCING:
            return Denial(state.code, state.value, state.threshold)
        return None

    def figures(self, wish: Wish, view: View) -> Figures:
        """What made the state, and its limit; the state itself where nothing did."""
        denial = self.check(wish, view)
        return Figures(view.state.name, "ACTIVE") if denial is None else Figures(denial.value, denial.threshold)
