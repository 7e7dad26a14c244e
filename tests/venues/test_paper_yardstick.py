"""The yardstick of reference/peers.md through the paper venue: EMA 10/30, always in, 1 bp a fill."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from domain.market import BAR, BarBatch, Bars
from domain.money import NANO
from domain.order import Order
from domain.timeframe import HOUR
from tests.contract.books import MemoryBooks
from tests.contract.desk import instrument
from venues.fills import FillModel
from venues.paper import PaperVenue

UNITS, CASH = 10_000, 100_000
DATA = Path(__file__).parents[2].parent / "shared/data/EURUSD_H1__kernc.parquet"


def stances(closes: list[float]) -> list[int]:
    """+1 or -1 after each bar, 0 in the first thirty."""
    fast = slow = closes[0]
    found, last = [0], 0
    for number, close in enumerate(closes[1:], start=1):
        fast += (close - fast) * 2 / 11
        slow += (close - slow) * 2 / 31
        if number >= 30 and fast != slow:
            last = 1 if fast > slow else -1
        found.append(last)
    return found


def through_the_venue(bars: Bars, fill_on: str) -> tuple[int, float]:
    """Fills and final equity of the paper venue."""
    listed = {"EURUSD": instrument("EURUSD")}
    model = FillModel(fill_on=fill_on, commission_bps=1, spread="none")
    venue = PaperVenue(MemoryBooks(), "run", CASH * NANO, "USD", ("EURUSD",), listed, model, HOUR)
    held = 0
    for number, stance in enumerate(stances(bars["close"].tolist())):
        at = int(bars["ts"][number]) + HOUR
        venue.advance(BarBatch(at=at, bars=bars[number : number + 1]))
        if stance != held:
            quantity, reduces = abs(stance - held) * UNITS * NANO, abs(held) * UNITS * NANO
            venue.submit(
                Order(
                    id=str(number),
                    account="run",
                    venue="paper",
                    symbol="EURUSD",
                    strategy="ema_cross",
                    purpose="ENTRY",
                    side=1 if stance > held else -1,
                    quantity=quantity,
                    reduces=reduces,
                    at=at,
                )
            )
            held = stance
    (position,) = venue.positions()
    floating = position.quantity * float(bars["close"][-1]) - position.cost
    return len(venue.fills(0)), (venue.account().cash["USD"] + floating) / NANO


def plainly(bars: Bars, fill_on: str) -> tuple[int, float]:
    """The same in floats: cash + position x last close."""
    closes = bars["close"].tolist()
    prices = closes if fill_on == "same_close" else [*bars["open"].tolist()[1:], None]
    cash, fills = float(CASH), 0
    found = stances(closes)
    for price, (before, after) in zip(prices, pairwise([0, *found]), strict=True):
        if before != after and price is not None:
            units = (after - before) * UNITS
            cash -= units * price + abs(units) * price / 10_000
            fills += 1
    return fills, cash + found[-1] * UNITS * closes[-1]


@pytest.mark.parametrize("fill_on", ["next_open", "same_close"])
def test_a_year_of_hours_ends_where_a_plain_loop_ends(fill_on: str) -> None:
    closes = 1.1 + np.random.default_rng(7).normal(0, 0.0005, 3_000).cumsum().round(5)
    bars = np.zeros(len(closes), BAR)
    bars["ts"] = np.arange(1, len(closes) + 1) * HOUR
    bars["close"] = closes
    bars["open"] = np.roll(closes, 1).round(4)
    bars["high"] = np.maximum(bars["open"], closes) + 0.001
    bars["low"] = np.minimum(bars["open"], closes) - 0.001

    fills, equity = through_the_venue(bars, fill_on)

    expected_fills, expected_equity = plainly(bars, fill_on)
    assert fills == expected_fills > 50
    assert equity == pytest.approx(expected_equity, abs=1e-6)


@pytest.mark.data
@pytest.mark.parametrize(("fill_on", "equity"), [("next_open", 99_850.4297), ("same_close", 99_846.7310)])
def test_recorded_hours_give_the_equity_of_the_reference(fill_on: str, equity: float) -> None:
    if not DATA.exists():
        pytest.skip(f"{DATA.name} is not beside this checkout (shared/data)")
    table = pytest.importorskip("pyarrow.parquet").read_table(DATA)
    bars = np.zeros(table.num_rows, BAR)
    bars["ts"] = table["ts"].to_numpy().astype("datetime64[ns]").astype(np.int64)
    for name in ("open", "high", "low", "close"):
        bars[name] = table[name].to_numpy()

    fills, found = through_the_venue(bars, fill_on)

    assert (fills, round(found, 4)) == (168, equity)
