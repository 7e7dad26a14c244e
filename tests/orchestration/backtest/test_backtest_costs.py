"""What trading cost, by hand."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from domain.money import NANO
from domain.timeframe import HOUR
from orchestration.backtest.measures.costs import cost_metrics
from orchestration.backtest.measures.metrics import metrics
from orchestration.backtest.result import Result, Sent
from tests.factories import EURUSD, MONDAY, a_fill, an_order, bars, nano
from tests.orchestration.backtest.measured import a_result, closed, financing, settings, some_days, with_account

USDJPY = msgspec.structs.replace(EURUSD, symbol="USDJPY", base="USD", quote="JPY")
EURGBP = msgspec.structs.replace(EURUSD, symbol="EURGBP", base="EUR", quote="GBP")
GBPUSD = msgspec.structs.replace(EURUSD, symbol="GBPUSD", base="GBP", quote="USD")


def costs(result: Result) -> dict[str, Any]:
    return cost_metrics(result, 100_000.0, 2.0)


def traded(*fills: Any, **changed: Any) -> Result:
    return a_result(*some_days([100_000.0]), fills=fills, **changed)


def test_commission_and_financing_are_summed_apart() -> None:
    found = costs(traded(a_fill(commission=3 * NANO), financing(1.5), financing(-0.5, id="n2")))

    assert (found["commission"], found["financing"]) == (3.0, 1.0)
    assert found["by_currency"]["USD"]["commission"] == 3.0
    assert found["total"] == pytest.approx(4.0 + found["spread"])


def test_the_spread_of_the_bar_is_paid_by_buys() -> None:
    prices = bars(1.1, 1.1, 1.1, step=HOUR)
    prices["spread"] = [0.0002, 0.0004, np.nan]
    buys = [a_fill(id=str(n), bar_ts=MONDAY + n * HOUR, at=MONDAY + n * HOUR) for n in range(3)]
    sell = a_fill(id="s", side=-1, bar_ts=MONDAY, at=MONDAY)

    found = costs(traded(*buys, sell, prices={"EURUSD": prices}))

    own = 0.00008  # where the data has none
    assert found["spread"] == pytest.approx(10_000 * (0.0002 + 0.0004 + own))


def test_no_spread_is_none_and_slippage_is_what_the_model_added() -> None:
    result = traded(
        a_fill(id="market", order_id="m", price=nano("1.1011")),
        a_fill(id="limit", order_id="l"),
        a_fill(id="stop", order_id="unknown", side=-1, reason="STOP", price=nano("1.0989")),
        a_fill(id="target", order_id="unknown", side=-1, reason="TARGET"),
        settings=settings("venues.paper.slippage_bps=10", "venues.paper.spread=none"),
        orders=(
            Sent(order=an_order(id="m"), status="FILLED"),
            Sent(order=an_order(id="l", kind="LIMIT"), status="FILLED"),
        ),
    )
    found = costs(result)

    assert found["spread"] == 0.0
    assert found["slippage"] == pytest.approx(11 + 11)


def test_turnover_is_traded_notional_over_equity() -> None:
    found = costs(traded(a_fill(), a_fill(id="2", side=-1)))

    assert found["traded"] == pytest.approx(22_000)
    assert found["turnover"] == pytest.approx(0.22)
    assert found["turnover_a_year"] == pytest.approx(0.11)


def test_money_is_converted_at_the_close_of_its_bar() -> None:
    prices = bars(100.0, 125.0, 150.0, step=HOUR)
    fills = [
        a_fill("USDJPY", id=str(n), at=MONDAY + n * HOUR, bar_ts=MONDAY + n * HOUR, side=-1, commission=600 * NANO)
        for n in range(3)
    ]
    result = traded(*fills, instruments={"USDJPY": USDJPY}, prices={"USDJPY": prices})

    found = costs(result)

    assert found["commission"] == pytest.approx(6.0 + 4.8 + 4.0)
    assert found["by_currency"] == {"JPY": pytest.approx({"commission": 1800.0} | dict.fromkeys(OTHER, 0.0) | RAW)}
    assert costs(with_account(result, convert=False))["commission"] == 1800.0
    assert costs(with_account(result, equivalents={"JPY": NANO // 100}))["commission"] == pytest.approx(18.0)


OTHER = ("financing", "spread", "slippage")
RAW = {"traded": pytest.approx(33_000.0)}


def test_money_is_converted_through_a_third_currency() -> None:
    fill = a_fill("EURGBP", at=MONDAY, bar_ts=MONDAY, side=-1, commission=10 * NANO)
    instruments = {"EURGBP": EURGBP, "GBPUSD": GBPUSD, "USDJPY": USDJPY}
    prices = {"EURGBP": bars(0.85), "GBPUSD": bars(1.25), "USDJPY": bars(150.0)}
    result = traded(fill, instruments=instruments, prices=prices)

    assert costs(result)["commission"] == pytest.approx(12.5)
    assert costs(with_account(result, currency="JPY"))["commission"] == pytest.approx(10 * 1.25 * 150)


def test_without_a_rate_there_is_no_sum_but_what_was_paid_is_told() -> None:
    result = traded(
        a_fill("EURGBP", commission=10 * NANO, side=-1),
        instruments={"EURGBP": EURGBP},
        prices={"EURGBP": bars(0.85)},
        closes=closed([1.0, 2.0]),
    )
    found = costs(result)

    assert found["commission"] is found["total"] is found["turnover"] is None
    assert found["financing"] == 0.0
    assert found["unconverted"] == ["GBP"]
    assert found["by_currency"]["GBP"]["commission"] == 10.0
    assert found["of_closed_trades"] == 4.0


def test_metrics_have_the_costs() -> None:
    told = metrics(traded(a_fill(commission=3 * NANO), instruments={"EURUSD": EURUSD}))

    assert told["costs"]["commission"] == 3.0
    assert told["costs"]["turnover"] == pytest.approx(0.11)
