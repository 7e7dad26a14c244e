"""Known faults of earlier systems in their signals, each with a test named after it: strategies and indicators.

Those on the way from a signal to an order are in ``test_faults_after_a_signal.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domain.registry import build
from indicators.structure import swing_high, swing_slots
from strategies import STRATEGIES
from strategies.base import PROBABILITY, SCORE, STANCE, Strategy, resolve
from strategies.bos import bos
from strategies.breakout import breakout
from strategies.confluence import confluence, maximum
from strategies.lint import first_row, made_bars
from strategies.runner import Rows
from tests.strategies.making import bars_of, closing, reasons, told

SHIPPED: list[Strategy] = [build("strategy", one, STRATEGIES) for one in STRATEGIES]


# -- indicators ------------------------------------------------------------------------------------


def test_fault_centred_swing_windows() -> None:
    """A swing was the extreme of a window centred on its own bar, so it was known before the bars after it."""
    highs = [1.0, 2.0, 5.0, 3.0, 2.0, 1.0, 4.0, 6.0, 5.5]
    state = np.zeros(swing_slots(2, 2))

    found = [swing_high(state, 0, high, 2, 2, float(seen)) for seen, high in enumerate(highs, 1)]

    assert [(place, one) for place, one in enumerate(found) if not math.isnan(one)] == [(4, 5.0)]


def test_fault_a_break_is_compared_with_a_window_that_holds_its_own_high() -> None:
    """The structure included the breaking bar itself, so no close was ever above it and nothing ever fired."""
    quiet = [(100.0, 100.6, 99.4, 100.0 + 0.1 * (-1) ** i) for i in range(60)]
    bars = bars_of(*quiet, (100.1, 104.0, 100.0, 103.0))  # its high is far above its close
    asked = {"sweep": 0, "expanding": "no", "confirm": "at_once"}

    _, changes = told(bos, bars, **asked)

    assert reasons(bos, changes) == [(60, 1, "BROKE_UP")]


def test_fault_the_newest_bars_are_dropped() -> None:
    """Bars whose features were unknown were deleted, so that the newest bar decided on was some bars old."""
    bars = closing(*[100.0, 100.2] * 30, 90.0)

    for strategy in SHIPPED:
        rows = Rows(strategy, resolve(strategy, {}), 1)
        assert len(rows.series(bars)[0].stances) == rows.state[0, 0] == len(bars)
    _, changes = told(_of("ema_cross"), bars, fast=1, slow=2)
    assert changes["bar"][-1] == len(bars) - 1


# -- strategies ------------------------------------------------------------------------------------


def test_fault_pending_signals_are_traded_at_once() -> None:
    """A break that was still to be confirmed went out as a trade on its own bar, and nothing ever confirmed one."""
    quiet = [(100.0, 100.6, 99.4, 100.0 + 0.1 * (-1) ** i) for i in range(60)]
    breaking, holding, falling = (100.1, 104.0, 100.0, 103.5), (103.5, 104.0, 103.0, 103.6), (103.5, 103.6, 99.8, 100.0)
    asked = {"sweep": 0, "expanding": "no", "confirm": "hold"}

    held, _ = told(bos, bars_of(*quiet, breaking, holding), **asked)
    fallen, _ = told(bos, bars_of(*quiet, breaking, falling, holding), **asked)

    assert held.stances[-2:].tolist() == [0, 1]
    assert fallen.stances[-3:].tolist() == [0, 0, 0]


def test_fault_retests_without_a_history_of_breaks() -> None:
    """The history of breaks was never written, so that no retest ever found the break before it."""
    waves = [100.0, 102.0, 104.0, 105.0, 103.5, 101.5] * 6
    back = [100.0, 102.0, 104.0, 109.0, 109.0, 108.0, 106.5, 105.8, 106.2, 107.0]
    asked = {"entry": "retest", "strength": 0.3, "after": 2, "within": 20, "near": 1.0, "target_r": 0.0, "longest": 0}

    _, changes = told(breakout, closing(*waves, *back), **asked)

    assert [(side, why) for _, side, why in reasons(breakout, changes) if side] == [(1, "RETESTED_FROM_ABOVE")]


def test_fault_a_measure_without_its_sign() -> None:
    """The size of a bar's pressure counted and not its side, so that a falling bar confirmed a break upwards."""
    waves = [100.0, 102.0, 104.0, 105.0, 103.5, 101.5] * 6
    rising = closing(*waves, 100.0, 102.0, 104.0, 109.0)
    falling = rising.copy()
    falling["open"][-1], falling["high"][-1], falling["low"][-1] = 114.0, 114.5, 108.5  # the same close, from above

    counts = [
        int((told(breakout, bars, entry="momentum", strength=0.3, volume=0.0)[1]["bar"] == len(bars) - 1).sum())
        for bars in (rising, falling)
    ]

    assert counts == [1, 0]


def test_fault_a_tie_is_a_buy() -> None:
    """With as many points for both sides the long one was taken."""
    bars = closing(*[100.0] * 200)
    bars["high"][-2] = 101.0  # the highs are swept: a point for the short side,
    bars["low"][-1] = 98.0  # then the lows: a point for each side
    asked = {"middle": 3, "high": 6, "trend": 5, "sweep": 5, "adx": 50, "atr": 3, "enter": 0.1, "leave": 0.1}

    assert told(confluence, bars, **asked)[0].stances[-2:].tolist() == [-1, -1]
    assert told(confluence, bars, **asked, recent=1)[0].stances[-2:].tolist() == [-1, 1]


def test_fault_a_high_score_overrules_what_opposes() -> None:
    """Enough points went past the vetoes: a side was taken against the trend of a higher timeframe."""
    closes = [*np.linspace(200.0, 100.0, 300), *np.linspace(100.0, 112.0, 14)]
    asked = {
        "middle": 4,
        "high": 40,
        "trend": 5,
        "band": 0.1,
        "sweep": 5,
        "adx": 5,
        "atr": 5,
        "enter": 0.3,
        "leave": 0.1,
    }
    bars = closing(*closes, reach=0.2)

    steps, _ = told(confluence, bars, **asked)
    alone, _ = told(confluence, bars, **{**asked, "middle": 1, "high": 1})

    assert alone.stances[-1] == 1  # by its own trend alone it is one
    assert 1 not in steps.stances


def test_fault_points_beyond_their_stated_maximum() -> None:
    """Scores were told out of six while eight could be reached, and overrides wrote ten."""
    params = resolve(confluence, {"middle": 2, "high": 4, "trend": 5, "adx": 5, "enter": 0.25, "probability": "yes"})
    rows = Rows(confluence, params, 1)
    best = 0.0
    for bar in np.array_split(made_bars(6000, 8), 6000):
        rows.step(bar, first_row(bar))
        best = max(best, float(rows.state[0, SCORE]) if rows.state[0, STANCE] else 0.0)

    assert maximum(params) == 8
    assert 5 / 8 <= best <= 1.0
    assert all(told(one, made_bars(enough(one), 8))[1]["score"].max() <= 1.0 for one in SHIPPED)


def test_fault_a_probability_that_never_moves() -> None:
    """An undefined name made every estimate one half, whatever had come of the trades before."""
    asked = {"middle": 2, "high": 4, "trend": 5, "adx": 5, "atr": 5, "sweep": 5, "target_atr": 1.0, "stop_atr": 1.0}
    known = []
    for bars in (
        closing(*np.linspace(100, 160, 300), reach=0.1),
        closing(*[100, 103, 106, 103, 100, 97] * 50, reach=0.1),
    ):
        rows = Rows(confluence, resolve(confluence, asked), 1)
        rows.series(bars[:1])
        assert rows.state[0, PROBABILITY] == 0.5  # what chance alone gives
        rows.series(bars[1:])
        known.append(float(rows.state[0, PROBABILITY]))

    assert known[0] > 0.5  # no setup has lost
    assert known[1] not in (0.5, known[0])


# -- what runs share -------------------------------------------------------------------------------


def enough(strategy: Strategy, **given: Any) -> int:
    return strategy.warm_up(resolve(strategy, given)) + 2500


def _of(name: str) -> Strategy:
    found: Strategy = build("strategy", name, STRATEGIES)
    return found
