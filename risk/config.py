"""What the gate may be told: its limits, its sizing and which of its stages are off."""

from __future__ import annotations

import msgspec

from domain.money import NANO

STAGES_THAT_CAN_BE_OFF = (2, 5, 6, 7, 8, 10)
"""Stages of design section 7; the trading state, fresh data, duplicates and the size itself are always checked."""


class RiskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the section ``risk``. A limit that is None is off.

    ``max_order_notional`` and ``max_daily_loss`` are money in the account currency (1e-9), ``units`` a
    quantity (1e-9 units), drawdowns and ``risk_fraction`` fractions in (0, 1], ``max_data_age`` bars.
    ``count_foreign`` counts what the venue holds in our account and is not ours as exposure.
    ``rules`` None means all registered ones in their order; ``day_start`` None means by asset class.
    ``explicit`` names the keys that somebody set above the preset: they hold even in a stage that is off.
    """

    max_open_positions: int | None = None
    max_positions_per_symbol: int | None = None
    max_orders_in_flight: int | None = None
    max_order_notional: int | None = None
    max_daily_loss: int | None = None
    max_drawdown_soft: float | None = None
    max_drawdown: float | None = None
    max_trades_per_day: int | None = None
    require_stop: bool = True
    count_foreign: bool = True
    day_start: str | None = None
    sizing: str = "fixed_fraction"
    units: int = 10_000 * NANO
    risk_fraction: float = 0.005
    max_data_age: int = 3
    rules: tuple[str, ...] | None = None
    stages_off: tuple[int, ...] = ()
    explicit: frozenset[str] = frozenset()
