"""What can be traded: its steps, its currencies, and the one place where prices and sizes are rounded."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from domain.money import NANO, from_decimal

ASSET_CLASSES = ("forex", "metal", "crypto", "other")


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that can be traded. Prices and quantities in 1e-9 (see ``domain.money``).

    ``lot_step``, ``min_quantity`` and ``max_quantity`` are units of the base, not lots: a lot is
    ``contract`` units. ``spread`` is used where the data has none.
    """

    symbol: str
    asset_class: str
    base: str
    quote: str
    tick: int
    contract: int = NANO
    lot_step: int = NANO // 100
    min_quantity: int = NANO // 100
    max_quantity: int = 10**9 * NANO
    spread: int = 0
    venues: dict[str, str] = {}
    listed: bool = True

    def lots(self, quantity: int) -> Decimal:
        """Units to lots, for venues that trade lots."""
        return Decimal(quantity) / Decimal(self.contract)

    def floor_quantity(self, quantity: int) -> int:
        """Down to the lot step; 0 below the minimum; at most the maximum."""
        stepped = min(quantity, self.max_quantity) // self.lot_step * self.lot_step
        return stepped if stepped >= self.min_quantity else 0

    def round_price(self, price: int) -> int:
        """To the nearest tick, half up; for prices that *we* set (limits, stops, targets)."""
        return (price + self.tick // 2) // self.tick * self.tick

    def round_stop(self, price: int, side: int) -> int:
        """To the tick on the side of the smaller risk: up for a long position's stop, down for a short's."""
        return -(-price // self.tick) * self.tick if side > 0 else price // self.tick * self.tick


def unlisted(symbol: str, currency: str, decimals: int) -> Instrument:
    """A symbol the configuration does not list: contract 1, step 0.01, tick from the data's decimals."""
    return Instrument(
        symbol=symbol,
        asset_class="other",
        base=symbol,
        quote=currency,
        tick=from_decimal(Decimal(1).scaleb(-max(0, min(decimals, 9)))),
        listed=False,
    )
