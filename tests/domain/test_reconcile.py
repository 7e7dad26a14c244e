"""Ours against theirs: what a venue's answers mean, and what silence does not."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as some

from domain import order as orders
from domain.book import Book
from domain.errors import InvalidTransition
from domain.money import NANO
from domain.order import (
    ACCEPTED,
    BUY,
    CANCELLED,
    DONE,
    EXPIRED,
    FILLED,
    OUTSIDE,
    PARTIALLY_FILLED,
    PENDING_CANCEL,
    REJECTED,
    SELL,
    SUBMITTED,
    TRIGGERED,
    UNKNOWN,
    OrderStep,
)
from domain.reconcile import (
    ASK_AGAIN,
    LOST,
    NEVER_RECEIVED,
    Difference,
    Holding,
    Known,
    absent,
    closed_outside,
    differences,
    told,
    unguarded,
)
from domain.timeframe import SECOND
from domain.venue import VenueOrder, VenuePosition
from tests.factories import CASH, a_fill, an_order

ASKED = 10 * NANO
ORDER = an_order(quantity=ASKED)
OPEN = [SUBMITTED, ACCEPTED, TRIGGERED, PARTIALLY_FILLED, PENDING_CANCEL, UNKNOWN]

units = some.integers(0, 15).map(lambda one: one * NANO)  # up to half more than was asked for


def taken(known: Known, steps: list[OrderStep]) -> Known:
    """What we know after the steps. Raises InvalidTransition for one that the table lacks."""
    status, filled = known.status, known.filled
    for step in steps:
        orders.step(step.order_id, status, step.status, reconciling=True)
        status, filled = step.status, filled + (step.fill.quantity if step.fill else 0)
    return Known(known.order, status, filled)


def holding(symbol: str = "EURUSD", quantity: int = ASKED, **more: object) -> Holding:
    return Holding(symbol=symbol, quantity=quantity, **{"mark": NANO, "entry_order": "order-1"} | more)  # type: ignore[arg-type]


def there(symbol: str = "EURUSD", quantity: int = ASKED, stop: int = 0) -> VenuePosition:
    return VenuePosition(symbol=symbol, quantity=quantity, cost=0, stop=stop)


# -- absence -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keeps", "finds", "asked", "age", "means"),
    [
        (True, False, 1, 0, NEVER_RECEIVED),
        (True, True, 1, 0, NEVER_RECEIVED),
        (False, True, 5, 5 * SECOND, NEVER_RECEIVED),
        (False, True, 4, 5 * SECOND, ASK_AGAIN),
        (False, True, 5, 5 * SECOND - 1, ASK_AGAIN),
        (False, False, 1, 0, LOST),
    ],
)
def test_what_absence_means_depends_on_the_venue(keeps: bool, finds: bool, asked: int, age: int, means: str) -> None:
    assert absent(asked, age, keeps, finds, patience_ns=5 * SECOND, times=5) == means


@given(some.integers(1, 10**6), some.integers(0, 10**18))
def test_the_silence_of_a_venue_that_cannot_say_never_means_anything(asked: int, age: int) -> None:
    assert absent(asked, age, False, False, patience_ns=5 * SECOND, times=5) == LOST


# -- one order ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "filled", "said", "there_filled", "statuses"),
    [
        (SUBMITTED, 0, ACCEPTED, 0, [ACCEPTED]),
        (SUBMITTED, 0, REJECTED, 0, [REJECTED]),
        (SUBMITTED, 0, SUBMITTED, 0, []),
        (UNKNOWN, 0, UNKNOWN, 0, []),
        (UNKNOWN, 0, FILLED, ASKED, [FILLED]),
        (UNKNOWN, 4 * NANO, PARTIALLY_FILLED, 4 * NANO, [PARTIALLY_FILLED]),
        (ACCEPTED, 0, PARTIALLY_FILLED, 4 * NANO, [PARTIALLY_FILLED]),
        (ACCEPTED, 0, CANCELLED, 4 * NANO, [PARTIALLY_FILLED, CANCELLED]),
        (PARTIALLY_FILLED, 4 * NANO, EXPIRED, 4 * NANO, [EXPIRED]),
        (PARTIALLY_FILLED, 4 * NANO, ACCEPTED, 4 * NANO, []),
        (PENDING_CANCEL, 0, ACCEPTED, 0, [ACCEPTED]),
        (SUBMITTED, 0, FILLED, 6 * NANO, [FILLED]),  # the venue has closed it with less than was asked for
        (SUBMITTED, 0, FILLED, 15 * NANO, [FILLED]),  # or with more
    ],
)
def test_the_steps_to_what_the_venue_says(
    status: str, filled: int, said: str, there_filled: int, statuses: list[str]
) -> None:
    steps = told(Known(ORDER, status, filled), VenueOrder(order=ORDER, status=said, filled=there_filled), 7)

    assert [one.status for one in steps] == statuses
    assert sum(one.fill.quantity for one in steps if one.fill) == there_filled - filled


@given(some.sampled_from(OPEN), units, some.sampled_from(OPEN + sorted(DONE - {orders.DENIED})), units)
def test_after_the_steps_both_sides_are_equal_and_there_is_nothing_more_to_tell(
    status: str, ours: int, said: str, theirs: int
) -> None:
    assume(ours <= theirs)
    found = VenueOrder(order=ORDER, status=said, filled=theirs)

    after = taken(Known(ORDER, status, ours), told(Known(ORDER, status, ours), found, 7))

    assert after.filled == theirs
    if said in DONE:
        assert after.status == said
    else:
        assert after.status not in DONE or after.filled >= ASKED
        assert told(after, found, 8) == []


@given(some.sampled_from(OPEN), units, units)
def test_units_that_we_have_and_the_venue_does_not_count_are_never_taken_back(
    status: str, ours: int, theirs: int
) -> None:
    assume(theirs <= ours)

    steps = told(Known(ORDER, status, ours), VenueOrder(order=ORDER, status=CANCELLED, filled=theirs), 7)

    assert [one.fill for one in steps if one.fill] == []


def test_inferring_twice_makes_the_same_fill_and_inferring_more_makes_another() -> None:
    known = Known(ORDER, UNKNOWN, 0)
    part, whole = (VenueOrder(order=ORDER, status=PARTIALLY_FILLED, filled=one * NANO) for one in (4, 10))

    first, again, more = (told(known, one, at)[0].fill for one, at in ((part, 1), (part, 2), (whole, 3)))

    assert first is not None
    assert again is not None
    assert more is not None
    assert first.id == again.id != more.id
    assert first.order_id == ORDER.id


@pytest.mark.parametrize(
    ("price", "limit", "expected"), [(5, 4, 5), (0, 4, 4), (0, 0, ORDER.entry)], ids=["told", "limit", "meant"]
)
def test_an_inferred_fill_has_the_price_that_is_known_best(price: int, limit: int, expected: int) -> None:
    order = msgspec.structs.replace(ORDER, price=limit)

    steps = told(Known(order, UNKNOWN, 0), VenueOrder(order=order, status=FILLED, filled=ASKED, price=price), 7)

    assert steps[0].fill is not None
    assert steps[0].fill.price == expected


@pytest.mark.parametrize(("reduces", "guards"), [(0, (3, 4)), (ASKED, (0, 0))])
def test_an_inferred_fill_guards_the_position_only_if_it_opens_one(reduces: int, guards: tuple[int, int]) -> None:
    order = an_order(quantity=ASKED, reduces=reduces, stop=3, target=4)

    fill = told(Known(order, UNKNOWN, 0), VenueOrder(order=order, status=FILLED, filled=ASKED), 7)[0].fill

    assert fill is not None
    assert (fill.stop, fill.target) == guards


# -- positions ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ours", "theirs", "gone", "foreign"),
    [
        (10, 0, 10, 0),
        (-10, 0, -10, 0),
        (10, 4, 6, 0),
        (-10, -4, -6, 0),
        (10, 15, 0, 5),
        (-10, -15, 0, -5),
        (0, 5, 0, 5),
        (0, -5, 0, -5),
        (10, -5, 10, -5),
        (-10, 5, -10, 5),
    ],
)
def test_what_is_gone_and_what_is_foreign(ours: int, theirs: int, gone: int, foreign: int) -> None:
    mine = [holding(quantity=ours)] if ours else []
    says = [there(quantity=theirs)] if theirs else []

    assert differences(mine, says) == [Difference("EURUSD", ours, theirs, gone, foreign)]


def test_positions_that_are_equal_differ_in_nothing_and_hedged_ones_are_added_up() -> None:
    ours = [holding("BTC", 3), holding("EURUSD", 10)]

    assert differences(ours, [there("EURUSD", 10), there("BTC", 3)]) == []
    assert differences(ours, [there("EURUSD", 15), there("EURUSD", -5), there("BTC", 3)]) == []
    assert [one.symbol for one in differences(ours, [there("XAUUSD", 1)])] == ["BTC", "EURUSD", "XAUUSD"]


@given(some.integers(-20, 20), some.integers(-20, 20))
def test_what_is_gone_and_foreign_bridges_the_two_and_never_more_than_we_hold(ours: int, theirs: int) -> None:
    found = differences([holding(quantity=ours)] if ours else [], [there(quantity=theirs)] if theirs else [])

    if ours == theirs:
        assert found == []
        return
    (one,) = found
    assert ours - one.gone + one.foreign == theirs
    assert 0 <= one.gone * (1 if ours > 0 else -1) <= abs(ours)
    assert one.foreign * theirs >= 0


@given(some.integers(-20, 20).filter(bool), some.integers(1, 20))
def test_what_was_closed_outside_leaves_what_is_still_there(ours: int, gone: int) -> None:
    assume(gone <= abs(ours))
    side = BUY if ours > 0 else SELL
    book = Book(CASH)
    book.apply(a_fill(side=side, quantity=abs(ours) * NANO))

    step = closed_outside("paper", holding(quantity=ours * NANO), side * gone * NANO, 7)

    assert step.fill is not None
    book.apply(step.fill)
    assert book.quantity("EURUSD") == ours * NANO - side * gone * NANO
    assert (step.fill.reason, step.fill.price, step.order_id) == (OUTSIDE, NANO, step.fill.order_id)


def test_what_was_closed_outside_is_told_once() -> None:
    first, again = (closed_outside("paper", holding(), ASKED, at).fill for at in (1, 2))
    others = [
        closed_outside("paper", holding(), ASKED // 2, 1).fill,
        closed_outside("paper", holding(entry_order="order-2"), ASKED, 1).fill,
        closed_outside("live", holding(), ASKED, 1).fill,
        closed_outside("paper", holding("BTC"), ASKED, 1).fill,
    ]

    assert first is not None
    assert again is not None
    assert first.id == again.id
    assert first.id not in {one.id for one in others if one is not None}


@pytest.mark.parametrize(
    ("stop", "theirs", "missing"),
    [
        (3, there(stop=0), True),
        (3, there(stop=3), False),
        (3, there(stop=4), False),  # somebody has moved it: there is one
        (0, there(stop=0), False),  # there never was one
        (3, there(quantity=4 * NANO), True),
        (3, there(quantity=-4 * NANO), False),  # that is somebody else's
        (3, there("BTC"), False),  # ours is not there at all
    ],
)
def test_which_positions_of_ours_have_lost_their_stop(stop: int, theirs: VenuePosition, missing: bool) -> None:
    ours = holding(stop=stop)

    assert unguarded([ours], [theirs]) == ([ours] if missing else [])


def test_a_step_out_of_unknown_needs_reconciling() -> None:
    with pytest.raises(InvalidTransition):
        orders.step("o", UNKNOWN, FILLED)
