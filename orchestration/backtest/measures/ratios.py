"""Ratios of a series of returns, and drawdowns of a series of equity: pure functions, None where not defined.

Returns are simple and as fractions; a year is ``per_year`` of them; no risk-free rate. Losses are negative. The
definitions are those of empyrical (https://github.com/stefan-jansen/empyrical-reloaded).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from orchestration.backtest.result import Floats, Times

_LARGEST = math.log(np.finfo(np.float64).max)
_ROUNDING = 4 * float(np.finfo(np.float64).eps)


def finite(value: float) -> float | None:
    """The number, None for what is none."""
    number = float(value)
    return number if math.isfinite(number) else None


def divided(numerator: float | None, denominator: float | None) -> float | None:
    if numerator is None or not denominator:
        return None
    return finite(numerator / denominator)


def constant(values: Floats) -> bool:
    """Whether all are the same, but for the rounding of what they were made of (prices, equity: 1 + a return)."""
    return bool(np.ptp(values) <= _ROUNDING * (1 + np.abs(values).max()))


@np.errstate(all="ignore")
def deviation(values: Floats) -> float | None:
    """Standard deviation of the sample (ddof 1); None for fewer than two, and 0 where all are the same."""
    if len(values) < 2:
        return None
    return 0.0 if constant(values) else finite(values.std(ddof=1))


@np.errstate(all="ignore")
def volatility(returns: Floats, per_year: int) -> float | None:
    spread = deviation(returns)
    return None if spread is None else finite(spread * math.sqrt(per_year))


@np.errstate(all="ignore")
def sharpe(returns: Floats, per_year: int = 1) -> float | None:
    """Arithmetic mean over standard deviation (ddof 1), times the root of ``per_year``: 1 is not annualised."""
    mean = divided(float(returns.mean()), deviation(returns)) if len(returns) > 1 else None
    return None if mean is None else mean * math.sqrt(per_year)


@np.errstate(all="ignore")
def sortino(returns: Floats, per_year: int) -> float | None:
    """Arithmetic mean over the root mean square of the losses, all returns counted, annualised."""
    if len(returns) < 2:
        return None
    downside = math.sqrt(float(np.mean(np.square(np.minimum(returns, 0.0)))))
    ratio = divided(float(returns.mean()), downside)
    return None if ratio is None else ratio * math.sqrt(per_year)


def growth(start: float, final: float, years: float) -> float | None:
    """Geometric return a year; -1 if nothing is left."""
    if years <= 0 or start <= 0 or final < 0:
        return None
    if final == 0:
        return -1.0
    exponent = (math.log(final) - math.log(start)) / years
    return math.expm1(exponent) if exponent < _LARGEST else None


def value_at_risk(returns: Floats, share: float) -> float | None:
    """The quantile of the returns themselves (historical, linear between two): ``share`` of them are worse."""
    return finite(np.percentile(returns, 100 * share)) if len(returns) else None


def expected_shortfall(returns: Floats, share: float) -> float | None:
    """CVaR: the mean of the worst ``share`` of the returns, floor((n - 1) x share) + 1 of them."""
    if not len(returns):
        return None
    count = int((len(returns) - 1) * share)
    return finite(np.partition(returns, count)[: count + 1].mean())


@np.errstate(all="ignore")
def skewness(returns: Floats) -> float | None:
    """Third central moment over the 3/2 power of the second, not corrected for bias; 0 for normal returns."""
    return _moment(returns, 3)


@np.errstate(all="ignore")
def kurtosis(returns: Floats) -> float | None:
    """Fourth central moment over the square of the second, not corrected for bias; 3 for normal returns."""
    return _moment(returns, 4)


def _moment(returns: Floats, order: int) -> float | None:
    if len(returns) < 2 or constant(returns):
        return None
    scaled = returns - returns.mean()
    scaled /= np.abs(scaled).max()  # of small numbers the powers would be nothing
    return divided(float(np.mean(scaled**order)), float(np.mean(scaled**2)) ** (order / 2))


class Drawdown(msgspec.Struct, frozen=True, kw_only=True):
    """The deepest fall from a peak. ``depth`` is the fraction of the peak (negative), ``money`` the same as money.

    Times in ns: of the peak, of the bottom, and of the first value that is at the peak again (None: not yet).
    ``longest`` is the longest time from a peak to its recovery or to the end (ns), whichever fall that was.
    """

    depth: float = 0.0
    money: float = 0.0
    peak_at: int | None = None
    bottom_at: int | None = None
    recovered_at: int | None = None
    longest: int = 0


@np.errstate(all="ignore")
def drawdown(start: float, at: Times, equity: Floats) -> Drawdown | None:
    """Of ``start``, taken to hold at the first time, and the values after it. None without values or a start > 0."""
    if not len(equity) or start <= 0:
        return None
    values, times = np.append(start, equity), np.append(at[0], at)
    peaks = np.maximum.accumulate(values)
    falls = values / peaks - 1
    bottom = int(falls.argmin())
    high = np.flatnonzero(values == peaks)  # at a peak
    if falls[bottom] == 0:
        return Drawdown()
    ends = np.append(times[high[1:]], times[-1])
    under = np.diff(np.append(high, len(values))) > 1  # something lies below between this one and the next
    peak = int(high[np.searchsorted(high, bottom) - 1])
    later = np.flatnonzero(values[bottom:] >= values[peak])
    return Drawdown(
        depth=float(falls[bottom]),
        money=float(values[bottom] - values[peak]),
        peak_at=int(times[peak]),
        bottom_at=int(times[bottom]),
        recovered_at=int(times[bottom + later[0]]) if len(later) else None,
        longest=int((ends - times[high])[under].max()),
    )
