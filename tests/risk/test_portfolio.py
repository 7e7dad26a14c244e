"""Value at risk, the tail beyond it and shocks: the figures of numpy and pandas, as limits and for people."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
import pytest
from exposure_desk import INSTRUMENTS, PRICES, ExposureDesk, a_wish, rate_of
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from domain.money import NANO
from domain.registry import load
from indicators import losses as losses_of
from indicators import returns as returns_of
from risk.exposure import Exposure
from risk.portfolio import PortfolioRisk, cvar, historical_var, parametric_var, portfolio_risk, shocks_of, stress_loss
from risk.returns import LEAST, Returns
from risk.rules import RULES
from risk.scenarios import compile_kernels
from risk.sizing import SIZING
from risk.view import Denial, View
from tests.factories import T, a_config, nano

Losses = NDArray[np.float64]
FEED = tuple(PRICES)
WINDOW = 60


def made(count: int, seed: int = 3) -> Losses:
    return np.random.default_rng(seed).standard_t(3, count) * 1_000


@pytest.mark.parametrize("count", [20, 21, 99, 100, 101, 250, 1_000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.975, 0.99, 0.9999])
def test_the_historical_value_at_risk_is_a_quantile_of_numpy(count: int, level: float) -> None:
    losses = made(count)

    assert historical_var(losses, level) == np.quantile(losses, level, method="inverted_cdf")
    assert historical_var(losses, level) == pd.Series(losses).sort_values().iloc[math.ceil(round(count * level, 9)) - 1]


@pytest.mark.parametrize("count", [20, 99, 100, 250, 1_000])
@pytest.mark.parametrize("level", [0.5, 0.9, 0.95, 0.975, 0.99, 0.9999])
def test_the_mean_of_the_tail_weighs_its_last_loss(count: int, level: float) -> None:
    """Against the integral of the quantiles from the level to 1, over its length."""
    losses = np.sort(made(count))
    edges = np.arange(count + 1) / count
    weights = np.clip(np.minimum(edges[1:], 1) - np.maximum(edges[:-1], level), 0, None)

    assert cvar(losses, level) == pytest.approx(float((weights * losses).sum() / (1 - level)), rel=1e-9)
    assert cvar(losses, level) >= historical_var(losses, level)


def test_one_in_a_hundred() -> None:
    losses = np.arange(1.0, 101.0)

    assert historical_var(losses, 0.99) == 99.0  # one loss is larger
    assert cvar(losses, 0.99) == 100.0
    assert historical_var(losses, 0.95) == 95.0
    assert cvar(losses, 0.95) == 98.0


def test_the_parametric_value_at_risk_is_that_of_the_covariances() -> None:
    random = np.random.default_rng(4)
    changes = pd.DataFrame(random.normal(0.0002, 0.01, (250, 3)) @ random.normal(size=(3, 3)))
    values = np.array([10_000.0, -4_000.0, 7_000.0])
    mean, variance = float(changes.mean() @ values), float(values @ changes.cov().to_numpy() @ values)
    losses = -(changes.to_numpy() @ values)

    expected = NormalDist().inv_cdf(0.99) * math.sqrt(variance) - mean
    assert parametric_var(losses, 0.99) == pytest.approx(expected, rel=1e-12)
    assert NormalDist().inv_cdf(0.99) == pytest.approx(2.3263478740408408)


@given(
    some.lists(some.integers(-(10**6), 10**6).map(float), min_size=2, max_size=60), some.sampled_from([0.5, 0.9, 0.99])
)
@settings(max_examples=300)
def test_no_more_losses_than_said_are_larger(numbers: list[float], level: float) -> None:
    losses = np.array(numbers)
    at_risk = historical_var(losses, level)

    assert (losses > at_risk).sum() <= len(losses) * (1 - level) + 1e-9
    assert at_risk in losses
    assert cvar(losses, level) <= losses.max() + 1e-6


# -- of a book -----------------------------------------------------------------------------------


def walk(moments: int = WINDOW + 1, seed: int = 8) -> tuple[Returns, pd.DataFrame]:
    """Returns of the feed, and the same as changes per moment."""
    random = np.random.default_rng(seed)
    closes = 100 * np.exp(random.normal(0, 0.01, (moments, len(FEED))).cumsum(axis=0))
    returns = Returns(FEED, WINDOW)
    for i, row in enumerate(closes):
        returns.push(i, np.arange(len(FEED)), row)
    return returns, pd.DataFrame(closes, columns=FEED).pct_change().iloc[1:].tail(WINDOW)


def rule(name: str, most: float, **config: Any) -> Any:
    return load(RULES[name]).build(a_config(**{name: most}, **config))


def worst(changes: pd.DataFrame, intervals: dict[str, tuple[float, float]]) -> Losses:
    """The loss of each moment, every symbol at the worse end."""
    return np.sum([np.maximum(-low * changes[s], -high * changes[s]) for s, (low, high) in intervals.items()], axis=0)


def a_book() -> ExposureDesk:
    """11,000 of euros, minus 20,000 of bitcoin, up to 10,000 of pounds on their way."""
    return ExposureDesk().hold("EURUSD", 10_000).hold("BTC", "-0.5").work("GBPUSD", 8_000)


BOOK = {"EURUSD": (11_000.0, 11_000.0), "BTC": (-20_000.0, -20_000.0), "GBPUSD": (0.0, 10_000.0)}


@pytest.mark.parametrize("name", ["max_var", "max_cvar"])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize(
    ("symbol", "direction", "closing", "units", "interval"),
    [
        ("XAUUSD", 1, "0", "5", (0.0, 10_000.0)),
        ("XAUUSD", -1, "0", "5", (-10_000.0, 0.0)),
        ("EURUSD", 1, "0", "10000", (11_000.0, 22_000.0)),
        ("EURUSD", -1, "10000", "5000", (-5_500.0, 0.0)),  # a reversal has closed
        ("BTC", 1, "0.5", "0.25", (0.0, 10_000.0)),
        ("USDJPY", -1, "0", "1500", (-1_500.0, 0.0)),
    ],
)
def test_the_value_at_risk_of_everything_held_with_the_entry(
    name: str,
    level: float,
    horizon: int,
    symbol: str,
    direction: int,
    closing: str,
    units: str,
    interval: tuple[float, float],
) -> None:
    returns, changes = walk()
    one = rule(name, 0.000001, var_level=level, var_horizon=horizon)
    wish, view = a_wish(symbol, direction, nano(closing)), a_book().view(symbol, returns=returns)
    figures = one.figures(wish, view, nano(units))

    measure = historical_var if name == "max_var" else cvar
    expected = measure(worst(changes, BOOK | {symbol: interval}), level) * math.sqrt(horizon) / 100_000
    assert figures.value == pytest.approx(expected, rel=1e-9)
    assert figures.threshold == 0.000001


@pytest.mark.parametrize("name", ["max_var", "max_cvar"])
@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("symbol", ["XAUUSD", "EURUSD", "USDJPY"])
def test_the_room_is_the_most_that_does_not_exceed(name: str, direction: int, symbol: str) -> None:
    returns, _ = walk()
    desk = ExposureDesk().hold("BTC", "-0.5")
    wish, view = a_wish(symbol, direction), desk.view(symbol, returns=returns)
    one = rule(name, 0.01, var_level=0.95)
    room = one.room(wish, view, nano(10_000_000))

    assert nano(1) < room < nano(10_000_000)
    assert one.exceeded(wish, view, room) is None
    denial = one.exceeded(wish, view, room + room // 10**6)
    assert denial is not None
    assert (denial.code, denial.threshold) == (name.upper(), 0.01)
    assert denial.value == pytest.approx(0.01, rel=1e-4)
    assert one.room(wish, view, room // 3) == room // 3


@pytest.mark.parametrize("name", ["max_var", "max_cvar"])
def test_a_book_above_the_limit_takes_nothing_that_makes_it_worse(name: str) -> None:
    returns, _ = walk()
    view = ExposureDesk().hold("EURUSD", 10_000).view(returns=returns)
    one = rule(name, 0.00001)

    assert one.room(a_wish(), view, nano(1_000_000)) == 0
    assert one.exceeded(a_wish(), view, nano(1_000)) is not None
    reversal = a_wish(direction=-1, closing=nano(10_000))
    room = one.room(reversal, view, nano(1_000_000))
    assert 0 < room < nano(10_000)  # what it closes is gone, and so much of the other side fits
    assert one.exceeded(reversal, view, room) is None


@pytest.mark.parametrize("name", ["max_var", "max_cvar"])
def test_a_book_above_the_limit_takes_what_makes_it_no_worse(name: str) -> None:
    """Gold wins whenever the euro loses much, and never loses much itself."""
    returns = Returns(FEED, WINDOW)
    for i in range(WINDOW + 1):
        euro, gold = (1.0, 1.01) if i % 2 else (1.05, 1.0)
        closes = [euro if one == "EURUSD" else gold if one == "XAUUSD" else 1.0 for one in FEED]
        returns.push(i, np.arange(len(FEED)), np.array(closes))
    view = ExposureDesk().hold("EURUSD", 10_000).view("XAUUSD", returns=returns)
    one, most = rule(name, 0.00001, var_level=0.9), nano(1)
    room = one.room(a_wish("XAUUSD"), view, nano(1_000))

    assert one.exceeded(a_wish("XAUUSD"), view, most) is None
    assert most < room < nano(1_000)  # until the loss of gold is the tail
    assert one.exceeded(a_wish("XAUUSD"), view, room) is None
    assert one.exceeded(a_wish("XAUUSD"), view, 2 * room) is not None
    assert one.room(a_wish("XAUUSD", -1), view, nano(1_000)) == 0


@pytest.mark.parametrize("name", ["max_var", "max_cvar"])
@pytest.mark.parametrize(
    ("known", "denial"),
    [(LEAST, None), (LEAST - 1, ("VAR_UNKNOWN", LEAST - 1, LEAST)), (0, ("VAR_UNKNOWN", 0, LEAST))],
)
def test_with_too_few_returns_nothing_is_known_and_nothing_entered(
    name: str, known: int, denial: tuple[Any, ...] | None
) -> None:
    returns, _ = walk(known + 1)
    view = ExposureDesk().hold("BTC", "0.5").view(returns=returns)
    one = rule(name, 0.5)

    assert one.exceeded(a_wish(), view, NANO) == (denial and Denial(*denial))
    assert one.room(a_wish(), view, NANO) == (0 if denial else NANO)


@pytest.mark.parametrize("known", [LEAST - 1, LEAST, 40])
def test_everything_held_shares_the_moments_that_all_of_it_knows(known: int) -> None:
    random = np.random.default_rng(12)
    closes = 100 * np.exp(random.normal(0, 0.01, (WINDOW + 1, len(FEED))).cumsum(axis=0))
    returns, changes = Returns(FEED, WINDOW), pd.DataFrame(closes, columns=FEED).pct_change().iloc[-known:]
    for i, row in enumerate(closes):
        there = np.array([k for k, name in enumerate(FEED) if name != "BTC" or i >= WINDOW - known])
        returns.push(i, there, row[there])
    view = ExposureDesk().hold("BTC", "0.5").view(returns=returns)
    figures = rule("max_var", 0.00001, var_level=0.9).figures(a_wish(), view, nano(10_000))

    losses = worst(changes, {"BTC": (20_000.0, 20_000.0), "EURUSD": (0.0, 11_000.0)})
    expected = pytest.approx(historical_var(losses, 0.9) / 100_000) if known >= LEAST else None
    assert figures.value == expected


@pytest.mark.parametrize("name", ["max_var", "max_cvar"])
def test_what_the_feed_does_not_have_leaves_the_value_at_risk_unknown(name: str) -> None:
    returns, _ = walk()
    desk = ExposureDesk()
    one = rule(name, 0.5)
    assert one.exceeded(a_wish(), desk.view(returns=returns), NANO) is None

    desk.book.others({"GBPUSD": NANO})
    narrow = Returns(("EURUSD",), WINDOW)
    for i in range(WINDOW):
        narrow.push(i, np.array([0]), np.array([1.0 + i % 7]))
    assert one.exceeded(a_wish(), desk.view(returns=narrow), NANO) == Denial("VAR_UNKNOWN", 0, LEAST)
    assert one.exceeded(a_wish(), desk.view(returns=None), NANO) == Denial("VAR_UNKNOWN", 0, LEAST)
    empty = ExposureDesk().view("GBPUSD", returns=narrow)
    assert one.exceeded(a_wish("GBPUSD"), empty, NANO) == Denial("VAR_UNKNOWN", 0, LEAST)


def test_no_equity_or_quote_is_told_before_the_value_at_risk() -> None:
    returns, _ = walk()
    desk = ExposureDesk().work("GBPUSD", 8_000)
    one = rule("max_var", 0.5)
    assert one.exceeded(a_wish(), desk.view(returns=returns, equity=0), NANO) == Denial("NO_EQUITY", 0, 0)

    desk.exposure = Exposure(desk.book, lambda _: 0, rate_of, INSTRUMENTS)
    assert one.exceeded(a_wish(), desk.view(returns=returns), NANO) == Denial("QUOTE_MISSING", "GBPUSD", "PRICE")
    assert one.figures(a_wish(), desk.view(returns=returns), NANO) == (None, 0.5)


def test_both_rules_and_several_levels_keep_apart() -> None:
    returns, _ = walk()
    wish, view = a_wish(), a_book().view(returns=returns)
    apart = [
        rule(name, 0.000001, var_level=level).figures(wish, view, nano(units)).value
        for name in ("max_var", "max_cvar")
        for level in (0.9, 0.95)
        for units in (1_000, 20_000)
    ]

    assert len(set(apart)) == 8
    assert apart == [
        rule(name, 0.000001, var_level=level).figures(a_wish(), a_book().view(returns=returns), nano(units)).value
        for name in ("max_var", "max_cvar")
        for level in (0.9, 0.95)
        for units in (1_000, 20_000)
    ]


@given(
    some.lists(some.tuples(some.sampled_from(FEED[:4]), some.integers(-9, 9), some.booleans()), max_size=6),
    some.sampled_from(["EURUSD", "XAUUSD", "BTC"]),
    some.sampled_from([1, -1]),
    some.integers(0, 5),
    some.floats(0, 1),
    some.sampled_from([0.9, 0.99]),
)
@settings(max_examples=150)
def test_no_way_in_which_orders_fill_loses_more_than_was_said(
    acts: list[tuple[str, int, bool]], symbol: str, direction: int, seed: int, part: float, level: float
) -> None:
    """Value at risk and tail of every combination of partial fills stay within those of the intervals."""
    returns, changes = walk(seed=seed)
    desk = ExposureDesk()
    filled: dict[str, float] = {}
    random = np.random.default_rng(seed)
    for name, units, held in acts:
        size = f"{units / 100}" if name == "BTC" else str(units * 1_000)
        if not units:
            continue
        value = units * (400 if name == "BTC" else 1_000 * float(PRICES[name])) / (150 if name.endswith("JPY") else 1)
        (desk.hold if held else desk.work)(name, size)
        filled[name] = filled.get(name, 0.0) + value * (1 if held else random.random() * part)
    wish, view = a_wish(symbol, direction), desk.view(symbol, returns=returns)
    units, value = (NANO // 10, 4_000.0) if symbol == "BTC" else (nano(1_000), 1_000 * float(PRICES[symbol]))
    filled[symbol] = filled.get(symbol, 0.0) + direction * value * part
    if desk.book.quantity(symbol) * direction < 0:
        return  # a reversal counts what it closes as closed

    losses = np.sum([-amount * changes[name] for name, amount in filled.items()], axis=0)
    for name, measure in (("max_var", historical_var), ("max_cvar", cvar)):
        said = rule(name, 0.000001, var_level=level).figures(wish, view, units).value
        assert measure(np.asarray(losses), level) / 100_000 <= said * (1 + 1e-9) + 1e-12


# -- shocks and the whole book -------------------------------------------------------------------


def test_the_worst_shock_of_a_book() -> None:
    desk = a_book()
    desk.exposure.look(T)
    shocks = shocks_of({"calm": {"default": -0.01}, "coins": {"crypto": 0.5, "forex": -0.1}, "up": {"forex": 0.2}})

    # the bitcoin short loses 10,000, the euro 1,100, the pound on its way 1,000
    assert stress_loss(shocks, desk.exposure) == ("coins", nano(12_100))
    assert stress_loss(shocks_of({"up": {"forex": 0.2}}), desk.exposure) == ("", 0)
    assert stress_loss(shocks_of({}), desk.exposure) == ("rise", nano(6_000 - 550))


def test_where_the_book_stands() -> None:
    returns, changes = walk()
    config = a_config(var_level=0.95, var_horizon=4, stress={"coins": {"crypto": 0.5}})
    desk = a_book()
    view = desk.view(returns=returns, config=config)
    losses, found = worst(changes, BOOK), portfolio_risk(view)

    assert found.var == pytest.approx(historical_var(losses, 0.95) * 2 / 100_000)
    assert found.cvar == pytest.approx(cvar(losses, 0.95) * 2 / 100_000)
    assert found.parametric == pytest.approx(parametric_var(losses, 0.95) * 2 / 100_000)
    assert (found.stress, found.scenario) == (0.1, "coins")
    assert (found.gross, found.leverage, found.missing) == (41_000.0, 0.41, ())
    assert found.margin == pytest.approx(21_000 * 0.02 + 20_000 * 0.5)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"equity": 0}, PortfolioRisk(gross=41_000.0, margin=10_420.0, scenario="rise")),
        ({}, PortfolioRisk(gross=41_000.0, margin=10_420.0, leverage=0.41, stress=0.0545, scenario="rise")),
    ],
)
def test_what_cannot_be_said_of_the_book_is_none(changed: dict[str, int], expected: PortfolioRisk) -> None:
    view: View = a_book().view(returns=None, **changed)

    assert portfolio_risk(view) == expected


def test_the_book_of_nobody_is_at_no_risk() -> None:
    returns, _ = walk()

    assert portfolio_risk(ExposureDesk().view(returns=returns)) == PortfolioRisk(
        var=0.0, cvar=0.0, parametric=0.0, stress=0.0, leverage=0.0
    )


def test_compiling_ahead_leaves_nothing_to_compile() -> None:
    kernels = [one for module in (losses_of, returns_of) for one in vars(module).values() if hasattr(one, "signatures")]
    compile_kernels()
    before = [list(one.signatures) for one in kernels]
    returns, _ = walk()
    desk = a_book()
    view = desk.view(returns=returns, config=a_config(max_var=0.0001, max_cvar=0.0001))
    for name in ("max_var", "max_cvar"):
        one = rule(name, 0.0001)
        one.room(a_wish(direction=-1), view, nano(10_000))
        one.exceeded(a_wish(), view, nano(10_000))
    load(RULES["correlation"]).build(a_config(max_correlation=0.1)).check(a_wish(), view)
    load(SIZING["volatility_target"]).build(a_config()).size(a_wish(), view)
    portfolio_risk(view)

    assert len(kernels) >= 10
    assert [list(one.signatures) for one in kernels] == before
