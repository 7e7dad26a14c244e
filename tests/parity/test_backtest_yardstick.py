"""The yardstick through `backtest`: what every other engine gets for the same work, to the millionth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from domain.money import to_float
from tests.parity.left import backtested
from tests.parity.made import PRICE, STYLES, series

SHARED = Path(__file__).parents[2].parent / "shared/data"


def plain(
    opens: Sequence[float], closes: Sequence[float], fast: int, slow: int, side: str
) -> tuple[list[tuple[int, int, float]], float]:
    """Fills (bar, units, price) and final equity by the yardstick's own words, in a plain loop."""
    alphas = 2 / (fast + 1), 2 / (slow + 1)
    quick = lazy = closes[0]
    least = -10_000 if side == "both" else 0
    position, target, cash = 0, 0, 100_000.0
    fills = []
    for bar, close in enumerate(closes):
        if target != position:
            units, price = target - position, opens[bar]
            cash -= units * price + abs(units) * price * 0.0001
            fills.append((bar, units, price))
            position = target
        if bar:
            quick += alphas[0] * (close - quick)
            lazy += alphas[1] * (close - lazy)
        if bar >= slow and quick != lazy:
            target = 10_000 if quick > lazy else least
    return fills, cash + position * closes[-1]


def compare(file: Path, symbol: str, timeframe: str, fast: int, slow: int, side: str) -> tuple[int, float]:
    """Every fill of the backtest and its equity are those of the plain loop. Returns fills and equity."""
    bars = pd.read_parquet(file, columns=["ts", "open", "close"])
    sets = (f"strategy.fast={fast}", f"strategy.slow={slow}", f"strategy.side={side}")
    given = {"symbols": (symbol,), "data": (f"{symbol}={file}",), "timeframe": timeframe, "sets": sets}

    result = backtested({**given, "preset": "yardstick", "strategy": "ema_cross"})

    fills, equity = plain(bars["open"].tolist(), bars["close"].tolist(), fast, slow, side)
    starts = bars["ts"].dt.tz_localize(None).astype("datetime64[ns]").astype("int64").to_numpy()
    made = [(one.bar_ts, one.side * one.quantity // 10**9, to_float(one.price)) for one in result.fills]
    assert made == [(int(starts[bar]), units, price) for bar, units, price in fills]
    assert abs(to_float(result.equity_final) - equity) < 1e-6
    assert result.bars == len(bars)
    return len(fills), equity


@pytest.mark.parametrize("seed", range(6))
def test_any_parameters_over_made_bars(tmp_path: Path, seed: int) -> None:
    random = np.random.Generator(np.random.PCG64(seed))
    symbol = list(PRICE)[seed % len(PRICE)]
    timeframe = ("M1", "M15", "H1", "H4")[seed % 4]
    table = series(random, symbol, timeframe, 2500, STYLES[seed % len(STYLES)])
    file = tmp_path / f"{symbol}_{timeframe}.parquet"
    table.to_parquet(file, index=False)
    fills = 0
    for _ in range(4):
        fast = int(random.integers(1, 40))
        slow = fast + int(random.integers(1, 80))
        fills += compare(file, symbol, timeframe, fast, slow, ("both", "long")[int(random.integers(0, 2))])[0]
    assert fills > 100


@pytest.mark.data
@pytest.mark.parametrize(
    ("file", "symbol", "timeframe", "fast", "slow", "side", "count", "expected"),
    [
        ("EURUSD_H1__kernc", "EURUSD", "H1", 10, 30, "both", 168, 99_850.42965),
        ("EURUSD_M1", "EURUSD", "M1", 10, 30, "both", 22_871, 53_683.5090),
        ("EURUSD_H1", "EURUSD", "H1", 21, 89, "long", None, None),
        ("XAUUSD_H1", "XAUUSD", "H1", 7, 61, "both", None, None),
        ("USDJPY_H1", "USDJPY", "H1", 12, 26, "both", None, None),
        ("BTCUSDT_H1", "BTCUSDT", "H1", 5, 200, "long", None, None),
    ],
)
def test_recorded_bars(
    file: str, symbol: str, timeframe: str, fast: int, slow: int, side: str, count: int | None, expected: float | None
) -> None:
    path = SHARED / f"{file}.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout (shared/data)")

    fills, equity = compare(path, symbol, timeframe, fast, slow, side)

    assert fills > 20
    if count is not None:
        assert fills == count
        assert equity == pytest.approx(expected, abs=1e-4)
