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

from domain.market import Bars
from domain.registry import build
from strategies import STRATEGIES
from strategies.base import Strategy, parameters_problems, resolve
from strategies.runner import WARMING, Rows

COUNT = 1500


def variants(strategy: Strategy) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = [{}]
    for one in strategy.parameters:
        given += [{one.name: word} for word in one.choices]
        given += [{one.name: one.low}] if one.type == "float" else []
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


def first_row(bars: Bars) -> Any:
    return np.zeros(len(bars), np.int64)


@pytest.mark.parametrize("name", STRATEGIES)
def test_it_is_registered_under_its_own_name_and_described(name: str) -> None:
    strategy = build("strategy", name, STRATEGIES)

    assert strategy.name == name
    assert strategy.doc
    assert all(one.doc for one in strategy.parameters)
    assert parameters_problems(strategy, {}) == []


@every_strategy
def test_appending_later_bars_changes_nothing_earlier(strategy: Strategy, given: Any, market: Any) -> None:
    bars = market(COUNT, 1)
    other_future = bars.copy()
    for price in ("open", "high", "low", "close"):
        other_future[price][900:] *= 1.5

    alone, alone_changes = one_symbol(strategy, given).series(bars[:900])
    followed, changes = one_symbol(strategy, given).series(bars)
    elsewhere, other_changes = one_symbol(strategy, given).series(other_future)

    for longer, later in ((followed, changes), (elsewhere, other_changes)):
        assert longer.stances[:900].tobytes() == alone.stances.tobytes()
        assert longer.codes[:900].tobytes() == alone.codes.tobytes()
        assert later[later["bar"] < 900].tobytes() == alone_changes.tobytes()


@every_strategy
def test_one_bar_at_a_time_equals_the_whole_array_bit_for_bit(strategy: Strategy, given: Any, market: Any) -> None:
    bars = market(COUNT, 2)
    whole, stepped, loaded = (one_symbol(strategy, given) for _ in range(3))

    said, changes = whole.series(bars)
    steps = []
    facts = []
    for i in range(len(bars)):
        step = stepped.step(bars[i : i + 1], first_row(bars[:1]))
        steps.append((step.stances[0], step.codes[0]))
        if step.changed[0]:
            facts.append((stepped.stance(0), stepped.facts(0)))
    loaded.load(bars, first_row(bars))

    assert steps == list(zip(said.stances, said.codes, strict=True))
    assert whole.state.tobytes() == stepped.state.tobytes() == loaded.state.tobytes()
    assert len(facts) == len(changes) > 0
    for (stance, fact), change in zip(facts, changes, strict=True):
        assert stance == change["stance"]
        assert [fact.score, fact.probability, fact.stop, fact.target] == list(change.tolist()[2:6])
        assert fact.reasons == (strategy.words[change["reason"]],)


@every_strategy
def test_no_candidate_before_the_warm_up_is_over(strategy: Strategy, given: Any, market: Any) -> None:
    rows = one_symbol(strategy, given)
    said, changes = rows.series(market(COUNT, 3))

    assert rows.warm_up > 0
    assert (said.stances[: rows.warm_up] == 0).all()
    assert (changes["bar"] >= rows.warm_up).all()
    assert (said.codes == WARMING).tolist() == [i < rows.warm_up for i in range(COUNT)]


@every_strategy
def test_a_restart_from_the_anchor_is_bit_equal(strategy: Strategy, given: Any, market: Any) -> None:
    bars = market(COUNT, 4)
    alive, restarted = one_symbol(strategy, given), one_symbol(strategy, given)

    expected, _ = alive.series(bars)
    restarted.load(bars[:700], first_row(bars[:700]))
    rest = restarted.step(bars[700:], first_row(bars[700:]))

    assert rest.stances.tobytes() == expected.stances[700:].tobytes()
    assert rest.codes.tobytes() == expected.codes[700:].tobytes()
    assert restarted.state.tobytes() == alive.state.tobytes()


@every_strategy
def test_symbols_do_not_share_state(strategy: Strategy, given: Any, market: Any) -> None:
    markets = [market(COUNT, seed) for seed in (5, 6, 7)]
    together = Rows(strategy, resolve(strategy, given), 4)  # the last one never gets a bar
    order = np.random.default_rng(8).permutation(np.repeat([0, 1, 2], COUNT))
    bars = np.empty(len(order), markets[0].dtype)
    for row, own in enumerate(markets):
        bars[order == row] = own

    said = together.step(bars, order)

    for row, own in enumerate(markets):
        alone = one_symbol(strategy, given)
        expected, _ = alone.series(own)
        assert said.stances[order == row].tobytes() == expected.stances.tobytes()
        assert together.state[row].tobytes() == alone.state[0].tobytes()
    assert not together.state[3].any()


WHOLE = """
import hashlib, sys
import numpy as np
from indicators.moving import ema
from domain.registry import build
from strategies import STRATEGIES
from strategies.base import resolve
from strategies.runner import Rows

strategy = build("strategy", sys.argv[1], STRATEGIES)
rows = Rows(strategy, resolve(strategy, eval(sys.argv[2])), 1)
said, changes = rows.series(np.load(sys.argv[3]))
print(hasattr(ema, "py_func"), *(hashlib.sha256(x.tobytes()).hexdigest()
      for x in (said.stances, said.codes, changes, rows.state)))
"""


@every_strategy
def test_compiled_equals_plain_python_bit_for_bit(strategy: Strategy, given: Any, market: Any, tmp_path: Path) -> None:
    bars = market(COUNT, 9)
    np.save(tmp_path / "bars.npy", bars)
    root = str(Path(__file__).resolve().parents[2])

    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", WHOLE, strategy.name, repr(given), str(tmp_path / "bars.npy")],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()

    rows = one_symbol(strategy, given)
    said, changes = rows.series(bars)
    assert answer[0] == "False"
    assert answer[1:] == [_sha(x) for x in (said.stances, said.codes, changes, rows.state)]


def _sha(array: Any) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()
