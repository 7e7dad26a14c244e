"""How much of each limit is used, beside the figures of the rules that hold it."""

from __future__ import annotations

from typing import Any

import pytest
from exposure_desk import ExposureDesk, a_wish

from domain.money import NANO
from domain.order import ACCEPTED
from domain.registry import load
from domain.timeframe import HOUR, MINUTE
from risk.portfolio import portfolio_risk
from risk.returns import Returns
from risk.rules import RULES
from risk.usage import Usage, usages
from risk.view import View
from tests.factories import CASH, T, a_config, full_config, nano


def desk(**config: Any) -> ExposureDesk:
    return ExposureDesk(**config).hold("EURUSD", 100_000).hold("BTC", -1).work("GBPUSD", 10_000)


def view_of(made: ExposureDesk) -> View:
    view = made.view()
    view.equity, view.peak, view.day_equity, view.first_cash = CASH - 500 * NANO, CASH + 100 * NANO, CASH, CASH
    view.trades_today, view.entries = 7, [T - HOUR - 1, T - 30 * MINUTE, T - MINUTE // 2]
    made.book.working["w3"].status = ACCEPTED
    return view


def found(view: View) -> dict[str, Usage]:
    return {one.key: one for one in usages(view, portfolio_risk(view))}


RULE = {"max_drawdown_soft": "max_drawdown"}
ASKED_WITH_NOTHING = (
    *("max_trades_per_day", "max_trades_per_hour", "max_daily_loss", "max_daily_loss_share", "max_total_loss"),
    *("max_drawdown_soft", "max_drawdown", "max_open_positions", "max_orders_in_flight", "max_orders_per_minute"),
    *("max_exposure", "max_leverage", "max_margin", "min_free_balance", "max_stress_loss"),
)


@pytest.mark.parametrize("key", ASKED_WITH_NOTHING)
def test_it_is_what_the_rule_compares(key: str) -> None:
    limits = full_config()
    made = desk(**{key: getattr(limits, key)}, stress={"fall": {"default": -0.1}}, margin_rate={})
    view = view_of(made)
    rule = load(RULES[RULE.get(key, key)]).build(made.config)
    sized = hasattr(rule, "room")
    figures = rule.figures(a_wish(), view, 0) if sized else rule.figures(a_wish(), view)

    used = found(view)[key]

    assert used.used == pytest.approx(figures.value)
    assert used.threshold == figures.threshold


def test_only_limits_that_are_set_are_told_in_the_gates_order() -> None:
    view = view_of(desk(max_leverage=5.0, max_trades_per_day=10, max_drawdown=0.2))

    assert [one.key for one in usages(view, portfolio_risk(view))] == [
        "max_trades_per_day",
        "max_drawdown",
        "max_leverage",
    ]


def test_how_much_is_used() -> None:
    view = view_of(desk(max_trades_per_day=10, max_daily_loss=nano(2_000), min_free_balance=nano(100)))
    limits = found(view)

    assert limits["max_trades_per_day"].share == 0.7
    assert limits["max_daily_loss"].share == 0.25
    assert limits["min_free_balance"].share == pytest.approx(100 / 77_050)
    view.equity = CASH + NANO
    assert found(view)["max_daily_loss"].share == 0.0
    assert Usage("min_free_balance", -5.0, 100.0, at_least=True).share is None  # there is nothing left to use
    assert Usage("min_free_balance", 400.0, 100.0, at_least=True).share == 0.25
    assert Usage("max_var", None, 0.1).share is None


def test_the_currency_that_is_held_most() -> None:
    view = view_of(desk(max_currency_exposure=4.0))

    dollars = 110_000 + 12_500  # sold for euros and pounds; the bitcoins bring 40,000
    assert found(view)["max_currency_exposure"].used == pytest.approx(dollars / 99_500, abs=0.45)
    assert found(view)["max_currency_exposure"].used >= 110_000 / 99_500  # type: ignore[operator]


def test_what_cannot_be_valued_is_not_known() -> None:
    made = desk(**{"max_leverage": 5.0, "max_margin": 0.5, "max_exposure": nano(5), "max_var": 0.1, "max_cvar": 0.1})
    made.hold("NONE", 5, "1")
    view = view_of(made)

    assert {key: one.used for key, one in found(view).items()} == dict.fromkeys(found(view))
    assert found(view).keys() == {"max_leverage", "max_margin", "max_exposure", "max_var", "max_cvar"}


def test_without_equity_there_is_no_share_of_it() -> None:
    made = desk(max_leverage=5.0, max_margin=0.5, max_currency_exposure=4.0)
    view = view_of(made)
    view.equity = 0

    assert {one.used for one in found(view).values()} == {None}


def test_the_value_at_risk_is_that_of_the_portfolio() -> None:
    made = desk(max_var=0.1, max_cvar=0.1)
    view = view_of(made)
    view.returns = Returns(("EURUSD", "BTC", "GBPUSD"), 50)

    figures = portfolio_risk(view)

    assert (found(view)["max_var"].used, found(view)["max_cvar"].used) == (figures.var, figures.cvar)
    assert a_config().max_var is None
