"""Limits that contradict each other are named; what only looks alike passes."""

from __future__ import annotations

from typing import Any

import pytest

from risk.config import ExitConfig, RiskConfig
from risk.contradictions import contradictions


def found(**given: Any) -> list[tuple[str, ...]]:
    exits = {name: value for name, value in given.items() if name in ExitConfig.__struct_fields__}
    risk = {name: value for name, value in given.items() if name not in exits}
    return [one.keys for one in contradictions(RiskConfig(**risk), ExitConfig(**exits))]


@pytest.mark.parametrize(
    ("wrong", "keys"),
    [
        ({"max_drawdown_soft": 0.2, "max_drawdown": 0.1}, ("risk.max_drawdown_soft", "risk.max_drawdown")),
        ({"max_trades_per_hour": 9, "max_trades_per_day": 8}, ("risk.max_trades_per_hour", "risk.max_trades_per_day")),
        ({"max_daily_loss_share": 0.2, "max_drawdown": 0.1}, ("risk.max_daily_loss_share", "risk.max_drawdown")),
        ({"max_daily_loss_share": 0.2, "max_total_loss": 0.1}, ("risk.max_daily_loss_share", "risk.max_total_loss")),
        ({"max_var": 0.2, "max_cvar": 0.1}, ("risk.max_var", "risk.max_cvar")),
        ({"max_symbol_exposure": 3.0, "max_leverage": 2.0}, ("risk.max_symbol_exposure", "risk.max_leverage")),
        ({"max_venue_exposure": 3.0, "max_leverage": 2.0}, ("risk.max_venue_exposure", "risk.max_leverage")),
        (
            {"max_class_exposure": {"crypto": 3.0}, "max_leverage": 2.0},
            ("risk.max_class_exposure", "risk.max_leverage"),
        ),
        (
            {"max_symbol_loss_least": 9, "max_symbol_loss_trades": 8},
            ("risk.max_symbol_loss_least", "risk.max_symbol_loss_trades"),
        ),
        ({"risk_fraction": 0.02, "max_risk": 0.01}, ("risk.risk_fraction", "risk.max_risk")),
        ({"sizing": "fixed_units", "near_limit": 0.5}, ("risk.sizing", "risk.near_limit")),
        ({"sizing": "fixed_units", "score_factors": {"0.5": 2.0}}, ("risk.sizing", "risk.score_factors")),
        ({"trail_tight": 2.0, "trail_wide": 1.0}, ("exits.trail_tight", "exits.trail_wide")),
        ({"trail_from": 4.0, "trail_to": 3.0}, ("exits.trail_from", "exits.trail_to")),
        ({"time_stop": 20.0, "max_hold": 10.0}, ("exits.time_stop", "exits.max_hold")),
        ({"no_progress": 20.0, "max_hold": 10.0}, ("exits.no_progress", "exits.max_hold")),
    ],
)
def test_what_cannot_be_meant_together_is_named(wrong: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert found(**wrong) == [keys]


@pytest.mark.parametrize(
    "right",
    [
        {},
        {"max_drawdown_soft": 0.1, "max_drawdown": 0.1},
        {"max_drawdown_soft": 0.2},
        {"max_var": 0.1, "max_cvar": 0.1},
        {"risk_fraction": 0.01, "max_risk": 0.01},
        {"sizing": "volatility_target", "risk_fraction": 0.02, "max_risk": 0.01},
        {"sizing": "fixed_units", "risk_fraction": 0.02, "max_risk": 0.01},
        {"max_class_exposure": {"crypto": 2.0}, "max_leverage": 2.0},
        {"max_stress_loss": 0.1},
    ],
)
def test_limits_that_go_together_pass(right: dict[str, Any]) -> None:
    assert found(**right) == []
