"""What trading cost: commission, financing, and what the fill model put on top of the data's prices.

Money of a quote currency is converted at the close of the bar in which it was paid, by the pairs that were traded.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from domain.instrument import Instrument
from domain.money import to_float
from domain.order import BUY, FINANCING, TARGET, Fill
from marketdata.conversion import HUB
from orchestration.backtest.measures.ratios import divided
from orchestration.backtest.result import Floats, Result, Times
from venues.fills import FillModel, Terms

Plain = dict[str, Any]

KINDS = ("commission", "financing", "spread", "slippage", "traded")


class _Fills:
    """The fills of one symbol as arrays."""

    def __init__(self, fills: list[Fill], kinds: dict[str, str]) -> None:
        self.at: Times = np.array([one.at for one in fills], np.int64)
        self.bar_ts: Times = np.array([one.bar_ts for one in fills], np.int64)
        self.side = np.array([one.side for one in fills])
        self.quantity = np.array([to_float(one.quantity) for one in fills])
        self.price = np.array([to_float(one.price) for one in fills])
        self.paid = np.array([to_float(one.commission) for one in fills])
        self.financing = np.array([one.reason == FINANCING for one in fills])
        self.slipped = np.array(
            [one.reason != TARGET and kinds.get(one.order_id, "MARKET") != "LIMIT" for one in fills]
        )


def cost_metrics(result: Result, average_equity: float | None, years: float | None) -> Plain:
    """Sums in the account currency, None where a rate is missing; ``by_currency`` is as it was paid.

    ``spread`` is the whole spread on every buy (bars are bid), ``slippage`` what market and stop orders were made
    worse by; both are inside the prices of the fills, and neither holds the way from a decision to the next open.
    """
    by_symbol: dict[str, list[Fill]] = {}
    for fill in result.fills:
        by_symbol.setdefault(fill.symbol, []).append(fill)
    kinds = {one.order.id: one.order.kind for one in result.orders}
    venues = {one.order.symbol: one.order.venue for one in result.orders}
    models = {one.name: FillModel(**one.costs()) for one in result.settings.venues}
    paid: dict[str, dict[str, float]] = {}
    sums: dict[str, float | None] = dict.fromkeys(KINDS, 0.0)
    missing: set[str] = set()
    for symbol in sorted(by_symbol):
        instrument = result.instruments[symbol]
        fills = _Fills(by_symbol[symbol], kinds)
        model = models.get(venues.get(symbol, ""), next(iter(models.values()), FillModel()))
        costs = _costs(result, symbol, fills, model.terms(instrument))
        rates = conversion(result, instrument.quote, fills.at)
        if rates is None:
            missing.add(instrument.quote)
        own = paid.setdefault(instrument.quote, dict.fromkeys(KINDS, 0.0))
        for kind, amounts in costs.items():
            own[kind] += float(amounts.sum())
            known = sums[kind]
            if rates is None:
                sums[kind] = known if not amounts.any() else None
            elif known is not None:
                sums[kind] = known + float((amounts * rates).sum())
    traded = sums.pop("traded")
    turnover = divided(traded, average_equity)
    return {
        **sums,
        "total": _total(sums),
        "by_currency": paid,
        "unconverted": sorted(missing),
        "of_closed_trades": sum(to_float(closed.commission) for closed, _ in result.closes),
        "traded": traded,
        "turnover": turnover,
        "turnover_a_year": divided(turnover, years),
    }


def _costs(result: Result, symbol: str, fills: _Fills, terms: Terms) -> dict[str, Floats]:
    """Each kind of cost for each fill, in the quote currency."""
    notional = fills.price * fills.quantity
    slip = to_float(terms.slippage) / 10_000
    unslipped = notional / np.maximum(1 + fills.side * slip, 1e-9)
    spread = _spread(result, symbol, fills, terms)
    return {
        "commission": np.where(fills.financing, 0.0, fills.paid),
        "financing": np.where(fills.financing, fills.paid, 0.0),
        "spread": np.where(fills.side == BUY, spread * fills.quantity, 0.0),
        "slippage": np.where(fills.slipped, np.abs(notional - unslipped), 0.0),
        "traded": notional,
    }


def _spread(result: Result, symbol: str, fills: _Fills, terms: Terms) -> Floats:
    """The spread of the bar of each fill: the data's, else the instrument's."""
    bars = result.prices.get(symbol)
    found = np.full(len(fills.at), np.nan)
    if bars is not None and len(bars) and terms.spread_from_data:
        place = np.clip(np.searchsorted(bars["ts"], fills.bar_ts), 0, len(bars) - 1)
        found = np.where(bars["ts"][place] == fills.bar_ts, bars["spread"][place], np.nan)
    return np.where(np.isnan(found), to_float(terms.spread), found)


# -- conversion ----------------------------------------------------------------------------------


def conversion(result: Result, currency: str, at: Times) -> Floats | None:
    """Account currency per unit of ``currency`` at each time; None if no pair leads there.

    The same currency, an equivalent, a traded pair or its inverse, or one hop through USD or an equivalent: the way of
    ``marketdata.conversion``, over arrays.
    """
    account = result.settings.account
    if not account.convert:
        return np.ones(len(at))
    direct = _direct(result, currency, account.currency, at)
    if direct is not None:
        return direct
    for hub in (HUB, *sorted(account.equivalents)):
        first = _pair(result, currency, hub, at) if hub != currency else None
        second = _direct(result, hub, account.currency, at)
        if first is not None and second is not None:
            return first * second
    return None


def _direct(result: Result, start: str, finish: str, at: Times) -> Floats | None:
    if start == finish:
        return np.ones(len(at))
    if start in result.settings.account.equivalents:
        return np.full(len(at), to_float(result.settings.account.equivalents[start]))
    return _pair(result, start, finish, at)


def _pair(result: Result, start: str, finish: str, at: Times) -> Floats | None:
    for base, quote in ((start, finish), (finish, start)):
        for symbol in sorted(result.prices):
            one: Instrument = result.instruments[symbol]
            if (one.base, one.quote) == (base, quote) and len(result.prices[symbol]):
                closes = _closes_at(result, symbol, at)
                return closes if base == start else 1 / closes
    return None


def _closes_at(result: Result, symbol: str, at: Times) -> NDArray[np.float64]:
    """Close of the bar that holds each time, the first bar's before it."""
    bars = result.prices[symbol]
    place = np.searchsorted(bars["ts"], at, "right") - 1
    found: NDArray[np.float64] = bars["close"][np.maximum(place, 0)]
    return found


def _total(sums: dict[str, float | None]) -> float | None:
    known = [one for one in sums.values() if one is not None]
    return sum(known) if len(known) == len(sums) else None
