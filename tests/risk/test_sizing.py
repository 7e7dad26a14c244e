"""How many units a method asks for, before rooms and caps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from domain.money import NANO
from domain.registry import load
from domain.timeframe import DAY, MINUTE
from risk.returns import Returns
from risk.sizing import SIZING
from risk.statistics import Statistics, Trade
from risk.view import Denial, Wish
from tests.factories import BTC, EURUSD, T, a_config, a_view, nano


def asks(method: str, stop: str = "0.002", config: dict[str, Any] | None = None, **view: Any) -> int | Denial:
    wish = Wish("EURUSD", 1, T, nano("1.1"), nano(stop), 0, 0, nano("1.1"), strategy="ema_cross")
    size: int | Denial = load(SIZING[method]).build(a_config(**config or {})).size(wish, a_view(**view))
    return size


@pytest.mark.parametrize(
    ("stop", "fraction", "equity", "rate", "units"),
    [
        ("0.002", 0.005, 100_000, (1, 1), "250000"),  # 500 at risk over 0.002
        ("0.001", 0.005, 100_000, (1, 1), "500000"),
        ("0.002", 0.01, 50_000, (1, 1), "250000"),
        ("0.002", 0.005, 100_000, (1, 2), "500000"),
        ("2", 0.005, 100_000, (1, 150), "37500"),  # a quote currency of which 150 make one
        ("0.003", 0.005, 100_000, (1, 1), "166666.666666666"),  # down, never up
        ("0.002", 1.0, 1, (1, 1), "500"),
    ],
)
def test_a_fraction_of_equity_is_at_risk(
    stop: str, fraction: float, equity: int, rate: tuple[int, int], units: str
) -> None:
    config = {"risk_fraction": fraction}

    assert asks("fixed_fraction", stop, config, equity=equity * NANO, rate=rate) == nano(units)


@pytest.mark.parametrize(
    ("stop", "equity", "denial"),
    [
        ("0", 100_000, Denial("STOP_REQUIRED", 0.0, 0)),
        ("-0.1", 100_000, Denial("STOP_REQUIRED", -0.1, 0)),
        ("0.002", 0, Denial("NO_EQUITY", 0.0, 0)),
        ("0.002", -5, Denial("NO_EQUITY", -5.0, 0)),
    ],
)
def test_without_a_stop_or_equity_there_is_nothing_to_size_by(stop: str, equity: int, denial: Denial) -> None:
    assert asks("fixed_fraction", stop, equity=equity * NANO) == denial


@pytest.mark.parametrize("stop", ["0", "0.002"])
def test_fixed_units_are_always_the_same(stop: str) -> None:
    assert asks("fixed_units", stop, {"units": 10_000 * NANO}, equity=1) == 10_000 * NANO


# -- kelly ---------------------------------------------------------------------------------------


def trades(won: str, lost: str, symbol: str = "EURUSD", strategy: str = "ema_cross") -> Statistics:
    """Closed trades: money won ("30x200" is thirty times 200), and money lost."""
    statistics = Statistics()
    results = [
        sign * nano(amount)
        for sign, text in ((1, won), (-1, lost))
        for count, amount in [text.split("x")]
        for _ in range(int(count))
    ]
    for number, net in enumerate(results):
        at = T - 10**9 * (1_000 - number)
        statistics.add(Trade(symbol=symbol, strategy=strategy, side=1, opened_at=at, closed_at=at + 1, net=net))
    return statistics


KELLY = {"risk_fraction": 0.005, "kelly_share": 0.25, "kelly_trades": 20, "max_risk": 0.02}
FIRST = nano(250_000)  # 500 at risk over 0.002


@pytest.mark.parametrize(
    ("won", "lost", "expected"),
    [
        ("10x100", "9x50", FIRST),  # 19 trades are too few
        ("10x100", "10x95", nano(312_500)),  # f = 0.5 - 0.5 / (100/95) = 0.025; a quarter of it is 0.00625
        ("10x100", "10x99.99", nano(625)),  # f = 0.00005
        ("10x100", "10x100", Denial("KELLY_NEGATIVE", 0.0, 0)),  # nothing to gain
        ("10x100", "10x150", Denial("KELLY_NEGATIVE", -0.25, 0)),
        ("0x1", "20x1", Denial("KELLY_NEGATIVE", -1.0, 0)),
        ("20x100", "0x1", nano(1_000_000)),  # never lost: f = 1, capped at 0.02
        ("15x300", "5x100", nano(1_000_000)),  # f = 0.75 - 0.25/3 = 0.667: 0.167, capped
        ("12x100", "8x140", nano(500_000)),  # f = 0.6 - 0.4 * 1.4 = 0.04: 0.01
    ],
)
def test_a_quarter_of_the_kelly_fraction_is_at_risk(won: str, lost: str, expected: Any) -> None:
    assert asks("kelly", config=KELLY, statistics=trades(won, lost)) == expected


@pytest.mark.parametrize(("symbol", "strategy"), [("BTC", "ema_cross"), ("EURUSD", "other")])
def test_kelly_looks_at_the_trades_of_its_strategy_and_symbol(symbol: str, strategy: str) -> None:
    assert asks("kelly", config=KELLY, statistics=trades("15x300", "5x100", symbol, strategy)) == FIRST


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"max_risk": None}, nano(1_000_000)),  # 2 % where no cap is set
        ({"max_risk": 0.05}, nano(2_500_000)),
        ({"max_risk": 0.5}, nano("8333333.325")),  # a quarter of two thirds
        ({"kelly_share": 1.0, "max_risk": 1.0}, nano("33333333.3")),
        ({"kelly_trades": 21, "max_risk": 0.001}, nano(50_000)),  # also the fixed fraction is capped
    ],
)
def test_kelly_is_capped(config: dict[str, Any], expected: int) -> None:
    found = asks("kelly", config=KELLY | config, statistics=trades("15x300", "5x100"))

    assert found == pytest.approx(expected, rel=1e-8)
    assert isinstance(found, int)


def test_kelly_counts_a_trade_that_came_to_nothing_as_not_won() -> None:
    statistics = trades("12x100", "7x140")
    statistics.add(Trade(symbol="EURUSD", strategy="ema_cross", side=1, opened_at=T, closed_at=T, net=0))

    assert asks("kelly", config=KELLY, statistics=statistics) == nano(500_000)


@pytest.mark.parametrize(
    ("stop", "equity", "denial"),
    [("0", 1, Denial("STOP_REQUIRED", 0.0, 0)), ("0.002", 0, Denial("NO_EQUITY", 0.0, 0))],
)
def test_kelly_needs_a_stop_and_equity(stop: str, equity: int, denial: Denial) -> None:
    assert asks("kelly", stop, KELLY, equity=equity * NANO, statistics=trades("15x300", "5x100")) == denial


# -- volatility ----------------------------------------------------------------------------------


def moved(by: float, moments: int = 41) -> Returns:
    """A symbol that moves up and down by so much each bar: its volatility is known."""
    returns = Returns(["EURUSD", "BTC"], 40)
    for i in range(moments):
        returns.push(i, np.array([0, 1]), np.full(2, math.exp(by * (i % 2))))
    return returns


@pytest.mark.parametrize(
    ("instrument", "timeframe", "days"),
    [(EURUSD, MINUTE, 260), (EURUSD, 60 * MINUTE, 260), (BTC, 60 * MINUTE, 365), (EURUSD, DAY, 260)],
)
def test_a_position_moves_by_a_share_of_equity_in_a_year(instrument: Any, timeframe: int, days: int) -> None:
    per_bar = float(np.std([0.0001 if i % 2 else -0.0001 for i in range(40)], ddof=1))
    yearly = per_bar * math.sqrt(days * DAY / timeframe)
    found = asks(
        "volatility_target",
        config={"target_volatility": 0.1},
        returns=moved(0.0001),
        instrument=instrument,
        timeframe=timeframe,
    )

    assert isinstance(found, int)
    assert found * 1.1 * yearly / NANO == pytest.approx(0.1 * 100_000, rel=1e-5)
    assert found * 1.1 * yearly / NANO <= 0.1 * 100_000 * (1 + 1e-9)


def test_a_volatility_target_needs_no_stop_and_converts() -> None:
    wanted = asks("volatility_target", "0", returns=moved(0.001), timeframe=DAY)

    assert isinstance(wanted, int)
    assert asks("volatility_target", returns=moved(0.001), timeframe=DAY, rate=(1, 150)) == pytest.approx(150 * wanted)


@pytest.mark.parametrize(
    ("view", "denial"),
    [
        ({"returns": None}, Denial("VOLATILITY_UNKNOWN", 0)),
        ({"returns": moved(0.001, moments=20)}, Denial("VOLATILITY_UNKNOWN", 19)),
        ({"returns": moved(0.0)}, Denial("VOLATILITY_UNKNOWN", 40)),  # nothing has moved
        ({"returns": moved(0.001), "timeframe": 0}, Denial("VOLATILITY_UNKNOWN", 40)),
        ({"returns": moved(0.001), "equity": -1}, Denial("NO_EQUITY", -1e-9, 0)),
    ],
)
def test_an_unknown_volatility_sizes_nothing(view: dict[str, Any], denial: Denial) -> None:
    assert asks("volatility_target", **{"timeframe": DAY} | view) == denial
