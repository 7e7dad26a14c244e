"""Symbols that are known to move together, for while there are too few returns to see it.

A member stands for every symbol of its name, or of its base and quote currency: ``EURUSD`` for ``EURUSDm``, ``BTCUSD``
for ``BTC`` and ``BTCUSDT``. One with a minus moves against the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.instrument import Instrument

GROUPS: dict[str, tuple[str, ...]] = {
    "europe": ("EURUSD", "GBPUSD", "-USDCHF"),
    "risk_on": ("AUDUSD", "NZDUSD", "-USDCAD"),
    "yen": ("USDJPY", "EURJPY", "GBPJPY", "AUDJPY", "NZDJPY", "CADJPY", "CHFJPY"),
    "metals": ("XAUUSD", "XAGUSD"),
    "crypto": ("BTCUSD", "ETHUSD", "SOLUSD", "LTCUSD", "XRPUSD", "BCHUSD", "BNBUSD", "ADAUSD", "DOTUSD"),
    "energy": ("USOIL", "UKOIL", "XTIUSD", "XBRUSD"),
}
"""Where none are configured."""

DOLLARS = ("USDT", "USDC")


class Groups:
    """Who moves with whom: +1 together, -1 against, 0 unknown."""

    def __init__(self, groups: Mapping[str, Sequence[str]]) -> None:
        self._signs: dict[str, dict[str, int]] = {}
        for group, members in groups.items():
            for member in members:
                name = member.removeprefix("-")
                self._signs.setdefault(name, {})[group] = -1 if member != name else 1
        self._of: dict[tuple[str, str, str], dict[str, int]] = {}

    def together(self, one: Instrument, other: Instrument, side: int) -> bool:
        """Whether a group says that they move together (``side`` 1) or against each other (-1)."""
        first, second = self._groups(one), self._groups(other)
        return any(sign * second.get(group, 0) == side for group, sign in first.items())

    def _groups(self, one: Instrument) -> dict[str, int]:
        key = (one.symbol, one.base, one.quote)
        found = self._of.get(key)
        if found is None:
            quote = "USD" if one.quote in DOLLARS else one.quote
            found = self._of[key] = self._signs.get(one.base + quote, {}) | self._signs.get(one.symbol, {})
        return found
