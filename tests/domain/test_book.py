"""The book: fills, exposure and what it is worth."""

from __future__ import annotations

from typing import Any

import pytest

from domain.book import Applied, Book
from domain.money import NANO, Rate
from domain.order import BUY, SELL
from tests.factories import T, a_fill, an_order, nano

UNITS = 10_000 * NANO


def a_book(held: int = 0, price: str = "1.1", **fill: Any) -> Book:
    """100,000 in cash and ``held`` units of EURUSD."""
    book = Book(100_000 * NANO)
    if held:
        side = BUY if held > 0 else SELL
        book.apply(a_fill(id="f0", order_id="o0", side=side, quantity=abs(held) * NANO, price=nano(price), **fill))
    return book


# -- fills ---------------------------------------------------------------------------------------


def test_a_first_fill_opens_a_position() -> None:
    book = Book(100_000 * NANO)
    applied = book.apply(a_fill(stop=nano("1.098"), target=nano("1.103"), commission=11 * NANO, correlation_id="c"))
    position = book.positions["EURUSD"]

    assert applied == Applied(opened=True)
    assert (position.quantity, position.price, position.cost) == (UNITS, nano("1.1"), 11_000 * NANO)
    assert (position.stop, position.target, position.risk) == (nano("1.098"), nano("1.103"), 20 * NANO)
    assert (position.entry_order, position.correlation_id, position.opened_at) == ("order-1", "c", T)
    assert book.balance == (100_000 - 11) * NANO


def test_more_on_the_same_side_makes_one_position_at_the_average_price() -> None:
    book = a_book(10_000)
    applied = book.apply(a_fill(id="f1", order_id="o1", quantity=30_000 * NANO, price=nano("1.2")))
    position = book.positions["EURUSD"]

    assert applied == Applied()
    assert (position.quantity, position.price) == (40_000 * NANO, nano("1.175"))
    assert (position.entries, position.entry_order) == (2, "o0")


def test_partial_fills_of_one_order_are_one_entry() -> None:
    book = Book()
    book.apply(a_fill(id="f1", quantity=NANO))
    book.apply(a_fill(id="f2", quantity=NANO))

    assert book.positions["EURUSD"].entries == 1


@pytest.mark.parametrize(("held", "profit"), [(10_000, 100), (-10_000, -100)])
def test_closing_pays_the_difference(held: int, profit: int) -> None:
    book = a_book(held)
    side = SELL if held > 0 else BUY
    applied = book.apply(a_fill(id="f1", side=side, price=nano("1.11"), commission=NANO, at=T + 1, reason="SIGNAL"))

    assert applied.closed is not None
    assert (applied.opened, applied.flat) == (False, True)
    assert (applied.closed.pnl, applied.closed.commission) == (profit * NANO, NANO)
    assert (applied.closed.side, applied.closed.quantity) == (1 if held > 0 else -1, UNITS)
    assert (applied.closed.entry, applied.closed.exit) == (nano("1.1"), nano("1.11"))
    assert (applied.closed.opened_at, applied.closed.closed_at, applied.closed.reason) == (T, T + 1, "SIGNAL")
    assert book.positions == {}
    assert book.balance == book.equity() == (100_000 + profit - 1) * NANO


def test_closing_a_part_keeps_the_price_of_the_rest() -> None:
    book = a_book(10_000, commission=10 * NANO, stop=nano("1.09"))
    applied = book.apply(a_fill(id="f1", side=SELL, quantity=UNITS // 4, price=nano("1.12")))
    position = book.positions["EURUSD"]

    assert applied.closed is not None
    assert (applied.opened, applied.flat) == (False, False)
    assert (applied.closed.pnl, applied.closed.commission) == (50 * NANO, 5 * NANO // 2)
    assert (position.quantity, position.price) == (UNITS * 3 // 4, nano("1.1"))
    assert (position.realised, position.commission, position.risk) == (50 * NANO, 15 * NANO // 2, 75 * NANO)


def test_a_reversal_is_one_fill_that_closes_and_opens() -> None:
    book = a_book(10_000, commission=3 * NANO, stop=nano("1.09"), correlation_id="old")
    reversal = a_fill(
        id="f1",
        order_id="o1",
        side=SELL,
        quantity=UNITS * 3 // 2,
        price=nano("1.12"),
        commission=6 * NANO,
        at=T + 1,
        stop=nano("1.13"),
        target=nano("1.1"),
        correlation_id="new",
    )
    applied = book.apply(reversal)
    position = book.positions["EURUSD"]

    assert applied.closed is not None
    assert (applied.opened, applied.flat) == (True, False)
    assert (applied.closed.quantity, applied.closed.pnl, applied.closed.commission) == (UNITS, 200 * NANO, 7 * NANO)
    assert (applied.closed.correlation_id, applied.closed.r) == ("old", 2.0)
    assert (position.quantity, position.price, position.commission) == (-UNITS // 2, nano("1.12"), 2 * NANO)
    assert (position.opened_at, position.entry_order, position.entries) == (T + 1, "o1", 1)
    assert (position.stop, position.target, position.risk) == (nano("1.13"), nano("1.1"), 50 * NANO)
    assert (position.realised, position.correlation_id) == (0, "new")
    assert book.balance == (100_000 - 3 + 200 - 6) * NANO


def test_a_fill_seen_before_changes_nothing() -> None:
    book = a_book(10_000)
    book.reserve(an_order())
    book.apply(a_fill(quantity=UNITS // 2))

    assert book.apply(a_fill(quantity=UNITS // 2)) == Applied()
    assert book.seen("fill-1")
    assert not book.seen("fill-2")
    assert (book.quantity("EURUSD"), book.working["order-1"].remaining) == (UNITS * 3 // 2, UNITS // 2)


# -- R -------------------------------------------------------------------------------------------


def test_r_is_fixed_at_entry() -> None:
    book = a_book(10_000, stop=nano("1.098"))
    book.positions["EURUSD"].stop = nano("1.105")  # moved to more than breakeven
    book.mark("EURUSD", nano("1.12"), (1, 1))
    applied = book.apply(a_fill(id="f1", side=SELL, price=nano("1.106")))

    assert applied.closed is not None
    assert applied.closed.r == 3.0  # 60 over the 20 that were risked at entry, not over what the stop is now


def test_r_is_in_the_account_currency() -> None:
    book = Book()
    book.apply(a_fill(price=nano(150), stop=nano(149)), rate=(1, 150))

    assert book.positions["EURUSD"].risk == 10_000 * NANO // 150 + 1  # 66.67, rounded to the nearest 1e-9


def test_r_grows_with_what_is_added_and_shrinks_with_what_is_closed() -> None:
    book = a_book(10_000, stop=nano("1.098"))
    book.apply(a_fill(id="f1", order_id="o1", stop=nano("1.099")))
    assert book.positions["EURUSD"].risk == 30 * NANO
    assert book.positions["EURUSD"].stop == nano("1.099")

    applied = book.apply(a_fill(id="f2", side=SELL, price=nano("1.103")))
    assert applied.closed is not None
    assert applied.closed.r == 2.0
    assert book.positions["EURUSD"].risk == 15 * NANO


def test_without_a_stop_there_is_no_r() -> None:
    applied = a_book(10_000).apply(a_fill(id="f1", side=SELL, price=nano("1.2")))

    assert applied.closed is not None
    assert applied.closed.r is None


# -- what it is worth ----------------------------------------------------------------------------


@pytest.mark.parametrize(("held", "floating"), [(10_000, 200), (-10_000, -200), (0, 0)])
def test_equity_holds_what_floats(held: int, floating: int) -> None:
    book = a_book(held)
    book.mark("EURUSD", nano("1.12"), (1, 1))

    assert book.unrealised("EURUSD") == floating * NANO
    assert book.equity() == (100_000 + floating) * NANO


@pytest.mark.parametrize(
    ("rate", "pnl", "paid"),
    [((1, 1), 100, 10), ((1, 2), 50, 5), ((3, 2), 150, 15), ((100, 15_000), "0.666666667", "0.066666667")],
)
def test_profit_and_commission_are_converted(rate: Rate, pnl: int | str, paid: int | str) -> None:
    book = Book()
    book.apply(a_fill(), rate)
    applied = book.apply(a_fill(id="f2", side=SELL, price=nano("1.11"), commission=10 * NANO), rate)

    assert applied.closed is not None
    assert (applied.closed.pnl, applied.closed.commission) == (nano(pnl), nano(paid))
    assert book.balance == nano(pnl) - nano(paid)


def test_floating_profit_follows_the_conversion() -> None:
    book = a_book(10_000)
    book.mark("EURUSD", nano("1.12"), (1, 2))

    assert book.equity() == 100_100 * NANO


def test_a_position_is_worth_its_entry_until_a_price_comes() -> None:
    book = a_book(10_000, price="1.3")
    assert book.equity() == 100_000 * NANO


def test_a_position_opened_again_is_not_valued_at_a_price_of_long_ago() -> None:
    book = a_book(10_000, price="1.1")
    book.mark("EURUSD", nano("1.1"), (1, 1))
    book.apply(a_fill(id="f1", side=SELL, price=nano("1.1")))
    book.apply(a_fill(id="f2", price=nano("2.2")), (2, 1))

    assert book.equity() == 100_000 * NANO
    assert book.rates["EURUSD"] == (2, 1)


def test_a_reversed_position_is_worth_its_entry_until_a_price_comes() -> None:
    book = a_book(10_000, price="1.1")
    book.apply(a_fill(id="f1", side=SELL, quantity=2 * UNITS, price=nano("1.2")))

    assert book.equity() == 101_000 * NANO


def test_financing_is_paid_once_and_belongs_to_the_position() -> None:
    book = a_book(10_000)
    charge = a_fill(id="charge", order_id="charge", quantity=0, price=0, commission=4 * NANO, reason="FINANCING")
    book.charge(charge, (1, 2))
    book.charge(charge, (1, 2))

    assert (book.balance, book.positions["EURUSD"].commission) == (99_998 * NANO, 2 * NANO)
    applied = book.apply(a_fill(id="f1", side=SELL))
    assert applied.closed is not None
    assert applied.closed.commission == 2 * NANO


# -- exposure ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "buys", "sells", "worst", "closing"),
    [
        (0, 0, 0, 0, 0),
        (10, 0, 0, 10, 0),
        (-10, 0, 0, 10, 0),
        (0, 5, 0, 5, 0),
        (0, 0, 5, 5, 0),
        (0, 5, 7, 7, 0),  # never netted against each other
        (10, 5, 0, 15, 0),
        (10, 5, 3, 15, 3),
        (10, 0, 10, 10, 10),  # an order that reduces counts only when it is filled
        (10, 0, 25, 15, 10),
        (10, 0, 15, 10, 10),
        (-10, 0, 5, 15, 0),
        (-10, 10, 0, 10, 10),
        (-10, 25, 0, 15, 10),
        (-10, 3, 4, 14, 3),
    ],
)
def test_exposure_is_the_worst_case(held: int, buys: int, sells: int, worst: int, closing: int) -> None:
    book = a_book(held)
    if buys:
        book.reserve(an_order(id="b", side=BUY, quantity=buys * NANO))
    if sells:
        book.reserve(an_order(id="s", side=SELL, quantity=sells * NANO))

    assert book.exposure("EURUSD") == worst * NANO
    assert book.closing("EURUSD") == closing * NANO
    assert book.exposed() == (["EURUSD"] if held or buys or sells else [])


def test_a_reservation_counts_once_and_gives_its_room_back() -> None:
    book = Book()
    book.reserve(an_order())
    book.reserve(an_order())
    assert book.exposure("EURUSD") == UNITS
    assert [one.order.id for one in book.in_flight("EURUSD")] == ["order-1"]

    book.release("order-1")
    book.release("order-1")
    assert (book.exposure("EURUSD"), book.exposed(), [*book.in_flight("EURUSD")]) == (0, [], [])


def test_a_fill_moves_room_into_the_position() -> None:
    book = Book()
    book.reserve(an_order())
    book.apply(a_fill(quantity=UNITS // 4))
    assert (book.exposure("EURUSD"), book.quantity("EURUSD")) == (UNITS, UNITS // 4)

    book.release("order-1")  # the rest was cancelled
    assert book.exposure("EURUSD") == UNITS // 4


def test_a_venue_that_fills_more_than_was_asked_leaves_no_negative_room() -> None:
    book = Book()
    book.reserve(an_order())
    book.apply(a_fill(quantity=2 * UNITS))
    book.release("order-1")

    assert (book.exposure("EURUSD"), book.quantity("EURUSD"), book.exposed()) == (2 * UNITS, 2 * UNITS, ["EURUSD"])


def test_a_fill_after_the_release_is_still_a_position() -> None:
    book = Book()
    book.reserve(an_order())
    book.release("order-1")
    book.apply(a_fill())

    assert (book.exposure("EURUSD"), book.exposed()) == (UNITS, ["EURUSD"])


def test_other_symbols_are_not_in_flight() -> None:
    book = Book()
    book.reserve(an_order(id="e"))
    book.reserve(an_order("BTC", id="b"))

    assert [one.order.id for one in book.in_flight("BTC")] == ["b"]
    assert book.exposed() == ["BTC", "EURUSD"]
    assert book.exposure("XAUUSD") == 0


def test_a_position_that_the_venue_itself_closes_gives_its_slot_back() -> None:
    book = a_book(10_000)
    assert book.exposed() == ["EURUSD"]

    book.apply(a_fill(id="f1", order_id="stop", side=SELL, reason="STOP"))
    assert book.exposed() == []

    book.apply(a_fill(id="f2", order_id="foreign"))
    assert book.exposed() == ["EURUSD"]
