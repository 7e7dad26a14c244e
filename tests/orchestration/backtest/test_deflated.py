"""The probabilistic and the deflated Sharpe ratio beside the examples of the papers and a simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.backtest.measures.deflated import (
    deflated_sharpe,
    expected_maximum,
    minimum_record,
    probabilistic_sharpe,
)


@pytest.mark.parametrize(("skewness", "kurtosis", "published"), [(0.0, 3.0, 0.982), (-2.448, 10.164, 0.913)])
def test_the_hedge_fund_of_the_first_paper(skewness: float, kurtosis: float, published: float) -> None:
    """Two years of months with a Sharpe ratio of 0.458 each."""
    assert probabilistic_sharpe(0.458, 24, skewness, kurtosis) == pytest.approx(published, abs=5e-4)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "published"),
    [(250, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_years_of_record_that_the_first_paper_asks_for(
    per_year: int, skewness: float, kurtosis: float, published: float
) -> None:
    """An annual Sharpe ratio of 2 against one of 1 with 95 %."""
    root = math.sqrt(per_year)
    found = minimum_record(2 / root, skewness, kurtosis, 1 / root)

    assert found is not None
    assert found / per_year == pytest.approx(published, abs=5e-3)


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "published"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_the_strategy_of_the_second_paper(trials: int, skewness: float, kurtosis: float, published: float) -> None:
    """The best of so many has an annual Sharpe ratio of 2.5 over 1,250 days; those of all vary by 1/2."""
    found = deflated_sharpe(2.5 / math.sqrt(250), 1250, skewness, kurtosis, trials=trials, variance=0.5 / 250)

    assert found == pytest.approx(published, abs=5e-5)


def test_the_luck_that_the_second_paper_expects_of_a_hundred_trials() -> None:
    assert expected_maximum(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)


def test_a_single_trial_is_not_deflated() -> None:
    assert expected_maximum(1, 0.5) == expected_maximum(0, 0.5) == expected_maximum(10, 0.0) == 0.0
    assert deflated_sharpe(0.1, 500, trials=1, variance=0.5) == probabilistic_sharpe(0.1, 500)


@pytest.mark.parametrize("trials", [10, 50, 300])
def test_the_expected_maximum_is_that_of_many_draws(trials: int) -> None:
    best = np.random.default_rng(trials).normal(0, 0.2, (20_000, trials)).max(axis=1).mean()

    assert expected_maximum(trials, 0.04) == pytest.approx(best, rel=0.02)  # an approximation for many trials


def test_the_probability_is_how_often_such_an_estimate_is_too_low() -> None:
    """Of returns with a true Sharpe ratio of 0.1, half of the estimates lie below, and q of them below the q-point."""
    draw = np.random.default_rng(11)
    returns = draw.normal(0.1, 1.0, (20_000, 250))
    found = returns.mean(axis=1) / returns.std(axis=1, ddof=1)
    told = np.array([probabilistic_sharpe(float(one), 250, benchmark=0.1) for one in found])

    for share in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert np.mean(told < share) == pytest.approx(share, abs=0.012)


@given(
    sharpe=st.floats(0.001, 2),
    skewness=st.floats(-5, 0.4),
    kurtosis=st.floats(3, 60),
    benchmark=st.floats(-1, 0.0009),
)
def test_a_record_of_the_minimum_length_has_just_the_confidence(
    sharpe: float, skewness: float, kurtosis: float, benchmark: float
) -> None:
    length = minimum_record(sharpe, skewness, kurtosis, benchmark, 0.95)
    assert length is not None
    longer = probabilistic_sharpe(sharpe, math.ceil(length), skewness, kurtosis, benchmark)
    assert longer is None or longer >= 0.95 - 1e-9
    if length > 3:
        shorter = probabilistic_sharpe(sharpe, math.ceil(length) - 1, skewness, kurtosis, benchmark)
        assert shorter is not None
        assert shorter < 0.95


def test_what_is_not_defined_is_none() -> None:
    assert probabilistic_sharpe(0.1, 1) is None
    assert probabilistic_sharpe(2.0, 100, skewness=5.0, kurtosis=3.0) is None  # no such distribution
    assert probabilistic_sharpe(math.nan, 100) is None
    assert minimum_record(-0.1) is None
    assert minimum_record(0.0) is None
    assert minimum_record(0.1, benchmark=0.1) is None
    assert minimum_record(math.nan) is None
    assert expected_maximum(10, math.nan) == 0.0
