"""vectorbt: its moving averages, then ``Portfolio.from_orders`` with target amounts at the next open.

Symbols are independent columns, each with the whole cash (in one account the money of ten would not last). A run ends
with the equity of every bar and the count of orders; the orders themselves are there as an array (as a table with
names and times, ``orders.records_readable``, they would take several times as long as the rest).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import vectorbt as vbt  # type: ignore[import-not-found,unused-ignore]

from benchmarks.peers.job import Job, Outcome, Table, answer


class Loaded(NamedTuple):
    open: pd.DataFrame
    close: pd.DataFrame
    job: Job


def load(job: Job, tables: list[Table]) -> Loaded:
    index = pd.DatetimeIndex(tables[0].ts)
    if any(not np.array_equal(one.ts, tables[0].ts) for one in tables[1:]):
        raise SystemExit("columns of one frame need the same times")
    opens, closes = ({place: getattr(one, name) for place, one in enumerate(tables)} for name in ("open", "close"))
    return Loaded(pd.DataFrame(opens, index=index), pd.DataFrame(closes, index=index), job)


def run(loaded: Loaded) -> Outcome:
    job, close = loaded.job, loaded.close
    fast = vbt.MA.run(close, job.fast, ewm=True).ma.to_numpy()
    slow = vbt.MA.run(close, job.slow, ewm=True).ma.to_numpy()
    target = np.full(close.shape, np.nan)
    signal = np.where(fast > slow, float(job.units), np.where(fast < slow, -float(job.units), np.nan))
    target[job.slow + 1 :] = signal[job.slow : -1]
    portfolio = vbt.Portfolio.from_orders(
        close,
        size=pd.DataFrame(target, index=close.index, columns=close.columns),
        size_type="targetamount",
        price=loaded.open,
        fees=job.commission,
        init_cash=job.cash,
    )
    equity = portfolio.value().to_numpy()[-1]
    fills = int(np.sum(portfolio.orders.count()))
    return Outcome(fills, job.cash + float(np.sum(equity - job.cash)))


if __name__ == "__main__":
    answer("vectorbt", "vectorbt", load, run, warm=True)
