"""The ratios beside empyrical and quantstats on the same returns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from domain.timeframe import DAY, HOUR
from orchestration.backtest.measures import ratios
from orchestration.backtest.measures.deflated import probabilistic_sharpe
from orchestration.backtest.measures.metrics import metrics
from tests.orchestration.backtest.measured import NOON, a_result, some_days

empyrical = pytest.importorskip("empyrical")
DATA = Path(__file__).parents[4] / "shared/data"
CLOSE = {"rel": 1e-10, "abs": 1e-13}


def quantstats() -> Any:
    return pytest.importorskip("quantstats").stats


def made(kind: str, count: int = 700) -> NDArray[np.float64]:
    """Daily returns: as many as their name says, rising, falling, fat in the tails, skewed, and those of few days."""
    draw = np.random.default_rng(sum(map(ord, kind)))
    series = {
        "rising": draw.normal(0.0008, 0.01, count),
        "falling": draw.normal(-0.0015, 0.012, count),
        "fat": draw.standard_t(3, count) * 0.006,
        "skewed": 0.02 - draw.gamma(2.0, 0.0101, count),
        "quiet": np.where(draw.random(count) < 0.7, 0.0, draw.normal(0.0002, 0.004, count)),
        "two": np.array([0.01, -0.02]),
        "week": draw.normal(0, 0.01, 5),
        "tiny": draw.normal(1e-7, 1e-6, count),
    }
    return series[kind]


KINDS = ("rising", "falling", "fat", "skewed", "quiet", "two", "week", "tiny")


def reported(returns: NDArray[np.float64], **changed: Any) -> dict[str, Any]:
    at, equity = some_days(100_000 * np.cumprod(1 + returns))
    return metrics(a_result(at, equity, **changed))


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_what_empyrical_says(kind: str) -> None:
    returns = made(kind)
    told = reported(returns)

    assert told["total_return"] == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9, abs=1e-12)
    assert told["cagr"] == pytest.approx(empyrical.annual_return(returns), rel=1e-9, abs=1e-12)
    assert told["volatility"] == pytest.approx(empyrical.annual_volatility(returns), rel=1e-9)
    assert told["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    assert told["sortino"] == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-9)
    assert told["calmar"] == pytest.approx(empyrical.calmar_ratio(returns), rel=1e-9)
    assert told["max_drawdown_periods"] == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)
    for name, share in (("95", 0.05), ("99", 0.01)):
        assert told[f"var_{name}"] == pytest.approx(empyrical.value_at_risk(returns, share), rel=1e-9, abs=1e-15)
        assert told[f"cvar_{name}"] == pytest.approx(empyrical.conditional_value_at_risk(returns, share), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_ratios_of_the_same_numbers_are_empyricals(kind: str) -> None:
    returns = made(kind)

    assert ratios.volatility(returns, 365) == pytest.approx(empyrical.annual_volatility(returns, annualization=365))
    assert ratios.sharpe(returns, 365) == pytest.approx(empyrical.sharpe_ratio(returns, annualization=365), **CLOSE)
    assert ratios.sortino(returns, 52) == pytest.approx(empyrical.sortino_ratio(returns, annualization=52), **CLOSE)
    assert ratios.value_at_risk(returns, 0.05) == pytest.approx(empyrical.value_at_risk(returns), **CLOSE)
    assert ratios.expected_shortfall(returns, 0.05) == pytest.approx(
        empyrical.conditional_value_at_risk(returns), **CLOSE
    )


@pytest.mark.parametrize("kind", [one for one in KINDS if one not in ("two", "tiny")])
def test_it_is_what_quantstats_says(kind: str) -> None:
    stats, returns = quantstats(), made(kind)
    series = pd.Series(returns, pd.date_range("2024-01-01", periods=len(returns), freq="B"))
    told = reported(returns)

    assert told["sharpe"] == pytest.approx(stats.sharpe(series), rel=1e-9)
    assert told["sortino"] == pytest.approx(stats.sortino(series), rel=1e-9)
    assert told["volatility"] == pytest.approx(stats.volatility(series), rel=1e-9)
    assert told["cagr"] == pytest.approx(stats.cagr(series), rel=1e-9)
    assert told["calmar"] == pytest.approx(stats.calmar(series), rel=1e-9)
    assert told["max_drawdown_periods"] == pytest.approx(stats.max_drawdown(series), rel=1e-9)
    if kind == "quiet":  # 1 + r - 1 of a day without a change may be one rounding off 0 here, and 0 there
        return
    assert told["win_rate_periods"] == pytest.approx(stats.win_rate(series), rel=1e-9)
    assert told["profit_factor_periods"] == pytest.approx(stats.profit_factor(series), rel=1e-9)
    assert told["payoff_ratio_periods"] == pytest.approx(stats.payoff_ratio(series), rel=1e-9)
    assert told["kelly_periods"] == pytest.approx(stats.kelly_criterion(series), rel=1e-9)


def test_quantstats_corrects_skewness_and_kurtosis_and_is_the_same_otherwise() -> None:
    stats, series = quantstats(), pd.Series(made("fat"), pd.date_range("2024-01-01", periods=700, freq="B"))
    returns = series.to_numpy()
    sharpe = ratios.sharpe(returns)
    assert sharpe is not None

    corrected = probabilistic_sharpe(sharpe, 700, float(series.skew()), float(series.kurt()) + 3)

    assert corrected == pytest.approx(stats.probabilistic_sharpe_ratio(series), rel=1e-9)
    plain = probabilistic_sharpe(sharpe, 700, ratios.skewness(returns) or 0, ratios.kurtosis(returns) or 0)
    assert plain != corrected
    assert plain == pytest.approx(corrected, abs=1e-3)


def test_skewness_and_kurtosis_are_the_moments_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for kind in KINDS:
        returns = made(kind)
        assert ratios.skewness(returns) == pytest.approx(stats.skew(returns), **CLOSE)
        assert ratios.kurtosis(returns) == pytest.approx(stats.kurtosis(returns, fisher=False), **CLOSE)


def buy_and_hold(closes: pd.Series) -> tuple[NDArray[np.int64], NDArray[np.float64], pd.Series]:
    """Moments and equity of holding from the first close, and its returns by UTC day as pandas makes them."""
    at = closes.index.as_unit("ns").asi8
    equity = 100_000 * closes.to_numpy() / closes.iloc[0]
    stamps = pd.DatetimeIndex(at - 1, tz="UTC")
    days = pd.Series(equity, stamps).groupby(stamps.floor("D")).last()
    return at, equity, days


def compare(closes: pd.Series, asset_class: str, per_year: int) -> None:
    from tests.factories import BTC, EURUSD

    at, equity, days = buy_and_hold(closes)
    if asset_class == "forex":
        to_monday = np.select([days.index.day_of_week == 5, days.index.day_of_week == 6], [2, 1])
        days = days.groupby(days.index + pd.to_timedelta(to_monday, "D")).last()
    else:
        days = days.asfreq("D", method="ffill")
    returns = days / days.shift(1, fill_value=100_000.0) - 1
    instrument = EURUSD if asset_class == "forex" else BTC

    told = metrics(a_result(at, equity, instruments={instrument.symbol: instrument}))

    assert told["periods"] == len(returns) > 20
    assert told["sharpe"] == pytest.approx(empyrical.sharpe_ratio(returns, annualization=per_year), rel=1e-9)
    assert told["sortino"] == pytest.approx(empyrical.sortino_ratio(returns, annualization=per_year), rel=1e-9)
    assert told["cagr"] == pytest.approx(empyrical.cagr(returns, annualization=per_year), rel=1e-9)
    assert told["max_drawdown_periods"] == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)
    bars = pd.Series(equity).pct_change().fillna(0)
    assert told["max_drawdown"] == pytest.approx(empyrical.max_drawdown(bars), rel=1e-9)
    assert told["max_drawdown"] < told["max_drawdown_periods"]
    assert told["volatility"] == pytest.approx(empyrical.annual_volatility(returns, annualization=per_year), rel=1e-9)
    assert told["cvar_99"] == pytest.approx(empyrical.conditional_value_at_risk(returns, 0.01), rel=1e-9)


@pytest.mark.parametrize(("asset_class", "per_year"), [("forex", 252), ("crypto", 365)])
def test_hourly_equity_becomes_the_daily_returns_that_pandas_makes(asset_class: str, per_year: int) -> None:
    hours = np.arange(24 * 60)
    if asset_class == "forex":  # from Sunday 22:00 to Friday 22:00
        hours = hours[((hours + 2) % 168) < 120]
    else:
        hours = hours[(hours < 300) | (hours > 380)]  # three days without bars
    walk = np.exp(np.random.default_rng(3).normal(0, 0.002, len(hours)).cumsum())
    at = NOON - 12 * HOUR - 2 * HOUR + hours * HOUR

    compare(pd.Series(walk, pd.to_datetime(at, utc=True)), asset_class, per_year)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "asset_class", "per_year"), [("EURUSD_H1", "forex", 252), ("BTCUSDT_H1", "crypto", 365)]
)
def test_recorded_prices_become_the_daily_returns_that_pandas_makes(name: str, asset_class: str, per_year: int) -> None:
    file = DATA / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside this checkout (shared/data)")
    bars = pd.read_parquet(file, columns=["ts", "close"])

    compare(bars.set_index(bars["ts"] + pd.Timedelta(hours=1))["close"], asset_class, per_year)


def test_the_years_of_a_return_are_counted_in_periods_and_by_the_calendar() -> None:
    at, equity = some_days(np.linspace(100_100, 110_000, 253))
    told = metrics(a_result(at, equity))

    assert told["years"] == pytest.approx((at[-1] - at[0]) / (365.25 * DAY))
    assert told["cagr"] == pytest.approx(1.1 ** (252 / 253) - 1, rel=1e-12)
    assert told["cagr_calendar"] == pytest.approx(1.1 ** (1 / told["years"]) - 1, rel=1e-12)
