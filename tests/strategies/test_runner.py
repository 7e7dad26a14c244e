"""The runner with strategies made for it: each bar's volume tells the step what to say."""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest

from domain.market import BAR, Bars
from strategies.base import OWN, PROBABILITY, REASON, SCORE, SEEN, STANCE, STOP, TARGET, ClosedBar, Row, strategy
from strategies.parameters import Between
from strategies.runner import CHANGED, FAILED, SAME, WARMING, Facts, Rows

NAN = math.nan
LAST = 99.0  # say what was said before


class Params(NamedTuple):
    wait: Annotated[int, Between(0, 9, "bars", "length of the warm-up")] = 2


def wait(params: Params) -> int:
    return params.wait


@strategy(params=Params, own_slots=lambda params: 1, warm_up=wait, words=("NONE", "TOLD"))
def told(state: Row, bar: ClosedBar, params: Params) -> float:
    """The volume is the stance; open, high, low and spread are the facts."""
    state[OWN] += 1
    state[SCORE] = bar.open
    state[PROBABILITY] = bar.high
    state[STOP] = bar.low
    state[TARGET] = bar.close
    state[REASON] = bar.spread
    return float(state[STANCE]) if bar.volume == LAST else bar.volume


@strategy(params=Params, own_slots=lambda params: 1, warm_up=wait, words=("NONE", "TOLD"), compiled=False)
def irregular(state: Row, bar: ClosedBar, params: Params) -> float:
    """The same in plain Python, with what numba would not take."""
    state[OWN] += 1
    named = {SCORE: bar.open, PROBABILITY: bar.high, STOP: bar.low, TARGET: bar.close, REASON: bar.spread}
    for slot, fact in named.items():
        state[slot] = fact
    if bar.ts < 0:
        raise RuntimeError(f"a bar of the year {bar.ts}")
    return float(state[STANCE]) if bar.volume == LAST else bar.volume


both_kinds = pytest.mark.parametrize("kind", [told, irregular], ids=["compiled", "plain Python"])
FACTS = {"open": 0.4, "high": 0.6, "low": 0.002, "close": 0.003, "spread": 1.0}


def saying(*stances: float, **facts: float) -> Bars:
    bars = np.zeros(len(stances), BAR)
    bars["volume"] = stances
    for name, fact in (FACTS | facts).items():
        bars[name] = fact
    return bars


def of(*local: int) -> Any:
    return np.array(local, np.int64)


@both_kinds
@pytest.mark.parametrize(
    ("said", "stances", "codes"),
    [
        ([1, 1, 1, 1], [0, 0, 1, 1], [WARMING, WARMING, CHANGED, SAME]),
        ([1, -1, 0, 0], [0, 0, 0, 0], [WARMING, WARMING, SAME, SAME]),
        ([0, 0, 1, -1, 0], [0, 0, 1, -1, 0], [WARMING, WARMING, CHANGED, CHANGED, CHANGED]),
        ([1, 1, LAST, 1], [0, 0, 0, 1], [WARMING, WARMING, SAME, CHANGED]),
        ([NAN, 7, 1, 1], [0, 0, 1, 1], [WARMING, WARMING, CHANGED, SAME]),
        ([0, 0, 1, NAN, 1, -1], [0, 0, 1, 1, 1, -1], [WARMING, WARMING, CHANGED, FAILED, SAME, CHANGED]),
        ([0, 0, 2, -2, 0.5, math.inf], [0] * 6, [WARMING, WARMING, FAILED, FAILED, FAILED, FAILED]),
    ],
)
def test_a_stance_is_reported_after_the_warm_up_and_when_it_is_sound(
    kind: Any, said: list[float], stances: list[int], codes: list[int]
) -> None:
    rows = Rows(kind, Params(), 1)

    steps = rows.step(saying(*said), of(*[0] * len(said)))

    assert steps.stances.tolist() == stances
    assert steps.codes.tolist() == codes
    assert steps.changed.tolist() == [code == CHANGED for code in codes]
    assert steps.warming.tolist() == [code == WARMING for code in codes]
    assert steps.failed.tolist() == [code == FAILED for code in codes]


@both_kinds
@pytest.mark.parametrize(
    "wrong",
    [
        *({name: NAN} for name in FACTS),
        *({name: math.inf} for name in FACTS),
        {"low": -0.001},
        {"close": -0.001},
        {"spread": 2.0},
        {"spread": -1.0},
    ],
    ids=str,
)
def test_a_fact_that_cannot_be_meant_fails_its_own_row_only(kind: Any, wrong: dict[str, float]) -> None:
    rows = Rows(kind, Params(wait=0), 2)
    rows.step(saying(1, 1), of(0, 1))

    steps = rows.step(np.concatenate([saying(-1, **wrong), saying(-1)]), of(0, 1))

    assert steps.failed.tolist() == [True, False]
    assert steps.changed.tolist() == [False, True]
    assert steps.stances.tolist() == [1, -1]


@both_kinds
def test_facts_and_stance_of_a_row(kind: Any) -> None:
    rows = Rows(kind, Params(wait=0), 3)

    rows.step(saying(-1), of(1))

    assert rows.stance(1) == -1
    assert rows.facts(1) == Facts(0.4, 0.6, 0.002, 0.003, ("TOLD",))
    assert rows.stance(0) == rows.stance(2) == 0


@both_kinds
def test_a_row_is_warming_until_a_bar_could_speak(kind: Any) -> None:
    rows = Rows(kind, Params(wait=2), 2)
    seen = []
    for _ in range(4):
        seen.append(rows.warming(1))
        rows.step(saying(1), of(1))

    assert seen == [True, True, True, False]
    assert rows.warming(0)
    assert rows.state[:, SEEN].tolist() == [0, 4]


@both_kinds
def test_a_copied_state_goes_on_like_the_original(kind: Any) -> None:
    rows, copy = Rows(kind, Params(), 1), Rows(kind, Params(), 1)
    rows.load(saying(0, 0, 1), of(0, 0, 0))

    copy.state[:] = rows.state

    assert copy.step(saying(1, -1), of(0, 0)).codes.tolist() == [SAME, CHANGED]


@both_kinds
def test_a_series_gives_every_change_with_its_facts(kind: Any) -> None:
    steps, changes = Rows(kind, Params(wait=1), 1).series(saying(1, 1, 1, -1, NAN, 0))

    assert steps.stances.tolist() == [0, 1, 1, -1, -1, 0]
    assert changes.tolist() == [(bar, to, 0.4, 0.6, 0.002, 0.003, 1) for bar, to in ((1, 1), (3, -1), (5, 0))]


def test_what_a_plain_python_step_raises_goes_to_the_caller() -> None:
    rows = Rows(irregular, Params(), 1)
    bars = saying(1)
    bars["ts"] = -5

    with pytest.raises(RuntimeError, match="the year -5"):
        rows.step(bars, of(0))


@pytest.mark.parametrize(
    ("local", "error", "text"),
    [
        ([0, 3], IndexError, "rows 0 to 3, but there are only 0 to 2"),
        ([-1, 0], IndexError, "rows -1 to 0"),
        ([0], ValueError, "2 bars for 1 rows"),
    ],
)
def test_rows_that_are_not_there_are_refused_before_anything_steps(
    local: list[int], error: type[Exception], text: str
) -> None:
    rows = Rows(told, Params(), 3)

    with pytest.raises(error, match=text):
        rows.step(saying(1, 1), of(*local))
    assert not rows.state.any()


def test_no_bars_no_change() -> None:
    rows = Rows(told, Params(), 3)

    assert rows.step(saying(), of()).stances.tolist() == []
    assert not rows.state.any()


def test_read_only_and_strided_arrays_step_like_others() -> None:
    bars = saying(0, 0, 1, -1)
    expected = Rows(told, Params(), 1).step(bars, of(0, 0, 0, 0))
    apart = np.repeat(bars, 2)[::2]
    shut = bars.copy()
    shut.setflags(write=False)

    for given in (apart, shut):
        said = Rows(told, Params(), 1).step(given, of(0, 0, 0, 0))
        assert said.codes.tobytes() == expected.codes.tobytes()
    assert bars.flags.writeable
