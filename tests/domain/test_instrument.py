"""Sizes and prices are rounded in one place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.instrument import unlisted
from domain.money import NANO
from tests.factories import EURUSD, an_instrument, nano

STEPS = some.integers(1, 10**12)


@pytest.mark.parametrize(
    ("units", "floored"),
    [(999, 0), (1_000, 1_000), (1_999, 1_000), (2_000, 2_000), (0, 0), (-5_000, 0), (60_000_000, 50_000_000)],
)
def test_a_size_goes_down_to_the_lot_step(units: int, floored: int) -> None:
    assert EURUSD.floor_quantity(units * NANO) == floored * NANO


def test_a_size_below_the_minimum_is_nothing() -> None:
    instrument = an_instrument(min_quantity=3_000 * NANO)

    assert instrument.floor_quantity(3_000 * NANO - 1) == 0
    assert instrument.floor_quantity(3_000 * NANO) == 3_000 * NANO


@given(some.integers(0, 10**20), STEPS, some.integers(0, 10**15), some.integers(10**15, 10**19))
def test_a_rounded_size_is_never_larger_and_always_on_the_step(size: int, step: int, least: int, most: int) -> None:
    changed: dict[str, Any] = {"lot_step": step, "min_quantity": least, "max_quantity": most}
    floored = an_instrument(**changed).floor_quantity(size)

    assert 0 <= floored <= min(size, most)
    assert floored % step == 0
    assert floored == 0 or floored >= least
    assert min(size, most) - floored < step or floored == 0


@pytest.mark.parametrize(
    ("price", "rounded"),
    [("1.100004", "1.1"), ("1.100005", "1.10001"), ("1.100006", "1.10001"), ("1.1", "1.1")],
)
def test_a_price_that_we_set_goes_to_the_nearest_tick(price: str, rounded: str) -> None:
    assert EURUSD.round_price(nano(price)) == nano(rounded)


@pytest.mark.parametrize(
    ("price", "side", "rounded"),
    [
        ("1.098001", 1, "1.09801"),
        ("1.098009", 1, "1.09801"),
        ("1.098", 1, "1.098"),
        ("1.102009", -1, "1.102"),
        ("1.102001", -1, "1.102"),
        ("1.102", -1, "1.102"),
    ],
)
def test_a_stop_goes_to_the_tick_with_the_smaller_risk(price: str, side: int, rounded: str) -> None:
    assert EURUSD.round_stop(nano(price), side) == nano(rounded)


@given(some.integers(1, 10**15), some.integers(1, 10**12))
def test_a_rounded_price_is_on_a_tick_and_near(price: int, tick: int) -> None:
    instrument = an_instrument(tick=tick)
    near, up, down = instrument.round_price(price), instrument.round_stop(price, 1), instrument.round_stop(price, -1)

    assert near % tick == up % tick == down % tick == 0
    assert down <= price <= up < down + 2 * tick
    assert abs(near - price) * 2 <= tick


def test_units_in_lots() -> None:
    assert EURUSD.lots(10_000 * NANO) == Decimal("0.1")


@pytest.mark.parametrize(("decimals", "tick"), [(5, "0.00001"), (0, "1"), (2, "0.01"), (12, "0.000000001"), (-3, "1")])
def test_an_unlisted_symbol_takes_its_tick_from_the_data(decimals: int, tick: str) -> None:
    made = unlisted("ABC", "USD", decimals)

    assert made.tick == nano(tick)
    assert (made.contract, made.lot_step, made.quote, made.listed) == (NANO, nano("0.01"), "USD", False)
