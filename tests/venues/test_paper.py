from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from domain.errors import ConfigError, Unavailable
from domain.market import BAR, BarBatch
from domain.money import NANO
from domain.order import SELL, OrderStep
from domain.timeframe import HOUR, nanos
from tests.contract.books import MemoryBooks
from tests.contract.desk import CASH, MINUTE, START, SYMBOLS, an_exit, an_order, bar, batch, instrument, one_bar, paper
from venues.fills import FillModel
from venues.paper import PaperVenue


def seen(steps: list[OrderStep]) -> list[tuple[str, str, float, float]]:
    """(whose, status, units, price) of each step; the venue's own orders by their purpose."""
    return [
        (
            step.order.purpose if step.order else step.order_id,
            step.status,
            step.fill.quantity / NANO if step.fill else 0,
            step.fill.price / NANO if step.fill else 0,
        )
        for step in steps
    ]


def holding(**changes: Any) -> PaperVenue:
    """A venue that has bought 100 SYM0 at 100 in minute 0."""
    venue = paper()
    venue.submit(an_order(**changes))
    venue.advance(one_bar(0, 100))
    return venue


# -- order of matching -----------------------------------------------------------------------------


def test_orders_fill_by_rank_then_id_whenever_they_were_sent() -> None:
    venue = paper()
    for name, rank in [("b", 1), ("z", 0), ("a", 1)]:
        venue.submit(an_order(name, rank=rank))

    assert [step.order_id for step in venue.advance(one_bar(0, 100))] == ["z", "a", "b"]


def test_everything_due_at_the_open_comes_before_anything_inside_a_bar() -> None:
    venue = paper()
    venue.submit(an_order("limit", kind="LIMIT", price=95.0, rank=0))
    venue.submit(an_order("market", symbol="SYM1", rank=1))

    steps = venue.advance(batch(bar(0, 0, 100, 101, 90, 100), bar(1, 0, 50)))

    assert [step.order_id for step in steps] == ["market", "limit"]


@pytest.mark.parametrize(
    ("order", "ohlc", "expected"),
    [
        # opened at the open: stop and target both count inside the bar
        ({"target": 104.0}, (100, 105, 99, 100), [("FILLED", 100), ("FILLED", 104)]),
        ({"stop": 99.5}, (100, 105, 99, 100), [("FILLED", 100), ("FILLED", 99.5)]),
        ({"stop": 99.5, "target": 104.0}, (100, 105, 99, 100), [("FILLED", 100), ("FILLED", 99.5)]),
        ({"stop": 101.0}, (100, 105, 99, 100), [("FILLED", 100), ("FILLED", 100)]),  # the open was already beyond
        # a limit inside the bar: its stop counts, its target must wait
        ({"kind": "LIMIT", "price": 98.0, "target": 104.0}, (100, 105, 97, 100), [("FILLED", 98)]),
        ({"kind": "LIMIT", "price": 98.0, "stop": 96.0}, (100, 105, 97, 100), [("FILLED", 98)]),
        ({"kind": "LIMIT", "price": 98.0, "stop": 97.0}, (100, 105, 97, 100), [("FILLED", 98), ("FILLED", 97)]),
        ({"kind": "LIMIT", "price": 96.0}, (100, 105, 97, 100), []),
        # a stop entry
        ({"kind": "STOP", "price": 104.0}, (100, 105, 97, 100), [("FILLED", 104)]),
        ({"kind": "STOP", "price": 104.0, "stop": 98.0}, (100, 105, 97, 100), [("FILLED", 104), ("FILLED", 98)]),
        ({"kind": "STOP", "price": 106.0}, (100, 105, 97, 100), []),
        # shorts
        ({"side": SELL, "kind": "LIMIT", "price": 104.0}, (100, 105, 97, 100), [("FILLED", 104)]),
        (
            {"side": SELL, "kind": "STOP", "price": 98.0, "stop": 104.0},
            (100, 105, 97, 100),
            [("FILLED", 98), ("FILLED", 104)],
        ),
        ({"side": SELL, "stop": 106.0}, (100, 105, 97, 100), [("FILLED", 100)]),
    ],
)
def test_an_entry_and_what_follows_in_its_own_bar(
    order: dict[str, Any], ohlc: tuple[float, ...], expected: list[tuple[str, float]]
) -> None:
    venue = paper()
    venue.submit(an_order(**order))

    found = seen(venue.advance(one_bar(0, *ohlc)))

    assert [(status, price) for _, status, _, price in found] == expected


@pytest.mark.parametrize(
    ("high", "spread", "hit"),
    [(104.5, 0.4, False), (104.6, 0.4, True), (104.5, math.nan, True), (104.4, math.nan, False)],
)
def test_a_short_s_stop_triggers_on_the_ask(high: float, spread: float, hit: bool) -> None:
    """Without a spread in the data it is the instrument's, 0.5 here."""
    venue = paper(instruments={"spread": NANO // 2})
    venue.submit(an_order(side=SELL, stop=105.0))
    venue.advance(one_bar(0, 100, spread=0.4))

    assert bool(venue.advance(one_bar(1, 100, high, 99, 100, spread=spread))) == hit


@pytest.mark.parametrize(
    ("ohlc", "expected"),
    [
        ((94, 100, 94, 95), ("STOP", "FILLED", 100, 94)),  # gapped through the stop
        ((112, 112, 90, 95), ("TARGET", "FILLED", 100, 112)),  # gapped through the target, before the stop inside
        ((100, 111, 96, 100), ("TARGET", "FILLED", 100, 110)),
        ((100, 109, 95, 100), ("STOP", "FILLED", 100, 95)),
    ],
)
def test_a_gap_at_the_open_comes_before_what_happens_inside(
    ohlc: tuple[float, ...], expected: tuple[str, str, float, float]
) -> None:
    venue = holding(stop=95.0, target=110.0)

    assert seen(venue.advance(one_bar(1, *ohlc))) == [expected]


# -- what belongs to a position --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "stop", "target"),
    [
        (an_order("more", 50, stop=97.0, target=120.0), 97, 120),  # an entry brings its own
        (an_order("more", 50, stop=90.0), 95, 110),  # but never a looser stop
        (an_order("more", 50), 95, 110),  # an entry without keeps them
        (an_exit("part", 40, stop=99.0), 95, 110),  # what only closes leaves them
        (an_order("turn", 150, side=SELL, reduces=100 * NANO, stop=130.0), 130, 0),
        (an_order("less", 40, side=SELL, stop=130.0), 95, 110),  # netted away: the position is still the long one
        (an_exit("all"), 0, 0),
    ],
)
def test_stop_and_target_after_a_fill_are_the_position_s(order: Any, stop: float, target: float) -> None:
    venue = holding(stop=95.0, target=110.0)
    venue.submit(order)

    (step,) = venue.advance(one_bar(1, 100))

    assert step.fill is not None
    assert (step.fill.stop, step.fill.target) == (stop * NANO, target * NANO)
    assert [(one.stop, one.target) for one in venue.positions()] == ([(stop * NANO, target * NANO)] if stop else [])


def test_what_enlarges_a_short_never_loosens_its_stop() -> None:
    venue = paper()
    venue.submit(an_order("short", 100, side=SELL, stop=105.0))
    venue.advance(one_bar(0, 100))
    for minute, (name, stop, kept) in enumerate((("wide", 110.0, 105), ("near", 103.0, 103)), 1):
        venue.submit(an_order(name, 50, side=SELL, stop=stop))
        venue.advance(one_bar(minute, 100))
        assert [one.stop for one in venue.positions()] == [kept * NANO]


def test_exits_meant_for_a_position_end_with_it() -> None:
    venue = holding(stop=95.0)
    venue.submit(an_exit("tp1", 50, kind="LIMIT", price=110.0))
    venue.submit(an_order("grid", kind="LIMIT", price=80.0))

    assert seen(venue.advance(one_bar(1, 100, 100, 94, 94))) == [
        ("STOP", "FILLED", 100, 95),
        ("tp1", "CANCELLED", 0, 0),
    ]
    assert [one.order.id for one in venue.orders()] == ["grid"]


def test_a_second_stop_of_one_moment_has_an_id_of_its_own() -> None:
    venue = paper()
    for name, price in [("first", 98.0), ("second", 97.0)]:
        venue.submit(an_order(name, kind="LIMIT", price=price, stop=96.0))

    steps = venue.advance(one_bar(0, 100, 100, 95, 95))

    assert [one[:2] for one in seen(steps)] == [
        ("first", "FILLED"),
        ("STOP", "FILLED"),
        ("second", "FILLED"),
        ("STOP", "FILLED"),
    ]
    assert len({step.order_id for step in steps}) == 4


# -- expiry ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "minute", "status"),
    [
        ({"kind": "LIMIT", "price": 90.0, "expires_at": START + 3 * MINUTE}, 2, None),  # T = expires_at: still good
        ({"kind": "LIMIT", "price": 90.0, "expires_at": START + 3 * MINUTE}, 3, "EXPIRED"),
        ({"kind": "LIMIT", "price": 100.0, "expires_at": START + 3 * MINUTE}, 3, "EXPIRED"),  # before it can match
        ({"kind": "STOP", "price": 110.0, "expires_at": START + 3 * MINUTE}, 3, "EXPIRED"),
        ({"kind": "LIMIT", "price": 90.0}, 500, None),
        ({"expires_at": START + 3 * MINUTE}, 500, "FILLED"),  # a market order that was accepted stays due
    ],
)
def test_a_resting_order_expires_at_the_first_t_later_than_its_time(
    order: dict[str, Any], minute: int, status: str | None
) -> None:
    venue = paper()
    venue.submit(an_order(**order))

    assert [step.status for step in venue.advance(one_bar(minute, 100))] == ([status] if status else [])


def test_an_order_expires_at_a_t_without_a_bar_of_its_symbol() -> None:
    venue = paper()
    venue.submit(an_order(kind="LIMIT", price=90.0, expires_at=START + MINUTE))

    assert seen(venue.advance(batch(bar(1, 5, 100)))) == [("order", "EXPIRED", 0, 0)]


# -- volume ----------------------------------------------------------------------------------------


def test_a_large_order_fills_by_its_share_of_each_bar_s_volume() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order())

    found = [seen(venue.advance(one_bar(minute, 100 + minute, volume=400)))[0] for minute in range(3)]

    assert found == [
        ("order", "PARTIALLY_FILLED", 40, 100),
        ("order", "PARTIALLY_FILLED", 40, 101),
        ("order", "FILLED", 20, 102),
    ]


def test_two_orders_share_one_bar_s_volume() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order("a", 30))
    venue.submit(an_order("b", 30))

    assert seen(venue.advance(one_bar(0, 100, volume=400))) == [
        ("a", "FILLED", 30, 100),
        ("b", "PARTIALLY_FILLED", 10, 100),
    ]


def test_a_stop_that_has_triggered_works_on_at_the_next_opens_and_the_exit_gives_way() -> None:
    books = MemoryBooks()
    venue = paper(books, participation=0.1)
    venue.submit(an_order(stop=95.0))
    venue.advance(one_bar(0, 100, volume=1000))
    venue.submit(an_order("more", 50, kind="LIMIT", price=50.0))

    assert seen(venue.advance(one_bar(1, 100, 100, 90, 90, volume=300))) == [("STOP", "PARTIALLY_FILLED", 30, 95)]
    venue.submit(an_exit(rank=0))
    assert seen(venue.advance(one_bar(2, 105, volume=300))) == [
        ("STOP", "PARTIALLY_FILLED", 30, 105),
        ("exit", "CANCELLED", 0, 0),
    ]
    venue = paper(books, participation=0.1)  # a restart in the middle
    assert seen(venue.advance(one_bar(3, 90))) == [("STOP", "FILLED", 40, 90)]
    assert venue.positions() == []
    assert [one.order.id for one in venue.orders()] == ["more"]


def test_a_stop_without_any_volume_left_is_triggered_and_fills_later() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order(stop=95.0))
    venue.advance(one_bar(0, 100, volume=1000))

    assert seen(venue.advance(one_bar(1, 90, volume=0.05))) == [("STOP", "ACCEPTED", 0, 0), ("STOP", "TRIGGERED", 0, 0)]
    assert seen(venue.advance(one_bar(2, 120))) == [("STOP", "FILLED", 100, 120)]


def test_a_stop_entry_without_volume_is_triggered_and_no_longer_expires() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order(kind="STOP", price=105.0, expires_at=START + 2 * MINUTE))

    assert seen(venue.advance(one_bar(0, 106, volume=0.05))) == [("order", "TRIGGERED", 0, 0)]
    assert seen(venue.advance(one_bar(5, 90))) == [("order", "FILLED", 100, 90)]


def test_a_target_takes_what_the_volume_gives_and_waits_for_its_price_again() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order(target=110.0))
    venue.advance(one_bar(0, 100, volume=1000))

    first = venue.advance(one_bar(1, 111, volume=300))
    assert venue.advance(one_bar(2, 109, volume=300)) == []
    second = venue.advance(one_bar(3, 109, 110, 109, 109))

    assert seen(first + second) == [("TARGET", "FILLED", 30, 111), ("TARGET", "FILLED", 70, 110)]
    assert first[0].order_id != second[0].order_id


def test_the_rest_of_an_entry_ends_with_its_position() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order(stop=95.0))
    venue.advance(one_bar(0, 100, volume=400))

    assert seen(venue.advance(one_bar(1, 90, volume=10_000))) == [
        ("STOP", "FILLED", 40, 90),
        ("order", "CANCELLED", 0, 0),
    ]


def test_a_reversal_whose_position_has_shrunk_never_opens_more_than_it_should() -> None:
    venue = paper(participation=0.1)
    venue.submit(an_order(units=60))
    venue.advance(one_bar(0, 100, volume=1000))
    venue.submit(an_order("turn", 200, side=SELL, reduces=100 * NANO))

    assert seen(venue.advance(one_bar(1, 100, volume=300)))[0] == ("turn", "PARTIALLY_FILLED", 30, 100)
    assert seen(venue.advance(one_bar(2, 100, volume=900))) == [
        ("turn", "PARTIALLY_FILLED", 90, 100),
        ("turn", "CANCELLED", 0, 0),
    ]
    assert [one.quantity for one in venue.positions()] == [-60 * NANO]


# -- the same close --------------------------------------------------------------------------------


def test_at_the_same_close_a_market_order_fills_at_once_and_its_stop_waits_for_the_next_bar() -> None:
    venue = paper(fill_on="same_close", slippage_bps=10)
    venue.advance(one_bar(0, 100, 110, 90, 105, spread=0.5))

    steps = venue.submit(an_order(stop=95.0, at=START + MINUTE))

    assert seen(steps) == [("order", "ACCEPTED", 0, 0), ("order", "FILLED", 100, 105.6055)]
    assert steps[1].fill is not None
    assert (steps[1].fill.at, steps[1].fill.bar_ts) == (START + MINUTE, START)
    assert seen(venue.advance(one_bar(1, 105, 105, 94, 100)))[0][:3] == ("STOP", "FILLED", 100)


def test_at_the_same_close_nothing_is_sent_before_a_close_has_been_seen() -> None:
    venue = paper(fill_on="same_close")
    venue.advance(batch(bar(1, 0, 50)))

    with pytest.raises(Unavailable):
        venue.submit(an_order())
    assert venue.lookup("order") is None


def test_at_the_same_close_orders_share_the_bar_s_volume_through_a_restart() -> None:
    books = MemoryBooks()
    venue = paper(books, fill_on="same_close", participation=0.1)
    venue.advance(one_bar(0, 100, volume=400))
    assert seen(venue.submit(an_order("a", 30)))[1] == ("a", "FILLED", 30, 100)

    venue = paper(books, fill_on="same_close", participation=0.1)
    venue.advance(one_bar(0, 100, volume=400))  # the T again, for its closes

    assert seen(venue.submit(an_order("b", 30)))[1] == ("b", "PARTIALLY_FILLED", 10, 100)
    assert seen(venue.advance(one_bar(1, 103))) == [("b", "FILLED", 20, 103)]


# -- money -----------------------------------------------------------------------------------------


def test_profit_and_commission_are_in_the_quote_currency() -> None:
    listed = {"SYM0": instrument(quote="JPY")}
    venue = PaperVenue(MemoryBooks(), "paper", CASH, "USD", ("SYM0",), listed, FillModel(commission_bps=1), MINUTE)
    venue.submit(an_order(units=1000))
    venue.advance(one_bar(0, 150))
    venue.submit(an_exit(units=1000))
    venue.advance(one_bar(1, 151))

    assert venue.account().cash == {"USD": CASH, "JPY": 1000 * NANO - 15 * NANO - 151 * NANO // 10}


def hour(text: str, price: float) -> BarBatch:
    """A bar of SYM0 that closes at this UTC hour."""
    at = nanos(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC))
    return BarBatch(at=at, bars=np.array([(0, 0, at - HOUR, price, price, price, price, 0.0, math.nan)], BAR))


@pytest.mark.parametrize(
    ("entered", "left", "nights"),
    [
        ("2024-01-02 21:00", "2024-01-02 22:00", 0),  # gone inside the bar that ends at the rollover
        ("2024-01-02 21:00", "2024-01-02 23:00", 1),  # left at the open that is the rollover: held over it
        ("2024-01-02 22:00", "2024-01-02 23:00", 1),
        ("2024-01-02 23:00", "2024-01-03 00:00", 0),  # entered at the rollover
        ("2024-01-03 21:00", "2024-01-03 23:00", 3),  # Wednesday
        ("2024-01-05 21:00", "2024-01-07 23:00", 1),  # over the weekend
    ],
)
def test_a_position_pays_for_the_rollovers_it_is_held_over(entered: str, left: str, nights: int) -> None:
    listed = {"SYM0": instrument(asset_class="forex")}
    model = FillModel(financing_bps={"forex": {"long": 1, "short": -1}})
    venue = PaperVenue(MemoryBooks(), "paper", CASH, "USD", ("SYM0",), listed, model, HOUR)
    venue.submit(an_order(at=0))
    venue.advance(hour(entered, 100))
    venue.submit(an_exit(at=0))
    venue.advance(hour(left, 100))

    assert venue.positions() == []
    assert sum(fill.commission for _, fill in venue.fills(0) if fill.reason == "FINANCING") == nights * NANO
    assert venue.account().cash == {"USD": CASH - nights * NANO}


def test_a_position_held_over_a_gap_in_the_data_pays_each_rollover_once() -> None:
    model = FillModel(financing_bps={"forex": {"long": 1, "short": -1}})
    listed = {"SYM0": instrument(asset_class="forex")}
    venue = PaperVenue(MemoryBooks(), "paper", CASH, "USD", ("SYM0",), listed, model, HOUR)
    venue.submit(an_order(at=0))
    for moment in ("2024-01-04 21:00", "2024-01-07 23:00", "2024-01-08 22:00"):  # Thursday, Sunday, Monday
        venue.advance(hour(moment, 100))

    charged = [fill.commission for _, fill in venue.fills(0) if fill.reason == "FINANCING"]
    assert charged == [2 * NANO, NANO]
    assert venue.account().cash == {"USD": CASH - 3 * NANO}


# -- the book --------------------------------------------------------------------------------------


def test_a_quiet_t_writes_nothing_and_looks_at_no_other_symbol() -> None:
    books = MemoryBooks()
    venue = paper(books)
    venue.submit(an_order(stop=95.0))
    venue.advance(one_bar(0, 100))
    commits = books.commits

    broken = bar(1, 1, math.nan)  # would raise if it were looked at

    assert venue.advance(batch(bar(0, 1, 100), broken)) == []
    assert books.commits == commits
    assert venue.account().at == START + 2 * MINUTE


def test_a_position_in_a_symbol_that_is_not_run_is_kept() -> None:
    books = MemoryBooks()
    venue = paper(books)
    venue.submit(an_order(symbol="SYM9"))
    venue.advance(batch(bar(9, 0, 100)))

    listed = {"SYM0": instrument()}
    other = PaperVenue(books, "paper", 0, "USD", ("SYM0",), listed, FillModel(), MINUTE)
    other.advance(one_bar(1, 100))

    assert other.positions() == venue.positions()
    assert other.account().cash == {"USD": CASH}


def test_every_symbol_without_an_instrument_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        PaperVenue(MemoryBooks(), "paper", 0, "USD", SYMBOLS[:2], {}, FillModel(), MINUTE)

    assert [problem.split(":")[0] for problem in caught.value.problems] == ["SYM0", "SYM1"]
