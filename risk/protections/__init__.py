"""The protections by name: one file and one line each. They look back at closed trades and equity and leave locks."""

from __future__ import annotations

PROTECTIONS = {
    "cooldown_after_close": "risk.protections.cooldown_after_close:CooldownAfterClose",
    "stoploss_guard": "risk.protections.stoploss_guard:StoplossGuard",
    "drawdown_guard": "risk.protections.drawdown_guard:DrawdownGuard",
    "low_profit_guard": "risk.protections.low_profit_guard:LowProfitGuard",
    "losses_in_a_row": "risk.protections.losses_in_a_row:LossesInARow",
    "max_symbol_loss": "risk.protections.max_symbol_loss:MaxSymbolLoss",
}

KEYS = (
    *("cooldown_after_close", "stoploss_guard_trades", "drawdown_guard", "low_profit_guard", "losses_in_a_row"),
    "max_symbol_loss",
)
"""The settings that turn one on."""
