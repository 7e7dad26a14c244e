"""What cannot be judged is denied with a code of its own, and nothing raises out of the gate."""

from __future__ import annotations

import math
from typing import Any

import pytest
from full_desk import FullDesk, denied, nanos_of
from gate_desk import GateDesk

from domain.timeframe import MINUTE
from risk.config import RiskConfig
from risk.news import Calendar, NewsEvent
from tests.factories import CASH, T, nano


def test_an_ordinary_entry_passes_all_of_it() -> None:
    assert FullDesk().enter().denial is None


ODD: Any = math.nan
ENDLESS: Any = math.inf
LATE = Calendar((NewsEvent(T - MINUTE, "JPY", "high", "late", 0),), until=T, since=T - MINUTE)
BAD: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"price": ODD}, {}, "PRICE_INVALID"),
    ({"price": ENDLESS}, {}, "PRICE_INVALID"),
    ({"price": -1}, {}, "PRICE_INVALID"),
    ({"stop": ODD}, {}, "STOP_INVALID"),
    ({"stop": -ENDLESS}, {}, "STOP_INVALID"),
    ({"stop": -nano("0.002")}, {}, "STOP_INVALID"),  # on the wrong side
    ({"stop": 0}, {}, "STOP_REQUIRED"),
    ({"target": ODD}, {}, "TARGET_INVALID"),
    ({"target": -nano("0.002")}, {}, "TARGET_INVALID"),
    ({"target": nano("0.00008"), "spread": nano("0.00008")}, {}, "TARGET_INSIDE_SPREAD"),
    ({"score": ODD}, {}, "SCORE_INVALID"),
    ({"probability": ENDLESS}, {}, "SCORE_INVALID"),
    ({"factor": ODD}, {}, "FACTOR_INVALID"),
    ({"factor": -0.1}, {}, "FACTOR_INVALID"),
    ({"factor": 1.1}, {}, "FACTOR_INVALID"),
    ({"spread": -1}, {}, "SPREAD_INVALID"),
    ({"symbol": "NOTHING"}, {}, "INSTRUMENT_UNKNOWN"),
    ({}, {"rates": None}, "CONVERSION_UNKNOWN"),
    ({}, {"held": "GBPUSD"}, "QUOTE_MISSING"),
    ({}, {"price": 0}, "NO_PRICE"),
    ({}, {"bar_at": T - 4 * MINUTE}, "DATA_STALE"),
    ({}, {"equity": 0}, "NO_EQUITY"),
    ({}, {"balance": -1}, "NO_EQUITY"),
    ({}, {"calendar": None}, "NEWS_CALENDAR_EMPTY"),
    ({}, {"calendar": Calendar()}, "NEWS_CALENDAR_EMPTY"),
    ({}, {"calendar": LATE}, "NEWS_CALENDAR_LATE"),
    ({}, {"now": T + 1, "expired": True}, "EXPIRED"),
]


@pytest.mark.parametrize(("wish", "there", "code"), BAD)
def test_bad_input_is_denied_with_a_code_of_its_own(wish: dict[str, Any], there: dict[str, Any], code: str) -> None:
    limits = {name: None for name in ("max_daily_loss", "max_daily_loss_share", "max_drawdown", "max_drawdown_soft")}
    desk = FullDesk(**((limits if "equity" in there else {}) | {"max_total_loss": None}))
    for name, value in there.items():
        if name == "rates":
            desk.rates["EURUSD"] = None
        elif name == "held":
            desk.hold(1_000, value)
            desk.book.mark(value, 0, (1, 1))
            desk.gate.rules.checks = [one for one in desk.gate.rules.checks if one[0] != "correlation"]
        elif name == "balance":
            desk.book.balance = value
        elif name != "expired":
            setattr(desk.view, name, value)
    if "expired" in there:
        wish = wish | {"expires_at": T}

    assert denied(desk, **wish) == code
    assert desk.book.working == {}


@pytest.mark.parametrize(
    "moment",
    [
        *("2024-02-29 12:00", "2024-02-29 23:59:59", "2024-02-28 22:00", "2024-12-31 23:59:59", "2023-12-31 23:00"),
        *("2024-03-10 06:59:59", "2024-03-10 07:00", "2024-11-03 05:30", "2024-11-03 06:30"),  # New York
        *("2024-03-31 00:59:59", "2024-03-31 01:00", "2024-10-27 00:30", "2024-10-27 01:30"),  # London
        *("1970-01-01 00:00", "2100-02-28 12:00", "2261-01-01 00:00"),
    ],
)
@pytest.mark.parametrize("symbol", ["EURUSD", "BTC", "XAUUSD"])
def test_no_moment_of_a_calendar_breaks_a_rule(symbol: str, moment: str) -> None:
    desk, at = FullDesk(), nanos_of(moment)
    desk.view.now = desk.view.bar_at = at
    answer = desk.wish(symbol, 1, at, expires_at=0)

    assert answer.denial is None or answer.denial.code in (
        "MARKET_CLOSED",
        "OUT_OF_SESSION",
        "NEWS_BLACKOUT",
        "HOLIDAY",
    )
    assert (answer.order is None) == (answer.denial is not None)


def test_without_rules_on_equity_a_negative_balance_trades_on() -> None:
    desk = GateDesk(RiskConfig(sizing="fixed_units", require_stop=False, stages_off=(2, 5, 6, 7, 8, 10)))
    desk.view.equity = desk.book.balance = -CASH

    assert desk.enter(stop=0, target=0).order is not None
