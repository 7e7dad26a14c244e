"""What the gate may be told: its limits, its sizing and which of its stages are off."""

from __future__ import annotations

import msgspec

from domain.money import NANO

STAGES_THAT_CAN_BE_OFF = (2, 5, 6, 7, 8, 10)
"""Stages of design section 7; the trading state, fresh data, duplicates and the size itself are always checked."""


class RiskConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the section ``risk``; ``orchestration.settings.risk_keys`` says what each means.

    A limit that is None (or an empty mapping) is off. Money is 1e-9 of the account currency, ``units`` 1e-9 units,
    shares and multiples (``x equity``) are floats, times seconds, mappings go by asset class with ``default``.
    ``rules`` None means all registered ones in their order; ``day_start`` None means by asset class.
    ``explicit`` names the keys that somebody set above the preset: they hold even in a stage that is off.
    """

    # 2: when
    market_hours: bool = True
    sessions: tuple[str, ...] | None = None
    sessions_for: tuple[str, ...] = ("forex", "metal", "other")
    holidays: tuple[str, ...] = ()
    news: tuple[str, ...] = ()
    news_impact: str = "high"
    news_before: float = 900.0
    news_after: float = 900.0
    # 3, 4: data and repeats
    max_data_age: int = 3
    cooldown: float | None = None
    # 5: protections, which leave locks behind
    cooldown_after_close: float | None = None
    stoploss_guard_trades: int | None = None
    stoploss_guard_lookback: float = 86_400.0
    stoploss_guard_lock: float = 14_400.0
    stoploss_guard_per_symbol: bool = False
    drawdown_guard: float | None = None
    drawdown_guard_lookback: float = 86_400.0
    drawdown_guard_lock: float = 14_400.0
    low_profit_guard: float | None = None
    low_profit_guard_trades: int = 5
    low_profit_guard_lookback: float = 604_800.0
    low_profit_guard_lock: float = 86_400.0
    losses_in_a_row: int | None = None
    losses_in_a_row_lock: float = 14_400.0
    max_symbol_loss: int | None = None
    max_symbol_loss_trades: int = 15
    max_symbol_loss_least: int = 10
    max_symbol_loss_days: float = 30.0
    max_symbol_loss_lock: float = 604_800.0
    # 6: the day and the account
    max_trades_per_day: int | None = None
    max_trades_per_hour: int | None = None
    max_daily_loss: int | None = None
    max_daily_loss_share: float | None = None
    max_drawdown_soft: float | None = None
    max_drawdown: float | None = None
    max_total_loss: float | None = None
    max_payoff_ratio: float | None = None
    max_payoff_ratio_trades: int = 20
    max_payoff_ratio_days: float = 30.0
    # 7: what it costs
    require_stop: bool = True
    max_spread_bps: dict[str, float] = {}
    max_cost_ratio: float | None = None
    min_reward_to_risk: float | None = None
    # 8: rooms
    count_foreign: bool = True
    max_open_positions: int | None = None
    max_positions_per_symbol: int | None = None
    max_orders_in_flight: int | None = None
    max_order_notional: int | None = None
    max_correlation: float | None = None
    correlation_groups: dict[str, list[str]] = {}
    max_currency_exposure: float | None = None
    max_symbol_exposure: float | None = None
    max_class_exposure: dict[str, float] = {}
    max_venue_exposure: float | None = None
    max_exposure: int | None = None
    max_leverage: float | None = None
    margin_rate: dict[str, float] = {}
    max_margin: float | None = None
    min_free_balance: int | None = None
    returns_window: int = 100
    var_level: float = 0.99
    var_horizon: int = 1
    max_var: float | None = None
    max_cvar: float | None = None
    max_stress_loss: float | None = None
    stress: dict[str, dict[str, float]] = {}
    # 9: size
    sizing: str = "fixed_fraction"
    units: int = 10_000 * NANO
    risk_fraction: float = 0.005
    kelly_share: float = 0.25
    kelly_trades: int = 20
    target_volatility: float = 0.10
    score_factors: dict[str, float] = {}
    regime_factors: dict[str, float] = {}
    near_limit: float | None = None
    max_risk: float | None = None
    max_risk_money: dict[str, int] = {}
    max_depth: float | None = None
    # 10: how often
    max_orders_per_minute: int | None = None

    day_start: str | None = None
    rules: tuple[str, ...] | None = None
    stages_off: tuple[int, ...] = ()
    explicit: frozenset[str] = frozenset()


class ExitConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the section ``exits``: how an open position is managed at the close of each bar. None is off.

    ``r`` is the risk fixed at entry (price distance from the entry to the first stop), ``atr`` the average true range
    of ``atr_bars``. ``targets`` are (``at`` in r, ``fraction`` of what was held first), in their order.
    """

    atr_bars: int = 14
    breakeven_at: float | None = None
    breakeven_lock: float = 0.0
    targets: tuple[tuple[float, float], ...] = ()
    trail_from: float | None = None
    trail_to: float = 3.0
    trail_wide: float = 1.0
    trail_tight: float = 0.4
    chandelier_atr: float | None = None
    chandelier_bars: int = 22
    max_hold: float | None = None
    time_stop: float | None = None
    no_progress: float | None = None
    no_progress_r: float = 0.3
    regime_flip: bool = False
    early_cut: float | None = None
    before_weekend: float | None = None
    session_close: str | None = None
