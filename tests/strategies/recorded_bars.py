"""Recorded bars for the tests of strategies; each of these has a sibling on made bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from domain.market import BAR, Bars

DATA = Path(__file__).parents[2].parent / "shared/data"


def recorded_bars(name: str, count: int) -> Bars:
    """The first ``count`` bars of a file; skips where it is not."""
    file = DATA / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside this checkout (shared/data)")
    frame = pd.read_parquet(file).iloc[:count]
    bars = np.zeros(len(frame), BAR)
    bars["ts"] = frame.ts.astype("datetime64[ns, UTC]").astype("int64")
    for field in ("open", "high", "low", "close", "volume"):
        bars[field] = frame[field]
    bars["spread"] = np.nan
    return bars
