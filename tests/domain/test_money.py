"""Exact numbers."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain.money import (
    NANO,
    ONE,
    convert,
    divide,
    from_decimal,
    from_float,
    from_text,
    times,
    to_decimal,
    to_float,
    to_text,
)

LARGE = 10**27
AMOUNTS = some.integers(-LARGE, LARGE)


@pytest.mark.parametrize(
    ("numerator", "denominator", "quotient"),
    [
        (5, 10, 0),  # half goes to the even neighbour
        (15, 10, 2),
        (25, 10, 2),
        (35, 10, 4),
        (-5, 10, 0),
        (-15, 10, -2),
        (-25, 10, -2),
        (14, 10, 1),
        (16, 10, 2),
        (-14, 10, -1),
        (-16, 10, -2),
        (1, 3, 0),
        (2, 3, 1),
        (0, 7, 0),
    ],
)
def test_divides_half_to_even(numerator: int, denominator: int, quotient: int) -> None:
    assert divide(numerator, denominator) == quotient


@given(some.integers(), some.integers(1, LARGE))
def test_a_quotient_is_rounded_as_a_fraction_is(numerator: int, denominator: int) -> None:
    assert divide(numerator, denominator) == round(Fraction(numerator, denominator))


@given(AMOUNTS)
def test_text_comes_back_as_it_was(amount: int) -> None:
    text = to_text(amount)

    assert from_text(text) == amount
    assert Fraction(text) == Fraction(amount, NANO)
    assert "E" not in text
    assert "e" not in text
    assert not text.endswith(".")
    assert "." not in text or not text.endswith("0")


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (NANO, "1"),
        (-1_500_000_000, "-1.5"),
        (100_000 * NANO, "100000"),
        (10**18 * NANO, "1" + "0" * 18),
    ],
)
def test_text_is_plain_and_short(amount: int, text: str) -> None:
    assert to_text(amount) == text
    assert to_decimal(amount) == Decimal(text)


@pytest.mark.parametrize(
    ("value", "amount"),
    [("1.1", 1_100_000_000), ("0.0000000005", 0), ("0.0000000015", 2), ("-0.0000000025", -2), (3, 3 * NANO)],
)
def test_more_than_nine_decimals_round_half_to_even(value: str | int, amount: int) -> None:
    assert from_decimal(value) == amount


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        from_decimal(value)
    with pytest.raises(ValueError, match="not a finite number"):
        from_float(float(value))


@given(some.decimals(0, 10**6, places=5).map(str))
def test_a_price_of_a_data_file_is_exact(price: str) -> None:
    assert from_float(float(price)) == from_decimal(price)


@given(some.integers(-(10**15), 10**15))
def test_fifteen_digits_survive_as_a_float(amount: int) -> None:
    assert from_float(to_float(amount)) == amount
    assert math.isfinite(to_float(amount))


@given(AMOUNTS, AMOUNTS)
def test_price_times_quantity_is_rounded_once(price: int, quantity: int) -> None:
    exact = Fraction(price, NANO) * Fraction(quantity, NANO)

    assert times(price, quantity) == round(exact * NANO)


@given(AMOUNTS, some.integers(1, 10**15), some.integers(1, 10**15))
def test_a_conversion_is_rounded_once(amount: int, numerator: int, denominator: int) -> None:
    assert convert(amount, (numerator, denominator)) == round(amount * Fraction(numerator, denominator))


@given(AMOUNTS)
def test_the_same_currency_changes_nothing(amount: int) -> None:
    assert convert(amount, ONE) == amount == convert(amount, (7, 7))
