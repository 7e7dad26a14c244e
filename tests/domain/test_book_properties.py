"""What must hold for the book whatever is filled, in whatever order: against an account kept in fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as some

from domain.book import Book
from domain.money import NANO, Rate
from domain.order import BUY, SELL, Fill
from tests.factories import a_fill, an_order

CASH = 100_000 * NANO
SYMBOLS = ("BTC", "EURUSD", "XAUUSD")
RATES: dict[str, Rate] = {"BTC": (1, 1), "EURUSD": (1_271_830_000, NANO), "XAUUSD": (NANO, 156_337_000_000)}

numbers = some.one_of(some.integers(1, 10**14), some.integers(1, 10**5).map(lambda lots: lots * NANO))
sides = some.sampled_from([BUY, SELL])
a_trade = some.tuples(some.sampled_from(SYMBOLS), sides, numbers, some.integers(1, 10**14), some.integers(0, 10**10))
trades = some.lists(a_trade, min_size=1, max_size=12)
prices = some.fixed_dictionaries({symbol: some.integers(1, 10**14) for symbol in SYMBOLS})

Trade = tuple[str, int, int, int, int]


def fills_of(made: list[Trade]) -> list[Fill]:
    return [
        a_fill(symbol, id=str(i), order_id=str(i), side=side, quantity=quantity, price=price, commission=commission)
        for i, (symbol, side, quantity, price, commission) in enumerate(made)
    ]


def booked(fills: list[Fill], marks: dict[str, int], rates: dict[str, Rate]) -> Book:
    book = Book(CASH)
    for fill in fills:
        book.apply(fill, rates.get(fill.symbol, (1, 1)))
    for symbol, price in marks.items():
        book.mark(symbol, price, rates.get(symbol, (1, 1)))
    return book


def equity_in_fractions(fills: list[Fill], marks: dict[str, int], rates: dict[str, Rate]) -> Fraction:
    """Cash flows and holdings, nothing rounded and nothing known of positions."""
    worth = Fraction(CASH)
    for fill in fills:
        rate = Fraction(*rates.get(fill.symbol, (1, 1)))
        worth += rate * Fraction(fill.side * fill.quantity * (marks[fill.symbol] - fill.price), NANO)
        worth -= rate * fill.commission
    return worth


def held(fills: list[Fill]) -> dict[str, int]:
    sums = {symbol: sum(one.side * one.quantity for one in fills if one.symbol == symbol) for symbol in SYMBOLS}
    return {symbol: quantity for symbol, quantity in sums.items() if quantity}


@given(trades, prices)
def test_positions_are_the_sum_of_their_fills(made: list[Trade], marks: dict[str, int]) -> None:
    fills = fills_of(made)
    book = booked(fills, marks, {})

    assert {symbol: one.quantity for symbol, one in book.positions.items()} == held(fills)


@given(trades, prices)
def test_equity_equals_cash_flows_and_holdings(made: list[Trade], marks: dict[str, int]) -> None:
    fills = fills_of(made)
    book = booked(fills, marks, {})
    floating = len(book.positions)  # each is rounded once more when it is valued

    assert abs(book.equity() - equity_in_fractions(fills, marks, {})) <= len(fills) + floating


@given(trades, prices)
def test_equity_in_another_currency_equals_cash_flows_and_holdings(made: list[Trade], marks: dict[str, int]) -> None:
    fills = fills_of(made)
    book = booked(fills, marks, RATES)
    steepest = max(Fraction(*rate) for rate in RATES.values())
    allowed = (steepest + 1) * len(fills) + (steepest + 1) * len(book.positions)  # before and after converting

    assert abs(book.equity() - equity_in_fractions(fills, marks, RATES)) <= allowed


@given(some.lists(a_trade, min_size=1, max_size=8), some.randoms(use_true_random=False), prices)
def test_any_order_of_fills_gives_the_same_positions_and_equity(
    made: list[Trade], shuffle: Random, marks: dict[str, int]
) -> None:
    fills = fills_of(made)
    straight = booked(fills, marks, {})
    mixed = booked(shuffle.sample(fills, len(fills)), marks, {})

    assert {s: p.quantity for s, p in straight.positions.items()} == {s: p.quantity for s, p in mixed.positions.items()}
    assert abs(straight.equity() - mixed.equity()) <= 2 * (len(fills) + len(straight.positions))


def everything(book: Book) -> object:
    return msgspec.to_builtins((book.balance, book.positions, book.working, book.marks, book._sides))


@given(trades)
def test_a_fill_applied_twice_changes_nothing(made: list[Trade]) -> None:
    fills = fills_of(made)
    once, twice = Book(CASH), Book(CASH)
    for i, fill in enumerate(fills):
        for book in (once, twice):
            book.reserve(an_order(fill.symbol, id=fill.order_id, side=fill.side, quantity=fill.quantity))
        once.apply(fill)
        for again in fills[: i + 1]:
            twice.apply(again)

    assert everything(once) == everything(twice)


@given(trades, prices)
def test_what_was_closed_and_what_floats_is_all_that_was_won(made: list[Trade], marks: dict[str, int]) -> None:
    book = Book(CASH)
    closed = [done for fill in fills_of(made) if (done := book.apply(fill).closed) is not None]
    for symbol, price in marks.items():
        book.mark(symbol, price, (1, 1))
    won = sum(one.pnl for one in closed) + sum(book.unrealised(symbol) for symbol in book.positions)
    paid = sum(one.commission for one in closed) + sum(one.commission for one in book.positions.values())

    assert book.equity() == CASH + won - paid
    assert paid == sum(commission for *_, commission in made)


@given(trades)
def test_risk_never_leaves_a_position_that_is_open_nor_stays_in_one_that_is_not(made: list[Trade]) -> None:
    book = Book(CASH)
    for fill in fills_of(made):
        book.apply(msgspec.structs.replace(fill, stop=fill.price + 7))
        for position in book.positions.values():
            assert position.risk >= 0
            assert position.quantity != 0
            assert position.cost * position.quantity >= 0


ACTS = some.lists(
    some.tuples(some.sampled_from(["reserve", "fill", "release"]), some.integers(0, 5), sides, some.integers(1, 9)),
    max_size=30,
)


@given(ACTS)
@settings(max_examples=200)
def test_exposure_is_the_worst_of_all_orders_that_can_still_fill(acts: list[tuple[str, int, int, int]]) -> None:
    book = Book()
    position, orders, left, count = 0, dict[str, int](), dict[str, int](), itertools.count()
    for act, number, side, units in acts:
        name = f"o{number}"
        if act == "reserve":
            book.reserve(an_order(id=name, side=side, quantity=units))
            if name not in orders:
                orders[name], left[name] = side, units
        elif act == "release":
            book.release(name)
            orders.pop(name, None), left.pop(name, None)
        elif name in orders:
            book.apply(a_fill(id=f"f{next(count)}", order_id=name, side=orders[name], quantity=units, price=NANO))
            position += orders[name] * units
            left[name] = max(0, left[name] - units)
        buys = sum(left[one] for one, way in orders.items() if way == BUY)
        sells = sum(left[one] for one, way in orders.items() if way == SELL)

        assert book.quantity("EURUSD") == position
        assert book.exposure("EURUSD") == max(abs(position + buys), abs(position - sells))
        assert book.exposed() == (["EURUSD"] if position or buys or sells else [])
        assert 0 <= book.closing("EURUSD") <= abs(position)
