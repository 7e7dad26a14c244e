"""How many units a method asks for, before rooms and caps."""

from __future__ import annotations

from typing import Any

import pytest

from domain.money import NANO
from domain.registry import load
from risk.sizing import SIZING
from risk.view import Denial, Wish
from tests.factories import T, a_config, a_view, nano


def asks(method: str, stop: str = "0.002", config: dict[str, Any] | None = None, **view: Any) -> int | Denial:
    wish = Wish("EURUSD", 1, T, nano("1.1"), nano(stop), 0, 0, nano("1.1"))
    size: int | Denial = load(SIZING[method]).build(a_config(**config or {})).size(wish, a_view(**view))
    return size


@pytest.mark.parametrize(
    ("stop", "fraction", "equity", "rate", "units"),
    [
        ("0.002", 0.005, 100_000, (1, 1), "250000"),  # 500 at risk over 0.002
        ("0.001", 0.005, 100_000, (1, 1), "500000"),
        ("0.002", 0.01, 50_000, (1, 1), "250000"),
        ("0.002", 0.005, 100_000, (1, 2), "500000"),
        ("2", 0.005, 100_000, (1, 150), "37500"),  # a quote currency of which 150 make one
        ("0.003", 0.005, 100_000, (1, 1), "166666.666666666"),  # down, never up
        ("0.002", 1.0, 1, (1, 1), "500"),
    ],
)
def test_a_fraction_of_equity_is_at_risk(
    stop: str, fraction: float, equity: int, rate: tuple[int, int], units: str
) -> None:
    config = {"risk_fraction": fraction}

    assert asks("fixed_fraction", stop, config, equity=equity * NANO, rate=rate) == nano(units)


@pytest.mark.parametrize(
    ("stop", "equity", "denial"),
    [
        ("0", 100_000, Denial("STOP_REQUIRED", 0.0, 0)),
        ("-0.1", 100_000, Denial("STOP_REQUIRED", -0.1, 0)),
        ("0.002", 0, Denial("NO_EQUITY", 0.0, 0)),
        ("0.002", -5, Denial("NO_EQUITY", -5.0, 0)),
    ],
)
def test_without_a_stop_or_equity_there_is_nothing_to_size_by(stop: str, equity: int, denial: Denial) -> None:
    assert asks("fixed_fraction", stop, equity=equity * NANO) == denial


@pytest.mark.parametrize("stop", ["0", "0.002"])
def test_fixed_units_are_always_the_same(stop: str) -> None:
    assert asks("fixed_units", stop, {"units": 10_000 * NANO}, equity=1) == 10_000 * NANO
