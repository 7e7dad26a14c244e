"""A gate with every rule on, before which an ordinary entry passes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from exposure_desk import INSTRUMENTS
from gate_desk import GateDesk

from domain.timeframe import MINUTE, nanos
from risk.gate import Answer
from risk.news import Calendar
from tests.factories import CASH, full_config
from tests.risk.test_gate_limits import LISTED, LimitDesk, price_of

FREE: dict[str, Any] = {"max_cost_ratio": None, "low_profit_guard": None}
"""What is off unless it is asked for: the costs of a venue, and a profit that trades must have brought."""


class FullDesk(LimitDesk):
    """Every rule is on, and an ordinary entry passes them all."""

    def __init__(self, **config: Any) -> None:
        super().__init__(full_config(**FREE | config), LISTED | {one: INSTRUMENTS[one] for one in ("EURUSD", "GBPUSD")})
        view = self.view
        view.first_cash, view.age_limit, view.price = CASH, 3 * MINUTE, price_of("EURUSD")
        view.calendar = Calendar(static=True, until=2**63 - 1)
        view.costs = {}

    def wish(self, symbol: str, direction: int, at: int, **changed: Any) -> Answer:
        far = {"stop": price_of(symbol) // 400, "target": price_of(symbol) // 200}
        return super().wish(symbol, direction, at, **far | changed)


def denied(desk: GateDesk, **wish: Any) -> str:
    """The code of the denial; empty for an entry that passes."""
    denial = desk.enter(**wish).denial
    return "" if denial is None else denial.code


def nanos_of(text: str) -> int:
    """A UTC time as ns."""
    return nanos(datetime.fromisoformat(text).replace(tzinfo=UTC))
