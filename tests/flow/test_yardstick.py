"""The yardstick through the whole system: what every other engine gets for the same work, to the cent."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.flow.system import System

BARS = Path(__file__).parents[2].parent / "shared/data/EURUSD_H1__kernc.parquet"


def reference(closes: list[float], fast: int, slow: int) -> tuple[int, float]:
    """Fills and equity of a plain loop: +-10,000 units at the next open, 1 bp of notional a fill, from 100,000."""
    averages = [closes[0], closes[0]]
    target = position = fills = 0
    cash = 100_000.0
    before = closes[0]
    for index, close in enumerate(closes):
        if target != position:  # the open is the close before
            cash -= (target - position) * before + abs(target - position) * before * 1e-4
            position, fills = target, fills + 1
        for place, length in enumerate((fast, slow)):
            alpha = 2 / (length + 1)
            averages[place] = close if index == 0 else averages[place] + alpha * (close - averages[place])
        if index >= slow and averages[0] != averages[1]:
            target = 10_000 if averages[0] > averages[1] else -10_000
        before = close
    return fills, cash + position * closes[-1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_run_equals_a_plain_loop_over_the_same_bars(tmp_path: Path, seed: int) -> None:
    walk = random.Random(seed)
    closes = [1.1]
    for _ in range(900):
        closes.append(round(closes[-1] + walk.gauss(0, 0.0004), 5))

    summary = System(tmp_path).run({"EURUSD": closes}, sets=("strategy.fast=5", "strategy.slow=20")).summary

    fills, equity = reference(closes, 5, 20)
    assert summary.fills == fills > 20
    assert summary.equity == pytest.approx(equity, abs=1e-6)


@pytest.mark.data
def test_the_hourly_yardstick_is_exact(tmp_path: Path) -> None:
    if not BARS.exists():
        pytest.skip(f"{BARS.name} is not beside this checkout (shared/data)")

    summary = System(tmp_path).run(symbols=("EURUSD",), data=(f"EURUSD={BARS}",), timeframe="H1").summary

    assert summary.fills == 168
    assert summary.equity == pytest.approx(99_850.4297, abs=1e-4)
