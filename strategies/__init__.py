"""Strategies: one function of (state, closed bar) to a stance each, and the loops that run them."""

STRATEGIES = {
    "ema_cross": "strategies.ema_cross:ema_cross",
}
"""Name in the configuration to ``"module:attribute"`` of its ``Strategy``."""
