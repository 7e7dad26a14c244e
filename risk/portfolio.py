"""Risk of the whole book: value at risk, the tail beyond it, and shocks; as limits and as figures for people.

Losses are positive, in units of the account currency; a level of 0.99 means that one loss in a hundred is larger.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.instrument import ASSET_CLASSES
from domain.money import NANO, from_decimal, to_float
from indicators.losses import tail
from indicators.returns import deviation
from risk.exposure import Exposure
from risk.scenarios import Level
from risk.view import View

Shocks = dict[str, dict[str, int]]
"""Name to (asset class or ``default`` to change of the price, 1e-9)."""

PRICES_FALL = {"forex": -0.05, "metal": -0.10, "crypto": -0.30, "other": -0.20}
SHOCKS = {"fall": PRICES_FALL, "rise": {kind: -change for kind, change in PRICES_FALL.items()}}
"""Shocks where none are configured: about the worst days of the last decades of liquid symbols."""


class PortfolioRisk(msgspec.Struct, frozen=True, kw_only=True):
    """Where the whole book stands, at worst: shares of equity, None where it cannot be said.

    ``var``, ``cvar`` and ``parametric`` are at ``risk.var_level`` over ``risk.var_horizon`` bars; ``stress`` is the
    loss in the worst shock, whose name is ``scenario``. ``missing`` are symbols without price, rate or instrument.
    """

    var: float | None = None
    cvar: float | None = None
    parametric: float | None = None
    stress: float | None = None
    scenario: str = ""
    gross: float = 0.0
    leverage: float | None = None
    margin: float = 0.0
    missing: tuple[str, ...] = ()


def historical_var(losses: NDArray[np.float64], level: float) -> float:
    """The smallest loss that at least ``level`` of all losses do not exceed.

    Source: Hyndman and Fan, Sample quantiles in statistical packages (1996), definition 1.
    """
    return float(tail(losses, *Level(level).counts(len(losses)))[0])


def cvar(losses: NDArray[np.float64], level: float) -> float:
    """The mean of the largest losses, (1 - level) of all, of the last one only its part (expected shortfall).

    Source: Acerbi and Tasche, On the coherence of expected shortfall (2002), definition 2.6.
    """
    return float(tail(losses, *Level(level).counts(len(losses)))[1])


def parametric_var(losses: NDArray[np.float64], level: float) -> float:
    """Mean loss plus the normal quantile times the standard deviation (ddof 1): variance and covariance of the
    positions, which give the same as those of their sum.

    Source: J. P. Morgan and Reuters, RiskMetrics technical document (1996), the variance-covariance method.
    """
    mean = math.fsum(losses) / len(losses)
    return mean + NormalDist().inv_cdf(level) * float(deviation(losses))


def shock_loss(shocks: Mapping[str, int], exposure: Exposure) -> int:
    """What a shock costs (1e-18 of the account currency): every symbol at the worse end of its interval."""
    loss = 0
    for kind, sums in exposure.classes.items():
        shock = shocks.get(kind, shocks.get("default", 0))
        loss -= shock * (sums.low if shock > 0 else sums.high)
    return loss


def stress_loss(shocks: Shocks, exposure: Exposure) -> tuple[str, int]:
    """Name and loss (1e-9) of the worst shock, ("", 0) if none would cost anything; of equals the first by name."""
    worst = ("", 0)
    for name in sorted(shocks):
        loss = -(-shock_loss(shocks[name], exposure) // NANO)
        if loss > worst[1]:
            worst = name, loss
    return worst


def shocks_of(configured: Mapping[str, Mapping[str, float]]) -> Shocks:
    """The configured shocks, else ``SHOCKS``. Raises ValueError on an asset class that nobody knows."""
    found = {name: dict(changes) for name, changes in (configured or SHOCKS).items()}
    unknown = {kind for changes in found.values() for kind in changes} - {*ASSET_CLASSES, "default"}
    if unknown:
        raise ValueError(f"risk.stress: no such asset class: {', '.join(sorted(unknown))}")
    return {
        name: {kind: from_decimal(str(change)) for kind, change in changes.items()} for name, changes in found.items()
    }


def portfolio_risk(view: View) -> PortfolioRisk:
    """The figures of the book as it is, with what is on its way."""
    exposure, config = view.exposure, view.config
    exposure.look(view.now)
    equity = view.equity if view.equity > 0 else None
    name, loss = stress_loss(shocks_of(config.stress), exposure)
    at_risk, beyond, parametric = _tail(view) if equity and not exposure.missing else (None, None, None)
    return PortfolioRisk(
        var=at_risk,
        cvar=beyond,
        parametric=parametric,
        stress=loss / equity if equity else None,
        scenario=name,
        gross=to_float(exposure.gross),
        leverage=exposure.gross / equity if equity else None,
        margin=to_float(exposure.margin()),
        missing=tuple(sorted(exposure.missing)),
    )


def _tail(view: View) -> tuple[float | None, float | None, float | None]:
    returns, config = view.returns, view.config
    if returns is None:
        return None, None, None
    ends = view.exposure.ends(returns)
    losses = returns.losses(ends.lows, ends.highs)[0]
    if ends.outside or not len(losses):
        return None, None, None
    scale = math.sqrt(config.var_horizon) / to_float(view.equity)
    level = config.var_level
    return (
        historical_var(losses, level) * scale,
        cvar(losses, level) * scale,
        parametric_var(losses, level) * scale,
    )
