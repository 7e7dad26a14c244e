"""Bars and files of bars for the tests of this folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from domain.market import BAR, Bars
from domain.timeframe import MINUTE, iso

MONDAY = 1_704_067_200_000_000_000  # 2024-01-01T00:00:00Z
SHARED = Path(__file__).parents[2].parent / "shared/data"


def bars(*closes: float, start: int = MONDAY, step: int = MINUTE, row: int = 0) -> Bars:
    """One bar per close, each opening where the last one closed."""
    made = np.zeros(len(closes), BAR)
    made["row"] = row
    made["ts"] = start + step * np.arange(len(closes))
    made["close"] = closes
    made["open"] = [closes[0], *closes[:-1]]
    made["high"] = np.maximum(made["open"], made["close"])
    made["low"] = np.minimum(made["open"], made["close"])
    made["volume"] = np.arange(1, len(closes) + 1)
    made["spread"] = np.nan
    return made


def walk(count: int, seed: int = 1, price: float = 1.1, start: int = MONDAY, step: int = MINUTE) -> Bars:
    """A random walk of ``count`` bars."""
    moves = np.random.default_rng(seed).integers(-9, 10, count)
    return bars(*(np.round(price + 1e-5 * np.cumsum(moves), 5)), start=start, step=step)


def write_parquet(path: Path, made: Bars, zone: str | None = "UTC") -> Path:
    columns = {"ts": pa.array(made["ts"].copy()).cast(pa.timestamp("ns")).cast(pa.timestamp("ns", zone))}
    for name in ("open", "high", "low", "close", "volume", "spread"):
        columns[name] = pa.array(made[name].copy())
    parquet.write_table(pa.table(columns), path)
    return path


def lines(made: Bars) -> str:
    return "".join(
        f"{iso(int(bar['ts']))},{bar['open']!s},{bar['high']!s},{bar['low']!s},{bar['close']!s},{bar['volume']!s}\n"
        for bar in made
    )


def write_csv(path: Path, made: Bars) -> Path:
    path.write_text("ts,open,high,low,close,volume\n" + lines(made))
    return path


def recorded_file(name: str) -> Path:
    """A file of real bars, where they are present."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no recorded bars: {name} is not in ../shared/data")
    return path
