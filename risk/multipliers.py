"""What makes a size larger or smaller before the caps: score, regime, research, and how near a limit is.

All are exact fractions of 1e-9, rounded down; the caps come afterwards and hold whatever this gives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache

from domain.money import NANO, from_decimal, to_float
from risk.view import Denial, View, Wish


def factor(wish: Wish, view: View) -> int | Denial:
    """By how much (1e-9) the size is multiplied, or why it cannot be said."""
    config = view.config
    found = by_research(wish)
    if isinstance(found, Denial):
        return found
    if config.score_factors:
        if not math.isfinite(wish.score):
            return Denial("SCORE_INVALID", str(wish.score))
        found = found * by_score(wish.score, config.score_factors) // NANO
    if config.regime_factors:
        found = found * by_regime(wish.regime, config.regime_factors) // NANO
    if config.near_limit is not None and near_limit(view, config.near_limit):
        found //= 2
    return found if found > 0 else Denial("FACTOR_ZERO", to_float(found), 0)


def by_research(wish: Wish) -> int | Denial:
    """The factor (1e-9) that research has given: never more than 1."""
    if not 0 <= wish.factor <= 1:
        return Denial("FACTOR_INVALID", str(wish.factor), "0 to 1")
    return _nano(wish.factor)


def by_score(score: float, factors: Mapping[str, float]) -> int:
    """The factor of the highest score that is reached; 1 below all of them."""
    reached = [(least, times) for text, times in factors.items() if (least := float(text)) <= score]
    return _nano(max(reached)[1]) if reached else NANO


def by_regime(regime: str, factors: Mapping[str, float]) -> int:
    """The factor of a regime, 1 for one that is not listed; where the regime is not known the smallest of all, at
    most 1."""
    if regime:
        return _nano(factors.get(regime, 1.0))
    return _nano(min(1.0, *factors.values()))


def near_limit(view: View, share: float) -> bool:
    """Whether so large a share of a limit on the day's loss, the drawdown or the total loss is used up."""
    nano = _nano(share)
    return any(loss * NANO * NANO >= limit * nano for loss, limit in _used(view))


def _used(view: View) -> Iterator[tuple[int, int]]:
    """Each loss (1e-9) with its limit (1e-18)."""
    config = view.config
    today = view.day_equity - view.equity
    if config.max_daily_loss is not None:
        yield today, config.max_daily_loss * NANO
    if config.max_daily_loss_share is not None:
        yield today, view.day_equity * _nano(config.max_daily_loss_share)
    for limit in (config.max_drawdown_soft, config.max_drawdown):
        if limit is not None:
            yield view.peak - view.equity, view.peak * _nano(limit)
    if config.max_total_loss is not None:
        yield view.first_cash - view.equity, view.first_cash * _nano(config.max_total_loss)


@lru_cache(maxsize=4096)
def _nano(number: float) -> int:
    return from_decimal(str(number))
