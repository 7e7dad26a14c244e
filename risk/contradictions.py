"""Limits that cannot be meant together: one of them would never be reached, or never counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from risk.config import ExitConfig, RiskConfig


class Contradiction(NamedTuple):
    """The keys that do not go together, and why."""

    keys: tuple[str, ...]
    why: str


NO_MORE_THAN = (
    ("risk.max_drawdown_soft", "risk.max_drawdown", "the soft limit comes first"),
    ("risk.max_trades_per_hour", "risk.max_trades_per_day", "an hour cannot have more than its day"),
    ("risk.max_daily_loss_share", "risk.max_drawdown", "the kill switch would come first"),
    ("risk.max_daily_loss_share", "risk.max_total_loss", "the kill switch would come first"),
    ("risk.max_var", "risk.max_cvar", "the mean loss beyond a quantile is never smaller than the quantile"),
    ("risk.max_symbol_exposure", "risk.max_leverage", "a part cannot be more than everything"),
    ("risk.max_venue_exposure", "risk.max_leverage", "a part cannot be more than everything"),
    ("risk.max_symbol_loss_least", "risk.max_symbol_loss_trades", "so many trades are never counted"),
    ("exits.trail_tight", "exits.trail_wide", "the distance shrinks"),
    ("exits.trail_from", "exits.trail_to", "the distance shrinks between the two"),
    ("exits.time_stop", "exits.max_hold", "the position is closed before"),
    ("exits.no_progress", "exits.max_hold", "the position is closed before"),
)
"""(key, key, why): the first may be at most the second, where both are set."""

FACTORS = ("risk.score_factors", "risk.regime_factors", "risk.near_limit")


def contradictions(risk: RiskConfig, exits: ExitConfig) -> list[Contradiction]:
    """Every contradiction of a configuration, in a fixed order."""
    return [*_in_order(risk, exits), *_sizes(risk), *_classes(risk)]


def _value(key: str, risk: RiskConfig, exits: ExitConfig) -> Any:
    section, _, name = key.partition(".")
    return getattr(risk if section == "risk" else exits, name)


def _in_order(risk: RiskConfig, exits: ExitConfig) -> Iterator[Contradiction]:
    for small, large, why in NO_MORE_THAN:
        one, other = _value(small, risk, exits), _value(large, risk, exits)
        if one is not None and other is not None and one > other:
            yield Contradiction((small, large), f"{small} = {one:g} is above {large} = {other:g}: {why}")


def _sizes(risk: RiskConfig) -> Iterator[Contradiction]:
    if risk.sizing == "fixed_units":
        for key in FACTORS:
            if getattr(risk, key.removeprefix("risk.")):
                yield Contradiction(("risk.sizing", key), f"{key} is set, but fixed_units is never multiplied")
    elif risk.sizing in ("fixed_fraction", "kelly") and risk.risk_fraction > (risk.max_risk or risk.risk_fraction):
        yield Contradiction(
            ("risk.risk_fraction", "risk.max_risk"),
            f"risk.risk_fraction = {risk.risk_fraction:g} is above risk.max_risk = {risk.max_risk:g}: "
            "every entry would be cut to it",
        )


def _classes(risk: RiskConfig) -> Iterator[Contradiction]:
    for name, most in sorted(risk.max_class_exposure.items()):
        if risk.max_leverage is not None and most > risk.max_leverage:
            yield Contradiction(
                ("risk.max_class_exposure", "risk.max_leverage"),
                f"risk.max_class_exposure of {name} = {most:g} is above risk.max_leverage = {risk.max_leverage:g}: "
                "a part cannot be more than everything",
            )
