"""A limit on equity is crossed while nothing is traded: a backtest, a run and a plain loop say so at the same T."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from domain.timeframe import MINUTE, iso
from orchestration.backtest.engine import Engine
from tests.flow.system import START, path, write_bars
from tests.parity.left import Given, backtested, of_backtest, ran, same

CASH = 100_000.0
HOLD = (
    *("strategy.by=time", "strategy.every=0.25", "strategy.atr=2", "strategy.stop_atr=0", "strategy.longest=0"),
    *("strategy.target_atr=100", "risk.require_stop=false", "venues.paper.commission_bps=0"),
)
"""Buys at the close of the first bar after a quarter of an hour, and holds."""
BOUGHT = 16
"""The bar at whose open that is filled; the open is the close before."""
QUIET = [1.1] * 18
WAVES = [
    *QUIET,
    *path((40, 0.00025), (56, -0.0005), (24, 0.00075), (80, -0.0005), (12, 0.00025), start=1.1)[1:],
]


def held(folder: Path, units: float, *sets: str, **closes: Sequence[float]) -> Given:
    """What a verb is told to hold so many units of each symbol."""
    folder.mkdir(exist_ok=True)
    for symbol, prices in closes.items():
        write_bars(folder / f"{symbol}_M1.csv", prices, width=0.001)
    return {
        "symbols": tuple(closes),
        "data": (str(folder),),
        "timeframe": "M1",
        "preset": "yardstick",
        "strategy": "dca",
        "sets": (*HOLD, f"risk.units={units}", *sets),
    }


def at(bar: int) -> str:
    """T of a bar of one minute."""
    return iso(START + (bar + 1) * MINUTE)


def plain(closes: Sequence[float], units: int, limits: dict[str, float]) -> list[tuple[str, str, str]]:
    """The changes of the trading state as a plain loop finds them, in whole units of 1e-6."""
    prices = [round(one * 1e6) for one in closes]
    entry, cash, peak = prices[BOUGHT - 1], round(CASH * 1e6), round(CASH * 1e6)
    state, found = ("ACTIVE", ""), []
    for bar in range(len(prices)):
        equity = cash + (units * (prices[bar] - entry) if bar >= BOUGHT else 0)
        peak = max(peak, equity)
        now = ("ACTIVE", "")
        if (peak - equity) / peak >= limits.get("max_drawdown_soft", 2):
            now = ("REDUCING", "MAX_DRAWDOWN_SOFT")
        if (peak - equity) / peak >= limits.get("max_drawdown", 2):
            now = ("HALTED", "MAX_DRAWDOWN")
        if (cash - equity) / cash >= limits.get("max_total_loss", 2):
            now = ("HALTED", "MAX_TOTAL_LOSS")
        if state[0] != "HALTED" and now != state:
            found.append((at(bar), *now))
            state = now
    return found


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The moments that the engine visits."""
    seen: list[int] = []
    visit = Engine._visit

    def watched(self: Engine, moment: int) -> None:
        seen.append(moment)
        visit(self, moment)

    monkeypatch.setattr(Engine, "_visit", watched)
    return seen


LIMITS: list[dict[str, float]] = [
    {"max_drawdown": 0.01},
    {"max_drawdown": 0.1},
    {"max_drawdown": 0.0999},
    {"max_drawdown": 0.1001},
    {"max_total_loss": 0.05},
    {"max_total_loss": 0.0801},
    {"max_drawdown_soft": 0.05},
    {"max_drawdown_soft": 0.01, "max_drawdown": 0.15},
    {"max_drawdown_soft": 0.05, "max_drawdown": 0.1, "max_total_loss": 0.12},
]


@pytest.mark.parametrize("limits", LIMITS, ids=lambda one: " ".join(f"{key}={value}" for key, value in one.items()))
def test_a_limit_that_is_crossed_without_a_trade_is_seen_on_the_same_bar(
    tmp_path: Path, visits: list[int], limits: dict[str, float]
) -> None:
    sets = [f"risk.{key}={value}" for key, value in limits.items()]
    given = held(tmp_path, 500_000, *sets, EURUSD=WAVES)

    result = backtested(given)

    assert of_backtest(result).states == plain(WAVES, 500_000, limits) != []
    assert [one.at < START + 20 * MINUTE for one in result.fills] == [True]
    assert len(visits) < len(result.moments) / 8
    same(of_backtest(result), of_backtest(backtested(given, dense=True)))


@pytest.mark.parametrize("limit", ["max_drawdown=0.1", "max_total_loss=0.06", "max_drawdown_soft=0.05"])
def test_a_run_sees_it_on_the_same_bar(tmp_path: Path, limit: str) -> None:
    given = held(tmp_path / "bars", 500_000, f"risk.{limit}", EURUSD=WAVES)

    result, run = backtested(given), ran(tmp_path / "run", given)

    assert {name for _, name, _ in run.left.states} & {"HALTED", "REDUCING"}
    same(of_backtest(result), run.left)


@pytest.mark.parametrize("lost", [0, 1, -1], ids=["exactly", "a tick more", "a tick less"])
def test_equity_that_is_exactly_at_the_limit_has_reached_it(tmp_path: Path, lost: int) -> None:
    closes = [*QUIET, *[1.1] * 50, round(1.0 - lost * 0.00001, 5), *[1.1] * 50]
    given = held(tmp_path / "bars", 100_000, "risk.max_drawdown=0.1", EURUSD=closes)

    result = backtested(given)

    halted = [(iso(when), state.value) for when, state in result.states if state.name == "HALTED"]
    assert halted == ([(at(68), (10_000 + lost) / 100_000)] if lost >= 0 else [])
    same(of_backtest(result), ran(tmp_path / "run", given).left)


def test_a_rate_that_moves_between_the_bars_of_what_is_held_crosses_it(tmp_path: Path, visits: list[int]) -> None:
    folder = tmp_path / "bars"
    yen = [160.0] * 17 + [200.0] * 60  # wide bars, so that its target is far away
    rates = [100.0] * 25 + path((200, 0.4), start=100.0)
    given = held(folder, 10_000, "risk.max_drawdown=0.01", "account.convert=true", EURJPY=yen)
    write_bars(folder / "EURJPY_M1.csv", yen, width=1)
    write_bars(folder / "USDJPY_M1.csv", rates, width=0.001)

    result = backtested(given)
    seen = len(visits)
    run = ran(tmp_path / "run", given)

    profit = [10_000 * 40 / rate for rate in rates]
    most = CASH + profit[17]
    bar = next(place for place, one in enumerate(profit) if place > 25 and (most - CASH - one) / most >= 0.01)
    assert 100 < bar < 200  # long after the last bar of what is held
    assert of_backtest(result).states == [(at(bar), "HALTED", "MAX_DRAWDOWN")]
    assert seen < 30
    same(of_backtest(result), run.left)


def test_what_a_limit_denies_is_denied_alike(tmp_path: Path) -> None:
    """A second symbol whose bars begin when the soft limit holds, and a third after the hard one."""
    folder = tmp_path / "bars"
    falling = [*QUIET, *path((180, -0.0004), start=1.1)[1:]]
    given = held(folder, 300_000, "risk.max_drawdown_soft=0.05", "risk.max_drawdown=0.12", EURUSD=falling)
    for symbol, first in (("GBPUSD", 80), ("AUDUSD", 140)):
        write_bars(folder / f"{symbol}_M1.csv", [1.2] * (190 - first), START + first * MINUTE, width=0.001)
    given["symbols"] = ("EURUSD", "GBPUSD", "AUDUSD")

    result = backtested(given)

    codes = {(one.candidate.symbol, one.denied.code) for one in result.refusals}
    assert {("GBPUSD", "MAX_DRAWDOWN_SOFT"), ("AUDUSD", "KILL_SWITCH")} <= codes
    same(of_backtest(result), ran(tmp_path / "run", given).left)


def test_a_loss_that_only_the_last_fill_at_the_close_has_made_halts_at_the_next_bar(tmp_path: Path) -> None:
    """Filled at the close, the position is gone before anybody looks: the next T says what it has cost."""
    costs = ("venues.paper.fill_on=same_close", "venues.paper.slippage_bps=60", "strategy.longest=12")
    given = held(tmp_path / "bars", 100_000, "risk.max_total_loss=0.01", *costs, EURUSD=[1.1] * 60)

    result = backtested(given)

    last = result.fills[-1].at
    assert (len(result.fills), result.positions) == (2, ())
    assert of_backtest(result).states == [(iso(last + MINUTE), "HALTED", "MAX_TOTAL_LOSS")]
    same(of_backtest(result), ran(tmp_path / "run", given).left)


def test_prices_that_are_rounded_for_the_exact_sum_hide_no_crossing(tmp_path: Path) -> None:
    """More decimals than money has: the exact sum is off from that of floats by half a cent per million units."""
    for seed in range(30):
        random = np.random.Generator(np.random.PCG64(seed))
        closes = [1e-4] * 18 + list(1e-4 + np.cumsum(random.normal(-2e-11, 3e-10, 600)))
        with (tmp_path / "TINY_M1.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(["ts", "open", "high", "low", "close"])
            for place, (before, close) in enumerate(zip([1e-4, *closes], closes, strict=False)):
                when = iso(START + place * MINUTE)
                high, low = max(before, close) + 1e-6, min(before, close) - 1e-6
                writer.writerow([when, f"{before:.14f}", f"{high:.14f}", f"{low:.14f}", f"{close:.14f}"])
        given: Given = {
            "symbols": ("TINY",),
            "data": (f"TINY={tmp_path / 'TINY_M1.csv'}",),
            "preset": "yardstick",
            "strategy": "dca",
            "sets": (*HOLD, "risk.units=1000000000", "risk.max_total_loss=0.00003", "risk.max_drawdown_soft=0.00001"),
        }
        same(of_backtest(backtested(given)), of_backtest(backtested(given, dense=True)))
