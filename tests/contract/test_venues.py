"""What every venue must do, whatever it is: the cases run against each registered one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.book import Book
from domain.errors import Refused
from domain.market import end_of_data
from domain.money import NANO
from domain.order import BUY, DONE, NEXT, SELL, SUBMITTED, Fill, OrderStep
from domain.ports import Venue
from tests.contract.books import Crash, MemoryBooks
from tests.contract.desk import BUILDERS, CASH, MINUTE, START, SYMBOLS, an_exit, an_order, bar, batch, one_bar
from venues import VENUES

Build = Callable[..., Venue]


@pytest.fixture(params=sorted(VENUES))
def build(request: pytest.FixtureRequest) -> Build:
    return BUILDERS[request.param]


def told(steps: list[OrderStep]) -> list[tuple[str, str]]:
    return [(step.order_id, step.status) for step in steps]


def state(venue: Venue) -> tuple[Any, ...]:
    return venue.account(), venue.positions(), venue.orders(), venue.fills(0)


def held(venue: Venue) -> dict[str, int]:
    return {position.symbol: position.quantity // NANO for position in venue.positions()}


def test_an_order_is_accepted_and_fills_in_its_bar(build: Build) -> None:
    venue = build()

    assert told(venue.submit(an_order())) == [("order", "ACCEPTED")]
    (step,) = venue.advance(one_bar(0, 1.5, 2, 1, 1.8))

    assert (step.status, step.fill and step.fill.price) == ("FILLED", 1_500_000_000)
    assert held(venue) == {"SYM0": 100}
    assert venue.orders() == []


def test_the_same_id_again_says_what_became_of_it_and_changes_nothing(build: Build) -> None:
    venue = build()
    venue.submit(an_order())
    before = state(venue)

    assert told(venue.submit(an_order())) == [("order", "ACCEPTED")]
    assert state(venue) == before

    venue.advance(one_bar(0, 1.5))
    before = state(venue)
    (step,) = venue.submit(an_order())

    assert step.status == "FILLED"
    assert step.fill == venue.fills(0)[0][1]  # of the last T: the answer that may have been lost
    assert state(venue) == before

    venue.advance(one_bar(1, 1.5))
    assert told(venue.submit(an_order())) == [("order", "FILLED")]
    assert held(venue) == {"SYM0": 100}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"symbol": "NOPE"}, "UNKNOWN_SYMBOL"),
        ({"account": "other"}, "WRONG_ACCOUNT"),
        ({"side": 0}, "BAD_SIDE"),
        ({"units": 0}, "BAD_QUANTITY"),
        ({"units": -1}, "BAD_QUANTITY"),
        ({"reduces": 101 * NANO}, "BAD_QUANTITY"),
        ({"units": 0.015}, "LOT_STEP"),
        ({"units": 2_000_000_000}, "TOO_LARGE"),
        ({"kind": "ICEBERG"}, "BAD_KIND"),
        ({"kind": "LIMIT"}, "BAD_PRICE"),
        ({"stop": -1.0}, "BAD_PRICE"),
    ],
)
def test_a_wrong_order_is_refused_with_a_code_and_leaves_nothing(
    build: Build, changes: dict[str, Any], code: str
) -> None:
    venue = build()
    before = state(venue)

    with pytest.raises(Refused) as caught:
        venue.submit(an_order(**changes))

    assert caught.value.code == code
    assert state(venue) == before
    assert venue.lookup("order") is None


def test_a_working_order_is_cancelled_once_and_says_so_again(build: Build) -> None:
    venue = build()
    venue.submit(an_order())

    assert told(venue.cancel("order", START)) == [("order", "CANCELLED")]
    before = state(venue)
    assert told(venue.cancel("order", START)) == [("order", "CANCELLED")]
    assert state(venue) == before
    assert venue.advance(one_bar(0, 1.5)) == []


def test_cancelling_a_filled_order_says_that_it_filled(build: Build) -> None:
    venue = build()
    venue.submit(an_order())
    venue.advance(one_bar(0, 1.5))

    assert told(venue.cancel("order", START)) == [("order", "FILLED")]


def test_cancelling_an_unknown_order_is_refused(build: Build) -> None:
    with pytest.raises(Refused) as caught:
        build().cancel("nobody", START)

    assert caught.value.code == "NO_SUCH_ORDER"


def test_stop_and_target_are_set_and_removed_with_the_position(build: Build) -> None:
    venue = build()
    venue.submit(an_order(stop=1.0, target=2.0))
    venue.advance(one_bar(0, 1.5))

    moved = venue.modify("SYM0", 1, 1_200_000_000, 0, START)

    assert (moved.stop, moved.target) == (1_200_000_000, 0)
    assert venue.positions() == [moved]
    with pytest.raises(Refused) as caught:
        venue.modify("SYM1", 1, 1, 0, START)
    assert caught.value.code == "NO_POSITION"


def test_a_stop_is_set_for_the_position_that_its_entry_has_opened(build: Build) -> None:
    venue = build()
    venue.submit(an_order(stop=1.0, target=2.0))
    venue.advance(one_bar(0, 1.5))

    with pytest.raises(Refused) as caught:
        venue.modify("SYM0", 1, 1_200_000_000, 0, START, "an earlier order")
    moved = venue.modify("SYM0", 1, 1_300_000_000, 0, START, "order")

    assert caught.value.code == "NO_POSITION"
    assert venue.positions() == [moved]


@pytest.mark.parametrize(("side", "stop", "target", "price"), [(BUY, 95.0, 105.0, 95), (SELL, 105.0, 95.0, 105)])
def test_both_inside_one_bar_is_the_stop(build: Build, side: int, stop: float, target: float, price: int) -> None:
    venue = build()
    venue.submit(an_order(side=side, stop=stop, target=target))
    venue.advance(one_bar(0, 100))

    (step,) = venue.advance(one_bar(1, 100, 110, 90, 100))

    assert step.order is not None
    assert step.order.purpose == "STOP"
    assert step.fill is not None
    assert (step.status, step.fill.reason, step.fill.price) == ("FILLED", "STOP", price * NANO)
    assert held(venue) == {}
    assert venue.lookup(step.order_id) is not None


def test_a_reversal_is_one_fill_for_the_sum(build: Build) -> None:
    venue = build()
    venue.submit(an_order(stop=50.0))
    venue.advance(one_bar(0, 100))
    venue.submit(an_order("turn", 300, side=SELL, reduces=100 * NANO, stop=150.0))

    (step,) = venue.advance(one_bar(1, 110))

    assert step.fill is not None
    assert (step.status, step.fill.quantity, step.fill.stop) == ("FILLED", 300 * NANO, 150 * NANO)
    assert held(venue) == {"SYM0": -200}
    assert venue.account().cash == {"USD": CASH + 1000 * NANO}


def test_what_only_closes_never_opens(build: Build) -> None:
    venue = build()
    venue.submit(an_exit())

    assert told(venue.advance(one_bar(0, 100))) == [("exit", "CANCELLED")]
    assert held(venue) == {}

    venue.submit(an_order(units=60))
    venue.advance(one_bar(1, 100))
    venue.submit(an_exit("exit2", 100))

    assert told(venue.advance(one_bar(2, 100))) == [("exit2", "PARTIALLY_FILLED"), ("exit2", "CANCELLED")]
    assert held(venue) == {}


def test_the_stop_wins_the_open_and_the_exit_is_cancelled_but_a_reversal_still_opens(build: Build) -> None:
    venue = build()
    venue.submit(an_order(stop=95.0))
    venue.advance(one_bar(0, 100))
    venue.submit(an_exit())
    venue.submit(an_order("turn", 150, side=SELL, reduces=100 * NANO))

    steps = venue.advance(one_bar(1, 90))

    assert [(step.status, step.fill and step.fill.reason) for step in steps] == [
        ("FILLED", "STOP"),
        ("CANCELLED", None),
        ("PARTIALLY_FILLED", "ENTRY"),
        ("CANCELLED", None),
    ]
    assert steps[1].order_id == "exit"
    assert held(venue) == {"SYM0": -50}


def test_the_same_t_twice_changes_nothing_and_tells_the_same(build: Build) -> None:
    venue = build()
    venue.submit(an_order(stop=95.0))
    first = venue.advance(one_bar(0, 100))
    before = state(venue)

    assert venue.advance(one_bar(0, 100)) == first != []
    assert state(venue) == before

    venue.advance(one_bar(1, 100))
    before = state(venue)
    assert venue.advance(one_bar(0, 90)) == []  # an older T
    assert venue.advance(end_of_data()) == []
    assert state(venue) == before


def test_after_a_restart_the_last_t_tells_its_fills_again(build: Build) -> None:
    books = MemoryBooks()
    venue = build(books)
    venue.submit(an_order())
    venue.submit(an_order("other", side=SELL, reduces=0, symbol="SYM1"))
    steps = venue.advance(batch(bar(0, 0, 100), bar(1, 0, 50)))

    assert build(books).advance(batch(bar(0, 0, 100), bar(1, 0, 50))) == steps
    assert len(books.traded) == 2


def test_the_cursor_over_fills_has_no_gap(build: Build) -> None:
    venue = build()
    for minute in range(5):
        venue.submit(an_order(f"order{minute}", side=BUY if minute % 2 else SELL, at=START + minute * MINUTE))
        venue.advance(one_bar(minute, 100))

    everything = venue.fills(0)
    cursors = [cursor for cursor, _ in everything]
    assert cursors == list(range(cursors[0], cursors[0] + 5))
    assert venue.fills(cursors[2]) == everything[3:]
    assert venue.fills(cursors[-1]) == []
    assert len({fill.id for _, fill in everything}) == 5


def test_every_symbol_fills_at_the_open_of_its_own_bar(build: Build) -> None:
    """Ten symbols with equal stamps: nautilus once matched all of them when the first one's quote arrived, so
    that the others filled at their *previous* open (reference/peers.md)."""
    venue = build()
    venue.advance(batch(*(bar(row, 0, 10 + row) for row in range(10))))
    for rank, symbol in enumerate(reversed(SYMBOLS)):
        venue.submit(an_order(symbol, symbol=symbol, rank=rank, at=START + MINUTE))

    steps = venue.advance(batch(*(bar(row, 1, 100 + row) for row in range(10))))

    assert [step.order_id for step in steps] == list(reversed(SYMBOLS))
    assert {step.order_id: step.fill and step.fill.price for step in steps} == {
        symbol: (100 + row) * NANO for row, symbol in enumerate(SYMBOLS)
    }


def test_an_order_waits_for_a_bar_of_its_symbol_that_opens_after_it(build: Build) -> None:
    venue = build()
    venue.submit(an_order(at=START + MINUTE))

    assert venue.advance(one_bar(0, 100)) == []  # opened before the order was made
    assert venue.advance(batch(bar(1, 5, 100))) == []
    (step,) = venue.advance(one_bar(9, 107))
    assert step.fill is not None
    assert step.fill.price == 107 * NANO


def test_a_crash_in_a_commit_leaves_nothing_half_done(build: Build) -> None:
    for moment in ("before", "after"):
        books = MemoryBooks()
        venue = build(books)
        acts: list[Callable[[Venue], object]] = [
            lambda venue: venue.submit(an_order(stop=90.0)),
            lambda venue: venue.advance(one_bar(0, 100)),
            lambda venue: venue.modify("SYM0", 1, 95 * NANO, 0, START),
            lambda venue: venue.submit(an_exit()),
            lambda venue: venue.cancel("exit", START),
            lambda venue: venue.advance(one_bar(1, 80)),
        ]
        for act in acts:
            before = state(venue)
            books.crash = moment
            with pytest.raises(Crash):
                act(venue)
            assert (state(venue) == before) == (moment == "before")
            assert state(venue) == state(build(books))
            act(venue)
            assert state(venue) == state(build(books))
        assert held(venue) == {}
        assert len(books.traded) == 2


# -- what always holds -----------------------------------------------------------------------------

PRICES = st.integers(9_000, 11_000).map(lambda ticks: ticks / 100)
ORDERS = st.builds(
    lambda units, side, reduces, kind, price, stop, target, life, symbol, rank: {
        "units": units / 100,
        "side": side,
        "reduces": min(units, reduces) * NANO // 100,
        "kind": kind,
        "price": 0.0 if kind == "MARKET" else price,
        "stop": stop,
        "target": target,
        "life": life,
        "symbol": symbol,
        "rank": rank,
    },
    st.integers(1, 9_000),
    st.sampled_from([BUY, SELL]),
    st.sampled_from([0, 0, 2_000, 9_000]),
    st.sampled_from(["MARKET", "MARKET", "LIMIT", "STOP"]),
    PRICES,
    st.one_of(st.just(0.0), PRICES),
    st.one_of(st.just(0.0), PRICES),
    st.integers(0, 4),
    st.sampled_from(SYMBOLS[:2]),
    st.integers(0, 3),
)
BARS = st.tuples(PRICES, PRICES, PRICES, st.integers(0, 500)).map(
    lambda one: (one[0], max(one[:3]), min(one[:3]), one[1], one[3])
)
CYCLES = st.lists(
    st.tuples(st.lists(ORDERS, max_size=3), st.one_of(st.none(), BARS), st.one_of(st.none(), BARS)),
    min_size=1,
    max_size=12,
)
MODELS = st.fixed_dictionaries(
    {
        "commission_bps": st.sampled_from([0, 1, 12.5]),
        "slippage_bps": st.sampled_from([0, 3]),
        "participation": st.sampled_from([0, 0, 0.1]),
        "fill_on": st.sampled_from(["next_open", "next_open", "same_close"]),
    }
)


def acts(cycles: list[Any]) -> list[Callable[[Venue], list[OrderStep]]]:
    """Each cycle: its bars, then the orders sent after seeing them."""
    found: list[Callable[[Venue], list[OrderStep]]] = []
    for minute, (wishes, *ohlcv) in enumerate(cycles):
        rows = [bar(row, minute, *one[:4], volume=one[4], spread=0.02) for row, one in enumerate(ohlcv) if one]
        if rows:
            found.append(lambda venue, rows=rows: venue.advance(batch(*rows)))  # type: ignore[misc]
        for number, wish in enumerate(wishes):
            at = START + (minute + 1) * MINUTE
            fields = {key: value for key, value in wish.items() if key != "life"}
            expires_at = at + wish["life"] * MINUTE if wish["life"] else 0
            order = an_order(f"{minute}-{number}", at=at, expires_at=expires_at, **fields)
            found.append(lambda venue, order=order: venue.submit(order))  # type: ignore[misc]
    return found


def recomputed(fills: list[Fill]) -> tuple[dict[str, int], Fraction]:
    """Units held and cash made, straight from the fills: money out for buys, in for sells, less commissions."""
    units: dict[str, int] = {}
    flow = Fraction(0)
    for fill in fills:
        units[fill.symbol] = units.get(fill.symbol, 0) + fill.side * fill.quantity
        flow -= fill.side * Fraction(fill.price * fill.quantity, NANO) + fill.commission
    return {symbol: quantity for symbol, quantity in units.items() if quantity}, flow


@given(cycles=CYCLES, model=MODELS, deaths=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["", "after"]))))
@settings(max_examples=200, deadline=None, derandomize=True)
@pytest.mark.parametrize("name", sorted(VENUES))
def test_any_orders_and_bars_keep_the_account_right_through_any_death(
    name: str, cycles: list[Any], model: dict[str, Any], deaths: list[tuple[int, str]]
) -> None:
    # without a first bar of each symbol there is no close to fill at
    first: Any = ([], (100.0, 100.0, 100.0, 100.0, 0), (100.0, 100.0, 100.0, 100.0, 0))
    todo = acts([first, *cycles])
    books, mortal_books = MemoryBooks(), MemoryBooks()
    venue, mortal = BUILDERS[name](books, **model), BUILDERS[name](mortal_books, **model)
    dies = dict(deaths) if model["fill_on"] == "next_open" else {}
    story: list[OrderStep] = []
    for number, act in enumerate(todo):
        if number in dies:
            mortal_books.crash = dies[number]
            with contextlib.suppress(Crash):
                act(mortal)
            mortal_books.crash = ""
            mortal = BUILDERS[name](mortal_books, **model)
        story += act(venue)
        act(mortal)
        assert act(venue) is not None  # twice is once

    traded = [fill for _, fill in venue.fills(0)]
    assert [step.fill for step in story if step.fill] == traded
    assert len({fill.id for fill in traded}) == len(traded)
    assert mortal.fills(0) == venue.fills(0)
    assert (mortal.positions(), mortal.orders()) == (venue.positions(), venue.orders())
    assert mortal.account().cash == venue.account().cash
    agrees_with_its_fills(venue, traded)
    if model["participation"]:
        takes_its_share_only(traded, [first, *cycles])
    keeps_to_its_orders(venue, books, traded)
    follows_the_table(story)


def agrees_with_its_fills(venue: Venue, traded: list[Fill]) -> None:
    units, flow = recomputed(traded)
    assert {one.symbol: one.quantity for one in venue.positions()} == units
    cash = venue.account().cash["USD"]
    assert abs(CASH + flow + sum(one.cost for one in venue.positions()) - cash) <= 2 * len(traded)
    book = Book(CASH)
    for fill in traded:
        book.apply(fill)
    assert book.balance == cash
    ours = [(p.symbol, p.quantity, p.cost, p.opened_at) for _, p in sorted(book.positions.items())]
    assert ours == [(p.symbol, p.quantity, p.cost, p.opened_at) for p in venue.positions()]


def keeps_to_its_orders(venue: Venue, books: MemoryBooks, traded: list[Fill]) -> None:
    for one in books.kept.values():
        mine = [fill for fill in traded if fill.order_id == one.order.id]
        assert sum(fill.quantity for fill in mine) == one.filled <= one.order.quantity
        assert (one.status == "FILLED") == (one.filled == one.order.quantity)
        for fill in mine:
            assert one.order.kind != "LIMIT" or one.order.side * (one.order.price - fill.price) >= 0
    held: dict[str, int] = {}
    opened: dict[str, int] = {}
    for fill in traded:
        order = books.kept["paper", fill.order_id].order
        before = held.get(fill.symbol, 0)
        closing = min(fill.quantity, max(0, -before * fill.side))
        opened[order.id] = opened.get(order.id, 0) + fill.quantity - closing
        assert opened[order.id] <= order.opens
        held[fill.symbol] = before + fill.side * fill.quantity


def takes_its_share_only(traded: list[Fill], cycles: list[Any]) -> None:
    for row in range(2):
        for minute, cycle in enumerate(cycles):
            mine = [
                fill.quantity
                for fill in traded
                if (fill.symbol, fill.bar_ts) == (SYMBOLS[row], START + minute * MINUTE)
            ]
            volume = cycle[1 + row][4] if mine else 0
            assert volume == 0 or 10 * sum(mine) <= volume * NANO


def follows_the_table(story: list[OrderStep]) -> None:
    status: dict[str, str] = {}
    for step in story:
        assert step.status in NEXT[status.get(step.order_id, SUBMITTED)]
        assert (step.status in ("FILLED", "PARTIALLY_FILLED")) == (step.fill is not None)
        status[step.order_id] = step.status
    assert all(one in DONE or one in NEXT for one in status.values())
