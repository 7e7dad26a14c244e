"""Exact numbers: prices, quantities and money are integers of 1e-9, ``Decimal`` at the edges.

A price is 1e-9 of the quote currency per unit of the base; a quantity is 1e-9 units of the base
(EURUSD 0.01 lot = 1,000 units = 10**12); money is 1e-9 of its currency. Money is never rounded to
cents; a product is rounded once, half to even, at 1e-9.
"""

from __future__ import annotations

import math
from decimal import Decimal

NANO = 1_000_000_000


def from_float(value: float) -> int:
    """The nearest 1e-9 of a float as data files hold it. Raises ValueError on NaN or infinity."""
    if not math.isfinite(value):
        raise ValueError(f"not a finite number: {value}")
    return round(value * 1e9)


def to_float(value: int) -> float:
    """For kernels, metrics and JSON numbers; exact to 15 digits."""
    return value / 1e9


def from_decimal(value: Decimal | int | str) -> int:
    """Exact up to nine decimals; more are rounded half to even. Raises ValueError if not finite."""
    number = Decimal(value)
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value}")
    return int((number * NANO).to_integral_value())


def to_decimal(value: int) -> Decimal:
    """The exact decimal, without trailing zeros (as in the database and in messages to people)."""
    number = Decimal(value).scaleb(-9).normalize()
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number


def to_text(value: int) -> str:
    """Exact decimal text, never in exponent form, without trailing zeros."""
    whole, rest = divmod(abs(value), NANO)
    text = f"{whole}.{rest:09d}".rstrip("0") if rest else str(whole)
    return f"-{text}" if value < 0 else text


def from_text(text: str) -> int:
    return from_decimal(text)


def divide(numerator: int, denominator: int) -> int:
    """Integer quotient rounded half to even; the denominator is positive."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        quotient += 1
    return quotient


def times(price: int, quantity: int) -> int:
    """price x quantity as money in the quote currency."""
    return divide(price * quantity, NANO)


Rate = tuple[int, int]
"""Account currency per quote currency as (numerator, denominator), so that nothing is lost."""

ONE: Rate = (1, 1)


def convert(amount: int, rate: Rate) -> int:
    """Money in the quote currency to money in the account currency."""
    if rate == ONE:
        return amount
    return divide(amount * rate[0], rate[1])
