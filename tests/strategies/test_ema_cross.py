from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from domain.market import BAR, Bars
from strategies.base import resolve
from strategies.ema_cross import ema_cross
from strategies.runner import Rows, Steps

DATA = Path(__file__).parents[2].parent / "shared/data"
YARDSTICK = {"stop_atr": 0, "target_atr": 0}


def closing(*closes: float, reach: float = 0.0) -> Bars:
    bars = np.zeros(len(closes), BAR)
    for price in ("open", "high", "low", "close"):
        bars[price] = closes
    bars["high"] += reach
    bars["low"] -= reach
    return bars


def told(bars: Bars, **given: Any) -> tuple[Steps, Any]:
    return Rows(ema_cross, resolve(ema_cross, given), 1).series(bars)


def hand_stances(closes: list[float], fast: int, slow: int) -> list[int]:
    stances = []
    a = b = closes[0]
    stance = 0
    for i, close in enumerate(closes):
        a += 2 / (fast + 1) * (close - a) if i else 0.0
        b += 2 / (slow + 1) * (close - b) if i else 0.0
        if i >= slow and a != b:
            stance = 1 if a > b else -1
        stances.append(stance)
    return stances


def traded(bars: Bars, stances: Any) -> tuple[int, float]:
    """Fills and final equity: 10,000 units on the stance's side, filled at the next open, 1 bp per fill."""
    target = stances[:-1].astype(np.int64) * 10_000
    order = np.diff(target, prepend=0)
    paid = order * bars["open"][1:]
    cash = 100_000 - paid.sum() - np.abs(paid).sum() * 1e-4
    return int(np.count_nonzero(order)), float(cash + target[-1] * bars["close"][-1])


@pytest.mark.parametrize(
    ("given", "first"),
    [
        ({}, 30),
        (YARDSTICK, 30),
        ({"fast": 2, "slow": 5, "atr": 8}, 8),
        ({"fast": 2, "slow": 5, "atr": 8, "stop_atr": 0}, 8),
        ({"fast": 2, "slow": 5, "atr": 8, "target_atr": 0}, 8),
        ({"fast": 2, "slow": 5, "atr": 8, **YARDSTICK}, 5),
        ({"fast": 2, "slow": 50}, 50),
    ],
)
def test_the_first_signal_comes_once_the_averages_are_warm(given: dict[str, Any], first: int) -> None:
    said, changes = told(closing(*np.arange(100.0, 200.0)), **given)

    assert said.stances.tolist() == [0] * first + [1] * (100 - first)
    assert changes["bar"].tolist() == [first]


@pytest.mark.parametrize(
    ("side", "stances"),
    [("both", [1, -1]), ("long", [1, 0]), ("short", [-1])],
)
def test_a_side_that_is_not_taken_is_flat(side: str, stances: list[int]) -> None:
    rise, fall = np.arange(100.0, 140.0), np.arange(140.0, 60.0, -1.0)

    said, changes = told(closing(*rise, *fall), side=side)

    assert changes["stance"].tolist() == stances
    assert said.stances[-1] == stances[-1]


@pytest.mark.parametrize(("to", "stance"), [(101.0, 1), (99.0, -1)])
def test_equal_averages_keep_the_last_stance(to: float, stance: int) -> None:
    bars = closing(*[100.0] * 8, *[to] * 600)
    rows = Rows(ema_cross, resolve(ema_cross, {"fast": 1, "slow": 3, **YARDSTICK}), 1)

    said, changes = rows.series(bars)

    assert rows.facts(0).reasons == ("FAST_EQUALS_SLOW",)
    assert changes["stance"].tolist() == [stance]
    assert said.stances[-1] == stance


def test_equal_averages_from_the_start_are_flat() -> None:
    said, changes = told(closing(*[100.0] * 80), **YARDSTICK)

    assert set(said.stances) == {0}
    assert len(changes) == 0


def test_no_stance_is_taken_while_there_is_no_range_to_measure_its_stop_by() -> None:
    closes = [100.0, 100.0, 100.0, 100.0, 101.0, 101.0, 99.0, 99.0]  # a repeated close has no true range

    given = {"fast": 1, "slow": 2, "atr": 1}

    assert told(closing(*closes), **given)[0].stances.tolist() == [0, 0, 0, 0, 1, 1, -1, -1]
    assert (told(closing(*closes), **given)[1]["stop"] > 0).all()
    assert told(closing(100, 101, 101, 101), **given)[0].stances.tolist() == [0, 0, 0, 0]
    assert told(closing(100, 101, 101, 101), **given, **YARDSTICK)[0].stances.tolist() == [0, 0, 1, 1]


def test_stop_target_and_score_are_measured_in_average_true_ranges() -> None:
    bars = closing(*np.arange(100.0, 120.0), reach=1.0)  # every true range is 2
    rows = Rows(ema_cross, resolve(ema_cross, {"fast": 1, "slow": 3, "atr": 4, "stop_atr": 1.5, "target_atr": 2.5}), 1)

    rows.load(bars, np.zeros(len(bars), np.int64))
    facts = rows.facts(0)

    assert (facts.stop, facts.target, facts.probability) == (3.0, 5.0, 0.5)
    assert facts.score == pytest.approx(0.5, abs=1e-4)  # the fast one is the close, the slow one lags it by one
    assert facts.reasons == ("FAST_ABOVE_SLOW",)


def test_the_score_is_at_most_one() -> None:
    _, changes = told(closing(*[100.0] * 20, *np.arange(100.0, 500.0, 20.0)), fast=2, slow=20)

    assert changes["score"].max() <= 1.0


def test_without_a_stop_and_a_target_there_is_no_distance_and_a_middling_score() -> None:
    _, changes = told(closing(*np.arange(100.0, 140.0), reach=1.0), **YARDSTICK)

    assert changes[["score", "probability", "stop", "target"]].tolist() == [(0.5, 0.5, 0.0, 0.0)]


def test_stances_and_trades_equal_a_plain_loop_on_made_bars(market: Any) -> None:
    bars = market(4000, 11)
    expected = np.array(hand_stances(bars["close"].tolist(), 10, 30))

    said, changes = told(bars, **YARDSTICK)

    assert said.stances.tolist() == expected.tolist()
    assert len(changes) > 50
    assert traded(bars, said.stances) == traded(bars, expected)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "fills", "equity"),
    [("EURUSD_H1__kernc", 168, 99_850.4297), ("EURUSD_M1", 22_871, 53_683.5090)],
)
def test_the_yardstick_on_recorded_bars(name: str, fills: int, equity: float) -> None:
    file = DATA / f"{name}.parquet"
    if not file.exists():
        pytest.skip(f"{file} is not here; the sibling on made bars has run")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(file)
    bars = np.zeros(table.num_rows, BAR)
    for price in ("open", "high", "low", "close"):
        bars[price] = table[price].to_numpy()

    said, _ = told(bars, **YARDSTICK)

    assert said.stances.tolist() == hand_stances(bars["close"].tolist(), 10, 30)
    assert traded(bars, said.stances) == (fills, pytest.approx(equity, abs=6e-5))
