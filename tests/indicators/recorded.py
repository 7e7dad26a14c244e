"""Prices that the tests of indicators share: seeded ones, and recorded ones where they are at hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

Values = NDArray[np.float64]
DATA = Path(__file__).parents[2].parent / "shared/data"


def made(count: int, seed: int) -> pd.DataFrame:
    """A random walk with open, high, low, close and volume."""
    random = np.random.default_rng(seed)
    close = 100 + random.normal(0, 0.5, count).cumsum()
    gap = close + random.normal(0, 0.4, count)
    return pd.DataFrame(
        {
            "open": gap,
            "high": np.maximum(close, gap) + random.random(count),
            "low": np.minimum(close, gap) - random.random(count),
            "close": close,
            "volume": random.integers(1, 50, count).astype(float),
        }
    )


def recorded(name: str = "BTCUSDT_H1") -> pd.DataFrame:
    """Recorded bars; skips where they are not, for each test has a sibling on made ones."""
    file = DATA / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside this checkout (shared/data)")
    return pd.read_parquet(file).iloc[:5000]


def bars_of(kind: str) -> pd.DataFrame:
    return made(900, 31) if kind == "made" else recorded()


both_kinds = pytest.mark.parametrize("kind", ["made", pytest.param("recorded", marks=pytest.mark.data)])
