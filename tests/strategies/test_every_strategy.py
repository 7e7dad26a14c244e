"""What holds for every registered strategy, with its default parameters and with each choice and each zero."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given as drawn

from domain.registry import build
from strategies import STRATEGIES, lint
from strategies.base import Strategy, parameters_problems, resolve
from strategies.runner import WARMING, Rows
from tests.strategies.drawn import parameters
from tests.strategies.recorded_bars import recorded_bars

ROOT = Path(__file__).resolve().parents[2]
ONE_SIDED = {"dca"}
"""Strategies that never sell short."""


def long_enough(strategy: Strategy, given: dict[str, Any]) -> int:
    """Bars in which every strategy has something to say."""
    return 1500 + int(strategy.warm_up(resolve(strategy, given)))


def variants(strategy: Strategy) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = [{}]
    for one in strategy.parameters:
        given += [{one.name: word} for word in one.choices]
        given += [{one.name: one.low}] if one.type == "float" or one.low == 0 else []
    given.append({one.name: one.low for one in strategy.parameters if one.type == "float"})
    return [one for one in given if not parameters_problems(strategy, one)]


CASES = [
    pytest.param(strategy, given, id=f"{name} {given}")
    for name in STRATEGIES
    for strategy in [build("strategy", name, STRATEGIES)]
    for given in variants(strategy)
]
every_strategy = pytest.mark.parametrize(("strategy", "given"), CASES)


def one_symbol(strategy: Strategy, given: dict[str, Any]) -> Rows:
    return Rows(strategy, resolve(strategy, given), 1)


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_is_registered_under_its_own_name_and_described(name: str) -> None:
    strategy = build("strategy", name, STRATEGIES)

    assert strategy.name == name
    assert strategy.doc
    assert all(one.doc for one in strategy.parameters)
    assert parameters_problems(strategy, {}) == []


@every_strategy
@pytest.mark.parametrize("check", lint.CHECKS)
def test_it_passes_every_check(strategy: Strategy, given: Any, check: str, market: Any) -> None:
    bars = market(long_enough(strategy, given), 2)

    assert lint.CHECKS[check][1](strategy, resolve(strategy, given), bars) == ""


@every_strategy
def test_it_speaks_on_the_bars_of_the_checks_and_only_after_its_warm_up(
    strategy: Strategy, given: Any, market: Any
) -> None:
    rows = one_symbol(strategy, given)
    count = long_enough(strategy, given)
    said, changes = rows.series(market(count, 2))

    assert rows.warm_up > 0
    assert len(changes) > 0
    assert (changes["bar"] >= rows.warm_up).all()
    assert (said.codes == WARMING).tolist() == [i < rows.warm_up for i in range(count)]


@every_strategy
def test_its_facts_are_sound_in_every_kind_of_market(strategy: Strategy, given: Any, kinds: Any) -> None:
    for bars in kinds(long_enough(strategy, given), 15).values():
        assert lint.sound_facts(strategy, resolve(strategy, given), bars) == ""


@pytest.mark.parametrize("name", STRATEGIES)
def test_its_facts_are_sound_with_any_parameters(name: str) -> None:
    strategy = build("strategy", name, STRATEGIES)
    bars = lint.made_bars(1200, 33)

    @drawn(parameters(strategy))
    def check(chosen: dict[str, Any]) -> None:
        assert lint.sound_facts(strategy, resolve(strategy, chosen), bars) == ""

    check()


@pytest.mark.parametrize("name", STRATEGIES)
@pytest.mark.parametrize("kind", ["random", "rising and falling", "ranging"])
def test_it_is_not_silent(name: str, kind: str, kinds: Any) -> None:
    strategy = build("strategy", name, STRATEGIES)
    bars = kinds(long_enough(strategy, {}) + 4500, 16)[kind]

    said, changes = one_symbol(strategy, {}).series(bars)

    sides = {1} if name in ONE_SIDED else {-1, 1}
    assert sides <= set(changes["stance"])
    assert set(said.stances) >= sides
    entries = changes[changes["stance"] != 0]
    assert (entries["stop"] > 0).all()
    assert (entries["target"] > 0).all()
    assert len(set(changes["reason"])) > 1


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in ONE_SIDED])
def test_shorts_are_handled_like_longs(name: str, kinds: Any) -> None:
    """A market turned upside down turns every stance and keeps its facts."""
    strategy = build("strategy", name, STRATEGIES)

    for bars in kinds(long_enough(strategy, {}) + 4500, 17).values():
        mirrored = bars.copy()
        mirrored["open"], mirrored["close"] = -bars["open"], -bars["close"]
        mirrored["high"], mirrored["low"] = -bars["low"], -bars["high"]

        said, changes = one_symbol(strategy, {}).series(bars)
        other, turned = one_symbol(strategy, {}).series(mirrored)

        assert len(changes) > 0
        np.testing.assert_array_equal(said.stances, -other.stances)
        for fact in ("score", "probability", "stop", "target"):
            np.testing.assert_allclose(changes[fact], turned[fact], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ONE_SIDED)
def test_a_strategy_that_only_buys_never_sells_short(name: str, kinds: Any) -> None:
    strategy = build("strategy", name, STRATEGIES)

    for bars in kinds(long_enough(strategy, {}) + 4500, 18).values():
        assert set(one_symbol(strategy, {}).series(bars)[0].stances) == {0, 1}


@pytest.mark.data
@pytest.mark.parametrize("name", STRATEGIES)
def test_recorded_bars_in_pieces_equal_the_whole(name: str) -> None:
    strategy = build("strategy", name, STRATEGIES)
    bars = recorded_bars("BTCUSDT_M5", long_enough(strategy, {}) + 4500)
    whole, pieces = one_symbol(strategy, {}), one_symbol(strategy, {})

    said, changes = whole.series(bars)
    parts = [pieces.step(part, lint.first_row(part)).stances for part in np.array_split(bars, 7)]

    assert len(changes) > 0
    assert not said.failed.any()
    assert np.concatenate(parts).tobytes() == said.stances.tobytes()
    assert pieces.state.tobytes() == whole.state.tobytes()


WHOLE = """
import hashlib, sys
import numpy as np
from indicators.moving import ema
from domain.registry import build
from strategies import STRATEGIES, lint
from strategies.base import resolve
from strategies.runner import Rows

strategy = build("strategy", sys.argv[1], STRATEGIES)
print(hasattr(ema, "py_func"))
for given in eval(sys.argv[2]):
    rows = Rows(strategy, resolve(strategy, given), 1)
    said, changes = rows.series(np.load(sys.argv[3]))
    print(*(hashlib.sha256(x.tobytes()).hexdigest() for x in (said.stances, said.codes, changes, rows.state)))
"""


@pytest.mark.parametrize("name", STRATEGIES)
def test_compiled_equals_plain_python_bit_for_bit(name: str, market: Any, tmp_path: Path) -> None:
    strategy = build("strategy", name, STRATEGIES)
    cases = variants(strategy)
    bars = market(max(long_enough(strategy, given) for given in cases), 9)
    np.save(tmp_path / "bars.npy", bars)

    plain, *answers = subprocess.run(
        [sys.executable, "-W", "error", "-c", WHOLE, name, repr(cases), str(tmp_path / "bars.npy")],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert plain == "False"
    for given, answer in zip(cases, answers, strict=True):
        rows = one_symbol(strategy, given)
        said, changes = rows.series(bars)
        assert answer.split() == [_sha(x) for x in (said.stances, said.codes, changes, rows.state)], given


def _sha(array: Any) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()
