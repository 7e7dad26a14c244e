"""Where the higher bars of a symbol begin follows from its asset class, without anybody setting it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from domain.market import Bars
from domain.timeframe import HOUR, bucket
from strategies.base import DAY, OWN, Strategy, fingerprint, resolve, strategy
from strategies.confluence import HIGH, HIGH_BARS, confluence
from strategies.runner import Rows
from tests.strategies.making import closing

JULY = 1_720_051_200_000_000_000  # 2024-07-04T00:00Z: New York is at UTC-4, 17:00 there is 21:00Z
ASKED = {"middle": 2, "high": 4, "trend": 5, "adx": 3, "atr": 3, "sweep": 5}
"""On H1: H2, which begins by UTC anyway, and H4."""


def hourly(count: int = 400, seed: int = 5) -> Bars:
    bars = closing(*(100.0 + np.random.default_rng(seed).normal(0, 1, count).cumsum()), every=HOUR)
    bars["ts"] += JULY
    return bars


def states(asset_class: str, **given: Any) -> np.ndarray:
    """The state after all bars, but for where the day begins."""
    rows = Rows(confluence, resolve(confluence, {**ASKED, **given}), 1, [asset_class] if asset_class else [])
    rows.series(hourly())
    rows.state[:, DAY] = 0.0
    return rows.state[0]


@pytest.mark.parametrize(
    ("asset_class", "anchor"),
    [("forex", "new_york"), ("metal", "new_york"), ("crypto", "utc"), ("index", "utc"), ("other", "utc"), ("", "utc")],
)
def test_auto_is_the_anchor_of_the_asset_class(asset_class: str, anchor: str) -> None:
    other = {"utc": "new_york", "new_york": "utc"}[anchor]

    assert states(asset_class).tobytes() == states(asset_class, anchor=anchor).tobytes()
    assert states(asset_class).tobytes() != states(asset_class, anchor=other).tobytes()


@pytest.mark.parametrize("anchor", ["utc", "new_york"])
def test_an_anchor_that_is_set_holds_for_every_asset_class(anchor: str) -> None:
    assert states("forex", anchor=anchor).tobytes() == states("crypto", anchor=anchor).tobytes()


@pytest.mark.parametrize("asset_class", ["forex", "crypto"])
def test_the_higher_bars_are_those_of_the_design(asset_class: str) -> None:
    """H4 of the same bars by ``domain.timeframe.bucket``: the trend of the high timeframe changes as they close."""
    rows, bars = Rows(confluence, resolve(confluence, ASKED), 1, [asset_class]), hourly()
    ends = []
    for i in range(len(bars)):
        rows.step(bars[i : i + 1], np.zeros(1, np.int64))
        ends.append(int(rows.state[0, HIGH_BARS + 2]))

    told = [bucket(int(one), "H4", asset_class)[1] for one in bars["ts"]]
    assert ends[2:] == told[2:]  # the length of a base bar is known from the second one on
    assert rows.state[0, HIGH] in (-1.0, 0.0, 1.0)


def test_symbols_of_one_host_have_each_their_own() -> None:
    """EURUSD beside BTC with one set of parameters, as in the first run that anybody makes."""
    params, bars = resolve(confluence, ASKED), hourly()
    both = Rows(confluence, params, 2, ["forex", "crypto"])

    both.step(np.concatenate([bars, bars]), np.repeat(np.array([0, 1]), len(bars)))

    for row, asset_class in enumerate(("forex", "crypto")):
        alone = Rows(confluence, params, 1, [asset_class])
        alone.series(bars)
        assert both.state[row].tobytes() == alone.state[0].tobytes()
    assert both.state[0, OWN:].tobytes() != both.state[1, OWN:].tobytes()


def test_what_is_set_for_all_symbols_is_what_a_run_records() -> None:
    """One text for all symbols: what it means for each follows from its instrument, which is recorded too."""
    assert '"anchor":"auto"' in fingerprint(resolve(confluence, {}))


def test_a_strategy_of_ones_own_may_read_it() -> None:
    @strategy(
        params=type(resolve(confluence, {})), own_slots=lambda p: 0, warm_up=lambda p: 0, words=("",), compiled=False
    )
    def told(state: Any, bar: Any, params: Any) -> int:
        """Where its day begins."""
        return int(state[DAY])

    assert isinstance(told, Strategy)
    rows = Rows(told, resolve(confluence, {}), 2, ["crypto", "forex"])
    said = rows.step(hourly(2), np.array([0, 1]))
    assert said.stances.tolist() == [0, 1]


def test_as_many_asset_classes_as_rows_are_needed() -> None:
    with pytest.raises(ValueError, match="could not broadcast"):
        Rows(confluence, resolve(confluence, {}), 3, ["forex", "crypto"])
