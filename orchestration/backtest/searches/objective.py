"""What a search looks for, and what it does not accept, as functions of the metrics of one backtest."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from domain.registry import unknown
from orchestration.backtest.measures.deflated import deflated_sharpe
from orchestration.settings.problems import Problems

Metrics = Mapping[str, Any]

DEFLATED = "deflated"
OBJECTIVES = {
    "sharpe": "sharpe",
    "sortino": "sortino",
    "calmar": "calmar",
    "cagr": "cagr",
    "profit": "total_return",
    "expectancy": "expectancy",
    "expectancy_r": "expectancy_r",
    "profit_factor": "profit_factor",
    "sqn": "sqn",
    "drawdown": "max_drawdown",
    "probabilistic": "probabilistic_sharpe",
    DEFLATED: "deflated_sharpe",
}
"""What can be looked for, and the metric that it is; the higher the better, all of them."""

MEASURES = (
    *("years", "equity_final", "total_return", "cagr", "cagr_calendar", "volatility", "sharpe", "sortino", "var_95"),
    *("var_99", "cvar_95", "cvar_99", "skewness", "kurtosis", "win_rate_periods", "profit_factor_periods"),
    *("payoff_ratio_periods", "kelly_periods", "sharpe_per_period", "probabilistic_sharpe", "max_drawdown"),
    *("max_drawdown_periods", "calmar", "calmar_bars", "trades", "wins", "losses", "win_rate", "profit_factor"),
    *("expectancy", "expectancy_r", "payoff_ratio", "sqn", "sqn_r", "kelly", "net_profit", "average_holding_s"),
    *("longest_holding_s", "longest_losing_streak", "longest_winning_streak", "exposure", "leverage_average"),
    *("leverage_highest", "fills", "orders", "denials", "positions_open", "profit_open"),
)
"""The metrics that a trial keeps, and that a constraint may name."""

_COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_CONSTRAINT = re.compile(r"\s*([a-z0-9_]+)\s*(>=|<=|>|<)\s*(\S+)\s*", re.ASCII)


class Constraint(msgspec.Struct, frozen=True):
    """``measure`` compared with ``limit``; one that is not defined (no trade) does not hold."""

    measure: str
    compared: str
    limit: float

    def __str__(self) -> str:
        return f"{self.measure} {self.compared} {self.limit:g}"

    def missed_by(self, metrics: Metrics) -> float:
        """0 where it holds; else how far it is from that, over the size of the limit (1 at least)."""
        value = metrics.get(self.measure)
        if value is None or not math.isfinite(value):
            return 1e6
        if _COMPARED[self.compared](value, self.limit):
            return 0.0
        return max(abs(float(value) - self.limit) / max(abs(self.limit), 1.0), 1e-9)


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """How a backtest is judged. ``trials`` is how many the search may make: the ``deflated`` objective is against
    the luck of so many."""

    objective: str
    constraints: tuple[Constraint, ...]
    trials: int

    def value(self, metrics: Metrics) -> float | None:
        """The objective, None where it is not defined."""
        name = OBJECTIVES[self.objective]
        found = _deflated(metrics, self.trials) if self.objective == DEFLATED else metrics.get(name)
        return float(found) if found is not None and math.isfinite(found) else None

    def missed_by(self, metrics: Metrics) -> float:
        """How far the constraints are from being kept, all together; 0 where they are."""
        return sum(one.missed_by(metrics) for one in self.constraints)


def _deflated(metrics: Metrics, trials: int) -> float | None:
    """The probability of skill beyond the best of so many trials without any, whose Sharpe ratios vary as estimates
    from so many returns do: 1 / (n - 1). It does not change while the search goes on."""
    sharpe, skewness, kurtosis = (metrics.get(one) for one in ("sharpe_per_period", "skewness", "kurtosis"))
    count = int(metrics.get("periods") or 0)
    if sharpe is None or skewness is None or kurtosis is None or count < 2:
        return None
    return deflated_sharpe(sharpe, count, skewness, kurtosis, trials=trials, variance=1 / (count - 1))


def measures(metrics: Metrics) -> dict[str, float | int | None]:
    """What a trial keeps of its metrics."""
    return {name: metrics.get(name) for name in MEASURES}


def read_objective(text: str, problems: Problems) -> str:
    if text not in OBJECTIVES:
        problems.config(f"--objective {text}: {unknown('objective', text, OBJECTIVES)}")
    return text


def read_constraints(texts: Iterable[str], problems: Problems) -> tuple[Constraint, ...]:
    """``max_drawdown>-0.2`` and the like; what is wrong goes to ``problems``."""
    made = []
    for text in texts:
        found = _CONSTRAINT.fullmatch(text)
        limit = _number(found[3]) if found else None
        if found is None or limit is None:
            problems.usage(f"--constraint {text!r}: write MEASURE>NUMBER (or <, >=, <=), like 'trades>=30'")
        elif found[1] not in MEASURES:
            problems.config(f"--constraint {text!r}: {unknown('measure', found[1], MEASURES)}")
        else:
            made.append(Constraint(found[1], found[2], limit))
    return tuple(made)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
