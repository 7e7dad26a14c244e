"""The numbers of a backtest. Each is defined in docs/metrics.md; ``conventions`` says how they were counted here."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from domain.money import to_float
from domain.timeframe import DAY, SECOND, iso
from orchestration.backtest.measures import ratios
from orchestration.backtest.measures.costs import cost_metrics
from orchestration.backtest.measures.deflated import (
    deflated_sharpe,
    expected_maximum,
    minimum_record,
    probabilistic_sharpe,
)
from orchestration.backtest.measures.ratios import Drawdown, divided, finite
from orchestration.backtest.measures.returns import Calendar, calendar_of, closes, counted, date_of, returns_of
from orchestration.backtest.measures.trips import kelly, tallies, trade_metrics
from orchestration.backtest.result import Floats, Result, Times
from risk.statistics import round_trips

Plain = dict[str, Any]

YEAR = 365.25 * DAY


@np.errstate(all="ignore")
def metrics(result: Result, *, trials: int = 1, variance: float = 0.0) -> Plain:
    """Every number of one backtest, ready for JSON: what is not defined, infinite or unknown is None.

    ``trials``: of how many backtests this one is the best; ``variance``: that of their Sharpe ratios, each of one
    period (not annualised), as ``sharpe_per_period`` is. The deflated Sharpe ratio is against both.
    """
    moments, equity, exposure = counted(result)
    calendar = calendar_of(result)
    ends = closes(moments, equity, calendar)
    returns = returns_of(result.cash, ends.equity)
    bars = ratios.drawdown(result.cash, moments, equity)
    days = ratios.drawdown(result.cash, ends.at, ends.equity)
    trades = round_trips(part for _, part in result.closes)
    years = (int(moments[-1]) - int(moments[0])) / YEAR if len(moments) else None
    final = to_float(result.equity_final)
    growth = None
    if len(equity):
        growth = ratios.growth(result.cash, float(ends.equity[-1]), len(ends.days) / calendar.per_year)
    average = finite(equity.mean()) if len(equity) else None
    return {
        "period": calendar.period,
        "periods": len(ends.days),
        "first": iso(int(moments[0])) if len(moments) else None,
        "last": iso(int(moments[-1])) if len(moments) else None,
        "years": years,
        "cash": result.cash,
        "equity_final": final,
        "total_return": divided(final - result.cash, result.cash),
        "cagr": growth,
        "cagr_calendar": None if years is None else ratios.growth(result.cash, final, years),
        **_returns(returns, calendar),
        **_significance(returns, calendar, trials, variance),
        **_best_and_worst(returns, ends.days),
        **_drawdowns(growth, bars, days),
        **trade_metrics(trades),
        **_activity(result, moments, equity, exposure),
        "costs": cost_metrics(result, average, years),
        "by": tallies(trades),
        "conventions": conventions(calendar),
    }


def _returns(returns: Floats | None, calendar: Calendar) -> Plain:
    found = np.empty(0) if returns is None else returns
    wins, losses = found[found > 0], found[found < 0]
    won, lost = float(wins.sum()), float(-losses.sum())
    rate = divided(len(wins), len(wins) + len(losses))
    payoff = divided(divided(won, len(wins)), divided(lost, len(losses)))
    per_year = calendar.per_year
    return {
        "volatility": ratios.volatility(found, per_year),
        "sharpe": ratios.sharpe(found, per_year),
        "sortino": ratios.sortino(found, per_year),
        "var_95": ratios.value_at_risk(found, 0.05),
        "var_99": ratios.value_at_risk(found, 0.01),
        "cvar_95": ratios.expected_shortfall(found, 0.05),
        "cvar_99": ratios.expected_shortfall(found, 0.01),
        "skewness": ratios.skewness(found),
        "kurtosis": ratios.kurtosis(found),
        "win_rate_periods": rate,
        "profit_factor_periods": divided(won, lost),
        "payoff_ratio_periods": payoff,
        "kelly_periods": kelly(rate, payoff),
    }


def _significance(returns: Floats | None, calendar: Calendar, trials: int, variance: float) -> Plain:
    """The Sharpe ratio of one period, and how likely it is skill."""
    found = np.empty(0) if returns is None else returns
    sharpe, skewness, kurtosis = ratios.sharpe(found), ratios.skewness(found), ratios.kurtosis(found)
    told: Plain = {
        "sharpe_per_period": sharpe,
        "trials": trials,
        "trials_sharpe_variance": finite(variance),
        "sharpe_expected_of_luck": expected_maximum(trials, variance),
        "probabilistic_sharpe": None,
        "deflated_sharpe": None,
        "minimum_record": None,
        "minimum_record_years": None,
    }
    if sharpe is None or skewness is None or kurtosis is None:
        return told
    length = minimum_record(sharpe, skewness, kurtosis)
    return told | {
        "probabilistic_sharpe": probabilistic_sharpe(sharpe, len(found), skewness, kurtosis),
        "deflated_sharpe": deflated_sharpe(sharpe, len(found), skewness, kurtosis, trials=trials, variance=variance),
        "minimum_record": length,
        "minimum_record_years": divided(length, calendar.per_year),
    }


def _best_and_worst(returns: Floats | None, days: Times) -> Plain:
    if returns is None:
        return {"best_period": None, "worst_period": None}
    best, worst = int(returns.argmax()), int(returns.argmin())
    return {
        "best_period": {"date": date_of(int(days[best])), "return": float(returns[best])},
        "worst_period": {"date": date_of(int(days[worst])), "return": float(returns[worst])},
    }


def _drawdowns(growth: float | None, bars: Drawdown | None, ends: Drawdown | None) -> Plain:
    depth, depth_ends = bars.depth if bars else None, ends.depth if ends else None
    return {
        "max_drawdown": depth,
        "max_drawdown_periods": depth_ends,
        "calmar": divided(growth, None if depth_ends is None else -depth_ends),
        "calmar_bars": divided(growth, None if depth is None else -depth),
        "drawdown": {"bars": _drawdown(bars), "periods": _drawdown(ends)},
    }


def _drawdown(one: Drawdown | None) -> Plain | None:
    if one is None:
        return None
    end = one.recovered_at
    return {
        "depth": one.depth,
        "money": one.money,
        "peak_at": _time(one.peak_at),
        "bottom_at": _time(one.bottom_at),
        "recovered_at": _time(end),
        "to_bottom_s": _seconds(one.peak_at, one.bottom_at),
        "to_recovery_s": _seconds(one.peak_at, end),
        "longest_s": one.longest / SECOND,
    }


def _activity(result: Result, moments: Times, equity: Floats, exposure: Floats) -> Plain:
    held = [one for one in result.fills if one.quantity]
    leverage = exposure[equity > 0] / equity[equity > 0]
    statuses = Counter(one.status for one in result.orders)
    codes = Counter(one.denied.code for one in result.refusals)
    return {
        "moments": len(moments),
        "exposure": float(np.mean(exposure > 0)) if len(exposure) else None,
        "leverage_average": finite(leverage.mean()) if len(leverage) else None,
        "leverage_highest": finite(leverage.max()) if len(leverage) else None,
        "fills": len(held),
        "orders": len(result.orders),
        "orders_by_status": dict(sorted(statuses.items())),
        "denials": len(result.refusals),
        "denials_by_code": dict(sorted(codes.items(), key=lambda one: (-one[1], one[0]))),
        "positions_open": len(result.positions),
        "profit_open": sum(one.profit for one in result.positions),
    }


def conventions(calendar: Calendar) -> dict[str, str]:
    """How the numbers are counted, in words."""
    period = calendar.period
    return {
        "numbers": "fractions, not percent; losses are negative; null is not defined, infinite or unknown",
        "returns": f"simple, of equity at the last bar of each UTC {period}, the first one from the starting cash; "
        + (
            "days without bars have a return of 0"
            if calendar.weekends and period == "day"
            else f"{period}s without bars are none"
            + ("" if calendar.weekends else ", Saturday and Sunday count to Monday")
        ),
        "annualisation": f"{calendar.per_year} {period}s a year ({calendar.why})",
        "sharpe": "arithmetic mean over standard deviation (ddof 1), risk-free rate 0",
        "sortino": "arithmetic mean over the root mean square of negative returns, all returns counted, target 0",
        "volatility": "standard deviation (ddof 1) of the returns, annualised by the root",
        "cagr": f"geometric, years as {period}s / {calendar.per_year}; cagr_calendar by the time from first to last",
        "calmar": f"cagr over the drawdown of the {period}s; calmar_bars over that of the bars",
        "drawdown": f"from the highest equity so far, the starting cash included; max_drawdown on every bar, "
        f"max_drawdown_periods on the {period}s' last values",
        "var": f"historical quantile of the {period}s' returns, not annualised; cvar: mean of the worst 5 % or 1 %",
        "moments": "skewness and kurtosis not corrected for bias; kurtosis of normal returns is 3",
        "probabilistic_sharpe": "probability that the true Sharpe ratio is above 0, from sharpe_per_period (Bailey and "
        "Lopez de Prado 2012); deflated_sharpe: above the best that so many trials reach by luck (2014)",
        "minimum_record": f"{period}s until that probability is 0.95",
        "trades": "round trips from flat to flat, closed ones only, money after commission and financing; a trade of "
        "exactly 0 is neither won nor lost; win_rate is wins over wins and losses",
        "r": "gross profit over the risk fixed at entry, of trades with a stop",
        "sqn": "root of the count times mean over standard deviation (ddof 1) of the trades, in money; sqn_r in R",
        "exposure": "share of the bars' closes at which something was held",
        "turnover": "traded notional, both ways, over average equity",
        "costs": "in the account currency; spread and slippage are what the fill model added to the data's prices",
    }


def _time(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _seconds(start: int | None, end: int | None) -> float | None:
    return None if start is None or end is None else (end - start) / SECOND
