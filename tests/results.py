"""A small backtest made by hand: two symbols, hourly bars over some months, a trade every few bars."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from domain.book import Closed
from domain.instrument import Instrument
from domain.market import BAR, Bars, FeedInfo
from domain.money import NANO, from_float, to_float
from domain.order import BUY, ENTRY, FILLED, SELL, SIGNAL, STOP, Denied, Fill, Order
from domain.timeframe import HOUR, iso
from orchestration.backtest.result import Refusal, Result, Sent
from orchestration.settings import Overrides, Settings, load
from risk.state import TradingState
from risk.statistics import Part
from tests.factories import LISTED, MONDAY, a_candidate, a_fill, an_order

BARS, EVERY = 2_000, 40
START = {"EURUSD": 1.1, "BTC": 40_000.0}
UNITS = {"EURUSD": 10_000 * NANO, "BTC": NANO // 4}
DENIED = ("MAX_SPREAD", "MAX_SPREAD", "MAX_SPREAD", "COOLDOWN")


def settings(*symbols: str, **changed: Any) -> Settings:
    given: dict[str, Any] = {"symbols": symbols, "sets": ("strategy.fast=10", "strategy.slow=30")}
    return load(Overrides(**given | changed), {})


def a_walk(symbol: str, count: int = BARS) -> Bars:
    """Hourly bars that wander, the same ones each time."""
    made = np.zeros(count, BAR)
    random = np.random.Generator(np.random.PCG64(len(symbol)))
    closes = START[symbol[:6] if symbol[:6] in START else "EURUSD"] * np.exp(
        np.cumsum(random.normal(0.00005, 0.0015, count))
    )
    made["ts"] = MONDAY + HOUR * np.arange(count)
    made["close"] = np.round(closes, 5)
    made["open"][1:] = made["close"][:-1]
    made["open"][:1] = made["close"][:1]
    made["high"] = np.maximum(made["open"], made["close"]) * 1.0003
    made["low"] = np.minimum(made["open"], made["close"]) * 0.9997
    made["spread"] = np.nan
    return made


def a_result(symbols: tuple[str, ...] = ("EURUSD", "BTC"), count: int = BARS, **changed: Any) -> Result:
    """Long and short by turns, each trade held for half of ``EVERY`` bars, 2 of commission at each end."""
    prices = {one: a_walk(one, count) for one in symbols}
    told = changed.get("settings") or settings(*symbols)
    moments = prices[symbols[0]]["ts"] + HOUR
    gain, exposure = np.zeros(count), np.zeros(count)
    fills: list[Fill] = []
    orders: list[Sent] = []
    closes: list[tuple[Closed, Part]] = []
    refusals: list[Refusal] = []
    for symbol in symbols:
        for number, first in enumerate(range(10, count - EVERY, EVERY)):
            opened, closed = _round_trip(symbol, prices[symbol], number, first)
            fills += [opened, closed]
            orders += [_sent(opened), _sent(closed)]
            closes.append(_closed(opened, closed))
            side, units = opened.side, to_float(opened.quantity)
            inside = prices[symbol]["close"][first : first + EVERY // 2]
            gain[first : first + EVERY // 2] += side * units * (inside - to_float(opened.price)) - 2
            gain[first + EVERY // 2 :] += to_float(closes[-1][1].net)
            exposure[first : first + EVERY // 2] += units * inside
            code = DENIED[number % len(DENIED)]
            refused = Denied(f"refused-{symbol}-{number}", symbol, code, 1.5, 1.0, opened.at)
            refusals.append(Refusal(a_candidate(symbol, at=opened.at), refused))
    equity = 100_000 + gain
    usual: dict[str, Any] = {
        "settings": told,
        "info": an_info(symbols, int(moments[0]) if count else 0, int(moments[-1]) if count else None),
        "instruments": {one: _instrument(one) for one in symbols},
        "bars": count * len(symbols),
        "prices": prices,
        "moments": moments,
        "equity": equity,
        "exposure": exposure,
        "equity_final": from_float(float(equity[-1])) if count else told.account.cash,
        "fills": tuple(sorted(fills, key=lambda one: one.at)),
        "orders": tuple(sorted(orders, key=lambda one: one.order.at)),
        "closes": tuple(sorted(closes, key=lambda one: one[0].closed_at)),
        "refusals": tuple(refusals),
        "decisions": tuple(b'{"number":%d}' % number for number in range(len(fills))),
        "states": (
            (int(moments[count // 2]), TradingState("HALTED", "MAX_DRAWDOWN", 0.11, 0.1)),
            (int(moments[count // 2 + 100]), TradingState()),
        )
        if count > 300
        else (),
        "load_s": 0.5,
        "compile_s": 1.5,
        "elapsed_s": 0.25,
    }
    return Result(**usual | changed)


def an_info(symbols: tuple[str, ...], start: int, end: int | None) -> FeedInfo:
    return FeedInfo(
        name="recorded",
        live=False,
        simulated=False,
        symbols=symbols,
        timeframe="H1",
        decimals={one: 5 for one in symbols},
        start_at=start,
        warmed_until=start - HOUR,
        inputs={
            one: {
                "path": f"/data/{one}_H1.parquet",
                "sha256": f"{number:064x}",
                "bars": str(BARS),
                "from": iso(MONDAY),
                "to": iso(MONDAY + (BARS - 1) * HOUR),
            }
            for number, one in enumerate(symbols, 1)
        },
        end_at=end,
    )


def simulated(result: Result) -> Result:
    """The same on a simulated market."""
    inputs = {"*": {"seed": "7", "version": "1", "timeframe": "H1", "bars": ""}}
    info = msgspec.structs.replace(result.info, name="sim", simulated=True, inputs=inputs)
    return msgspec.structs.replace(result, info=info)


def _instrument(symbol: str) -> Instrument:
    return msgspec.structs.replace(LISTED.get(symbol, LISTED["EURUSD"]), symbol=symbol)


def _round_trip(symbol: str, bars: Bars, number: int, first: int) -> tuple[Fill, Fill]:
    side = BUY if number % 2 == 0 else SELL
    entry, last = bars[first], bars[first + EVERY // 2]
    price = from_float(float(entry["open"]))
    usual: dict[str, Any] = {"quantity": UNITS.get(symbol, UNITS["EURUSD"]), "commission": 2 * NANO}
    opened = a_fill(
        symbol,
        id=f"{symbol}-{number}-in",
        order_id=f"{symbol}-{number}-entry",
        side=side,
        price=price,
        at=int(entry["ts"]),
        stop=price - side * price // 200,
        target=price + side * price // 100,
        **usual,
    )
    closed = a_fill(
        symbol,
        id=f"{symbol}-{number}-out",
        order_id=f"{symbol}-{number}-exit",
        side=-side,
        price=from_float(float(last["open"])),
        at=int(last["ts"]),
        reason=STOP if number % 3 == 0 else SIGNAL,
        **usual,
    )
    return opened, closed


def _sent(fill: Fill) -> Sent:
    order: Order = an_order(
        fill.symbol,
        id=fill.order_id,
        side=fill.side,
        quantity=fill.quantity,
        at=fill.at,
        entry=fill.price,
        stop=fill.stop,
        target=fill.target,
        purpose=fill.reason,
        reduces=0 if fill.reason == ENTRY else fill.quantity,
    )
    return Sent(order=order, status=FILLED, filled=fill.quantity, ended_at=fill.at)


def _closed(opened: Fill, closed: Fill) -> tuple[Closed, Part]:
    pnl = opened.side * (closed.price - opened.price) * opened.quantity // NANO
    risk = abs(opened.price - opened.stop) * opened.quantity // NANO
    commission = opened.commission + closed.commission
    usual: dict[str, Any] = {
        "symbol": opened.symbol,
        "strategy": opened.strategy,
        "side": opened.side,
        "quantity": opened.quantity,
        "opened_at": opened.at,
        "closed_at": closed.at,
        "r": pnl / risk,
        "reason": closed.reason,
        "fill_id": closed.id,
    }
    line = Closed(
        entry=opened.price, exit=closed.price, pnl=pnl, commission=commission, correlation_id=opened.order_id, **usual
    )
    return line, Part(net=pnl - commission, **usual)
