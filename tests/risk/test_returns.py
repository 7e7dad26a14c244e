"""Returns over a window: the figures of pandas, whatever came before the window."""

from __future__ import annotations

import hashlib
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from indicators import losses as kernels
from risk.returns import LEAST, Returns

ROOT = Path(__file__).resolve().parents[2]

Closes = NDArray[np.float64]
SYMBOLS = ("C", "A", "B", "D", "E")


def walks(moments: int, symbols: int = len(SYMBOLS), seed: int = 5) -> Closes:
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.002, (moments, 1))
    return np.asarray(100 * np.exp((common + random.normal(0, 0.001, (moments, symbols))).cumsum(0)))


def given_to(returns: Returns, closes: Closes, start: int = 0) -> Returns:
    """Each row of closes as one moment; NaN is no bar."""
    for i, row in enumerate(closes):
        there = np.flatnonzero(~np.isnan(row))
        returns.push(start + i, there, row[there])
    return returns


def as_pandas(closes: Closes, window: int) -> pd.DataFrame:
    """The log returns of the window: 0 without a bar, nothing before the first close."""
    filled = pd.DataFrame(closes, columns=SYMBOLS).ffill()
    changes: pd.DataFrame = filled / filled.shift()
    return changes.apply(np.log).iloc[-window:]


@pytest.mark.parametrize(("moments", "window"), [(30, 100), (101, 100), (250, 100), (40, 25)])
def test_correlation_volatility_and_returns_are_those_of_pandas(moments: int, window: int) -> None:
    closes = walks(moments)
    returns, expected = given_to(Returns(SYMBOLS, window), closes), as_pandas(closes, window)

    for one in SYMBOLS:
        np.testing.assert_allclose(returns.of(one), expected[one].dropna(), rtol=1e-12, atol=1e-15)
        assert returns.volatility(one) == pytest.approx(expected[one].std(), rel=1e-12)
        for other in SYMBOLS:
            assert returns.correlation(one, other) == pytest.approx(expected[one].corr(expected[other]), abs=1e-12)


def test_a_symbol_without_a_bar_has_not_moved() -> None:
    closes = walks(60)
    closes[20:25, 1] = closes[7, 2] = closes[59, 0] = math.nan
    returns, expected = given_to(Returns(SYMBOLS, 100), closes), as_pandas(closes, 100)

    assert returns.of("A")[19:24].tolist() == [0.0] * 5
    np.testing.assert_allclose(returns.of("A"), expected["A"].dropna(), rtol=1e-12)
    assert returns.correlation("A", "B") == pytest.approx(expected["A"].corr(expected["B"]), abs=1e-12)


def test_before_its_first_close_a_symbol_has_no_returns_and_pairs_share_the_moments_that_both_know() -> None:
    closes = walks(80)
    closes[:30, 0] = math.nan
    returns, expected = given_to(Returns(SYMBOLS, 70), closes), as_pandas(closes, 70)

    assert (returns.known("C"), returns.known("A")) == (49, 70)
    assert returns.correlation("C", "A") == pytest.approx(expected["C"].corr(expected["A"]), abs=1e-12)
    other_way = given_to(Returns(SYMBOLS, 70), closes)
    assert other_way.correlation("A", "C") == other_way.correlation("C", "A") == returns.correlation("C", "A")
    assert other_way.correlation("A", "B") == pytest.approx(expected["A"].corr(expected["B"]), abs=1e-12)


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_a_close_that_is_no_price_is_passed_over(bad: float) -> None:
    closes = walks(60)
    returns = Returns(SYMBOLS, 100)
    for i, row in enumerate(closes):
        returns.push(i, np.arange(5), np.where((i == 30) & (np.arange(5) == 1), bad, row))
    closes[30, 1] = math.nan

    assert returns.of("A").tolist() == given_to(Returns(SYMBOLS, 100), closes).of("A").tolist()
    assert np.isfinite(returns.of("A")).all()


@pytest.mark.parametrize("known", [LEAST - 1, LEAST])
def test_so_few_returns_say_nothing(known: int) -> None:
    returns = given_to(Returns(SYMBOLS, 100), walks(known + 1))

    assert returns.known("A") == known
    assert (returns.correlation("A", "B") is not None) == (known >= LEAST)
    assert (returns.volatility("A") is not None) == (known >= LEAST)


def test_what_stands_still_or_grows_evenly_correlates_with_nothing() -> None:
    closes = walks(60)
    closes[:, 1] = 7.0
    closes[:, 2] = 1.001 ** np.arange(60)
    returns = given_to(Returns(SYMBOLS, 50), closes)

    assert returns.correlation("A", "C") is None
    assert returns.correlation("B", "C") is None
    assert returns.correlation("C", "B") is None
    assert returns.volatility("A") == returns.volatility("B") == 0.0


def test_an_unknown_symbol_has_nothing() -> None:
    returns = given_to(Returns(SYMBOLS, 50), walks(60))

    assert returns.correlation("A", "XAU") is returns.correlation("XAU", "A") is returns.volatility("XAU") is None
    assert returns.known("XAU") == len(returns.of("XAU")) == 0


def test_a_moment_counts_once() -> None:
    closes = walks(60)
    returns = given_to(Returns(SYMBOLS, 50), closes)
    before = returns.of("A").tolist()
    returns.push(59, np.arange(5), closes[0])
    returns.push(3, np.arange(5), closes[0])

    assert returns.of("A").tolist() == before
    assert returns.at == 59


def everything(returns: Returns) -> list[Any]:
    """All that can be asked, to the bit."""
    held = np.where(np.arange(5) % 2, 2.0, -1.0)
    known = [returns.known(one) for one in SYMBOLS]
    pairs = [returns.correlation(one, other) for one in SYMBOLS for other in SYMBOLS]
    losses, changes = returns.losses(held, held + 0.5, "A")
    closest = [returns.closest(one, side, held, held) for one in SYMBOLS for side in (1, -1)]
    rest = [returns.volatility(one) for one in SYMBOLS], [returns.of(one).tobytes() for one in SYMBOLS]
    return [known, pairs, losses.tobytes(), changes.tobytes(), closest, rest]


@given(some.integers(0, 2**32 - 1), some.integers(21, 40), some.integers(0, 90), some.floats(0, 0.6))
@settings(max_examples=60)
def test_whoever_is_given_the_window_again_gives_the_same_bits(
    seed: int, window: int, before: int, gaps: float
) -> None:
    """However long the history was, with gaps and symbols that begin late, only the window counts."""
    random = np.random.default_rng(seed)
    closes = walks(before + 1 + window, seed=seed)
    closes[random.random(closes.shape) < gaps] = math.nan
    closes[: random.integers(0, len(closes)), 3] = math.nan
    lived = Returns(SYMBOLS, window)
    for i in range(len(closes)):
        given_to(lived, closes[i : i + 1], start=i)
        lived.correlation("A", "B")  # what was asked on the way changes nothing

    last = pd.DataFrame(closes[: before + 1]).ffill().to_numpy()[-1:]
    restarted = given_to(Returns(SYMBOLS, window), np.vstack([last, closes[before + 1 :]]), start=before)

    assert everything(restarted) == everything(lived)


@pytest.mark.parametrize(
    ("side", "held", "expected"),
    [
        (1, {"A": (1.0, 1.0)}, ("A", 1)),
        (-1, {"A": (1.0, 1.0)}, ("A", -1)),
        (1, {"A": (-1.0, -1.0)}, ("A", -1)),
        (-1, {"A": (-1.0, -1.0)}, ("A", 1)),
        (-1, {"A": (-1.0, 1.0)}, ("A", 1)),  # what may still turn counts on both sides
        (1, {"A": (1.0, 1.0), "B": (-1.0, -1.0)}, ("A", 1)),
        (1, {"C": (1.0, 1.0)}, ("", -2)),  # not with itself
        (1, {}, ("", -2)),
    ],
)
def test_the_closest_of_what_is_held(
    side: int, held: dict[str, tuple[float, float]], expected: tuple[str, int]
) -> None:
    returns = given_to(Returns(SYMBOLS, 50), walks(60))
    lows = np.array([held.get(one, (0.0, 0.0))[0] for one in SYMBOLS])
    highs = np.array([held.get(one, (0.0, 0.0))[1] for one in SYMBOLS])
    column, found, unknown = returns.closest("C", side, lows, highs)

    assert (returns.symbol(column), unknown) == (expected[0], 0)
    correlation = returns.correlation("C", "A")
    assert correlation is not None
    assert found == (expected[1] * correlation if expected[0] else -2.0)


PLAIN = """
import sys
sys.path.insert(0, "tests/risk")
from test_returns import asked
print(asked())
"""


def asked() -> str:
    """Everything that can be asked of a walk with gaps, and the tail of its losses, as one digest."""
    closes = walks(70)
    closes[np.random.default_rng(1).random(closes.shape) < 0.2] = math.nan
    closes[:30, 3] = math.nan
    returns = given_to(Returns(SYMBOLS, 50), closes)
    held = np.array([3.0, -2.0, 0.0, 1.0, -1.0])
    losses, changes = returns.losses(held - 0.5, held, "C")
    tails = [[float(one) for one in kernels.tail(losses, beyond, beyond + 0.5)] for beyond in (0, 3, 18)]
    rooms = [
        float(kernels.room(losses, changes, 0.0, 1.0, side, 0.001, 1e6, 2.0, 3, 3.5, which))
        for side in (1, -1)
        for which in (0, 1)
    ]
    return hashlib.sha256(repr([everything(returns), tails, rooms]).encode()).hexdigest()


def test_compiled_equals_plain_python_bit_for_bit() -> None:
    answer = subprocess.run(
        [sys.executable, "-c", PLAIN],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [asked()]
