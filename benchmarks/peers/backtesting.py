"""backtesting.py: orders fill at the next open (``trade_on_close=False``); one run per symbol, for it knows only one.

A run is ``Backtest.run`` with its statistics. It counts trades, of which each fill here opens one: those that were
closed and the one that is open at the end.
"""

from __future__ import annotations

import warnings
from typing import Any

import pandas as pd
from backtesting import Backtest, Strategy  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.job import Floats, Job, Outcome, Table, answer

warnings.filterwarnings("ignore", message="Some trades remain open")


def average(close: Any, length: int) -> Floats:
    return pd.Series(close).ewm(span=length, adjust=False).mean().to_numpy()


class Cross(Strategy):  # type: ignore[misc,unused-ignore]
    """Long above, short below; a flip is one order."""

    fast = slow = units = 0

    def init(self) -> None:
        self.quick = self.I(average, self.data.Close, self.fast, plot=False)
        self.late = self.I(average, self.data.Close, self.slow, plot=False)

    def next(self) -> None:
        if len(self.data) <= self.slow:
            return
        quick, late, held = self.quick[-1], self.late[-1], self.position.size
        if quick > late and held <= 0:
            self.buy(size=self.units - held)
        elif quick < late and held >= 0:
            self.sell(size=self.units + held)


def load(job: Job, tables: list[Table]) -> list[tuple[Backtest, Job]]:
    return [(_one(job, table), job) for table in tables]


def _one(job: Job, table: Table) -> Backtest:
    columns = {"Open": table.open, "High": table.high, "Low": table.low, "Close": table.close}
    bars = pd.DataFrame(columns, index=pd.DatetimeIndex(table.ts))
    return Backtest(bars, Cross, cash=job.cash, commission=job.commission, trade_on_close=False)


def run(loaded: list[tuple[Backtest, Job]]) -> Outcome:
    fills, equity = 0, loaded[0][1].cash
    for backtest, job in loaded:
        found = backtest.run(fast=job.fast, slow=job.slow, units=job.units)
        fills += int(found["# Trades"]) + len(found["_strategy"].trades)
        equity += float(found["Equity Final [$]"]) - job.cash
    return Outcome(fills, equity)


if __name__ == "__main__":
    answer("backtesting", "backtesting", load, run)
