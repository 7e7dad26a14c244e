"""Answers of a venue that are late, doubled, out of order, too small or too large: the book equals the venue's."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import msgspec
import pytest

from domain.errors import ArgusError, InvalidTransition
from domain.money import to_float
from domain.order import (
    ACCEPTED,
    CANCELLED,
    DONE,
    EXPIRED,
    FILLED,
    OUTSIDE,
    PARTIALLY_FILLED,
    PENDING_CANCEL,
    REJECTED,
    STOP,
    SUBMITTED,
    UNKNOWN,
    Order,
)
from domain.venue import VenueOrder
from journal import schema as s
from tests.actors import hostile
from tests.actors.desk import SYMBOLS, UNITS, Desk, in_a_loop

MakeDesk = Callable[..., Desk]


def parts(*tenths: int) -> Callable[[Order], list[int]]:
    return lambda order: [UNITS * one // 10 for one in tenths]


@pytest.mark.parametrize(
    ("fault", "story"),
    [
        (hostile.lost_after, [SUBMITTED, UNKNOWN, FILLED]),
        (hostile.unknown, [SUBMITTED, UNKNOWN, FILLED]),
        (hostile.lost_before, [SUBMITTED, UNKNOWN, ACCEPTED, FILLED]),
        (hostile.unavailable, [SUBMITTED, ACCEPTED, FILLED]),
        (hostile.refused, [SUBMITTED, REJECTED]),
        (hostile.twice, [SUBMITTED, ACCEPTED, FILLED]),
        (hostile.backwards, [SUBMITTED, FILLED]),
        (hostile.late(0.05), [SUBMITTED, ACCEPTED, FILLED]),
    ],
    ids=lambda one: getattr(one, "__name__", "late") if callable(one) else "",
)
@in_a_loop
async def test_whatever_becomes_of_the_answer_the_order_goes_once(
    a_desk: MakeDesk, fault: hostile.Fault, story: list[str]
) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", fault)

    await desk.trade(desk.enter())

    assert desk.story() == story
    assert desk.events("TRADE_EXECUTION", "POSITION_OPENED") == ["TRADE_EXECUTION", "POSITION_OPENED"] * (
        story[-1] == FILLED
    )
    desk.agree()
    await desk.restarted()
    assert desk.story() == story
    desk.agree()


@in_a_loop
async def test_an_answer_that_comes_after_the_deadline_is_asked_about(a_desk: MakeDesk) -> None:
    desk = await a_desk(executor={"deadline": 0.05}).started()
    desk.venue.next_time("submit", hostile.late(0.5))

    assert await desk.trade(desk.enter()) == [FILLED]

    assert desk.story() == [SUBMITTED, UNKNOWN, FILLED]
    desk.agree()


@in_a_loop
async def test_an_answer_that_says_nothing_is_asked_about_at_the_next_start(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", hostile.silent)
    await desk.trade(desk.enter())

    await desk.restarted()

    assert desk.story() == [SUBMITTED, FILLED]
    desk.agree()


@pytest.mark.parametrize(
    ("tenths", "story", "over"),
    [
        ((4, 6), [PARTIALLY_FILLED, FILLED], 0),
        ((6,), [PARTIALLY_FILLED], 0),
        ((15,), [FILLED], 1),
        ((6, 9), [PARTIALLY_FILLED, FILLED], 1),
        ((10, 5), [FILLED, FILLED], 1),
        ((12, 3), [FILLED, FILLED], 2),
    ],
)
@pytest.mark.parametrize("fault", [None, hostile.lost_after, hostile.dies_after], ids=["told", "lost", "died"])
@in_a_loop
async def test_less_and_more_than_was_asked_for_is_taken_as_it_is(
    a_desk: MakeDesk, tenths: tuple[int, ...], story: list[str], over: int, fault: hostile.Fault | None
) -> None:
    desk = await a_desk().started()
    desk.venue.parts = parts(*tenths)
    if fault is not None:
        desk.venue.next_time("submit", fault)
    answer = desk.enter()

    if fault is hostile.dies_after:
        with pytest.raises(hostile.Died):
            await desk.trade(answer)
        await desk.restarted()
    else:
        await desk.trade(answer)
    for _ in range(2):
        await desk.restarted()
        desk.agree()

    assert desk.story()[-1] == story[-1]
    assert desk.gate.book.quantity("EURUSD") == UNITS * sum(tenths) // 10
    assert len(desk.alerts("OVERFILL")) == over
    assert desk.gate.book.exposure("EURUSD") == max(UNITS, UNITS * sum(tenths) // 10)


@in_a_loop
async def test_parts_that_are_told_in_the_wrong_order_are_read_again_from_the_venues_list(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.parts = parts(4, 6)
    desk.venue.next_time("submit", hostile.backwards)

    try:
        await desk.trade(desk.enter())
    except InvalidTransition:
        assert desk.executor.health().ready is False
    await desk.started()
    await desk.restarted()

    assert desk.story()[-1] == FILLED
    desk.agree()


@in_a_loop
async def test_a_second_fill_after_the_order_has_filled_is_marked_and_told(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await desk.hold()
    desk.venue.trade(order.id, UNITS // 2)

    await desk.restarted()

    (last,) = desk.rows(s.order_events, order_id=order.id, surprising=True)
    assert last.status == FILLED
    (alert,) = desk.alerts("OVERFILL")
    assert (alert["asked"], alert["filled"]) == (to_float(UNITS), to_float(UNITS * 3 // 2))
    desk.agree()


@pytest.mark.parametrize("ended", [CANCELLED, REJECTED, EXPIRED])
@in_a_loop
async def test_a_fill_of_an_order_that_has_ended_is_real(a_desk: MakeDesk, ended: str) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    order = answer.orders[0].id
    await desk.trade(answer)
    desk.venue.ends(order, ended)
    await desk.restarted()
    desk.agree()
    assert desk.story(order)[-1] == ended
    assert desk.gate.book.exposed() == []

    desk.venue.trade(order, UNITS // 2)
    for _ in range(2):
        await desk.restarted()

    assert [one.status for one in desk.rows(s.order_events, order_id=order, surprising=True)] == [PARTIALLY_FILLED]
    assert desk.story(order)[-1] == ended
    desk.agree()


@pytest.mark.parametrize("listed", [(10,), (4, 6), (4,), (4, 2)], ids=str)
@in_a_loop
async def test_fills_that_are_listed_later_than_the_order_counts_them_count_once(
    a_desk: MakeDesk, listed: tuple[int, ...]
) -> None:
    desk = await a_desk().started()
    desk.venue.parts = parts(*listed)
    hidden: list[object] = []

    def not_listed_yet(proceed: hostile.Proceed) -> object:
        proceed()
        hidden.extend(desk.venue.deals)
        desk.venue.deals.clear()
        return hostile.lost_before(proceed)

    desk.venue.next_time("submit", not_listed_yet)
    await desk.trade(desk.enter())
    await desk.until(lambda: desk.story()[-1] in (FILLED, PARTIALLY_FILLED))
    desk.agree(cash=False)

    desk.venue.deals += hidden  # type: ignore[arg-type]
    for _ in range(2):
        await desk.restarted()
        desk.agree(cash=False)

    assert desk.alerts("CLOSED_OUTSIDE") == desk.alerts("OVERFILL") == []


@pytest.mark.parametrize("restarts", [False, True])
@in_a_loop
async def test_a_fill_that_comes_after_an_inferred_one_was_explained_is_a_new_one(
    a_desk: MakeDesk, restarts: bool
) -> None:
    desk = await a_desk().started()
    desk.venue.parts = parts(4)
    hidden: list[object] = []

    def not_listed_yet(proceed: hostile.Proceed) -> object:
        proceed()
        hidden.extend(desk.venue.deals)
        desk.venue.deals.clear()
        return hostile.lost_before(proceed)

    desk.venue.next_time("submit", not_listed_yet)
    answer = desk.enter()
    await desk.trade(answer)
    await desk.until(lambda: desk.story()[-1] == PARTIALLY_FILLED)
    desk.venue.deals += hidden  # type: ignore[arg-type]
    await desk.executor._reconciler.fills()
    if restarts:
        await desk.restarted()

    desk.venue.trade(answer.orders[0].id, UNITS * 4 // 10)
    await desk.executor._reconciler.fills()

    desk.agree(cash=False)
    assert desk.gate.book.quantity("EURUSD") == UNITS * 8 // 10


@in_a_loop
async def test_a_list_that_lags_for_a_moment_is_looked_at_once_more_before_a_fill_is_inferred(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", hostile.lost_after)
    desk.venue.next_time("fills", lambda proceed: [])

    await desk.trade(desk.enter())
    await desk.until(lambda: desk.story()[-1] == FILLED)

    assert [one.code for one in desk.rows(s.order_events)] == ["", "ActorLost", ""]
    desk.agree()


@pytest.mark.parametrize(("quantity", "price"), [(0, 1), (-UNITS, 1), (UNITS, 0), (UNITS, -1)])
@in_a_loop
async def test_a_fill_that_cannot_be_one_is_told_and_not_booked(a_desk: MakeDesk, quantity: int, price: int) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    (order,) = answer.orders
    await desk.trade(answer)
    listed = desk.venue.trade(order.id, UNITS)
    desk.venue.taken[order.id] = VenueOrder(order=order, status=ACCEPTED)
    desk.venue.held.clear()
    desk.venue.deals[-1] = (1, msgspec.structs.replace(listed, quantity=quantity, price=price))

    for _ in range(2):
        await desk.restarted()
        desk.agree(cash=False)

    assert desk.story(order.id) == [SUBMITTED, ACCEPTED]
    assert len(desk.alerts()) == 1


@in_a_loop
async def test_steps_that_are_told_long_after_they_were_overtaken_change_nothing(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await desk.hold()
    told = desk.venue._told(desk.venue.taken[order.id])

    await desk.executor.record(told)
    await desk.executor.record([*reversed(told), *told])

    assert desk.story(order.id) == [SUBMITTED, ACCEPTED, FILLED]
    desk.agree()


# -- cancelling --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "filled", "said", "story"),
    [
        (None, 0, CANCELLED, [PENDING_CANCEL, CANCELLED]),
        (None, 4, CANCELLED, [PARTIALLY_FILLED, PENDING_CANCEL, CANCELLED]),
        (hostile.refused, 0, "10019", [PENDING_CANCEL, ACCEPTED]),
        (hostile.refused, 4, "10019", [PARTIALLY_FILLED, PENDING_CANCEL, PARTIALLY_FILLED]),
        (hostile.unavailable, 0, "DOWN", [PENDING_CANCEL, ACCEPTED]),
        (hostile.lost_after, 0, CANCELLED, [PENDING_CANCEL, CANCELLED]),
        (hostile.lost_before, 0, ACCEPTED, [PENDING_CANCEL, ACCEPTED]),
        (hostile.twice, 0, CANCELLED, [PENDING_CANCEL, CANCELLED]),
    ],
)
@in_a_loop
async def test_a_cancel_ends_in_what_the_venue_says(
    a_desk: MakeDesk, fault: hostile.Fault | None, filled: int, said: str, story: list[str]
) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    order = answer.orders[0].id
    await desk.trade(answer)
    if filled:
        desk.venue.trade(order, UNITS * filled // 10)
        await desk.executor.record(desk.venue._told(desk.venue.taken[order]))
    if fault is not None:
        desk.venue.next_time("cancel", fault)

    assert await desk.executor.cancel([order], desk.at) == {order: said}

    assert desk.story(order) == [SUBMITTED, ACCEPTED, *story]
    desk.agree()


@in_a_loop
async def test_an_order_that_fills_while_it_is_cancelled_is_filled(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    order = answer.orders[0].id
    await desk.trade(answer)

    def fills_first(proceed: hostile.Proceed) -> object:
        desk.venue.trade(order, UNITS)
        return proceed()

    desk.venue.next_time("cancel", fills_first)

    assert await desk.executor.cancel([order], desk.at) == {order: FILLED}
    assert await desk.executor.cancel([order, "nobody"], desk.at) == {order: FILLED, "nobody": "NO_SUCH_ORDER"}
    desk.agree()


# -- everything at once ------------------------------------------------------------------------------

FAULTS = {
    "submit": (
        hostile.lost_after,
        hostile.lost_before,
        hostile.unknown,
        hostile.unavailable,
        hostile.refused,
        hostile.twice,
        hostile.silent,
        hostile.dies_after,
        hostile.dies_before,
    ),
    "cancel": (hostile.lost_after, hostile.lost_before, hostile.refused, hostile.silent),
    "lookup": (hostile.unavailable, hostile.lost_before),
    "fills": (hostile.unavailable, hostile.lost_before, hostile.lagging),
    "positions": (hostile.unavailable,),
    "orders": (hostile.unavailable,),
}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("can", [{"idempotent": True}, {"finds_orders": True}], ids=["keeps", "finds"])
@in_a_loop
async def test_after_any_series_of_faults_and_restarts_the_books_are_equal(
    a_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch, seed: int, can: dict[str, bool]
) -> None:
    monkeypatch.setattr("actors.reconciler.PATIENCE", 0)
    desk = await a_desk(can=can).started()
    dice, venue = Random(seed), desk.venue
    for _ in range(25):
        desk.tick()
        for method in dice.sample(sorted(FAULTS), 2):
            venue.next_time(method, dice.choice(FAULTS[method]))
        venue.rests = dice.random() < 0.3
        venue.parts = parts(*dice.choice([(10,), (4, 6), (7,), (10, 2)]))
        working = sorted(key for key, one in venue.taken.items() if one.status not in DONE)
        if working and dice.random() < 0.5:
            venue.trade(dice.choice(working), UNITS // 4)
        if venue.ours() and dice.random() < 0.2:
            venue.close(dice.choice(sorted(venue.ours())), dice.choice([STOP, OUTSIDE]))
        try:
            await desk.started()
            if working and dice.random() < 0.3:
                await desk.executor.cancel(working, desk.at)
            symbols = dice.sample(SYMBOLS, 2)
            answer = desk.enter(*symbols, side=dice.choice([1, -1])) if dice.random() < 0.6 else desk.leave(*symbols)
            await desk.trade(answer)
        except (ArgusError, hostile.Died):
            desk.new_executor()
        if dice.random() < 0.2:
            desk.new_gate()

    venue._faults.clear()
    desk.tick()
    await desk.restarted()
    await desk.until(lambda: desk.executor.health().detail["unknown"] == 0)
    await desk.restarted()
    desk.agree(cash=not desk.rows(s.order_events, code="INFERRED"))
    assert desk.alerts("CLOSED_OUTSIDE") == []
