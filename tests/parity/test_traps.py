"""One trap each: bars at which an engine that looks only where something can happen may look past it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from domain.timeframe import MINUTE, SECOND
from orchestration.backtest import running
from orchestration.backtest.result import Result
from orchestration.local import LocalRuntime
from orchestration.settings import Overrides
from tests.flow.system import START, System
from tests.flow.test_managed import left
from tests.parity import everything
from tests.parity.left import Given, of_backtest, ran, same
from tests.parity.left import sparse_and_dense as both

LONG = (
    *("strategy.fast=2", "strategy.slow=4", "strategy.atr=2", "strategy.side=long", "strategy.stop_atr=0"),
    *("strategy.target_atr=0", "risk.require_stop=false", "risk.units=10000", "venues.paper.commission_bps=0"),
    "instruments.EURUSD.spread=0",
)
"""Buys at the open of bar 13 of ``START_OF_ALL``, and holds while the price does not fall."""
STOP = ("strategy.stop_atr=2",)
"""Its stop is at 1.098."""


def flat(price: float, count: int, width: float = 0.0005, volume: float = 0.0) -> list[list[float]]:
    """Open, high, low, close and volume of bars that go nowhere."""
    return [[price, round(price + width, 6), round(price - width, 6), price, volume]] * count


NOTHING: list[list[float]] = [[]]
START_OF_ALL = [*flat(1.1, 12), [1.1, 1.1007, 1.0995, 1.1002, 0], *flat(1.1002, 27)]
"""40 bars, the last 27 at 1.1002."""


def bars_of(path: Path, rows: Sequence[Sequence[float]], length: int = MINUTE) -> None:
    """A row of nothing is a bar that is missing."""
    kept = [(START + place * length, *row) for place, row in enumerate(rows) if row]
    table = pd.DataFrame(kept, columns=["ts", "open", "high", "low", "close", "volume"])
    table["ts"] = pd.to_datetime(table["ts"], utc=True)
    table.to_parquet(path, index=False)


def trap(folder: Path, *sets: str, **rows: Sequence[Sequence[float]]) -> Given:
    """The bars of each symbol, and what a verb is told to trade them."""
    folder.mkdir(exist_ok=True)
    for symbol, bars in rows.items():
        bars_of(folder / f"{symbol}_M1.parquet", bars)
    return {
        "symbols": tuple(rows),
        "data": (str(folder),),
        "timeframe": "M1",
        "preset": "yardstick",
        "strategy": "ema_cross",
        "sets": (*LONG, *sets),
    }


def filled(result: Result) -> list[tuple[int, str, int, int]]:
    """Bar, reason, units and price in points of every fill."""
    return [
        ((one.at - START) // MINUTE - 1, one.reason, one.side * one.quantity // 10**9, one.price // 10**4)
        for one in result.fills
    ]


@pytest.mark.parametrize(
    ("low", "stopped"), [(1.09801, False), (1.098, True), (1.09799, True)], ids=["a tick above", "exactly", "below"]
)
def test_a_stop_is_hit_by_the_tick_at_which_it_stands(tmp_path: Path, low: float, stopped: bool) -> None:
    rows = [*START_OF_ALL, [1.1002, 1.1005, low, 1.1002, 0], *flat(1.1002, 40)]

    found = filled(both(trap(tmp_path, *STOP, EURUSD=rows)))

    assert found[:1] == [(13, "ENTRY", 10_000, 110_020)]
    assert found[1:] == ([(40, "STOP", -10_000, 109_800)] if stopped else [])


@pytest.mark.parametrize(("high", "taken"), [(1.10239, False), (1.1024, True)], ids=["a tick below", "exactly"])
def test_a_target_is_hit_by_the_tick_at_which_it_stands(tmp_path: Path, high: float, taken: bool) -> None:
    rows = [*START_OF_ALL, [1.1002, high, 1.0995, 1.1002, 0], *flat(1.1002, 40)]

    found = filled(both(trap(tmp_path, "strategy.target_atr=2", EURUSD=rows)))

    assert found[1:] == ([(40, "TARGET", -10_000, 110_240)] if taken else [])


@pytest.mark.parametrize(
    ("spread", "stopped"), [(0.00019, False), (0.0002, True)], ids=["a tick below", "exactly"]
)  # fmt: skip
def test_a_short_is_stopped_by_the_ask(tmp_path: Path, spread: float, stopped: bool) -> None:
    """Its stop is 0.0022 above 1.0998; a bar comes within the spread of it."""
    falls = [[2.2 - one if place < 4 else one for place, one in enumerate(row)] for row in START_OF_ALL]
    rows = [[round(one, 6) for one in (row[0], row[2], row[1], row[3], row[4])] for row in falls]
    rows += [[1.0998, 1.1018, 1.0995, 1.0998, 0], *flat(1.0998, 40)]
    given = trap(tmp_path, *STOP, "strategy.side=short", "venues.paper.spread=data", EURUSD=rows)
    given["sets"] += (f"instruments.EURUSD.spread={spread}",)

    found = filled(both(given))

    assert found[:1] == [(13, "ENTRY", -10_000, 109_980)]
    assert found[1:] == ([(40, "STOP", 10_000, 110_200)] if stopped else [])


def test_a_bar_that_reaches_both_counts_as_the_stop(tmp_path: Path) -> None:
    rows = [*START_OF_ALL, [1.1002, 1.11, 1.09, 1.1002, 0], *flat(1.1002, 40)]

    assert filled(both(trap(tmp_path, *STOP, "strategy.target_atr=2", EURUSD=rows)))[1:] == [
        (40, "STOP", -10_000, 109_800)
    ]


def test_a_gap_over_a_stop_pays_the_open(tmp_path: Path) -> None:
    rows = [*START_OF_ALL, [], [], [], [1.09, 1.0905, 1.0895, 1.09, 0], *flat(1.09, 40)]

    assert filled(both(trap(tmp_path, *STOP, EURUSD=rows)))[1:] == [(43, "STOP", -10_000, 109_000)]


def test_a_stop_for_which_a_bar_has_too_little_volume_goes_on_at_the_next_open(tmp_path: Path) -> None:
    """The price is far above the stop by then, and nothing else happens."""
    rows = [*START_OF_ALL, [1.1002, 1.1005, 1.09, 1.1002, 40_000], *flat(1.2, 5, volume=30_000), *flat(1.2, 40)]

    found = filled(both(trap(tmp_path, *STOP, "venues.paper.participation=0.1", EURUSD=rows)))

    assert found[1:] == [(40, "STOP", -4_000, 109_800), (41, "STOP", -3_000, 120_000), (42, "STOP", -3_000, 120_000)]


def test_a_stop_that_a_bar_has_no_volume_for_at_all_waits(tmp_path: Path) -> None:
    rows = [*START_OF_ALL, [1.1002, 1.1005, 1.09, 1.1002, 500], *flat(1.2, 3, volume=500), *flat(1.2, 40)]

    found = filled(both(trap(tmp_path, *STOP, "venues.paper.participation=0.1", EURUSD=rows)))

    assert found[1:] == [(44, "STOP", -10_000, 120_000)]


def earning(folder: Path) -> Given:
    """A stop at bar 40, while another position grows bar by bar, and no bar of it leaves anything to decide."""
    rows = [*START_OF_ALL, [1.1002, 1.1005, 1.09, 1.1002, 0], *flat(1.1002, 60)]
    growing = [*flat(1.2, 12, 0.02), *([1.2, 1.4, 1.18, round(1.2 + 0.001 * bar, 3), 0] for bar in range(1, 80))]
    limits = ("risk.low_profit_guard=0.5", "risk.low_profit_guard_trades=1", "risk.units=1000000")
    return trap(folder, *STOP, *limits, EURUSD=rows, GBPUSD=growing)


def test_a_gate_that_came_back_knows_the_equity_before_a_close(tmp_path: Path) -> None:
    """It died between the bar before the stop and that of the stop."""
    given = earning(tmp_path / "bars")
    runtimes: list[LocalRuntime] = []
    asked: list[str] = []

    async def remember(runtime: LocalRuntime) -> None:
        runtimes.append(runtime)

    def die(name: str, method: str) -> None:
        if (name, method) == ("RiskManager", "snapshot"):
            asked.append(method)
            if len(asked) == 42:  # the one at the entry was asked twice
                runtimes[0].lose(name)

    story = System(tmp_path).run(fault=die, during=remember, **given)

    locks = left(story.url, story.summary.decisions_hash).locks
    assert [one[-1] for one in locks] == [one.reason for one in both(given).locks]
    assert len(locks) == 1


def test_what_a_symbol_earned_is_compared_with_the_equity_before_its_close(tmp_path: Path) -> None:
    result = both(earning(tmp_path))

    (lock,) = result.locks
    before = 100_000 + 1_000_000 * (1.228 - 1.2) + 1_000_000 * (1.1002 - 1.1002)  # bar 39
    assert lock.from_at == START + 41 * MINUTE
    assert lock.reason == f"1 trades earned -2200.00, {-2200 / before:.2%} of equity, limit 50.00%"


def test_bars_that_are_missing_where_a_day_begins(tmp_path: Path) -> None:
    """The night is paid for at the first bar after it."""
    rows: list[Sequence[float]] = [*START_OF_ALL, *flat(1.1002, 1360)]
    rows[1255:1330] = [[]] * 75  # 20:55 to 22:10; 17:00 New York is 22:00
    nights = 'venues.paper.financing_bps={"forex": {"long": 10, "short": 0}}'

    result = both(trap(tmp_path, nights, EURUSD=rows))

    charged = [((one.at - START) // MINUTE, one.commission) for one in result.fills if one.reason == "FINANCING"]
    assert charged == [(1331, 11_002 * 10**6)]


def test_the_loss_of_a_day_counts_from_its_first_bar(tmp_path: Path) -> None:
    """What is held falls before the day begins and after it; then the candidate of another symbol is asked."""
    rows: list[Sequence[float]] = [*flat(1.1, 1241)]
    rows += [[1.1, 1.1009, 1.05, round(1.1 - 0.00001 * bar, 6), 0] for bar in range(180)]
    day = ("risk.max_daily_loss=5", "risk.day_start=22:30 UTC", "strategy.by=time", "strategy.every=0.25")
    given = trap(tmp_path, EURUSD=rows, GBPUSD=[*NOTHING * 1400, *flat(1.3, 21)])
    given["strategy"] = "dca"
    given["sets"] = (*LONG[-3:], *day, "strategy.atr=2", "strategy.stop_atr=0", "strategy.target_atr=90")

    result = both(given)

    (denied,) = [one.denied for one in result.refusals]
    loss = 10_000 * 0.00001 * (1410 - 1349)  # from T = 22:30 to the close of bar 1410
    assert (denied.symbol, denied.code) == ("GBPUSD", "MAX_DAILY_LOSS")
    assert denied.value == pytest.approx(loss)


def test_the_peak_is_exact_also_where_thousands_of_moments_look_alike(tmp_path: Path) -> None:
    """It rises by a millionth at a time, far less than what floats are trusted with, and falls before anybody looks."""
    slow = [flat(round(0.7 + 1e-9 * (bar // 50), 9), 1)[0] for bar in range(5_150)] + flat(0.6999, 120)
    falls = [*NOTHING * 5_160, *flat(1.1, 60)] + [
        [1.1, 1.1005, 1.07, round(1.1 - 0.0006 * bar, 4), 0] for bar in range(45)
    ]
    sets = ("strategy.by=time", "strategy.every=0.25", "strategy.atr=2", "strategy.stop_atr=0", "strategy.longest=0")
    for symbol, rows in (("AUDUSD", slow), ("EURUSD", falls)):
        bars_of(tmp_path / f"{symbol}_S15.parquet", rows, 15 * SECOND)
    given = trap(tmp_path) | {"symbols": ("AUDUSD", "EURUSD"), "timeframe": "S15", "strategy": "dca"}
    given["sets"] = (*sets, *LONG[-2:], "strategy.target_atr=90", "risk.units=1000", "risk.max_drawdown_soft=0.0001")

    result = both(given)

    assert [state.name for _, state in result.states] == ["ACTIVE", "REDUCING"]


def test_a_stop_follows_the_best_price_also_when_it_was_made_long_before(tmp_path: Path) -> None:
    """At the bar of the best price the range is so wide that the stop would be looser; it narrows later."""
    spike = [1.1002, 1.13, 1.1, 1.12, 0]
    rows = [*START_OF_ALL, spike, *flat(1.12, 40)]
    exits = ("exits.trail_from=1", "exits.trail_to=50", "exits.trail_wide=6", "exits.trail_tight=5.9")

    result = both(trap(tmp_path, *STOP, *exits, "exits.atr_bars=3", EURUSD=rows))

    moved = [json.loads(one) for one in result.decisions if b"TRAILING" in one]
    bars = [(utc_bar(one["T"]), one["stop"]) for one in moved]
    assert bars[0][0] > 41  # not at once
    assert len(bars) > 1
    assert float(bars[0][1]) > 1.098


def utc_bar(text: str) -> int:
    """The bar that closed at a T."""
    return int((pd.Timestamp(text).value - START) // MINUTE - 1)


def test_a_reversal_that_is_cancelled_by_a_limit_still_closes_at_the_next_bar(tmp_path: Path) -> None:
    """It waits for a bar of its symbol; meanwhile another symbol crosses the limit, and the whole order goes."""
    turns = [*START_OF_ALL, [1.1002, 1.1003, 1.0989, 1.099, 0], *[[]] * 8, *flat(1.099, 30)]
    falls = [*START_OF_ALL, *flat(1.1002, 3), *flat(1.05, 40, 0.06)]
    sets = ("strategy.side=both", "risk.max_drawdown=0.05", "risk.units=200000")
    given = trap(tmp_path, *sets, EURUSD=turns, GBPUSD=falls)

    result = both(given)

    halted = [at for at, state in result.states if state.name == "HALTED"]
    fills = [(one.symbol, one.reason, (one.at - START) // MINUTE - 1) for one in result.fills]
    assert halted == [START + 44 * MINUTE]
    assert ("EURUSD", "CANCELLED") in [(one.order.symbol, one.status) for one in result.orders]
    assert ("EURUSD", "SIGNAL", 50) in fills  # said at bar 49, the first one after
    same(of_backtest(result), ran(tmp_path / "run", given).left)


@pytest.mark.parametrize("when", ["next_open", "same_close"])
def test_a_reversal_at_the_moment_at_which_a_stop_fires(tmp_path: Path, when: str) -> None:
    """The stance turns on the very bar whose low takes the stop, again and again."""
    random = np.random.Generator(np.random.PCG64(4))
    rows: list[Sequence[float]] = []
    before = 1.1
    for bar in range(400):
        close = round(1.1 + 0.004 * float(np.sin(bar / 2.2)) + float(random.normal(0, 0.0002)), 5)
        wick = 0.003 if bar % 3 == 0 else 0.0001
        rows.append([before, round(max(before, close) + wick, 6), round(min(before, close) - wick, 6), close, 100_000])
        before = close
    sets = ("strategy.side=both", "strategy.atr=3", "strategy.stop_atr=0.8", "strategy.target_atr=2")

    result = both(trap(tmp_path, *sets, f"venues.paper.fill_on={when}", "venues.paper.participation=0.15", EURUSD=rows))

    stopped = {one.at for one in result.fills if one.reason == "STOP"}
    turned = {one.order.at for one in result.orders if one.order.purpose == "ENTRY"}
    assert len(result.fills) > 100
    assert stopped & turned


def test_names_of_orders_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are made of the run's: of the same rank they must not decide who trades first."""
    market = everything.market(tmp_path, 900, 11)
    given = {**market.given, "strategy": "breakout", "sets": everything.sets("breakout")}
    ready = running.prepare(Overrides(**given), lambda text: None)
    left = []
    for name in "abcdef":
        monkeypatch.setattr(running, "RUN_ID", name)
        left.append(of_backtest(running.run(ready)))

    assert len(left[0].fills) > 200
    for one in left:
        same(one, left[0])
