"""A backtest visits the moments at which something can happen; visiting every moment changes nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from domain.errors import ConfigError
from strategies import STRATEGIES
from tests.parity import everything
from tests.parity.chosen import chosen
from tests.parity.left import sparse_and_dense

SEEDS = 16
"""Settings and markets tried for each strategy."""


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_over_markets_and_settings_by_a_seed(tmp_path: Path, strategy: str) -> None:
    met: Counter[str] = Counter()
    for seed in range(SEEDS):
        one = chosen(tmp_path / str(seed), 1000 * list(STRATEGIES).index(strategy) + seed, strategy)
        try:
            result = sparse_and_dense(one.given)
        except ConfigError:
            met["refused"] += 1  # figures that contradict each other
            continue
        except AssertionError as error:
            error.add_note(f"seed {seed}: {one.given}")
            raise
        met += Counter({"fills": len(result.fills), "denied": len(result.refusals), "runs": 1})
        met += Counter(state.name for _, state in result.states)
    assert met["runs"] > SEEDS / 2, met
    assert met["fills"] > 10 * SEEDS, met
    assert met["denied"] > SEEDS, met


@pytest.mark.parametrize("strategy", list(STRATEGIES))
def test_with_every_rule_on(tmp_path: Path, strategy: str) -> None:
    """And with all but the one that looks at every moment itself."""
    market = everything.market(tmp_path, 900, 3)
    given = {**market.given, "strategy": strategy}
    fewer = everything.sets(strategy, risk={"drawdown_guard": None}, costs={"financing_bps": {}})

    sparse_and_dense({**given, "sets": everything.sets(strategy)})
    result = sparse_and_dense({**given, "sets": fewer})

    assert everything.off(result.settings) == {"1 protections"}
    assert len(result.fills) > 50
