"""What the book is exposed to: intervals of value, followed as they move, and equal to what one look would find."""

from __future__ import annotations

from typing import Any

import pytest
from exposure_desk import INSTRUMENTS, PRICES, ExposureDesk, a_wish, price_of, rate_of
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.money import NANO, ONE, Rate
from risk.exposure import Exposure, fitting, worth
from risk.returns import Returns
from tests.factories import T, nano


def of(desk: ExposureDesk, symbol: str) -> tuple[float, float, float]:
    desk.exposure.look(T)
    one = desk.exposure.holdings[symbol]
    return one.low / NANO, one.high / NANO, one.gross / NANO


def test_what_is_held_is_worth_its_mark() -> None:
    desk = ExposureDesk().hold("EURUSD", 10_000).hold("USDJPY", -15_000)
    desk.book.mark("EURUSD", nano("1.2"), ONE)

    assert of(desk, "EURUSD") == (12_000, 12_000, 12_000)
    assert of(desk, "USDJPY") == (-15_000, -15_000, 15_000)
    assert desk.exposure.gross == nano(27_000)


@pytest.mark.parametrize(
    ("held", "working", "low", "high", "gross"),
    [
        (0, 10_000, 0, 11_000, 11_000),  # on its way
        (0, -10_000, -11_000, 0, 11_000),
        (10_000, 10_000, 11_000, 22_000, 22_000),
        (10_000, -10_000, 0, 11_000, 11_000),  # an exit makes no room before it has filled
        (10_000, -30_000, -22_000, 11_000, 22_000),  # a reversal
        (-10_000, -10_000, -22_000, -11_000, 22_000),
    ],
)
def test_an_interval_covers_every_way_in_which_orders_fill(
    held: int, working: int, low: int, high: int, gross: int
) -> None:
    desk = ExposureDesk()
    if held:
        desk.hold("EURUSD", held)
    desk.work("EURUSD", working)

    assert of(desk, "EURUSD") == (low, high, gross)
    assert desk.book.exposure("EURUSD") == max(map(abs, desk.book.bounds("EURUSD")))


def test_pending_orders_are_counted() -> None:
    """Known fault: pending limit orders counted neither to concurrency nor to exposure."""
    desk = ExposureDesk().work("EURUSD", 10_000, kind="LIMIT", price=nano("1.05"))
    desk.exposure.look(T)

    assert desk.exposure.gross == nano(11_000)
    desk.book.release("w1")
    desk.exposure.look(T)
    assert desk.exposure.gross == 0
    assert desk.exposure.names == []


def test_what_others_hold_widens_both_ends() -> None:
    desk = ExposureDesk().hold("EURUSD", 10_000)
    desk.book.others({"EURUSD": -2_000 * NANO, "BTC": NANO})

    assert of(desk, "EURUSD") == (8_800, 13_200, 13_200)
    assert of(desk, "BTC") == (-40_000, 40_000, 40_000)
    desk.book.others({})
    desk.exposure.look(T)
    assert desk.exposure.names == ["EURUSD"]
    assert desk.exposure.gross == nano(11_000)


def test_pairs_count_as_their_legs() -> None:
    desk = ExposureDesk().hold("EURUSD", 10_000).hold("USDJPY", 10_000).hold("GBPJPY", -8_000)
    desk.exposure.look(T)
    net = {name: desk.exposure.net(name) for name in ("EUR", "USD", "JPY", "GBP", "CHF")}

    assert net == {
        "EUR": (nano(11_000), nano(11_000)),
        "USD": (nano(-1_000), nano(-1_000)),  # short against the euro, long against the yen
        "JPY": (0, 0),
        "GBP": (nano(-10_000), nano(-10_000)),
        "CHF": (0, 0),
    }


def test_legs_of_orders_are_intervals() -> None:
    desk = ExposureDesk().hold("EURUSD", 10_000).work("EURUSD", -30_000).work("GBPUSD", 8_000)
    desk.exposure.look(T)

    assert desk.exposure.net("EUR") == (nano(-22_000), nano(11_000))
    assert desk.exposure.net("USD") == (nano(-21_000), nano(22_000))


def test_margin_goes_by_asset_class_and_is_everything_where_no_rate_is_known() -> None:
    desk = ExposureDesk().hold("EURUSD", 10_000).hold("BTC", "-0.5").hold("XAUUSD", 1)
    desk.exposure.look(T)

    assert desk.exposure.margin() == nano(220 + 10_000 + 2_000)
    assert desk.exposure.margin_beside("crypto") == nano(2_220)
    assert desk.exposure.margin_of("forex", 1) == 1  # up, never down


@pytest.mark.parametrize("missing", ["PRICE", "RATE", "INSTRUMENT"])
@pytest.mark.parametrize("how", ["held", "working", "others"])
def test_what_has_no_value_is_missing_and_never_zero(missing: str, how: str) -> None:
    desk = ExposureDesk()
    symbol = "EURUSD"
    if how == "held":
        desk.hold(symbol, 10_000)
    elif how == "working":
        desk.work(symbol, 10_000)
    else:
        desk.book.others({symbol: NANO})
    exposure = desk.exposure = Exposure(
        desk.book,
        (lambda _: 0) if missing == "PRICE" else price_of,
        (lambda _: None) if missing == "RATE" else rate_of,
        {} if missing == "INSTRUMENT" else INSTRUMENTS,
    )
    if how == "held" and missing == "PRICE":
        desk.book.mark(symbol, 0, ONE)
    exposure.look(T)

    assert exposure.missing == {symbol: missing}
    assert exposure.names == [symbol]
    desk.book.others({})
    desk.book.release("w1")
    if how == "held":
        desk.hold(symbol, -10_000)
    exposure.look(T)
    assert exposure.missing == {}
    assert exposure.names == []


def test_a_price_that_comes_later_is_seen_at_the_next_moment() -> None:
    prices = {"EURUSD": 0}
    desk = ExposureDesk().work("EURUSD", 10_000)
    exposure = Exposure(desk.book, lambda symbol: prices[symbol], rate_of, INSTRUMENTS)
    exposure.look(T)
    assert exposure.missing == {"EURUSD": "PRICE"}

    prices["EURUSD"] = nano("1.1")
    exposure.look(T + 1)
    assert (exposure.missing, exposure.gross) == ({}, nano(11_000))
    prices["EURUSD"] = nano("1.3")
    exposure.look(T + 2)
    assert exposure.gross == nano(13_000)


@pytest.mark.parametrize("units", [1, 3, 10**9, 123_456_789_012_345])
@pytest.mark.parametrize("price", [1, 7, nano("1.1"), nano("40000.01")])
@pytest.mark.parametrize("rate", [ONE, (1, 150), (7, 3), (10**9, 999_999_937)])
def test_values_are_rounded_away_from_zero_and_fit_exactly(units: int, price: int, rate: Rate) -> None:
    value = worth(units, price, rate)

    assert worth(-units, price, rate) == -value
    assert value * NANO * rate[1] >= units * price * rate[0] > (value - 1) * NANO * rate[1]
    most = fitting(value, price, rate)
    assert worth(most, price, rate) <= value < worth(most + 1, price, rate)
    assert most >= units
    assert fitting(0, price, rate) == fitting(-value, price, rate) == 0


# -- where a wish stands -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "exit", "direction", "closing", "low", "high", "end"),
    [
        (0, 0, 1, 0, 0, 0, 0),
        (10_000, 0, 1, 0, 11_000, 11_000, 11_000),
        (-10_000, 0, -1, 0, -11_000, -11_000, 11_000),
        (10_000, 0, -1, 10_000, 0, 0, 0),  # a reversal closes first
        (-10_000, 0, 1, 10_000, 0, 0, 0),
        (-10_000, 10_000, 1, 0, 0, 0, 0),  # also by an exit that is on its way already
        (-10_000, 4_000, 1, 6_000, 0, 0, 0),
        (10_000, -4_000, -1, 6_000, 0, 0, 0),
    ],
)
def test_a_wish_stands_where_its_closing_leaves_the_symbol(
    held: int, exit: int, direction: int, closing: int, low: int, high: int, end: int
) -> None:
    desk = ExposureDesk()
    if held:
        desk.hold("EURUSD", held)
    if exit:
        desk.work("EURUSD", exit, reduces=nano(abs(exit)))
    stand = desk.exposure.stand(a_wish(direction=direction, closing=nano(closing)), desk.view())

    assert (stand.low, stand.high, stand.end) == (nano(low), nano(high), nano(end))
    assert stand.after(nano(10_000)) == nano(end + 11_000)
    assert stand.fits(nano(end + 11_000), nano(50_000)) == nano(10_000)
    assert stand.fits(nano(end), nano(50_000)) == 0


def test_a_wish_is_valued_at_the_dearer_of_its_price_and_the_market() -> None:
    desk = ExposureDesk()
    view = desk.view()

    assert desk.exposure.stand(a_wish(price="1.0"), view).after(NANO) == nano("1.1")
    assert desk.exposure.stand(a_wish(price="1.2"), view).after(NANO) == nano("1.2")


def test_a_stand_is_remembered_until_something_moves() -> None:
    desk = ExposureDesk().hold("EURUSD", 10_000)
    wish, view = a_wish(), desk.view()
    first = desk.exposure.stand(wish, view)
    assert desk.exposure.stand(wish, view) is first

    desk.book.mark("EURUSD", nano("1.2"), ONE)
    assert desk.exposure.stand(wish, view) is not first
    view.price = nano("1.2")
    assert desk.exposure.stand(wish, view).price == nano("1.2")


# -- followed or looked at once ------------------------------------------------------------------

an_act = some.one_of(
    some.tuples(some.just("hold"), some.sampled_from(sorted(PRICES)), some.integers(-9, 9)),
    some.tuples(some.just("work"), some.sampled_from(sorted(PRICES)), some.integers(-9, 9)),
    some.tuples(some.just("release"), some.integers(0, 20), some.just(0)),
    some.tuples(some.just("filled"), some.integers(0, 20), some.integers(1, 9)),
    some.tuples(some.just("others"), some.sampled_from(sorted(PRICES)), some.integers(-9, 9)),
    some.tuples(some.just("mark"), some.sampled_from(sorted(PRICES)), some.integers(1, 9)),
    some.tuples(some.just("look"), some.just(""), some.just(0)),
)


def plainly(exposure: Exposure) -> dict[str, Any]:
    classes = {kind: (one.low, one.high, one.gross) for kind, one in exposure.classes.items() if one.gross}
    return {
        "holdings": {name: (one.low, one.high, one.gross) for name, one in exposure.holdings.items()},
        "classes": classes,
        "currencies": {name: tuple(legs) for name, legs in exposure.currencies.items() if any(legs)},
        "gross": exposure.gross,
        "margin": exposure.margin(),
        "missing": exposure.missing,
        "names": exposure.names,
    }


@given(some.lists(an_act, max_size=40))
@settings(max_examples=150)
def test_what_is_followed_equals_what_is_looked_at_once(acts: list[tuple[str, Any, int]]) -> None:
    desk, feed = ExposureDesk(), Returns(sorted({*PRICES} - {"GBPJPY"}), 30)
    desk.exposure.ends(feed)
    for kind, which, number in acts:
        if kind == "hold" and number:
            desk.hold(which, number * 1_000)
        elif kind == "work" and number:
            desk.work(which, number * 1_000)
        elif kind == "release":
            desk.book.release(f"w{which}")
        elif kind == "filled":
            desk.book.filled(f"w{which}", number * 1_000 * NANO)
        elif kind == "others":
            desk.book.others({which: number * NANO})
        elif kind == "mark" and which in desk.book.positions:
            desk.book.mark(which, number * NANO, rate_of(which) or ONE)
        elif kind == "look":
            desk.exposure.look(T)
    desk.exposure.look(T)
    once = Exposure(desk.book, price_of, rate_of, INSTRUMENTS, {"forex": 0.02, "crypto": 0.5})
    once.look(T)

    assert plainly(desk.exposure) == plainly(once)
    followed, found = desk.exposure.ends(feed), once.ends(feed)
    assert (followed.lows.tolist(), followed.highs.tolist()) == (found.lows.tolist(), found.highs.tolist())
    assert followed.outside == found.outside == set(once.names) & {"GBPJPY"}
    assert once.gross == sum(one.gross for one in once.holdings.values())
    for name, one in once.holdings.items():
        low, high = desk.book.bounds(name)
        assert (low < 0, high > 0) == (one.low < 0, one.high > 0)
