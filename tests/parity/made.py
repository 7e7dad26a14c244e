"""Markets that are hard on an engine: bars by a seed, with whatever a real market also does to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from domain.timeframe import HOUR, MINUTE

START = 1_704_204_000_000_000_000  # Tuesday 2024-01-02T14:00Z
TICK = {"EURUSD": 1e-5, "GBPUSD": 1e-5, "USDJPY": 1e-3, "EURJPY": 1e-3, "XAUUSD": 1e-3, "BTC": 0.01, "ETH": 0.01}
PRICE = {"EURUSD": 1.1, "GBPUSD": 1.27, "USDJPY": 150.0, "EURJPY": 165.0, "XAUUSD": 2000.0, "BTC": 4e4, "ETH": 2500.0}
SPREAD = {"BTC": 5.0, "ETH": 0.5, "XAUUSD": 0.3}
LENGTH = {"M1": MINUTE, "M15": 15 * MINUTE, "H1": HOUR, "H4": 4 * HOUR}
CRYPTO = ("BTC", "ETH")

WALK, FLAT, COARSE, JUMPY, STEADY = "walk", "flat", "coarse", "jumpy", "steady"
STYLES = (WALK, FLAT, COARSE, JUMPY, STEADY)
"""Usual; long stretches without any change; prices on a few levels only, so that they are touched exactly; jumps over
stops and targets at once; legs without a way back, so that losses and profits grow bar by bar."""


@dataclass(frozen=True)
class Made:
    """The files of one market, and what a verb is told to read them."""

    folder: Path
    symbols: tuple[str, ...]
    timeframe: str

    @property
    def given(self) -> dict[str, Any]:
        """Fields of ``Overrides``."""
        return {"symbols": self.symbols, "data": (str(self.folder),), "timeframe": self.timeframe}


def made(
    folder: Path,
    symbols: Sequence[str],
    timeframe: str = "H1",
    bars: int = 600,
    seed: int = 1,
    style: str = WALK,
    volatility: float = 0.0015,
    missing: float = 0.03,
    uneven: bool = True,
    converted_by: Sequence[str] = (),
) -> Made:
    """Parquet files; ``converted_by`` are pairs that are there and not traded. Forex has weekends, crypto has none;
    some symbols begin later or end earlier."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.Generator(np.random.PCG64(seed))
    for number, symbol in enumerate((*symbols, *converted_by)):
        table = series(random, symbol, timeframe, bars, style, volatility, missing)
        if uneven and number:
            first, last = int(random.integers(0, bars // 6)), int(random.integers(0, bars // 8))
            table = table.iloc[first : len(table) - last]
        table.to_parquet(folder / f"{symbol}_{timeframe}.parquet", index=False)
    return Made(folder, tuple(symbols), timeframe)


def series(
    random: np.random.Generator,
    symbol: str,
    timeframe: str,
    bars: int,
    style: str = WALK,
    volatility: float = 0.0015,
    missing: float = 0.03,
) -> pd.DataFrame:
    """One symbol's bars; its spread is given for some of them, its volume for most."""
    tick, size = TICK[symbol], LENGTH[timeframe]
    ts = START // size * size + size * np.arange(bars)
    scale = volatility * (3 if symbol in CRYPTO else 1)
    returns = steps(random, bars, style, scale)
    closes = PRICE[symbol] * np.exp(np.cumsum(returns))
    opens = np.concatenate([[PRICE[symbol]], closes[:-1]]) * np.exp(random.normal(0, scale / 5, bars))
    if style == FLAT:
        opens = np.concatenate([[PRICE[symbol]], closes[:-1]])
    grain = tick * (50 if style == COARSE else 1) * (100 if style == COARSE and symbol in CRYPTO else 1)
    wick = np.abs(random.normal(0, 0.0 if style == FLAT else scale / 2, (2, bars)))
    high = np.maximum(opens, closes) * (1 + wick[0])
    low = np.minimum(opens, closes) * (1 - wick[1])
    opens, closes, high, low = (np.round(np.round(one / grain) * grain, 6) for one in (opens, closes, high, low))
    volume = np.round(random.lognormal(11 if symbol not in CRYPTO else 1.5, 1.0, bars), 2)
    volume[random.random(bars) < 0.1] = 0.0
    usual = SPREAD.get(symbol, 12 * tick)
    spread = np.round(usual * random.uniform(0.5, 2.0, bars) / tick) * tick
    spread[random.random(bars) < 0.2] = np.nan
    spread[random.random(bars) < 0.01] = 40 * usual
    table = pd.DataFrame(
        {
            "ts": pd.to_datetime(ts, utc=True),
            "open": opens,
            "high": np.maximum(high, np.maximum(opens, closes)),
            "low": np.minimum(low, np.minimum(opens, closes)),
            "close": closes,
            "volume": volume,
            "spread": np.round(spread, 6),
        }
    )
    return table.loc[present(random, table["ts"], symbol, missing)]


def steps(random: np.random.Generator, bars: int, style: str, scale: float) -> NDArray[np.float64]:
    """Log returns bar by bar."""
    found = random.normal(0, scale, bars)
    legs = np.repeat(random.normal(0, scale / 2, bars // 25 + 1), 25)[:bars]
    if style == FLAT:
        quiet = np.repeat(random.random(bars // 12 + 1) < 0.7, 12)[:bars]
        return np.where(quiet, 0.0, found)
    if style == JUMPY:
        return np.where(random.random(bars) < 0.04, random.normal(0, 12 * scale, bars), found)
    if style == STEADY:
        return legs * 2 + random.normal(0, scale / 20, bars)
    return found + legs


def present(random: np.random.Generator, ts: pd.Series, symbol: str, missing: float) -> NDArray[np.bool_]:
    """Which bars are there: no weekends for forex and metals, single bars and whole stretches missing, among them the
    first ones after the rollover and after midnight."""
    kept = random.random(len(ts)) >= missing
    for start in random.integers(0, len(ts), 3):
        kept[start : start + int(random.integers(2, 9))] = False
    starts = ts.dt.hour.isin([0, 21, 22]) & (ts.dt.minute == 0)
    kept &= ~(starts & (random.random(len(ts)) < 0.4))
    if symbol not in CRYPTO:
        there = ts.dt.tz_convert("America/New_York")
        shifted = there + pd.Timedelta(hours=7)  # the week begins on Sunday at 17:00
        kept &= (shifted.dt.day_of_week < 5).to_numpy()
    return kept
