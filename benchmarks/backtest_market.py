"""What ``benchmarks.backtest --case confluence`` trades: ten symbols over a year of M5, every rule and every exit on.

``python -m benchmarks.backtest_market --data DIR --out FOLDER`` writes bars by a seed for each symbol that DIR has no
M5 bars of over the whole year, and tells as one JSON line which file each symbol has, and which are SIMULATED.
"""

from __future__ import annotations

import argparse
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from domain.timeframe import DAY, MINUTE, nanos

SYMBOLS = ("BTC", "ETH", "SOL", "XAUUSD", "EURUSD", "GBPUSD", "AUDUSD", "USDCHF", "USDCAD", "USDJPY")
CRYPTO = ("BTC", "ETH", "SOL")
TICKS = {one: 0.01 if one in CRYPTO else 0.001 if one in ("XAUUSD", "USDJPY") else 0.00001 for one in SYMBOLS}
YEAR = "20230101-20231231"
FIRST = nanos(datetime(2023, 1, 1, tzinfo=UTC))
LAST = nanos(datetime(2024, 1, 1, tzinfo=UTC))
LENGTH = 5 * MINUTE
SEED = 1

RISK: dict[str, Any] = {
    "sizing": "fixed_fraction",
    "risk_fraction": 0.0005,
    "sessions": ["london", "new_york", "tokyo"],
    "holidays": ["forex"],
    "news": ["static"],
    "cooldown": 600,
    "cooldown_after_close": 900,
    "stoploss_guard_trades": 4,
    "stoploss_guard_lock": 3600,
    "drawdown_guard": 0.02,
    "drawdown_guard_lock": 3600,
    "low_profit_guard": -0.01,
    "low_profit_guard_lock": 3600,
    "losses_in_a_row": 8,
    "losses_in_a_row_lock": 7200,
    "max_symbol_loss": 2000,
    "max_symbol_loss_lock": 86_400,
    "max_trades_per_day": 60,
    "max_trades_per_hour": 10,
    "max_daily_loss": 2000,
    "max_daily_loss_share": 0.03,
    "max_drawdown_soft": 0.8,
    "max_drawdown": 0.9,
    "max_total_loss": 0.9,
    "max_payoff_ratio": 8,
    "max_spread_bps": {"default": 40},
    "max_cost_ratio": 0.8,
    "min_reward_to_risk": 0.8,
    "require_stop": True,
    "max_open_positions": 8,
    "max_positions_per_symbol": 1,
    "max_orders_in_flight": 8,
    "max_order_notional": 500_000,
    "max_correlation": 0.9,
    "max_currency_exposure": 6,
    "max_symbol_exposure": 3,
    "max_class_exposure": {"default": 8},
    "max_venue_exposure": 12,
    "max_exposure": 2_000_000,
    "max_leverage": 12,
    "margin_rate": {"default": 0.05},
    "max_margin": 0.9,
    "min_free_balance": 1000,
    "returns_window": 100,
    "max_var": 0.05,
    "max_cvar": 0.08,
    "max_stress_loss": 0.6,
    "stress": {"fall": {"crypto": -0.2, "default": -0.02}, "rise": {"crypto": 0.2, "default": 0.02}},
    "near_limit": 0.9,
    "score_factors": {"0.5": 1.2},
    "regime_factors": {"TRENDING": 1.2, "VOLATILE": 0.8},
    "max_risk": 0.01,
    "max_risk_money": {"default": 1000},
    "max_depth": 0.5,
    "max_orders_per_minute": 20,
}
EXIT: dict[str, Any] = {
    "breakeven_at": 1,
    "breakeven_lock": 0.1,
    "targets": [{"at": 1, "fraction": 0.3}, {"at": 2, "fraction": 0.3}],
    "trail_from": 1.5,
    "trail_to": 4,
    "chandelier_atr": 4,
    "chandelier_bars": 20,
    "max_hold": 86_400,
    "time_stop": 43_200,
    "no_progress": 21_600,
    "regime_flip": True,
    "early_cut": 0.9,
    "before_weekend": 3600,
    "session_close": "16:55 America/New_York",
}
COSTS: dict[str, Any] = {
    "fill_on": "next_open",
    "commission_bps": {"default": 0.3, "crypto": 2},
    "slippage_bps": 0.1,
    "spread": "data",
    "participation": 0.2,
    "financing_bps": {"forex": {"long": 0.7, "short": -0.2}, "default": {"long": 1.5, "short": 1}},
}


def sets() -> list[str]:
    """``--set`` for all of it; the numbers are wide enough that it trades to the end of the year."""
    parts = {"risk": RISK, "exits": EXIT, "venues.paper": COSTS}
    return [f"{part}.{key}={json.dumps(value)}" for part, keys in parts.items() for key, value in keys.items()]


def given(files: dict[str, str]) -> dict[str, Any]:
    """Fields of ``Overrides``."""
    return {
        "symbols": list(files),
        "data": [f"{symbol}={file}" for symbol, file in files.items()],
        "timeframe": "M5",
        "timerange": YEAR,
        "strategy": "confluence",
        "preset": "balanced",
        "sets": sets(),
    }


def recorded(data: Path, symbol: str) -> Path | None:
    """A file of M5 bars that covers the year to a day, under the symbol's name or its name with USDT."""
    import pyarrow.parquet as parquet

    for name in (symbol, f"{symbol}USDT"):
        file = data / f"{name}_M5.parquet"
        if file.exists():
            ts = parquet.read_table(file, columns=["ts"])["ts"].to_numpy().astype("datetime64[ns]").astype(np.int64)
            if len(ts) and ts[0] < FIRST + DAY and ts[-1] >= LAST - DAY:
                return file
    return None


def simulated(symbols: tuple[str, ...], folder: Path) -> dict[str, Path]:
    """A year of bars of the simulated market, a file each."""
    import pandas as pd

    from marketdata.simulated import SimulatedFeed
    from orchestration.backtest.grid import gather

    kinds = {one: "crypto" if one in CRYPTO else "metal" if one == "XAUUSD" else "forex" for one in symbols}
    count = (LAST - FIRST) // LENGTH
    feed = SimulatedFeed(
        symbols, SEED, "M5", kinds, ticks={one: TICKS[one] for one in symbols}, warm_up=0, start_at=FIRST, bars=count
    )
    grid = gather(feed, feed.info(), list(kinds.values()))
    found = {}
    for symbol, series in zip(symbols, grid.series, strict=True):
        bars = series.bars[series.bars["ts"] < LAST]
        names = ("open", "high", "low", "close", "volume", "spread")
        table = pd.DataFrame({"ts": pd.to_datetime(bars["ts"], utc=True)} | {name: bars[name] for name in names})
        found[symbol] = folder / f"{symbol}_M5.parquet"
        table.to_parquet(found[symbol], index=False)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest_market", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    asked = parser.parse_args()
    from orchestration import kernel_cache
    from orchestration.clock import WallClock

    kernel_cache.prepare(kernel_cache.cache_root(os.environ), WallClock().now())
    real = {symbol: file for symbol in SYMBOLS if (file := recorded(asked.data, symbol)) is not None}
    made = tuple(symbol for symbol in SYMBOLS if symbol not in real)
    files = real | (simulated(made, asked.out) if made else {})
    print(json.dumps({"files": {one: str(files[one]) for one in SYMBOLS}, "simulated": list(made)}), flush=True)


if __name__ == "__main__":
    main()
