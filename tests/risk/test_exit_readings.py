"""The indicators of exits: each is what it is called, and any way of stepping gives the same bits."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from domain.market import BAR, Bars
from indicators.regime import REGIMES
from risk.config import ExitConfig
from risk.exits.base import NO_READING, Reading
from risk.exits.readings import Readings

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared/data"
CONFIG = ExitConfig(atr_bars=10, chandelier_atr=2.3, chandelier_bars=22)


def market(count: int, seed: int) -> Bars:
    random = np.random.default_rng(seed)
    bars = np.zeros(count, BAR)
    bars["close"] = 100 + random.normal(0, 0.5, count).cumsum()
    bars["open"] = bars["close"] + random.normal(0, 0.4, count)
    bars["high"] = np.maximum(bars["open"], bars["close"]) + random.random(count)
    bars["low"] = np.minimum(bars["open"], bars["close"]) - random.random(count)
    return bars


def row(bars: Bars, number: int = 0) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(len(bars), number, np.int64)


def read(bars: Bars, config: ExitConfig = CONFIG) -> list[Reading]:
    readings, said = Readings(config, 1), []
    for i in range(len(bars)):
        readings.step(bars[i : i + 1], row(bars[:1]))
        said.append(readings.of(0))
    return said


def equal(bars: Bars) -> None:
    talib = pytest.importorskip("talib", reason="TA-Lib is not installed; each formula is also tested by pandas")
    high, low, close = (np.ascontiguousarray(bars[name]) for name in ("high", "low", "close"))
    said = read(bars)

    def column(name: str) -> list[float]:
        return [getattr(one, name) for one in said]

    np.testing.assert_allclose(column("atr"), talib.ATR(high, low, close, 10), rtol=1e-8)
    np.testing.assert_allclose(column("rsi"), talib.RSI(close, 14), rtol=1e-8)
    np.testing.assert_allclose(column("sma"), talib.SMA(close, 20), rtol=1e-9)
    np.testing.assert_array_equal(column("highest"), talib.MAX(high, 22))
    np.testing.assert_array_equal(column("lowest"), talib.MIN(low, 22))
    histogram = talib.MACD(close, 12, 26, 9)[2]
    adx, up, down = (of(high, low, close, 14) for of in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI))
    ranges = talib.ATR(high, low, close, 14)
    means = np.concatenate([np.full(14, np.nan), talib.SMA(ranges[14:], 100)])
    for i, one in enumerate(said):
        sign = np.sign(one.macd_bars)
        run = int(abs(one.macd_bars)) if not math.isnan(one.macd_bars) else 0
        assert math.isnan(one.macd_bars) == math.isnan(histogram[i])
        assert all(np.sign(histogram[i - k]) == sign for k in range(run))
        assert not run or np.sign(histogram[i - run]) != sign
        assert one.trend == (int(np.sign(up[i] - down[i])) if adx[i] > 25 else 0)
        expected = "NORMAL"
        if math.isnan(means[i]):
            expected = ""
        elif ranges[i] > 1.5 * means[i]:
            expected = "VOLATILE"
        elif adx[i] > 25 or adx[i] < 20:
            expected = "TRENDING" if adx[i] > 25 else "RANGING"
        assert one.regime == expected
    assert {one.trend for one in said} == {-1, 0, 1}


def test_they_equal_talib() -> None:
    equal(market(2500, 41))


def test_they_equal_talib_on_recorded_bars() -> None:
    file = DATA / "EURUSD_H1__kernc.parquet"
    if not file.exists():
        pytest.skip(f"{file.name} is not beside this checkout (shared/data)")
    frame = pd.read_parquet(file)
    bars = np.zeros(len(frame), BAR)
    for name in ("open", "high", "low", "close"):
        bars[name] = frame[name]
    equal(bars)


def test_before_its_first_bar_nothing_is_known_and_then_one_after_the_other() -> None:
    assert Readings(CONFIG, 1).of(0) is NO_READING
    assert Readings(CONFIG, 1).regime(0) == ""
    said = read(market(200, 42))

    def first(name: str) -> int:
        known = (i for i, one in enumerate(said, 1) if getattr(one, name) not in ("", 0) and not _nan(one, name))
        return next(known)

    assert [first(name) for name in ("atr", "rsi", "sma", "highest", "lowest")] == [11, 15, 20, 22, 22]
    assert first("macd_bars") == 34
    assert first("regime") == 114
    assert first("trend") >= 28


def _nan(reading: Reading, name: str) -> bool:
    found = getattr(reading, name)
    return isinstance(found, float) and math.isnan(found)


def test_a_falling_market_is_seen_as_one() -> None:
    """Elsewhere a column that did not exist never voted, and a regime of another name never closed anything."""
    bars = market(150, 43)
    fall = 0.5 * np.arange(150) + 0.01 * np.arange(150) ** 2
    for name in ("open", "high", "low", "close"):
        bars[name] += 400 - fall

    last = read(bars)[-1]

    assert last.trend == -1
    assert last.regime == "TRENDING"
    assert last.macd_bars <= -3
    assert last.rsi < 35


def test_one_bar_at_a_time_or_all_at_once_alone_or_among_others_are_the_same_bits() -> None:
    markets = [market(400, seed) for seed in (44, 45, 46)]
    together = Readings(CONFIG, 4)  # the last one never gets a bar
    order = np.random.default_rng(47).permutation(np.repeat([0, 1, 2], 400))
    bars = np.empty(len(order), BAR)
    for number, own in enumerate(markets):
        bars[order == number] = own
    together.step(bars, order)

    for number, own in enumerate(markets):
        alone, stepped = Readings(CONFIG, 1), Readings(CONFIG, 1)
        alone.step(own, row(own))
        for i in range(len(own)):
            stepped.step(own[i : i + 1], row(own[:1]))
        assert alone.state.tobytes() == stepped.state.tobytes() == together.state[number : number + 1].tobytes()
    assert not together.state[3].any()


def test_what_is_read_over_a_whole_array_is_what_is_read_live() -> None:
    bars = market(300, 48)
    live = read(bars)

    for count in (1, 11, 35, 114, 200, 300):
        whole = Readings(CONFIG, 1)
        whole.step(bars[:count], row(bars[:count]))
        assert str(whole.of(0)) == str(live[count - 1])  # as text: NaN equals NaN


def test_rows_that_are_not_there_and_numbers_that_differ_are_refused() -> None:
    readings, bars = Readings(CONFIG, 2), market(2, 49)

    with pytest.raises(IndexError, match="rows 0 to 2, but there are only 0 to 1"):
        readings.step(bars, np.array([0, 2]))
    with pytest.raises(IndexError, match="rows -1 to 0"):
        readings.step(bars, np.array([-1, 0]))
    with pytest.raises(ValueError, match="2 bars for 1 rows"):
        readings.step(bars, np.array([0]))


def test_only_a_chandelier_needs_room_for_its_bars() -> None:
    assert Readings(ExitConfig(chandelier_bars=5000), 1).state.shape[1] < 200
    assert Readings(ExitConfig(chandelier_bars=50, chandelier_atr=1.0), 1).state.shape[1] > 240


WHOLE = """
import hashlib, sys
import numpy as np
from indicators.moving import ema
from risk.config import ExitConfig
from risk.exits.readings import Readings

readings, bars = Readings(ExitConfig(atr_bars=10, chandelier_atr=2.3), 1), np.load(sys.argv[1])
readings.step(bars, np.zeros(len(bars), np.int64))
print(hasattr(ema, "py_func"), hashlib.sha256(readings.state.tobytes()).hexdigest())
"""


def test_compiled_equals_plain_python_bit_for_bit(tmp_path: Path) -> None:
    bars, readings = market(400, 50), Readings(CONFIG, 1)
    readings.step(bars, row(bars))
    np.save(tmp_path / "bars.npy", bars)

    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", WHOLE, str(tmp_path / "bars.npy")],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == ["False", hashlib.sha256(readings.state.tobytes()).hexdigest()]


def test_every_regime_has_a_name() -> None:
    assert REGIMES == ("", "TRENDING", "RANGING", "VOLATILE", "NORMAL")
