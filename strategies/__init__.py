"""Strategies: one function of (state, closed bar) to a stance each, and the loops that run them."""

STRATEGIES = {
    "ema_cross": "strategies.ema_cross:ema_cross",
    "confluence": "strategies.confluence:confluence",
    "bos": "strategies.bos:bos",
    "mean_reversion": "strategies.mean_reversion:mean_reversion",
    "breakout": "strategies.breakout:breakout",
    "momentum": "strategies.momentum:momentum",
    "grid": "strategies.grid:grid",
    "dca": "strategies.dca:dca",
}
"""Name in the configuration to ``"module:attribute"`` of its ``Strategy``."""
