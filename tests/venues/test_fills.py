from __future__ import annotations

import math
from decimal import Decimal

import pytest

from domain.errors import ConfigError
from domain.money import NANO, from_decimal
from tests.contract.desk import instrument
from venues import fills
from venues.fills import NO_LIMIT, FillModel, Prices, Terms

BUY, SELL = 1, -1


def nano(text: str) -> int:
    return from_decimal(text)


def a_bar(open_: str, high: str, low: str, close: str = "", spread: str = "0", volume: str = "0") -> Prices:
    values = (nano(one) for one in (open_, high, low, close or open_, volume, spread))
    return Prices(0, *values)


def terms(**model: object) -> Terms:
    return FillModel(**model).terms(instrument(spread=nano("0.5")))  # type: ignore[arg-type]


FREE = terms()


@pytest.mark.parametrize(
    ("side", "spread", "slippage", "price"),
    [
        (BUY, "0", 0, "100"),
        (SELL, "0", 0, "100"),
        (BUY, "0.4", 0, "100.4"),
        (SELL, "0.4", 0, "100"),
        (BUY, "0", 10, "100.1"),
        (SELL, "0", 10, "99.9"),
        (BUY, "100", 10, "200.2"),
    ],
)
def test_a_market_order_pays_the_open_with_spread_for_buys_and_slippage_for_both(
    side: int, spread: str, slippage: float, price: str
) -> None:
    bar = a_bar("100", "101", "99", close="50", spread=spread)

    assert fills.at_open(bar, side, terms(slippage_bps=slippage)) == nano(price)


@pytest.mark.parametrize(("side", "price"), [(BUY, "50.4504"), (SELL, "49.95")])
def test_at_the_same_close_the_same_costs_apply_to_the_close(side: int, price: str) -> None:
    bar = a_bar("100", "101", "49", close="50", spread="0.4")

    assert fills.at_close(bar, side, terms(slippage_bps=10)) == nano(price)


@pytest.mark.parametrize(
    ("side", "trigger", "spread", "slippage", "price"),
    [
        (SELL, "97", "0", 0, None),  # a long's stop, not reached
        (SELL, "98", "0", 0, "98"),  # touched exactly
        (SELL, "99", "0", 0, "99"),
        (SELL, "99", "5", 0, "99"),  # the bid triggers: the spread does not matter
        (SELL, "101", "0", 0, "100"),  # gapped: the open is worse
        (SELL, "99", "0", 10, "98.901"),
        (BUY, "103", "0", 0, None),  # a short's stop, not reached
        (BUY, "102", "0", 0, "102"),  # touched exactly
        (BUY, "102.5", "0.4", 0, None),
        (BUY, "102.4", "0.4", 0, "102.4"),  # the ask triggers
        (BUY, "99", "0", 0, "100"),  # gapped
        (BUY, "99", "0.4", 0, "100.4"),  # gapped, at the ask
        (BUY, "102", "0", 10, "102.102"),
    ],
)
def test_a_stop_fills_at_the_worse_of_open_and_stop(
    side: int, trigger: str, spread: str, slippage: float, price: str | None
) -> None:
    bar = a_bar("100", "102", "98", spread=spread)

    found = fills.stop(bar, side, nano(trigger), terms(slippage_bps=slippage))

    assert found == (None if price is None else nano(price))


@pytest.mark.parametrize(
    ("side", "limit", "spread", "price"),
    [
        (SELL, "103", "0", None),  # a long's target, not reached
        (SELL, "102", "0", "102"),  # touched exactly
        (SELL, "102.2", "0.4", None),  # the bid must reach it, not the ask
        (SELL, "101", "0", "101"),
        (SELL, "99", "0", "100"),  # gapped: the open is better
        (BUY, "97", "0", None),  # a short's target, not reached
        (BUY, "98", "0", "98"),  # touched exactly
        (BUY, "98.2", "0.4", None),  # the ask must reach it
        (BUY, "98.4", "0.4", "98.4"),
        (BUY, "101", "0", "100"),  # gapped
        (BUY, "101", "0.4", "100.4"),  # gapped, at the ask
    ],
)
def test_a_limit_fills_at_the_better_of_open_and_limit_and_never_worse(
    side: int, limit: str, spread: str, price: str | None
) -> None:
    bar = a_bar("100", "102", "98", spread=spread)

    found = fills.limit(bar, side, nano(limit))

    assert found == (None if price is None else nano(price))
    assert found is None or side * (nano(limit) - found) >= 0


@pytest.mark.parametrize(("open_", "hit"), [("100", False), ("98.9", True)])
def test_the_bar_at_its_open_triggers_only_what_has_gapped(open_: str, hit: bool) -> None:
    bar = fills.opening(a_bar(open_, "110", "90"))

    assert (fills.stop(bar, SELL, nano("99"), FREE) is not None) == hit


@pytest.mark.parametrize(("side", "entry", "stop", "price"), [(BUY, "95", "96", "95"), (SELL, "105", "104", "105")])
def test_a_stop_beyond_the_entry_fills_at_the_entry_not_at_the_open_before_it(
    side: int, entry: str, stop: str, price: str
) -> None:
    bar = fills.from_entry(a_bar("100", "110", "90"), side, nano(entry))

    assert fills.stop(bar, -side, nano(stop), FREE) == nano(price)


@pytest.mark.parametrize(
    ("volume", "share", "step", "room"),
    [
        ("1000", 0, "1", None),  # no limit
        ("0", 0.1, "1", None),  # volume unknown
        ("1000", 0.1, "1", "100"),
        ("1009", 0.1, "1", "100"),  # down to the step
        ("1009", 0.1, "0.01", "100.9"),
        ("5", 0.1, "1", "0"),
        ("1000", 1, "1", "1000"),
    ],
)
def test_the_room_of_a_bar_is_its_share_of_the_volume_down_to_the_lot_step(
    volume: str, share: float, step: str, room: str | None
) -> None:
    known = FillModel(participation=share).terms(instrument(lot_step=nano(step)))

    assert fills.room(a_bar("1", "1", "1", volume=volume), known) == (NO_LIMIT if room is None else nano(room))


@pytest.mark.parametrize(
    ("bps", "price", "units", "money"),
    [
        (1, "1.07321", "10000", "1.07321"),
        (0, "1.07321", "10000", "0"),
        ("0.1", "1.07321", "10000", "0.107321"),
        (Decimal("2.5"), "42000.5", "0.00001", "0.000105001"),  # 0.00010500125, rounded once
        (1, "1.000000001", "0.01", "0.000001"),
        (10, "60000", "0.5", "30"),
    ],
)
def test_commission_is_exact(bps: object, price: str, units: str, money: str) -> None:
    assert fills.commission(nano(price), nano(units), terms(commission_bps=bps)) == nano(money)


@pytest.mark.parametrize(
    ("costs", "asset_class", "bps"),
    [
        (2, "forex", "2"),
        ({"default": 1, "crypto": 10}, "crypto", "10"),
        ({"default": 1, "crypto": 10}, "forex", "1"),
        ({"crypto": 10}, "forex", "0"),
        ({}, "forex", "0"),
    ],
)
def test_costs_go_by_asset_class(costs: object, asset_class: str, bps: str) -> None:
    model = FillModel(commission_bps=costs, slippage_bps=costs)  # type: ignore[arg-type]
    known = model.terms(instrument(asset_class=asset_class))

    assert (known.commission, known.slippage) == (nano(bps), nano(bps))


@pytest.mark.parametrize(
    ("spread", "data", "known"),
    [
        ("data", 0.0002, "0.0002"),
        ("data", 0.0, "0"),
        ("data", math.nan, "0.5"),
        ("none", 0.0002, "0"),
        ("none", math.nan, "0"),
    ],
)
def test_the_spread_is_the_data_s_else_the_instrument_s(spread: str, data: float, known: str) -> None:
    row = (0, 0, 7, 1.07321, 1.1, 1.0, 1.05, 0.0, data)

    bar = fills.prices(row, terms(spread=spread))

    assert bar == Prices(7, nano("1.07321"), nano("1.1"), nano("1"), nano("1.05"), 0, nano(known))


@pytest.mark.parametrize(("cost", "money"), [(10_000, "1"), (-10_000, "-0.5")])
def test_financing_is_by_side_and_night(cost: int, money: str) -> None:
    known = terms(financing_bps={"other": {"long": 0.5, "short": -0.25}})

    assert fills.financing(cost * NANO, 2, known) == nano(money)


def test_the_zero_version_costs_nothing() -> None:
    known = FillModel().terms(instrument())

    assert fills.commission(NANO, NANO, known) == fills.financing(NANO, 9, known) == 0
    assert fills.at_open(a_bar("1", "2", "1"), BUY, known) == NANO


def test_every_value_out_of_range_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        FillModel(
            fill_on="yesterday",
            spread="wide",
            participation=2,
            commission_bps={"forex": -1, "shares": 1},
            slippage_bps="much",
            financing_bps={"crypto": {"up": 1}},
        )

    keys = [problem.split(":")[0] for problem in caught.value.problems]
    assert keys == [
        "fill_on",
        "spread",
        "participation",
        "commission_bps",
        "commission_bps.forex",
        "slippage_bps",
        "financing_bps.crypto",
    ]
