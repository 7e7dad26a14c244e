"""Hourly bars of four symbols for whole runs: walked by a seed, or recorded ones beside this checkout."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from domain.timeframe import HOUR, iso
from tests.flow.system import START

RECORDED = Path(__file__).parents[2].parent / "shared/data"
ACROSS = ("EURUSD", "GBPUSD", "AUDUSD", "XAUUSD")
"""Recorded symbols: in January 2015 the euro lost its footing."""
TIMERANGE = "20150105-20150206"


@dataclass
class Hours:
    """What a run is told to read, and the same closes as a table (by the time of the close) for whoever checks it."""

    overrides: dict[str, Any]
    closes: pd.DataFrame

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.overrides["symbols"])


def write(path: Path, closes: Sequence[float], width: float = 0.0002) -> Path:
    """A CSV of hourly bars whose opens are the closes before; ``width`` is the wick, a share of the price."""
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["ts", "open", "high", "low", "close"])
        before = closes[0]
        for place, close in enumerate(closes):
            high, low = max(before, close) * (1 + width), min(before, close) * (1 - width)
            writer.writerow([iso(START + place * HOUR), before, f"{high:.6f}", f"{low:.6f}", close])
            before = close
    return path


def hours(folder: Path, **closes: Sequence[float]) -> Hours:
    files = tuple(f"{symbol}={write(folder / f'{symbol}_H1.csv', prices)}" for symbol, prices in closes.items())
    at = pd.to_datetime([START + (place + 1) * HOUR for place in range(len(next(iter(closes.values()))))], utc=True)
    table = pd.DataFrame({symbol: pd.Series(prices, at) for symbol, prices in closes.items()})
    return Hours({"symbols": tuple(closes), "data": files, "timeframe": "H1"}, table)


def walked(folder: Path, bars: int = 560) -> Hours:
    """Four random walks; the pound follows the euro."""
    dice = random.Random(5)
    euro, pound, gold, coin = [1.1], [1.3], [2000.0], [40_000.0]
    for _ in range(bars):
        step = dice.gauss(0, 0.0009)
        euro.append(round(euro[-1] * (1 + step), 5))
        pound.append(round(pound[-1] * (1 + 0.9 * step + dice.gauss(0, 0.0003)), 5))
        gold.append(round(gold[-1] * (1 + dice.gauss(0, 0.0014)), 2))
        coin.append(round(coin[-1] * (1 + dice.gauss(0, 0.004)), 2))
    return hours(folder, EURUSD=euro, GBPUSD=pound, XAUUSD=gold, BTC=coin)


def recorded() -> Hours:
    """Skips the test where the data is not beside this checkout."""
    files = {symbol: RECORDED / f"{symbol}_H1.parquet" for symbol in ACROSS}
    missing = [one.name for one in files.values() if not one.exists()]
    if missing:
        pytest.skip(f"{', '.join(missing)} not beside this checkout (shared/data)")
    start, end = (pd.Timestamp(one, tz="UTC") for one in TIMERANGE.split("-"))
    columns = {}
    for symbol, path in files.items():
        bars = pd.read_parquet(path, columns=["ts", "close"]).set_index("ts")["close"]
        columns[symbol] = bars[(bars.index >= start) & (bars.index < end + pd.Timedelta(days=1))]
    table = pd.DataFrame(columns)
    table.index += pd.Timedelta(hours=1)
    data = tuple(f"{symbol}={path}" for symbol, path in files.items())
    return Hours({"symbols": ACROSS, "data": data, "timeframe": "H1", "timerange": TIMERANGE}, table.ffill())
