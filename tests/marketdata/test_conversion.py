from __future__ import annotations

from decimal import Decimal

import pytest

from domain.money import NANO, convert
from marketdata.conversion import pairs_needed, rate

PRICES = {
    "EURUSD": (1_100_000_000, "EUR", "USD"),
    "USDJPY": (145 * NANO, "USD", "JPY"),
    "SOLUSDT": (100 * NANO, "SOL", "USDT"),
    "GBPUSD": (0, "GBP", "USD"),
}


@pytest.mark.parametrize(
    ("quotes", "account", "needed"),
    [
        ({"USD"}, "USD", {}),
        ({"USD", "USDT"}, "USD", {}),
        ({"JPY"}, "USD", {"JPY": ["USDJPY", "JPYUSD"]}),
        ({"USD"}, "EUR", {"USD": ["EURUSD", "USDEUR"]}),
        ({"JPY"}, "EUR", {"JPY": ["EURJPY", "JPYEUR", "USDJPY", "JPYUSD"], "USD": ["EURUSD", "USDEUR"]}),
    ],
)
def test_pairs_are_asked_for_where_a_currency_needs_one(
    quotes: set[str], account: str, needed: dict[str, list[str]]
) -> None:
    assert pairs_needed(quotes, account, {"USDT": 1}) == needed


@pytest.mark.parametrize(
    ("quote", "account", "found"),
    [
        ("USD", "USD", (1, 1)),
        ("EUR", "USD", (11, 10)),
        ("USD", "EUR", (10, 11)),
        ("JPY", "USD", (1, 145)),
        ("JPY", "EUR", (2, 319)),
        ("USDT", "USD", (1, 1)),
        ("SOL", "USD", (100, 1)),
        ("GBP", "USD", None),
        ("CHF", "USD", None),
    ],
)
def test_rates_are_direct_inverse_equivalent_or_one_hop(
    quote: str, account: str, found: tuple[int, int] | None
) -> None:
    assert rate(quote, account, PRICES, {"USDT": 1} if account == "USD" else {}) == found


def test_a_rate_converts_money_without_losing_any() -> None:
    yen = rate("JPY", "USD", PRICES, {})
    assert yen is not None
    assert convert(14_500 * NANO, yen) == 100 * NANO


@pytest.mark.parametrize("worth", ["0.999", 0.999, Decimal("0.999")])
def test_an_equivalent_is_worth_what_is_configured(worth: str | float | Decimal) -> None:
    assert rate("USDC", "USD", {}, {"USDC": worth}) == (999, 1000)
