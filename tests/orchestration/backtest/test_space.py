"""What a search may vary, and what is said where it may not."""

from __future__ import annotations

import pytest

from domain.errors import ConfigError
from orchestration.backtest.searches.objective import MEASURES, Constraint, Judging, read_constraints, read_objective
from orchestration.backtest.searches.proposing import ALGORITHMS, Grid, proposer
from orchestration.backtest.searches.space import Dimension, Value, default_space, read_space, size
from orchestration.backtest.searches.trials import COMPLETE, Ladder, Trial
from orchestration.settings import Settings, UsageError
from orchestration.settings.problems import Problems
from tests.results import settings


def read(*texts: str, base: Settings | None = None) -> tuple[Dimension, ...]:
    problems = Problems()
    made = read_space(texts, base or settings("EURUSD", sets=()), problems)
    problems.raise_if_any()
    return made


def test_ranges_steps_logarithms_and_choices() -> None:
    fast, slow, stop, side, flip, risk = read(
        "strategy.fast=5..50",
        "strategy.slow=10..200:15",
        "strategy.stop_atr=1e-1..1e1:log",
        "strategy.side=both|long",
        "exits.regime_flip=true|false",
        "risk.risk_fraction=0.005..0.02:0.005",
    )

    assert fast == Dimension(key="strategy.fast", low=5, high=50, whole=True)
    assert [slow.value(place) for place in range(slow.count())] == list(range(10, 201, 15))
    assert slow.high == 190
    assert (stop.log, stop.low, stop.high, stop.count()) == (True, 0.1, 10.0, 0)
    assert (side.choices, flip.choices) == (("both", "long"), (True, False))
    assert [risk.value(place) for place in range(risk.count())] == [0.005, 0.01, 0.015, 0.02]
    assert size((fast, side)) == 46 * 2
    assert size((fast, stop)) == 0


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("strategy.fasst=5..50", ConfigError, "did you mean 'fast'"),
        ("risk.risk_fractoin=0.01..0.02", ConfigError, "did you mean risk.risk_fraction?"),
        ("strategy.fast=0..50", ConfigError, "allowed is 1 to 10000 bars"),
        ("strategy.fast=5..20000", ConfigError, "allowed is 1 to 10000 bars"),
        ("risk.risk_fraction=0.5..1.5", ConfigError, "1.5: allowed: a number > 0 and <= 1"),
        ("strategy.fast=50..5", ConfigError, "did you mean strategy.fast=5..50?"),
        ("strategy.fast=5..5", ConfigError, "--set strategy.fast=5"),
        ("strategy.fast=5.5..50", ConfigError, "whole numbers only"),
        ("strategy.fast=5..50:0.5", ConfigError, "whole numbers only"),
        ("strategy.fast=5..50:0", ConfigError, "step must be above 0"),
        ("strategy.fast=5..50:60", ConfigError, "step must be above 0"),
        ("strategy.stop_atr=0..5:log", ConfigError, "logarithm needs numbers above 0"),
        ("strategy.side=1..2", ConfigError, "takes no numbers"),
        ("strategy.side=both|up", ConfigError, "up: choose one of both, long, short"),
        ("strategy.fast=5|ten", ConfigError, "ten: give a whole number"),
        ("exits.regime_flip=true|maybe", ConfigError, "maybe: allowed: true or false"),
        ("account.cash=1000..2000", ConfigError, "only keys of strategy, risk, exits can be searched"),
        ("venues.paper.slippage_bps=0..1", ConfigError, "is not a known key"),
        ("risk.max_spread_bps=1..2", ConfigError, "takes no numbers"),
        ("strategy.fast", UsageError, "write KEY=LOW..HIGH"),
        ("strategy.fast=5", UsageError, "one value is --set strategy.fast=5"),
        ("strategy.fast=5..many", UsageError, "'many' is not a number"),
        ("strategy.fast=5|5", UsageError, "there twice"),
        ("strategy.fast=5..inf", UsageError, "'inf' is not a number"),
    ],
)
def test_a_space_that_cannot_be_is_refused(text: str, kind: type[ConfigError], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(text)

    assert type(error.value) is kind
    assert said in str(error.value)
    assert text.partition("=")[0] in str(error.value)


def test_everything_wrong_is_told_together_and_a_key_is_given_once() -> None:
    with pytest.raises(UsageError) as error:
        read("strategy.fasst=1..2", "strategy.slow=9..1", "strategy.fast=5..6", "strategy.fast=7..8")
    assert len(error.value.problems) == 3

    with pytest.raises(UsageError, match=r"--space strategy.fast and --set strategy.fast conflict"):
        read("strategy.fast=5..50", base=settings("EURUSD"))


def test_without_a_space_the_numbers_that_nobody_has_set_are_searched() -> None:
    found = {one.key: one for one in default_space(settings("EURUSD", sets=("strategy.fast=12",)))}

    assert set(found) == {"strategy.slow", "strategy.atr", "strategy.stop_atr", "strategy.target_atr"}
    assert (found["strategy.slow"].low, found["strategy.slow"].high) == (8, 120)
    assert (found["strategy.stop_atr"].low, found["strategy.stop_atr"].high) == (0.5, 8.0)


def test_a_strategy_with_nothing_left_to_search_is_refused() -> None:
    every = ("fast=12", "slow=30", "atr=9", "stop_atr=2.0", "target_atr=3.0")
    with pytest.raises(ConfigError, match="no number left to search"):
        default_space(settings("EURUSD", sets=tuple(f"strategy.{one}" for one in every)))


SPACE = (
    Dimension(key="a", low=1, high=9, step=2, whole=True),
    Dimension(key="b", choices=("x", "y", True)),
    Dimension(key="c", low=0.5, high=2.0, step=0.5),
)


def test_a_grid_has_every_set_once() -> None:
    grid = Grid(SPACE)
    sets = []
    while (one := grid.ask()) is not None:
        sets.append(tuple(one.values()))

    assert len(sets) == len(set(sets)) == size(SPACE) == 5 * 3 * 4
    assert {one[0] for one in sets} == {1, 3, 5, 7, 9}
    assert {one[2] for one in sets} == {0.5, 1.0, 1.5, 2.0}


def test_a_grid_without_steps_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"c=0.5..2:STEP"):
        proposer("grid", (Dimension(key="c", low=0.5, high=2.0),), 1)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_proposals_are_within_the_space_and_the_same_for_a_seed(algorithm: str) -> None:
    if algorithm == "tpe":
        pytest.importorskip("optuna")
    wide = (*SPACE, *((Dimension(key="d", low=1e-4, high=0.1, log=True),) if algorithm != "grid" else ()))

    def proposed(seed: int) -> list[dict[str, Value]]:
        made, sets = proposer(algorithm, wide, seed), []
        for number in range(25):
            values = made.ask()
            assert values is not None
            sets.append(values)
            made.tell(Trial(number=number, values=values, state=COMPLETE, objective=float(values["a"])))
        return sets

    first = proposed(7)
    assert proposed(7) == first
    assert algorithm == "grid" or proposed(8) != first
    for one in first:
        assert one["a"] in (1, 3, 5, 7, 9)
        assert type(one["a"]) is int
        assert one["b"] in ("x", "y", True)
        assert one["c"] in (0.5, 1.0, 1.5, 2.0)
        assert 1e-4 <= float(one.get("d", 0.05)) <= 0.1


def test_tpe_learns_where_it_is_good() -> None:
    pytest.importorskip("optuna")
    made = proposer("tpe", (Dimension(key="a", low=0, high=100, whole=True),), 3)
    found = []
    for number in range(60):
        values = made.ask()
        assert values is not None
        found.append(int(values["a"]))
        made.tell(Trial(number=number, values=values, state=COMPLETE, objective=-abs(found[-1] - 70.0)))

    assert sum(abs(one - 70) for one in found[-20:]) < sum(abs(one - 70) for one in found[:20]) * 0.75


def test_constraints_are_read_and_held_against_the_metrics() -> None:
    problems = Problems()
    drawdown, trades = read_constraints(["max_drawdown>-0.2", " trades >= 30 "], problems)

    assert problems.texts == []
    assert (drawdown, trades) == (Constraint("max_drawdown", ">", -0.2), Constraint("trades", ">=", 30.0))
    assert drawdown.missed_by({"max_drawdown": -0.1}) == 0.0
    assert drawdown.missed_by({"max_drawdown": -0.2}) > 0
    assert trades.missed_by({"trades": 30}) == 0.0
    assert 0 < trades.missed_by({"trades": 20}) < trades.missed_by({"trades": 3})
    assert trades.missed_by({"trades": None}) > 1000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trades=30", "write MEASURE>NUMBER"),
        ("trades>many", "write MEASURE>NUMBER"),
        ("trades>nan", "write MEASURE>NUMBER"),
        ("traeds>30", "did you mean 'trades'"),
    ],
)
def test_a_constraint_that_cannot_be_is_refused(text: str, said: str) -> None:
    problems = Problems()
    assert read_constraints([text], problems) == ()
    assert said in problems.texts[0]


def test_an_unknown_objective_is_refused_with_the_nearest() -> None:
    problems = Problems()
    read_objective("sharp", problems)
    assert "did you mean 'sharpe'" in problems.texts[0]


def test_what_a_trial_keeps_are_numbers_of_the_metrics() -> None:
    from orchestration.backtest.measures.metrics import metrics
    from tests.results import a_result

    told = metrics(a_result())
    assert [name for name in MEASURES if name not in told] == []
    assert [name for name in MEASURES if not isinstance(told[name], int | float | None)] == []


def test_the_deflated_objective_falls_with_the_number_of_trials() -> None:
    told = {"sharpe_per_period": 0.1, "skewness": 0.0, "kurtosis": 3.0, "periods": 400, "deflated_sharpe": 0.99}
    few, many = (Judging(objective="deflated", constraints=(), trials=one) for one in (2, 500))

    low, high = many.value(told), few.value(told)
    assert low is not None
    assert high is not None
    assert low < high < 0.99


def test_a_ladder_lets_the_better_share_go_on_once_enough_are_known() -> None:
    ladder = Ladder(0.5)
    for number in range(10):
        assert ladder.floors() == (None, None)
        ladder.add(Trial(number=number, values={}, state=COMPLETE, rungs=(float(number), float(-number))))

    assert ladder.floors() == (5.0, -4.0)
    assert Ladder(1.0).floors() == (None, None)
