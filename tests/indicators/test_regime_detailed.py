from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from indicators.regime import DETAILED, detailed

USUAL: dict[str, float] = {
    "adx": 22.0,
    "plus": 30.0,
    "minus": 20.0,
    "atr": 1.0,
    "mean_atr": 1.0,
    "width": 0.02,
    "place": 0.5,
    "volume": 1.0,
    "fast": 101.0,
    "slow": 100.0,
}
LOUD = {"volume": 1.6, "atr": 1.4}
MIRROR = {"BULL": "BEAR", "BEAR": "BULL"}


def said(**changed: float) -> str:
    facts = {**USUAL, **changed}
    return DETAILED[detailed(*(facts[name] for name in USUAL))]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "NORMAL"),
        ({"adx": 19.9}, "RANGING"),
        ({"adx": 25.1}, "TRENDING_BULL"),
        ({"adx": 25.0}, "NORMAL"),
        ({"adx": 30.0, "plus": 20.0, "minus": 30.0}, "REVERSAL_BEAR"),
        ({"adx": 30.0, "fast": 99.0}, "REVERSAL_BULL"),
        ({"adx": 30.0, "fast": 100.0}, "TRENDING_BULL"),  # equal averages say nothing
        ({"adx": 30.0, "plus": 20.0, "minus": 20.0}, "NORMAL"),
        ({"atr": 2.1, "adx": 30.0}, "VOLATILE_HIGH"),
        ({"atr": 2.0, "adx": 30.0}, "TRENDING_BULL"),
        ({"atr": 0.5, "width": 0.009}, "VOLATILE_LOW"),
        ({"atr": 0.5, "width": 0.02}, "NORMAL"),
        ({**LOUD, "place": 0.9}, "BREAKOUT_BULL"),
        ({**LOUD, "place": 0.8}, "NORMAL"),
        ({**LOUD, "place": 0.1}, "NORMAL"),  # against the averages
        ({**LOUD, "place": 0.9, "volume": math.nan}, "NORMAL"),
        ({**LOUD, "place": 0.9, "atr": 2.5}, "VOLATILE_HIGH"),
        ({**LOUD, "place": 0.9, "adx": 30.0}, "BREAKOUT_BULL"),
    ],
)
def test_the_detailed_regime(changed: Any, expected: str) -> None:
    assert said(**changed) == expected


@pytest.mark.parametrize("name", [name for name in USUAL if name != "volume"])
def test_it_is_not_known_while_a_fact_is_missing(name: str) -> None:
    assert said(**{name: math.nan}) == ""


def test_a_mirrored_market_swaps_bull_and_bear() -> None:
    random = np.random.default_rng(51)
    found = set()
    for _ in range(3000):
        facts = {
            "adx": random.uniform(10, 40),
            "plus": random.uniform(10, 40),
            "minus": random.uniform(10, 40),
            "atr": random.uniform(0.3, 2.3),
            "width": random.uniform(0.0, 0.03),
            "place": random.random(),
            "volume": random.uniform(0.5, 3),
            "fast": random.uniform(99, 101),
        }
        turned = {
            "plus": facts["minus"],
            "minus": facts["plus"],
            "place": 1 - facts["place"],
            "fast": 200 - facts["fast"],
        }
        one, other = said(**facts), said(**{**facts, **turned})
        found.add(one)
        name, _, side = one.partition("_")
        assert other == (f"{name}_{MIRROR[side]}" if side in MIRROR else one)
    assert found == set(DETAILED) - {""}
