"""What the market did after a case: which barrier came first, bar by bar or at once."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest

from domain.market import Bars
from domain.money import NANO
from domain.research import Case
from domain.timeframe import MINUTE
from research.shadow import STOP, TARGET, TIME, Outcome, Shadows
from tests.research.debating import a_case
from tests.research.scoring import T, bars_of

FLAT = (1.0, 1.0005, 0.9995, 1.0)


def case(**changed: Any) -> Case:
    """Long at 1.0: stop at 0.999, target at 1.002, within five bars of a minute."""
    return a_case(**{"timeframe": MINUTE, "horizon": 5, "at": T, **changed})


def ended(bars: Bars, **changed: Any) -> Outcome | None:
    shadows = Shadows({"EURUSD": 0, "BTC": 1}, MINUTE)
    shadows.add(case(**changed))
    found = shadows.take(bars)
    return found[0][1] if found else None


def short(*bars: tuple[float, float, float, float]) -> tuple[tuple[float, float, float, float], ...]:
    """The same bars for who sells: mirrored about 1."""
    return tuple((2 - o, 2 - low, 2 - high, 2 - c) for o, high, low, c in bars)


UP, DOWN = (1.0, 1.0021, 0.9996, 1.002), (1.0, 1.0004, 0.9989, 0.999)
BOTH = (1.0, 1.0021, 0.9989, 1.0)


@pytest.mark.parametrize(
    ("bars", "touched", "r", "bars_taken"),
    [
        ((FLAT, UP), TARGET, 2.0, 2),
        ((FLAT, FLAT, DOWN), STOP, -1.0, 3),
        ((BOTH,), STOP, -1.0, 1),
        ((*[FLAT] * 4, (1.0, 1.0006, 0.9997, 1.0005), UP), TIME, 0.5, 5),
        (((1.0, 1.002, 0.9995, 1.0),), TARGET, 2.0, 1),  # touched to the point
        (((1.0, 1.0005, 0.999, 1.0),), STOP, -1.0, 1),
        ((FLAT, (0.998, 0.9985, 0.997, 0.998)), STOP, -2.0, 2),  # opened beyond the stop: that is the price
        ((FLAT, (1.003, 1.0031, 0.9985, 0.999)), TARGET, 2.0, 2),  # opened beyond the target, whatever came then
    ],
)
@pytest.mark.parametrize("side", [1, -1])
def test_the_first_barrier_decides(
    bars: tuple[tuple[float, float, float, float], ...], touched: str, r: float, bars_taken: int, side: int
) -> None:
    out = ended(bars_of(*(bars if side > 0 else short(*bars))), direction=side)

    assert out is not None
    assert (out.touched, out.won, out.bars) == (touched, int(touched == TARGET), bars_taken)
    assert out.r == pytest.approx(r, abs=1e-6)
    assert out.known_at == T + bars_taken * MINUTE


def test_the_extremes_on_the_way_are_in_stops_and_end_at_the_barrier() -> None:
    out = ended(bars_of((1.0, 1.0015, 0.9995, 1.001), (1.001, 1.004, 0.9992, 1.003)))

    assert out is not None
    assert (out.best, out.worst) == (pytest.approx(2.0), pytest.approx(-0.8))


def test_nothing_is_known_before_the_horizon_is_over() -> None:
    assert ended(bars_of(*[FLAT] * 4)) is None


def test_bars_before_the_case_say_nothing_of_it() -> None:
    assert ended(bars_of(UP, DOWN, start=T - 2 * MINUTE)) is None
    assert ended(bars_of(DOWN, UP, start=T - MINUTE)) == ended(bars_of(UP))
    assert ended(bars_of(UP, start=T - MINUTE // 2)) is None  # it had begun before


@pytest.mark.parametrize(
    "bad", [(math.nan, math.nan, math.nan, math.nan), (1.0, 0.9, 1.1, 1.0), (1.0, math.inf, 0.9, 1.0), (0.0,) * 4]
)
def test_a_bar_that_is_none_is_no_bar_of_the_horizon(bad: tuple[float, float, float, float]) -> None:
    out = ended(bars_of(*[FLAT] * 4, bad, UP))

    assert out is not None
    assert (out.touched, out.bars) == (TARGET, 5)


def test_a_bar_whose_close_alone_is_none_decides_nothing() -> None:
    assert ended(bars_of(*[FLAT] * 4, (1.0, 1.0005, 0.9995, math.nan))) is None


def test_a_gap_in_time_is_no_bar_either() -> None:
    late = bars_of(FLAT, UP, start=T + 600 * MINUTE)

    out = ended(late)

    assert out is not None
    assert (out.touched, out.bars, out.known_at) == (TARGET, 2, T + 602 * MINUTE)


@pytest.mark.parametrize("changed", [{"stop": 0}, {"target": 0}, {"symbol": "GBPUSD"}])
def test_a_case_without_barriers_or_of_a_strange_symbol_is_not_followed(changed: dict[str, Any]) -> None:
    assert ended(bars_of(*[UP] * 9), **changed) is None


def test_a_case_is_followed_once_also_after_its_end() -> None:
    shadows = Shadows({"EURUSD": 0}, MINUTE)
    shadows.add(case())
    shadows.add(case())
    assert len(shadows.take(bars_of(UP))) == 1
    shadows.add(case())

    assert shadows.take(bars_of(UP, start=T + MINUTE)) == []


def test_another_symbols_bars_are_not_ones_own() -> None:
    assert ended(bars_of(*[UP] * 9, row=1)) is None


def test_bar_by_bar_twice_or_at_once_is_the_same() -> None:
    draws = random.Random(4)
    bars, price = [], 1.0
    for _ in range(300):
        opened, price = price, price + draws.gauss(0, 0.0005)
        bars.append((opened, max(opened, price) + 0.0002, min(opened, price) - 0.0002, price))
    market = bars_of(*bars)
    cases = [
        case(id=f"case-{n}", at=T + n * MINUTE, price=round(bars[n][0] * NANO), direction=draws.choice((1, -1)))
        for n in range(0, 290, 3)
    ]
    at_once, step = Shadows({"EURUSD": 0}, MINUTE), Shadows({"EURUSD": 0}, MINUTE)
    for one in cases:
        at_once.add(one)
    found = at_once.take(market)
    slowly: list[tuple[Case, Outcome]] = []
    for number in range(len(market)):
        for one in cases:
            if one.at == T + number * MINUTE:
                step.add(one)
        slowly += step.take(market[number : number + 1])
        slowly += step.take(market[max(0, number - 5) : number + 1])  # what it has seen changes nothing

    assert len(found) > 90
    assert {out.touched for _, out in found} == {TARGET, STOP, TIME}
    assert sorted(slowly, key=lambda one: one[0].id) == sorted(found, key=lambda one: one[0].id)
    assert [out.known_at for _, out in found] == sorted(out.known_at for _, out in found)
