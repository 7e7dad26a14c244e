"""Every rule, protection and exit policy at once, with figures under which each strategy trades and is denied."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.settings import Settings
from risk.exits import EXITS
from risk.exits.base import policies
from risk.gate import Rules
from risk.protections import PROTECTIONS
from risk.protections.guards import Protections
from risk.rules import RULES
from tests.parity.made import Made, made

RISK: dict[str, Any] = {
    "sizing": "fixed_fraction",
    "risk_fraction": 0.008,
    "kelly_trades": 4,
    "sessions": ["london", "new_york", "tokyo"],
    "holidays": ["forex", "2024-01-15"],
    "news": ["static"],
    "max_data_age": 3,
    "cooldown": 1800,
    "cooldown_after_close": 2700,
    "stoploss_guard_trades": 3,
    "stoploss_guard_lookback": 20_000,
    "stoploss_guard_lock": 7200,
    "drawdown_guard": 0.008,
    "drawdown_guard_lock": 7200,
    "low_profit_guard": -0.004,
    "low_profit_guard_trades": 3,
    "low_profit_guard_lock": 20_000,
    "losses_in_a_row": 3,
    "losses_in_a_row_lock": 10_000,
    "max_symbol_loss": 900,
    "max_symbol_loss_least": 3,
    "max_symbol_loss_lock": 50_000,
    "max_trades_per_day": 12,
    "max_trades_per_hour": 3,
    "max_daily_loss": 900,
    "max_daily_loss_share": 0.01,
    "max_drawdown_soft": 0.025,
    "max_drawdown": 0.2,
    "max_total_loss": 0.3,
    "max_payoff_ratio": 2,
    "max_payoff_ratio_trades": 12,
    "max_spread_bps": {"forex": 5, "metal": 4, "crypto": 3, "default": 20},
    "max_cost_ratio": 0.5,
    "min_reward_to_risk": 0.6,
    "require_stop": True,
    "max_open_positions": 2,
    "max_positions_per_symbol": 2,
    "max_orders_in_flight": 3,
    "max_order_notional": 250_000,
    "max_correlation": 0.5,
    "max_currency_exposure": 1.6,
    "max_symbol_exposure": 1.9,
    "max_class_exposure": {"default": 4},
    "max_venue_exposure": 5,
    "max_exposure": 520_000,
    "max_leverage": 5.5,
    "margin_rate": {"default": 0.1},
    "max_margin": 0.5,
    "min_free_balance": 1000,
    "returns_window": 40,
    "max_var": 0.006,
    "max_cvar": 0.009,
    "max_stress_loss": 0.25,
    "stress": {"fall": {"crypto": -0.2, "default": -0.02}, "rise": {"crypto": 0.2, "default": 0.02}},
    "near_limit": 0.5,
    "score_factors": {"0.5": 1.2},
    "regime_factors": {"TRENDING": 1.5, "VOLATILE": 0.5},
    "max_risk": 0.012,
    "max_risk_money": {"default": 900},
    "max_depth": 0.5,
    "max_orders_per_minute": 2,
}
EXIT: dict[str, Any] = {
    "atr_bars": 6,
    "breakeven_at": 0.6,
    "breakeven_lock": 0.1,
    "targets": [{"at": 0.7, "fraction": 0.3}, {"at": 1.4, "fraction": 0.3}],
    "trail_from": 1.2,
    "trail_to": 4,
    "chandelier_atr": 3,
    "chandelier_bars": 10,
    "max_hold": 40_000,
    "time_stop": 20_000,
    "no_progress": 15_000,
    "regime_flip": True,
    "early_cut": 0.6,
    "before_weekend": 3600,
    "session_close": "16:30 America/New_York",
}
COSTS: dict[str, Any] = {
    "fill_on": "next_open",
    "commission_bps": {"default": 0.5, "crypto": 3},
    "slippage_bps": 0.2,
    "spread": "data",
    "participation": 0.2,
    "financing_bps": {"forex": {"long": 0.7, "short": -0.2}, "default": {"long": 1.5, "short": 1}},
}
STRATEGY: dict[str, dict[str, Any]] = {
    "ema_cross": {"fast": 3, "slow": 8, "atr": 6, "stop_atr": 2, "target_atr": 3},
    "confluence": {"middle": 2, "high": 4, "trend": 5, "sweep": 6, "adx": 4, "enter": 0.3, "leave": 0.2, "atr": 6},
    "bos": {"lookback": 5, "atr": 6, "range_atr": 0.6, "body": 0.3, "expanding": "no", "sweep": 0, "longest": 20},
    "mean_reversion": {"bands": 8, "width": 1.2, "rsi": 5, "divergence": "no", "lookback": 5, "atr": 6, "longest": 15},
    "breakout": {"swing": 1, "channel": 8, "touches": 1, "strength": 0, "volume": 0, "body": 0.2, "after": 2,
                 "within": 30, "recent": 5, "atr": 6, "longest": 20},
    "momentum": {"length": 6, "decay": 0.9, "enter": 0.8, "leave": 0.2, "adx": 5, "atr": 6, "stop_atr": 2,
                 "target_atr": 4},
    "grid": {"levels": 3, "spacing": 1, "adx": 60, "renew": 40, "atr": 6},
    "dca": {"every": 3, "dip": 2, "atr": 6, "stop_atr": 2, "target_atr": 2, "longest": 30},
}  # fmt: skip
OTHERWISE: dict[str, dict[str, dict[str, Any]]] = {
    "ema_cross": {"risk": {"sizing": "kelly"}},
    "bos": {"costs": {"fill_on": "same_close"}},
    "momentum": {"risk": {"sizing": "volatility_target"}},
    "grid": {"risk": {"min_reward_to_risk": 0.3}},
    "dca": {"costs": {"fill_on": "same_close"}},
}
"""What is not the same for every strategy, so that each way to size and to fill is met."""


def market(folder: Path, bars: int = 900, seed: int = 11) -> Made:
    """Quarters of an hour over a weekend: forex, a cross that another pair converts, gold and a coin."""
    return made(
        folder, ("EURUSD", "EURJPY", "XAUUSD", "BTC"), "M15", bars, seed, volatility=0.0012, converted_by=("USDJPY",)
    )


def sets(strategy: str, **changed: Mapping[str, Any]) -> tuple[str, ...]:
    """All of it for one strategy; ``risk``, ``exits`` and ``costs`` may be changed."""
    other = OTHERWISE.get(strategy, {})
    parts = {
        "risk": RISK | other.get("risk", {}) | dict(changed.get("risk", {})),
        "exits": EXIT | dict(changed.get("exits", {})),
        "venues.paper": COSTS | other.get("costs", {}) | dict(changed.get("costs", {})),
        "strategy": STRATEGY[strategy],
    }
    return tuple(f"{part}.{key}={json.dumps(value)}" for part, keys in parts.items() for key, value in keys.items())


def off(settings: Settings) -> set[str]:
    """The rules, protections and exit policies that these settings leave out."""
    rules = set(RULES) - set(Rules(settings.risk).names)
    protections = len(PROTECTIONS) - len(Protections(settings.risk, "").active)
    exits = len(EXITS) - len(policies(settings.exits))
    return rules | ({f"{protections} protections"} if protections else set()) | ({f"{exits} exits"} if exits else set())
