"""Known faults of earlier systems that every shipped strategy is asked about, each with a test named after it."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from domain.registry import build
from strategies import STRATEGIES
from strategies.base import OWN, Strategy, parameters_problems, resolve
from strategies.lint import PRICES, first_row, made_bars
from strategies.runner import Rows
from tests.strategies.making import closing, told

ROOT = Path(__file__).resolve().parents[2]
SHIPPED: list[Strategy] = [build("strategy", one, STRATEGIES) for one in STRATEGIES]
every_strategy = pytest.mark.parametrize("strategy", SHIPPED, ids=list(STRATEGIES))


def said(strategy: Strategy, bars: Bars, **given: Any) -> tuple[bytes, bytes]:
    """Stances and facts as bytes."""
    steps, changes = told(strategy, bars, **given)
    return steps.stances.tobytes(), changes.tobytes()


def enough(strategy: Strategy, **given: Any) -> int:
    return strategy.warm_up(resolve(strategy, given)) + 2500


@every_strategy
def test_fault_a_detector_that_nothing_updates(strategy: Strategy) -> None:
    """Detectors were built, asked at every bar, and never told of any bar: they always gave their first value."""
    rows = Rows(strategy, resolve(strategy, {}), 1)
    bars = np.delete(made_bars(enough(strategy), 6), slice(95, 143))  # a gap: a higher bar without its tail
    touched = np.zeros(rows.state.shape[1], np.bool_)
    for part in np.array_split(bars, 200):
        rows.step(part, first_row(part))
        touched |= rows.state[0] != 0.0

    assert np.flatnonzero(~touched[OWN:]).tolist() == []


def _of(name: str) -> Strategy:
    found: Strategy = build("strategy", name, STRATEGIES)
    return found


@every_strategy
def test_fault_a_parameter_that_nothing_reads(strategy: Strategy, kinds: Any) -> None:
    """Weights, votes and limits were configured, and looked up under names that did not exist."""
    markets = list(kinds(2500, 31).values())
    markets[1]["ts"] *= 60  # hours
    small = {"middle": 4, "high": 8, "trend": 10}
    bases: list[dict[str, Any]] = [{name: value for name, value in small.items() if name in _names(strategy)}]
    bases += [{**bases[0], one.name: word} for one in strategy.parameters for word in one.choices]

    unread = [one.name for one in strategy.parameters if not _matters(strategy, one, bases, markets)]

    assert unread == []


def _names(strategy: Strategy) -> set[str]:
    return {one.name for one in strategy.parameters}


def _matters(strategy: Strategy, one: Any, bases: list[dict[str, Any]], markets: list[Bars]) -> bool:
    low, high = one.low or 0, one.high or 0
    near = [min(high, max(low, one.type and value)) for value in (low, low + 1, low + 3, low + 9, low + 60, high)]
    values = one.choices or ([float(each) for each in near] if one.type == "float" else near)
    for base in bases:
        for value in values:
            given = {**base, one.name: value}
            if parameters_problems(strategy, given) or strategy.warm_up(resolve(strategy, given)) > 2000:
                continue
            if any(said(strategy, bars, **given) != said(strategy, bars, **base) for bars in markets):
                return True
    return False


@pytest.mark.parametrize(("one", "other"), list(combinations(STRATEGIES, 2)))
def test_fault_one_name_trades_another_strategy(one: str, other: str) -> None:
    """Strategies that were only announced returned another one under their own names."""
    bars = made_bars(6000, 9)

    assert _of(one).name != _of(other).name
    assert said(_of(one), bars)[0] != said(_of(other), bars)[0]


@every_strategy
def test_fault_a_strategy_that_is_a_stub(strategy: Strategy, kinds: Any) -> None:
    """The grid could be chosen and configured, and never made a single plan."""
    for bars in kinds(enough(strategy) + 2500, 10).values():
        assert told(strategy, bars)[0].stances.any()


@every_strategy
def test_fault_pips_of_one_market_for_all(strategy: Strategy) -> None:
    """Distances and tolerances were those of one market's prices: here the prices are 1024 times as high."""
    bars = made_bars(enough(strategy), 11)
    scaled = bars.copy()
    for price in PRICES:
        scaled[price] *= 1024.0
    given = {"round": 0.0} if "round" in _names(strategy) else {}  # round numbers are those of the price itself

    (small, facts), (large, larger) = told(strategy, bars, **given), told(strategy, scaled, **given)

    assert len(facts)
    np.testing.assert_array_equal(small.stances, large.stances)
    np.testing.assert_allclose(larger["stop"], 1024.0 * facts["stop"], rtol=1e-9)
    np.testing.assert_allclose(larger["score"], facts["score"], rtol=1e-9)


@every_strategy
def test_fault_a_stop_is_invented_where_no_range_is_known(strategy: Strategy) -> None:
    """Where entry or stop were missing, one percent was taken instead: here nothing is entered."""
    still = closing(*[1.1] * enough(strategy), reach=0.0)

    _, entered = told(strategy, made_bars(enough(strategy), 12))

    assert len(told(strategy, still)[1]) == 0
    assert (entered["stop"][entered["stance"] != 0] > 0.0).all()


@every_strategy
def test_fault_one_instance_for_two_runs(strategy: Strategy) -> None:
    """One object served training and test, and what it had seen in the first decided in the second."""
    first, second = made_bars(enough(strategy), 13), made_bars(enough(strategy), 14)
    alone = said(strategy, second)

    said(strategy, first)
    one, other = (Rows(strategy, resolve(strategy, {}), 1) for _ in range(2))
    for a, b in zip(np.array_split(first, 50), np.array_split(second, 50), strict=True):
        one.step(a, first_row(a))
        other.step(b, first_row(b))

    assert said(strategy, second) == alone
    fresh = Rows(strategy, resolve(strategy, {}), 1)
    fresh.series(second)
    assert other.state.tobytes() == fresh.state.tobytes()


@every_strategy
def test_fault_the_bars_are_changed_by_who_reads_them(strategy: Strategy) -> None:
    """All readers shared one mutable object, and each saw what the ones before had made of it."""
    bars = made_bars(enough(strategy), 15)
    before = bars.tobytes()

    said(strategy, bars)
    Rows(strategy, resolve(strategy, {}), 1).step(bars, first_row(bars))

    assert bars.tobytes() == before


@every_strategy
def test_fault_the_warm_up_of_the_search_is_another_one(strategy: Strategy) -> None:
    """The optimiser and the live system warmed up differently: here history is loaded or stepped to the same bits."""
    bars = made_bars(enough(strategy), 16)
    split = strategy.warm_up(resolve(strategy, {})) + 11
    loaded, searched = (Rows(strategy, resolve(strategy, {}), 1) for _ in range(2))

    loaded.load(bars[:split], first_row(bars[:split]))
    live = loaded.step(bars[split:], first_row(bars[split:]))

    assert searched.series(bars)[0].stances[split:].tobytes() == live.stances.tobytes()
    assert searched.state.tobytes() == loaded.state.tobytes()


HASHED = """
import hashlib
from domain.registry import build
from strategies import STRATEGIES, lint
from strategies.base import resolve
from strategies.runner import Rows
bars = lint.made_bars(3500, 17)
for name in STRATEGIES:
    one = build("strategy", name, STRATEGIES)
    stances, changes = Rows(one, resolve(one, {}), 1).series(bars)
    print(name, hashlib.sha256(stances.stances.tobytes() + changes.tobytes()).hexdigest())
"""


def test_fault_names_hash_differently_in_every_process() -> None:
    """A seed made of ``hash(symbol)`` gave every process other signals.

    Plain Python: compiled code of one process would serve the other one from the kernel cache.
    """
    told_by = {
        subprocess.run(
            [sys.executable, "-c", HASHED],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "NUMBA_DISABLE_JIT": "1"},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "7")
    }

    assert len(told_by) == 1
    assert len(told_by.pop().splitlines()) == len(STRATEGIES)
