"""After how many bars a later start says the same: what is declared holds, and where nothing is, nothing would."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from domain.registry import build
from strategies import STRATEGIES, lint
from strategies.base import Strategy, resolve
from strategies.runner import Rows
from tests.strategies.making import closing

LONG_AFTER = 3000
"""Bars after the later start at which two starts still differ."""


def every() -> list[Strategy]:
    return [build("strategy", name, STRATEGIES) for name in STRATEGIES]


@pytest.mark.parametrize("strategy", every(), ids=lambda one: one.name)
def test_a_shipped_strategy_says_after_how_many_bars_it_forgets_or_why_it_never_does(strategy: Strategy) -> None:
    """What it declares is checked by ``lint`` in the tests that all strategies share."""
    assert (strategy.forget is None) is bool(strategy.remembers)
    assert strategy.remembers == strategy.remembers.strip().rstrip(".")


# -- markets in which a start is never forgotten ---------------------------------------------------


def risen() -> Bars:
    """It rises and then stands still: averages that have met keep the last stance."""
    return closing(*np.linspace(100.0, 110.0, 60), *[110.0] * 4000, reach=0.0)


def rising_then_hovering() -> Bars:
    """A strong rise, then one that is too weak to be bought and too strong to be sold."""
    weak = [0.5 if i % 2 else -0.36 for i in range(4000)]
    return closing(*(100.0 + np.cumsum([0.5] * 120 + weak)), reach=0.1)


def steps(every: int, size: float) -> Bars:
    """A quiet market in which one bar stands out every so many bars, and the price stays where it went."""
    changes = [size if i % every == 0 else 0.1 * (-1) ** i for i in range(1, 4300)]
    return closing(*(1000.0 + np.cumsum(changes)), reach=0.2)


def dips() -> Bars:
    """Every 40 bars the price falls out of a quiet range and comes back."""
    closes = [100.0 + 0.2 * (-1) ** i - (3.0 if i % 40 == 0 else 0.0) for i in range(4300)]
    return closing(*closes, reach=0.1)


def waves() -> Bars:
    random = np.random.default_rng(3)
    return closing(*(100.0 + 3.0 * np.sin(np.arange(6000) / 9.0) + random.normal(0, 0.4, 6000)), reach=0.3)


def risen_and_quiet() -> Bars:
    """A strong trend, then a market that goes nowhere: no sign for either side, and none against the held one."""
    quiet = [0.3, 0.3, -0.3, -0.3] * 1000
    return closing(*(100.0 + np.cumsum([1.0] * 100 + quiet)), reach=0.05)


BUSY = {"target_r": 0.0, "longest": 60}
CASES: dict[str, tuple[Callable[[], Bars], dict[str, Any], int]] = {
    "ema_cross": (risen, {}, 200),
    "confluence": (
        risen_and_quiet,
        {"middle": 2, "high": 4, "trend": 5, "adx": 5, "atr": 5, "sweep": 5, "band": 0.5, "near": 0.0, "leave": 0.0},
        400,
    ),
    "bos": (lambda: steps(40, 4.0), {**BUSY, "sweep": 0, "expanding": "no", "confirm": "at_once"}, 101),
    "mean_reversion": (dips, {**BUSY, "divergence": "no", "stop_atr": 20.0}, 101),
    "breakout": (waves, {}, 500),
    "momentum": (rising_then_hovering, {"adx": 0.0}, 400),
    "grid": (waves, {}, 500),
    "dca": (
        lambda: steps(10_000, 0.0),
        {"by": "time", "every": 1.0, "stop_atr": 0.0, "target_atr": 100.0, "longest": 80},
        100,
    ),
}


@pytest.mark.parametrize("name", STRATEGIES)
def test_one_that_declares_nothing_never_forgets(name: str) -> None:
    """In a market made for it two starts say different things as long as one likes."""
    strategy = build("strategy", name, STRATEGIES)
    market, given, start = CASES[name]
    params, bars = resolve(strategy, given), market()

    early = Rows(strategy, params, 1).series(bars)[0].stances[start:]
    late = Rows(strategy, params, 1).series(bars[start:])[0].stances
    differ = np.flatnonzero(early != late)

    assert strategy.warm_up(params) < LONG_AFTER / 10
    assert len(differ)
    assert differ[-1] > LONG_AFTER


def test_the_check_finds_a_number_that_is_too_small() -> None:
    """``ema_cross`` with a declared number: the market that stood still shows that it is not true."""
    import dataclasses

    strategy = build("strategy", "ema_cross", STRATEGIES)
    declared = dataclasses.replace(strategy, forget=lambda params: 1000)
    bars = closing(*[100.0, 101.0] * 20, *np.linspace(100.0, 110.0, 600), *[110.0] * 4000, reach=0.0)

    said = lint.later_start(declared, resolve(declared, {}), bars)

    assert "though it forgets after 1000 bars" in said
