"""Which pairs turn a quote currency into the account's, and the rate they give.

A currency in ``equivalents`` is worth that many units of the account currency ({USDT: 1, USDC: 1}).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal

from domain.money import NANO, ONE, Rate, from_decimal

HUB = "USD"

Equivalents = Mapping[str, Decimal | int | float | str]
Prices = Mapping[str, tuple[int, str, str]]
"""Symbol to (price in 1e-9, base, quote)."""


def pairs_needed(quotes: Iterable[str], account: str, equivalents: Equivalents) -> dict[str, list[str]]:
    """Per currency that needs one, the symbols that could convert it, best first: with the account currency
    either way round, then with USD, for which (under ``USD``) the way on is listed too."""
    needed: dict[str, list[str]] = {}
    for currency in sorted(set(quotes)):
        if currency == account or currency in equivalents:
            continue
        needed[currency] = [account + currency, currency + account]
        if account != HUB and currency != HUB:
            needed[currency] += [HUB + currency, currency + HUB]
            if HUB not in equivalents:
                needed[HUB] = [account + HUB, HUB + account]
    return needed


def rate(quote: str, account: str, prices: Prices, equivalents: Equivalents) -> Rate | None:
    """Account currency per ``quote``: the same currency, an equivalent, a pair, the inverse of one, or
    one hop through USD or an equivalent; None when nothing leads there."""
    found = _direct(quote, account, prices, equivalents)
    if found is not None:
        return found
    for hub in (HUB, *sorted(equivalents)):
        first = _pair(quote, hub, prices) if hub != quote else None
        second = _direct(hub, account, prices, equivalents)
        if first is not None and second is not None:
            return _reduced(first[0] * second[0], first[1] * second[1])
    return None


def _direct(quote: str, account: str, prices: Prices, equivalents: Equivalents) -> Rate | None:
    if quote == account:
        return ONE
    if quote in equivalents:
        worth = equivalents[quote]
        return _reduced(from_decimal(str(worth) if isinstance(worth, float) else worth), NANO)
    return _pair(quote, account, prices)


def _pair(start: str, finish: str, prices: Prices) -> Rate | None:
    """``finish`` per ``start`` from one price; of several the alphabetically first symbol, direct before inverse."""
    for base, quote in ((start, finish), (finish, start)):
        for symbol in sorted(prices):
            price, of, per = prices[symbol]
            if (of, per) == (base, quote) and price > 0:
                return _reduced(price, NANO) if base == start else _reduced(NANO, price)
    return None


def _reduced(numerator: int, denominator: int) -> Rate:
    common = math.gcd(numerator, denominator)
    return numerator // common, denominator // common
