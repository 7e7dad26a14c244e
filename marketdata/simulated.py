"""A seeded feed, always labelled SIMULATED: any symbol, a path of its own for each."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction

import numpy as np

from domain.errors import ConfigError
from domain.market import BAR, BarBatch, Bars, FeedInfo, end_of_data
from domain.timeframe import DAY, MINUTE, TIMEFRAMES, iso, length
from marketdata import paths
from marketdata.sessions import Session, is_weekly
from marketdata.timeline import batch

VERSION = paths.VERSION
START_AT = 1_704_153_600_000_000_000
"""2024-01-02T00:00:00Z."""

START_PRICES = {
    "EURUSD": 1.10, "GBPUSD": 1.27, "AUDUSD": 0.68, "NZDUSD": 0.63, "USDCHF": 0.84, "USDCAD": 1.32,
    "USDJPY": 145.0, "EURJPY": 159.5, "GBPJPY": 184.0, "EURGBP": 0.866, "EURCHF": 0.925, "AUDJPY": 98.6,
    "XAUUSD": 2060.0, "XAGUSD": 23.8, "XPTUSD": 990.0,
    "BTC": 42000.0, "ETH": 2300.0, "SOL": 100.0, "XRP": 0.62, "DOGE": 0.09, "BNB": 315.0, "ADA": 0.60, "JUP": 0.60,
}  # fmt: skip
"""Sensible first prices, by symbol or by a crypto symbol's base."""

_MINUTE_SIGMA = {"forex": 7.3e-5, "metal": 2.2e-4, "crypto": 6e-4, "other": 2e-4}
_SYMBOL_SIGMA = {"ETH": 7.5e-4, "SOL": 1.1e-3}
_SPREAD = {"forex": 8e-5, "metal": 1.2e-4, "crypto": 2e-4, "other": 2e-4}
_NOTIONAL = {"forex": 2e7, "metal": 5e6, "crypto": 3e6, "other": 1e6}
_VOLUME_STEPS = {"forex": 1.0, "metal": 1.0, "crypto": 1e4, "other": 1e2}
"""Per class: volatility of a minute, spread and traded value of a minute, steps of the volume per unit."""


class _Market:
    """What never changes in a run: keys, groups, parameters and first states of all symbols, one row each."""

    def __init__(
        self,
        symbols: tuple[str, ...],
        seed: int,
        timeframe: str,
        classes: Mapping[str, str],
        prices: Mapping[str, float],
        ticks: Mapping[str, float],
        spreads: Mapping[str, float],
    ) -> None:
        size = len(symbols)
        self.keys = np.zeros(size, np.uint64)
        self.groups = np.zeros(size, np.int64)
        self.parameters = np.zeros((size, paths.PARAMETERS))
        self.state = np.zeros((size, paths.STATE))
        self.decimals: dict[str, int] = {}
        minutes = length(timeframe) / MINUTE
        for row, symbol in enumerate(symbols):
            kind = classes.get(symbol, "other")
            kind = kind if kind in _MINUTE_SIGMA else "other"
            price = prices.get(symbol) or start_price(symbol, kind)
            tick = Fraction(str(ticks.get(symbol) or _tick(price)))
            sigma = _SYMBOL_SIGMA.get(_base(symbol), _MINUTE_SIGMA[kind]) if kind == "crypto" else _MINUTE_SIGMA[kind]
            spread = spreads.get(symbol, _SPREAD[kind] * price)
            self.keys[row] = _hash(f"{VERSION}|{seed}|{symbol}|{timeframe}")
            self.groups[row] = int(is_weekly(kind))
            self.parameters[row] = (
                sigma * math.sqrt(minutes),
                0.35 * sigma * math.sqrt(DAY / MINUTE),
                spread,
                _NOTIONAL[kind] / price * minutes,
                _VOLUME_STEPS[kind],
                tick.numerator,
                tick.denominator,
            )
            self.state[row] = (price, 1.0, paths.RANGE, price)
            self.decimals[symbol] = _decimals(tick)


class _Walk:
    """One walk over the moments, from the first warm-up bar on."""

    def __init__(self, market: _Market, sessions: tuple[Session, ...], firsts: tuple[int, ...]) -> None:
        self._market, self._sessions, self._firsts = market, sessions, firsts
        self._out = np.zeros(len(market.keys), BAR)
        self._due = np.zeros(2, np.bool_)
        self._reopened = np.zeros(2, np.bool_)
        self._present = [bool((market.groups == group).any()) for group in range(2)]
        self.restart()

    def restart(self) -> None:
        self._state = self._market.state.copy()
        self._counts = np.zeros(len(self._market.keys), np.int64)
        self._opens = np.array(self._firsts, np.int64)
        self._closes = [session.close(first) for session, first in zip(self._sessions, self._firsts, strict=True)]
        self._ends = [0, 0]
        self.at = -1
        self.moments = 0

    @property
    def upcoming(self) -> int:
        """The next T."""
        return min(close for close, present in zip(self._closes, self._present, strict=True) if present)

    def seek(self, after: int) -> None:
        """Stand just before the first T later than ``after``."""
        if after < self.at:
            self.restart()
        while self.upcoming <= after:
            self.advance()

    def advance(self) -> Bars:
        """Go to the next T; its bars (a view that the next step overwrites)."""
        at = self.upcoming
        for group in range(2):
            due = self._present[group] and self._closes[group] == at
            self._due[group] = due
            self._reopened[group] = due and 0 < self._ends[group] < self._opens[group]
        made = paths.step(
            self._market.keys,
            self._market.groups,
            self._counts,
            self._state,
            self._market.parameters,
            self._opens,
            self._due,
            self._reopened,
            self._out,
        )
        for group, session in enumerate(self._sessions):
            if self._due[group]:
                self._ends[group] = at
                opened = session.after(int(self._opens[group]))
                self._opens[group], self._closes[group] = opened, session.close(opened)
        self.at = at
        self.moments += 1
        return self._out[:made]


class SimulatedFeed:
    """A market that depends on (version, seed, symbol, timeframe) and on nothing else in the run.

    ``start_prices``, ``ticks`` and ``spreads`` are price units by symbol; what is missing is chosen by
    asset class. Each symbol has ``warm_up`` bars before ``start_at``, the first counted bar's open (UTC
    nanoseconds). After ``bars`` counted moments the data ends. Raises ConfigError on bad arguments.
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        seed: int,
        timeframe: str = "M1",
        asset_classes: dict[str, str] | None = None,
        start_prices: dict[str, float] | None = None,
        ticks: dict[str, float] | None = None,
        spreads: dict[str, float] | None = None,
        warm_up: int = 500,
        start_at: int | None = None,
        bars: int | None = None,
    ) -> None:
        self._symbols, self._bars = tuple(symbols), bars
        chosen = (asset_classes or {}, start_prices or {}, ticks or {}, spreads or {})
        begin = START_AT if start_at is None else start_at
        _refuse(self._symbols, timeframe, warm_up, bars, chosen[1:])
        market = _Market(self._symbols, seed, timeframe, *chosen)
        sessions = (Session(timeframe, "crypto"), Session(timeframe, "forex"))
        counted = [session.first(begin) for session in sessions]
        firsts, warmed = list(counted), -1
        for group, session in enumerate(sessions):
            for _ in range(warm_up):
                firsts[group] = session.before(firsts[group])
            if warm_up and (market.groups == group).any():
                warmed = max(warmed, session.close(session.before(counted[group])))
        self._walk = _Walk(market, sessions, tuple(firsts))
        self._past = _Walk(market, sessions, tuple(firsts))
        start = self._walk.upcoming
        self._warmed_until = warmed if warm_up else start - 1
        self._walk.seek(self._warmed_until)
        self._warm_moments = self._walk.moments
        self._given: tuple[int, BarBatch] | None = None
        self._info = FeedInfo(
            name="sim",
            live=False,
            simulated=True,
            symbols=self._symbols,
            timeframe=timeframe,
            decimals=market.decimals,
            start_at=start,
            warmed_until=self._warmed_until,
            inputs={
                "*": {
                    "seed": str(seed),
                    "version": VERSION,
                    "timeframe": timeframe,
                    "warm_up": str(warm_up),
                    "start_at": iso(begin),
                    "bars": "" if bars is None else str(bars),
                    "parameters": _fingerprint(self._symbols, chosen),
                }
            },
        )

    def info(self) -> FeedInfo:
        return self._info

    def next(self, after: int) -> BarBatch:
        """The bars of the first T later than ``after``; ``final`` after the last counted one."""
        if self._given is not None and self._given[0] == after:
            return self._given[1]
        if self._walk.at != after:
            self._walk.seek(after)
        if self._ended(self._walk):
            return end_of_data()
        bars = self._walk.advance().copy()
        found = batch(self._walk.at, bars)
        self._given = after, found
        return found

    def history(self, after: int, until: int, most: int) -> BarBatch:
        """Bars with after < close <= until of at most ``most`` moments, made again from the first bar."""
        walk = self._past
        walk.seek(after)
        parts: list[Bars] = []
        while len(parts) < most and walk.upcoming <= until and not self._ended(walk):
            parts.append(walk.advance().copy())
        done = walk.upcoming > until or self._ended(walk)
        at = max(after, until) if done else (walk.at if parts else after)
        return BarBatch(at=at, bars=np.concatenate(parts) if parts else np.empty(0, BAR))

    def _ended(self, walk: _Walk) -> bool:
        return self._bars is not None and walk.moments - self._warm_moments >= self._bars


def start_price(symbol: str, asset_class: str) -> float:
    """A well-known symbol's price of early 2024, else one from the symbol's hash, usual for its class."""
    known = START_PRICES.get(symbol) or (START_PRICES.get(_base(symbol)) if asset_class == "crypto" else None)
    if known is not None:
        return known
    share = (_hash(symbol) >> 11) * 2.0**-53
    low, high = {"forex": (0.6, 1.6), "metal": (20.0, 2000.0), "crypto": (0.5, 200.0)}.get(asset_class, (10.0, 500.0))
    return float(f"{low + (high - low) * share:.5g}")


def _base(symbol: str) -> str:
    """BTCUSDT and BTCUSD are BTC."""
    for quote in ("USDT", "USDC", "PERP", "USD"):
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote).rstrip("-/_")
    return symbol


def _tick(price: float) -> str:
    """About a hundred-thousandth of the price, as a power of ten."""
    return f"1e{math.floor(math.log10(price)) - 5}"


def _decimals(tick: Fraction) -> int:
    exponent = (Decimal(tick.numerator) / Decimal(tick.denominator)).normalize().as_tuple().exponent
    return min(max(0, -int(exponent)), 9)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _fingerprint(symbols: tuple[str, ...], chosen: tuple[Mapping[str, object], ...]) -> str:
    """SHA-256 of what was chosen for the symbols, so that a replay can tell whether it is the same."""
    rows = [[symbol, *(one.get(symbol) for one in chosen)] for symbol in symbols]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _refuse(
    symbols: tuple[str, ...], timeframe: str, warm_up: int, bars: int | None, numbers: tuple[Mapping[str, float], ...]
) -> None:
    wrong = [] if symbols else ["no symbols: name at least one"]
    wrong += [f"{symbol} appears twice among the symbols" for symbol, count in Counter(symbols).items() if count > 1]
    if timeframe not in TIMEFRAMES:
        wrong.append(f"timeframe {timeframe!r} is none of {', '.join(TIMEFRAMES)}")
    if warm_up < 0:
        wrong.append(f"feed.warm_up is {warm_up}; it is a number of bars, 0 or more")
    if bars is not None and bars < 1:
        wrong.append(f"feed.bars is {bars}; it is a number of bars, 1 or more")
    for what, given, least in zip(("start price", "tick", "spread"), numbers, (False, False, True), strict=True):
        wrong += [
            f"{what} of {symbol} is {value!r}; it must be {'0 or more' if least else 'above 0'}"
            for symbol, value in given.items()
            if not math.isfinite(value) or value < 0 or (value == 0 and not least)
        ]
    if wrong:
        raise ConfigError(wrong)
