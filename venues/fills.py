"""The one fill model, pure: at which price and for how much an order fills inside a bar (design section 9).

Paper and backtest share it. Everything is an integer of 1e-9; bars are BID, so buys pay the spread on
top. A price out of the data keeps the data's price: it is never rounded to the tick.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from domain.errors import ConfigError
from domain.instrument import ASSET_CLASSES, Instrument
from domain.money import NANO, divide, from_decimal, from_float
from domain.order import BUY

NEXT_OPEN = "next_open"
SAME_CLOSE = "same_close"
DATA_SPREAD = "data"
NO_SPREAD = "none"

NO_LIMIT = 10**30
"""The room of a bar whose volume limits nothing (1e-9 units)."""

Bps = float | str | Decimal
"""Basis points, 1/10,000, as configurations hold them."""

_BPS = 10_000 * NANO


class Terms(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What trading one instrument costs: bps, share of the volume and spread as integers of 1e-9.

    ``financing_long`` and ``financing_short`` are bps of the position's cost per night; positive is paid.
    """

    asset_class: str
    quote: str
    lot_step: int
    commission: int = 0
    slippage: int = 0
    participation: int = 0
    spread: int = 0
    spread_from_data: bool = True
    financing_long: int = 0
    financing_short: int = 0


class FillModel(msgspec.Struct, frozen=True, kw_only=True):
    """How orders fill and what that costs. Costs are one number for all, or by asset class with ``default``.

    ``participation`` is the largest share of a bar's volume (in units of the base) that the account may
    trade, 0 for no limit. ``financing_bps``: asset class -> {long, short} per night. What is left out
    costs nothing. Raises ConfigError naming every value that is out of range.
    """

    fill_on: str = NEXT_OPEN
    commission_bps: Bps | dict[str, Bps] = 0.0
    slippage_bps: Bps | dict[str, Bps] = 0.0
    spread: str = DATA_SPREAD
    participation: Bps = 0.0
    financing_bps: dict[str, dict[str, Bps]] = {}

    def __post_init__(self) -> None:
        problems = [
            *_one_of("fill_on", self.fill_on, (NEXT_OPEN, SAME_CLOSE)),
            *_one_of("spread", self.spread, (DATA_SPREAD, NO_SPREAD)),
            *_in_range("participation", self.participation, 0, 1),
            *_costs("commission_bps", self.commission_bps),
            *_costs("slippage_bps", self.slippage_bps),
            *_classes("financing_bps", self.financing_bps),
        ]
        for asset_class, sides in self.financing_bps.items():
            for side, value in sides.items():
                problems += _one_of(f"financing_bps.{asset_class}", side, ("long", "short"))
                problems += _in_range(f"financing_bps.{asset_class}.{side}", value, -10_000, 10_000)
        if problems:
            raise ConfigError(problems)

    def terms(self, instrument: Instrument) -> Terms:
        """The model's numbers for one instrument, made into integers once."""
        nightly = self.financing_bps.get(instrument.asset_class, self.financing_bps.get("default", {}))
        return Terms(
            asset_class=instrument.asset_class,
            quote=instrument.quote,
            lot_step=instrument.lot_step,
            commission=_nano(_by_class(self.commission_bps, instrument.asset_class)),
            slippage=_nano(_by_class(self.slippage_bps, instrument.asset_class)),
            participation=_nano(self.participation),
            spread=instrument.spread if self.spread == DATA_SPREAD else 0,
            spread_from_data=self.spread == DATA_SPREAD,
            financing_long=_nano(nightly.get("long", 0.0)),
            financing_short=_nano(nightly.get("short", 0.0)),
        )


class Prices(msgspec.Struct, frozen=True, gc=False):
    """One closed bar in 1e-9: BID prices, the spread above them, the volume in units (0 = unknown)."""

    ts: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    spread: int


def prices(row: tuple[int, int, int, float, float, float, float, float, float], terms: Terms) -> Prices:
    """A row of ``domain.market.BAR`` (as ``.item()`` gives it) in integers; without a spread the instrument's."""
    _, _, ts, opened, high, low, close, volume, spread = row
    own = terms.spread_from_data and not math.isnan(spread)
    return Prices(
        ts,
        from_float(opened),
        from_float(high),
        from_float(low),
        from_float(close),
        from_float(volume) if volume > 0 else 0,
        from_float(spread) if own else terms.spread,
    )


# -- prices --------------------------------------------------------------------------------------


def slipped(price: int, side: int, terms: Terms) -> int:
    """The price made worse by the slippage."""
    return price + side * divide(price * terms.slippage, _BPS)


def at_open(bar: Prices, side: int, terms: Terms) -> int:
    """What a market order pays at the bar's open."""
    return slipped(bar.open + bar.spread if side == BUY else bar.open, side, terms)


def at_close(bar: Prices, side: int, terms: Terms) -> int:
    """What a market order pays at the bar's close."""
    return slipped(bar.close + bar.spread if side == BUY else bar.close, side, terms)


def stop(bar: Prices, side: int, trigger: int, terms: Terms) -> int | None:
    """What a stop order pays: the worse of open and trigger, then slippage; None if it does not trigger.

    A sell stop triggers on the bid, a buy stop (also the stop of a short) on the ask.
    """
    if side == BUY:
        return slipped(max(bar.open + bar.spread, trigger), side, terms) if bar.high + bar.spread >= trigger else None
    return slipped(min(bar.open, trigger), side, terms) if bar.low <= trigger else None


def limit(bar: Prices, side: int, price: int) -> int | None:
    """What a limit order pays: the better of open and limit, without slippage; None if it is not reached.

    A sell limit (also the target of a long) is reached by the bid, a buy limit by the ask.
    """
    if side == BUY:
        return min(bar.open + bar.spread, price) if bar.low + bar.spread <= price else None
    return max(bar.open, price) if bar.high >= price else None


def opening(bar: Prices) -> Prices:
    """The bar as it stands at its open: whatever triggers here had gapped."""
    return msgspec.structs.replace(bar, high=bar.open, low=bar.open)


def from_entry(bar: Prices, side: int, price: int) -> Prices:
    """The bar seen from an entry inside it, pessimistically: the whole range still to come, the open at the entry."""
    bid = price - bar.spread if side == BUY else price
    return msgspec.structs.replace(bar, open=min(max(bid, bar.low), bar.high))


# -- quantities and costs ------------------------------------------------------------------------


def room(bar: Prices, terms: Terms) -> int:
    """Units that the account may trade in this bar, down to the lot step."""
    if not terms.participation or not bar.volume:
        return NO_LIMIT
    return bar.volume * terms.participation // NANO // terms.lot_step * terms.lot_step


def commission(price: int, quantity: int, terms: Terms) -> int:
    """Money in the quote currency for a fill: notional x bps, rounded once."""
    return divide(price * quantity * terms.commission, NANO * _BPS)


def financing(cost: int, nights: int, terms: Terms) -> int:
    """Money in the quote currency to pay for holding a position of this signed cost over nights."""
    rate = terms.financing_long if cost > 0 else terms.financing_short
    return nights * divide(abs(cost) * rate, _BPS)


# -- configuration -------------------------------------------------------------------------------


def _nano(value: Bps) -> int:
    return from_decimal(str(value))


def _by_class(costs: Bps | dict[str, Bps], asset_class: str) -> Bps:
    return costs.get(asset_class, costs.get("default", 0.0)) if isinstance(costs, dict) else costs


def _one_of(key: str, value: str, known: tuple[str, ...]) -> list[str]:
    return [] if value in known else [f"{key}: {value!r} is not one of {', '.join(known)}"]


def _in_range(key: str, value: Bps, low: int, high: int) -> list[str]:
    try:
        inside = low <= Decimal(str(value)) <= high
    except InvalidOperation:
        inside = False
    return [] if inside else [f"{key}: {value!r} is not a number from {low} to {high}"]


def _classes(key: str, costs: Mapping[str, object]) -> list[str]:
    return [problem for name in costs for problem in _one_of(key, name, (*ASSET_CLASSES, "default"))]


def _costs(key: str, costs: Bps | dict[str, Bps]) -> list[str]:
    if not isinstance(costs, dict):
        return _in_range(key, costs, 0, 10_000)
    ranges = [problem for name, value in costs.items() for problem in _in_range(f"{key}.{name}", value, 0, 10_000)]
    return _classes(key, costs) + ranges
