"""How much of each limit on the whole account is used now: for people who look, not for the gate."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from domain.money import to_float
from domain.order import INTENT
from domain.timeframe import HOUR, MINUTE
from risk.portfolio import PortfolioRisk
from risk.view import View


class Usage(msgspec.Struct, frozen=True):
    """A limit by its key: what it stands at (None where that is not known), and its threshold, both in its unit."""

    key: str
    used: float | None
    threshold: float
    at_least: bool = False

    @property
    def share(self) -> float | None:
        """How much of it is used; what must not fall below a threshold: how much of what is left it needs."""
        if self.used is None:
            return None
        over, under = (self.threshold, self.used) if self.at_least else (self.used, self.threshold)
        return max(over / under, 0.0) if under > 0 else None


def usages(view: View, figures: PortfolioRisk) -> tuple[Usage, ...]:
    """The limits that are set, in the order of the gate."""
    config = view.config
    found = []
    for key, used in _used(view, figures):
        threshold = getattr(config, key)
        if threshold is not None:
            money = key in _MONEY
            found.append(Usage(key, used, to_float(threshold) if money else threshold, key == "min_free_balance"))
    return tuple(found)


_MONEY = ("max_daily_loss", "max_exposure", "min_free_balance")


def _used(view: View, figures: PortfolioRisk) -> Iterator[tuple[str, float | None]]:
    """Each limit by its key, and where it stands."""
    lost, equity = view.day_equity - view.equity, view.equity
    yield "max_trades_per_day", view.trades_today
    yield "max_trades_per_hour", sum(1 for at in view.entries if at > view.now - HOUR)
    yield "max_daily_loss", to_float(lost)
    yield "max_daily_loss_share", lost / view.day_equity if view.day_equity > 0 else None
    yield "max_drawdown_soft", view.drawdown
    yield "max_drawdown", view.drawdown
    yield "max_total_loss", (view.first_cash - equity) / view.first_cash if view.first_cash > 0 else None
    yield "max_open_positions", len(view.book.exposed())
    working = view.book.working.values()
    yield "max_orders_in_flight", sum(1 for one in working if one.status != INTENT and one.order.opens)
    valued = not figures.missing
    yield "max_currency_exposure", _currency(view) if valued else None
    yield "max_exposure", figures.gross if valued else None
    yield "max_leverage", figures.leverage if valued else None
    yield "max_margin", figures.margin / to_float(equity) if valued and equity > 0 else None
    yield "min_free_balance", to_float(equity) - figures.margin if valued else None
    yield "max_var", figures.var
    yield "max_cvar", figures.cvar
    yield "max_stress_loss", figures.stress if valued else None
    yield "max_orders_per_minute", sum(1 for at in view.entries if at > view.now - MINUTE)


def _currency(view: View) -> float | None:
    """The largest net value in one currency, x equity."""
    if view.equity <= 0:
        return None
    nets = (end for currency in view.exposure.currencies for end in view.exposure.net(currency))
    return max((abs(one) for one in nets), default=0) / view.equity
