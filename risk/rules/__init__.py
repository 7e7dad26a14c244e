"""The rules by name, in the order of design section 7: one file and one line each."""

RULES = {
    "trading_state": "risk.rules.trading_state:TradingStateRule",
    "instrument": "risk.rules.instrument:InstrumentRule",
    "data_fresh": "risk.rules.data_fresh:DataFresh",
    "not_expired": "risk.rules.not_expired:NotExpired",
    "in_flight": "risk.rules.in_flight:InFlight",
    "locks": "risk.rules.locks:Locks",
    "max_trades_per_day": "risk.rules.max_trades_per_day:MaxTradesPerDay",
    "max_daily_loss": "risk.rules.max_daily_loss:MaxDailyLoss",
    "max_drawdown": "risk.rules.max_drawdown:MaxDrawdown",
    "require_stop": "risk.rules.require_stop:RequireStop",
    "max_open_positions": "risk.rules.max_open_positions:MaxOpenPositions",
    "max_positions_per_symbol": "risk.rules.max_positions_per_symbol:MaxPositionsPerSymbol",
    "max_order_notional": "risk.rules.max_order_notional:MaxOrderNotional",
}

ALWAYS = ("trading_state", "in_flight", "not_expired")
"""Rules without a setting of their own that no configuration may leave out."""
