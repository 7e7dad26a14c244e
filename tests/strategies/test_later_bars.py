"""Bars that come later change no earlier decision, for every shipped strategy with any parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from domain.market import Bars
from domain.registry import build
from strategies import STRATEGIES, lint
from strategies.base import Strategy, resolve
from strategies.runner import CHANGE, Rows
from tests.strategies.drawn import parameters
from tests.strategies.recorded_bars import recorded_bars

COUNT = 1200
BARS = lint.made_bars(COUNT, 21)


def decisions(strategy: Strategy, params: Any, bars: Bars) -> tuple[bytes, bytes, np.ndarray]:
    said, changes = Rows(strategy, params, 1).series(bars)
    return said.stances.tobytes(), said.codes.tobytes(), changes


def same_until(strategy: Strategy, params: Any, bars: Bars, now: int, later: Mapping[str, Bars]) -> int:
    """Compares what is said up to ``now`` with what is said when more bars follow; how many changes there were."""
    stances, codes, changes = decisions(strategy, params, bars[:now])
    for what, more in later.items():
        said = decisions(strategy, params, np.concatenate([bars[:now], more]))
        assert said[0][:now] == stances, what
        assert said[1][:now] == codes, what
        early = said[2][said[2]["bar"] < now]
        assert np.ascontiguousarray(early).tobytes() == changes.tobytes(), what
    return len(changes)


def futures(bars: Bars, now: int, factor: float) -> dict[str, Bars]:
    """What may follow: the bars that did, the same at other prices, turned round, standing still, after a long gap."""
    rest = bars[now:]
    other, backwards, still, late = rest.copy(), rest.copy(), rest.copy(), rest.copy()
    for price in lint.PRICES:
        other[price] *= factor
        backwards[price] = rest[price][::-1]
        still[price] = bars["close"][now - 1]
    late["ts"] += 40 * 24 * 3600 * 1_000_000_000
    return {"as it was": rest, "other prices": other, "backwards": backwards, "still": still, "after a gap": late}


def over(strategy: Strategy, bars: Bars, examples: int) -> int:
    """Runs random parameters; how many changes of stance were compared altogether."""
    compared = 0

    @settings(max_examples=examples)
    @given(parameters(strategy), st.integers(1, len(bars) - 1), st.sampled_from([0.5, 0.97, 1.03, 2.0]))
    def check(chosen: dict[str, Any], now: int, factor: float) -> None:
        nonlocal compared
        params = resolve(strategy, chosen)
        assume(strategy.warm_up(params) < len(bars))
        compared += same_until(strategy, params, bars, now, futures(bars, now, factor))

    check()
    return compared


@pytest.mark.parametrize("name", STRATEGIES)
def test_later_bars_change_no_earlier_decision(name: str) -> None:
    assert over(build("strategy", name, STRATEGIES), BARS, 80) > 50


@pytest.mark.data
@pytest.mark.parametrize("data", ["EURUSD_H1", "BTCUSDT_M5"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_later_bars_change_no_earlier_decision_on_recorded_bars(name: str, data: str) -> None:
    assert over(build("strategy", name, STRATEGIES), recorded_bars(data, 3000), 25) > 20


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_newest_bar_is_decided_on(name: str) -> None:
    """Nothing is held back either: with every bar alone as the last one, the same changes are told as it comes."""
    strategy = build("strategy", name, STRATEGIES)
    params = resolve(strategy, {})
    bars = lint.made_bars(strategy.warm_up(params) + 700, 22)
    _, _, changes = decisions(strategy, params, bars)

    assert len(changes)
    for change in changes[:20]:
        alone = decisions(strategy, params, bars[: change["bar"] + 1])[2]
        assert alone.dtype == CHANGE
        assert alone[-1].tobytes() == change.tobytes()
