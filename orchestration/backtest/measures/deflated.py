"""How likely a Sharpe ratio is skill: the probabilistic and the deflated Sharpe ratio, and the record that it takes.

Sharpe ratios are those of one period, never annualised; ``kurtosis`` is 3 for normal returns.
Bailey, López de Prado: The Sharpe Ratio Efficient Frontier, Journal of Risk 15(2), 2012 (probability and length);
The Deflated Sharpe Ratio, Journal of Portfolio Management 40(5), 2014.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_NORMAL = NormalDist()
_EULER = 0.5772156649015329


def _variance(sharpe: float, skewness: float, kurtosis: float) -> float:
    """Of the estimate, times (n - 1)."""
    return 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe * sharpe


def probabilistic_sharpe(
    sharpe: float, count: int, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float | None:
    """The probability that the true Sharpe ratio is above ``benchmark``, from ``count`` returns (2012)."""
    variance = _variance(sharpe, skewness, kurtosis)
    if count < 2 or not (0 < variance < math.inf):
        return None
    score = (sharpe - benchmark) * math.sqrt((count - 1) / variance)
    return _NORMAL.cdf(score) if math.isfinite(score) else None


def expected_maximum(trials: int, variance: float) -> float:
    """The best Sharpe ratio to be expected of so many trials without any skill, whose Sharpe ratios have this
    variance; 0 for a single trial."""
    if trials < 2 or not (0 < variance < math.inf):
        return 0.0
    best = (1 - _EULER) * _NORMAL.inv_cdf(1 - 1 / trials) + _EULER * _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * best


def deflated_sharpe(
    sharpe: float,
    count: int,
    skewness: float = 0.0,
    kurtosis: float = 3.0,
    *,
    trials: int,
    variance: float,
) -> float | None:
    """The probability that the Sharpe ratio of the best of ``trials`` is more than luck; ``variance`` is that of the
    trials' Sharpe ratios (of one period each)."""
    return probabilistic_sharpe(sharpe, count, skewness, kurtosis, expected_maximum(trials, variance))


def minimum_record(
    sharpe: float, skewness: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0, confidence: float = 0.95
) -> float | None:
    """How many returns it takes to be that confident that the true Sharpe ratio is above ``benchmark``;
    None where the estimate is not above it."""
    variance = _variance(sharpe, skewness, kurtosis)
    if not sharpe > benchmark or not (0 < variance < math.inf):
        return None
    found = 1 + variance * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2
    return found if math.isfinite(found) else None
