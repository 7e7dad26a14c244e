"""Sizing methods by name: how many units an entry asks for, before rooms and caps."""

SIZING = {
    "fixed_units": "risk.sizing.fixed_units:FixedUnits",
    "fixed_fraction": "risk.sizing.fixed_fraction:FixedFraction",
    "kelly": "risk.sizing.kelly:Kelly",
    "volatility_target": "risk.sizing.volatility_target:VolatilityTarget",
}
