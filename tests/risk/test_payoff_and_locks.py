"""The payoff mandate and the locks as the gate sees them: both sides, and the figures behind them."""

from __future__ import annotations

from typing import Any

import pytest
from closed_trades import a_trade, counted

from domain.money import NANO
from domain.order import BUY, SELL
from domain.registry import load
from domain.timeframe import DAY, HOUR, MINUTE, iso
from risk.config import RiskConfig
from risk.gate import Rules
from risk.rules import RULES
from risk.statistics import Statistics
from risk.view import Denial, Figures, Lock, View, Wish
from tests.factories import T, a_config, a_view, nano


def a_wish(symbol: str = "EURUSD", direction: int = BUY) -> Wish:
    return Wish(symbol, direction, T, nano("1.1"), nano("0.002"), 0, T + MINUTE)


def rule(name: str, **config: Any) -> Any:
    return load(RULES[name]).build(a_config(**config))


# -- payoff mandate --------------------------------------------------------------------------------


def mixed(losses: int, loss: float, wins: int, win: float, at: int = T) -> Statistics:
    """So many losses and wins of EURUSD, the last of them closed ``at``."""
    nets = [-loss] * losses + [win] * wins
    return counted(*(a_trade(net, at - (len(nets) - 1 - n) * MINUTE) for n, net in enumerate(nets)))


@pytest.mark.parametrize(
    ("statistics", "value"),
    [
        (Statistics(), None),
        (mixed(10, 20, 10, 10), None),  # exactly twice
        (mixed(10, 20.1, 10, 10), 2.01),
        (mixed(10, 50, 9, 10), None),  # too few
        (mixed(10, 50, 10, 10), 5.0),
        (mixed(1, 50, 19, 10), 5.0),  # averages, not sums
        (mixed(20, 1, 0, 0), "NO_WIN"),
        (mixed(0, 0, 20, 1), None),
    ],
)
def test_the_payoff_mandate_of_a_symbol(statistics: Statistics, value: float | str | None) -> None:
    one = rule("max_payoff_ratio", max_payoff_ratio=2.0)
    view = a_view(statistics=statistics)

    denial = one.check(a_wish(), view)

    assert denial == (None if value is None else Denial("PAYOFF_MANDATE", value, 2.0))
    if denial is not None:
        assert one.figures(a_wish(), view) == Figures(*denial[1:])
    assert one.check(a_wish("BTC"), view) is None


def test_a_trade_that_came_to_nothing_counts_as_a_trade_of_the_mandate() -> None:
    statistics = mixed(10, 50, 9, 10)
    statistics.add(a_trade(0))

    assert rule("max_payoff_ratio", max_payoff_ratio=2.0).check(a_wish(), a_view(statistics=statistics)) is not None


@pytest.mark.parametrize(("later", "denied"), [(0, True), (1, False)])
def test_the_mandate_is_about_the_trades_of_thirty_days(later: int, denied: bool) -> None:
    first = T - 30 * DAY
    statistics = counted(a_trade(-50, first), *(a_trade(n % 2 * 60 - 50, T - HOUR) for n in range(19)))
    view = a_view(statistics=statistics, now=T + later)

    assert (rule("max_payoff_ratio", max_payoff_ratio=2.0).check(a_wish(), view) is not None) == denied


def test_the_figures_of_the_mandate_before_there_are_trades_enough() -> None:
    one = rule("max_payoff_ratio", max_payoff_ratio=2.0)

    assert one.figures(a_wish(), a_view(statistics=mixed(10, 50, 9, 10))) == Figures(None, 2.0)
    assert one.figures(a_wish(), a_view(statistics=mixed(10, 10, 10, 10))) == Figures(1.0, 2.0)
    assert rule("max_payoff_ratio") is None


# -- locks -----------------------------------------------------------------------------------------


def locked(*locks: Lock, now: int = T) -> View:
    return a_view(locks=list(locks), now=now)


def a_lock(until: int, symbol: str | None = "EURUSD", side: int | None = None, code: str = "COOLDOWN") -> Lock:
    return Lock(f"{code}{until}", code, symbol, side, until, "a loss")


@pytest.mark.parametrize(
    ("symbol", "side", "until", "denied"),
    [
        ("EURUSD", None, T + 1, True),
        ("EURUSD", None, T, False),
        ("BTC", None, T + 1, False),
        (None, None, T + 1, True),
        (None, BUY, T + 1, True),
        (None, SELL, T + 1, False),
        ("EURUSD", SELL, T + 1, False),
    ],
)
def test_a_lock_denies_what_it_covers(symbol: str | None, side: int | None, until: int, denied: bool) -> None:
    one, view = rule("locks"), locked(a_lock(until, symbol, side))

    assert one.check(a_wish(), view) == (Denial("LOCKED", "COOLDOWN", iso(until)) if denied else None)
    assert one.figures(a_wish(), view) == (Figures("COOLDOWN", iso(until)) if denied else Figures())
    assert view.locks[0].covers("EURUSD", BUY, T) == denied


def test_of_several_locks_the_longest_is_told() -> None:
    view = locked(a_lock(T + 5), a_lock(T + 9, None, code="STOPLOSS_GUARD"), a_lock(T + 99, "BTC"), a_lock(T + 7))

    assert rule("locks").check(a_wish(), view) == Denial("LOCKED", "STOPLOSS_GUARD", iso(T + 9))


@pytest.mark.parametrize(
    ("explicit", "kept"), [(set(), False), ({"cooldown_after_close"}, True), ({"max_trades_per_day"}, False)]
)
def test_a_protection_that_was_asked_for_keeps_its_locks_in_a_stage_that_is_off(explicit: set[str], kept: bool) -> None:
    config = RiskConfig(stages_off=(5, 6), cooldown_after_close=60.0, explicit=frozenset(explicit))

    assert ("locks" in Rules(config)) == kept


def test_both_rules_say_nothing_of_other_symbols_losses() -> None:
    others = counted(*(a_trade(-50, T, symbol="BTC") for _ in range(30)))
    view = a_view(statistics=others, locks=[a_lock(T + HOUR, "BTC")])

    assert rule("max_payoff_ratio", max_payoff_ratio=2.0).check(a_wish(), view) is None
    assert rule("locks").check(a_wish(), view) is None
    assert others.tally().gross_loss == 1_500 * NANO
