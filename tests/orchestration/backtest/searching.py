"""A market in a file, and searches over it, small enough for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from domain.market import BAR, Bars
from domain.timeframe import HOUR
from orchestration.backtest.searches.optimising import Found, Job, begin, optimise, resume
from orchestration.backtest.searches.study import Asked
from orchestration.backtest.searches.trials import InProcess, Trial
from orchestration.settings import Overrides
from tests.factories import MONDAY

SPACE = ("strategy.fast=3..20", "strategy.slow=10..60")


def waves(count: int, seed: int = 3) -> Bars:
    """Hourly bars that swing, so that averages have something to follow."""
    random = np.random.Generator(np.random.PCG64(seed))
    closes = np.round(1.1 + 0.01 * np.sin(np.arange(count) / 25) + np.cumsum(random.normal(0, 0.0004, count)), 5)
    made = np.zeros(count, BAR)
    made["ts"] = MONDAY + HOUR * np.arange(count)
    made["close"] = closes
    made["open"] = np.concatenate([closes[:1], closes[:-1]])
    made["high"] = np.maximum(made["open"], made["close"]) + 0.0001
    made["low"] = np.minimum(made["open"], made["close"]) - 0.0001
    made["spread"] = np.nan
    return made


def a_file(folder: Path, made: Bars | None = None) -> Path:
    bars = waves(900) if made is None else made
    columns = {"ts": pa.array(bars["ts"].copy()).cast(pa.timestamp("ns")).cast(pa.timestamp("ns", "UTC"))}
    for name in ("open", "high", "low", "close", "volume", "spread"):
        columns[name] = pa.array(bars[name].copy())
    path = folder / "EURUSD_H1.parquet"
    parquet.write_table(pa.table(columns), path)
    return path


def options(data: Path | None, *sets: str, **more: Any) -> Overrides:
    """Over a file, or without one over a simulated market."""
    usual: dict[str, Any] = {"symbols": ("EURUSD",), "preset": "yardstick", "sets": ("strategy.side=both", *sets)}
    return Overrides(**usual | ({} if data is None else {"data": (f"EURUSD={data}",)}) | more)


def asked(**changed: Any) -> Asked:
    return Asked(**{"space": SPACE, "trials": 12, "seed": 5} | changed)


def begun(data: Path, folder: Path | None = None, *sets: str, **changed: Any) -> Job:
    return begin(options(data, *sets), asked(**changed), folder, lambda text: None)


def gone_on(folder: Path, trials: int | None = None) -> Job:
    return resume(folder, trials, lambda text: None)


def searched(job: Job, pool: Any = None) -> Found:
    return optimise(job, pool or InProcess(), lambda done, total: None, lambda: False)


def plain(trials: list[Trial]) -> list[Trial]:
    """Without what the machine's speed says."""
    return [msgspec.structs.replace(one, seconds=0.0) for one in trials]
