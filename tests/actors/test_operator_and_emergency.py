"""What a person says of an order that nobody can tell about, and what an emergency does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from domain.errors import ActorLost, Refused
from domain.money import NANO
from domain.order import CANCELLED, FILLED, PARTIALLY_FILLED, REJECTED, SUBMITTED, UNKNOWN
from journal import schema as s
from tests.actors import hostile
from tests.actors.desk import PRICE, UNITS, Desk, died, in_a_loop, in_doubt

MakeDesk = Callable[..., Desk]


# -- the operator ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "quantity", "price", "story", "held", "paid"),
    [
        (FILLED, 0, 0, [FILLED], UNITS, PRICE),
        (FILLED, 0, PRICE + 5, [FILLED], UNITS, PRICE + 5),
        (FILLED, UNITS // 4, 0, [PARTIALLY_FILLED, CANCELLED], UNITS // 4, PRICE),
        (REJECTED, 0, 0, [REJECTED], 0, 0),
    ],
)
@in_a_loop
async def test_what_the_operator_says_of_an_order_counts(
    a_desk: MakeDesk, said: str, quantity: int, price: int, story: list[str], held: int, paid: int
) -> None:
    desk = await a_desk(can={}).started()
    order = await died(desk, hostile.dies_before)
    await desk.restarted()
    desk.venue.held["EURUSD"] = held

    found = await desk.executor.resolve(order, said, quantity, price, desk.at, "anna")

    assert found == story[-1]
    assert desk.story(order) == [SUBMITTED, UNKNOWN, *story]
    desk.agree(cash=False)
    assert desk.gate.book.working == {}
    assert desk.gate._lookout.view.unresolved == set()
    assert [one.price for one in desk.gate.book.positions.values()] == ([paid] if held else [])
    assert {one.text for one in desk.rows(s.order_events, order_id=order, code="OPERATOR")} == {"anna"}


@in_a_loop
async def test_the_operator_is_refused_what_is_not_in_doubt(a_desk: MakeDesk) -> None:
    desk = await a_desk(can={}).started()
    done = (await desk.hold()).id
    lost = await died(desk, hostile.dies_before, "GBPUSD")
    await desk.restarted()
    before = desk.story()

    with pytest.raises(Refused, match="NO_SUCH_ORDER"):
        await desk.executor.resolve("nobody", FILLED, 0, 0, desk.at, "anna")
    with pytest.raises(Refused, match="NOT_UNKNOWN"):
        await desk.executor.resolve(done, REJECTED, 0, 0, desk.at, "anna")
    for quantity in (UNITS + 1, -1):
        with pytest.raises(Refused, match="BAD_QUANTITY"):
            await desk.executor.resolve(lost, FILLED, quantity, 0, desk.at, "anna")

    assert desk.story() == before


@in_a_loop
async def test_an_accepted_order_that_a_silent_venue_has_lost_can_be_resolved(a_desk: MakeDesk) -> None:
    desk = await a_desk(can={}).started()
    desk.venue.rests = True
    answer = desk.enter()
    await desk.trade(answer)
    desk.venue.forget(answer.orders[0].id)
    await desk.restarted()

    assert await desk.executor.resolve(answer.orders[0].id, REJECTED, 0, 0, desk.at, "anna") == REJECTED
    desk.agree()


@in_a_loop
async def test_the_fill_of_an_order_that_the_operator_has_resolved_counts_once(a_desk: MakeDesk) -> None:
    desk = await a_desk(can={}).started()
    order = await died(desk, hostile.dies_after)
    one, listed = desk.venue.taken.pop(order), desk.venue.deals.pop()
    desk.venue.held.clear()  # nothing is to be seen of it
    await desk.restarted()
    await desk.executor.resolve(order, FILLED, 0, 0, desk.at, "anna")

    desk.venue.taken[order], desk.venue.held["EURUSD"] = one, UNITS
    desk.venue.deals.append(listed)
    await desk.restarted()

    assert desk.gate.book.quantity("EURUSD") == UNITS
    assert desk.alerts("CLOSED_OUTSIDE") == desk.alerts("OVERFILL") == []
    desk.agree(cash=False)


@in_a_loop
async def test_the_operator_waits_for_who_is_just_sending_it_again(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await in_doubt(desk, hostile.lost_before)
    desk.venue.rests = True
    asking, resolved = asyncio.Event(), asyncio.Event()

    async def while_the_operator_speaks(proceed: hostile.Proceed) -> Any:
        asking.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(resolved.wait(), 0.2)  # who waits for his turn is not heard before
        return proceed()

    desk.venue.next_time("submit", while_the_operator_speaks)
    desk.venue.always("lookup", None)
    await asyncio.wait_for(asking.wait(), 5)
    with suppress(Refused):
        await desk.executor.resolve(order, REJECTED, 0, 0, desk.at, "anna")
    resolved.set()
    await desk.until(lambda: desk.story(order)[-1] != UNKNOWN)
    await desk.restarted()

    assert (desk.story(order)[-1] == REJECTED) == (desk.venue.sent() == [])
    assert desk.alerts("REVIVED_ORDER") == []
    desk.agree()


# -- emergencies -------------------------------------------------------------------------------------


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
@in_a_loop
async def test_an_emergency_closes_everything_also_through_an_executor_that_has_just_come_back(
    a_desk: MakeDesk, live: bool, restarted: bool
) -> None:
    desk = await a_desk(live=live).started()
    await desk.hold()
    await desk.hold("GBPUSD", -1)
    desk.venue.rests = True
    working = desk.enter("AUDUSD")
    await desk.trade(working)
    desk.venue.rests = False
    desk.halt()
    if restarted:
        desk.new_executor()

    now = desk.clock.now() if live else desk.at
    found = await desk.emergency(now)

    assert set(found["orders"].values()) == {FILLED}
    assert found["cancelled"] == {working.orders[0].id: CANCELLED}
    assert (found["left"], found["positions"]) == ([], {})
    assert desk.venue.ours() == {}
    desk.agree()


@pytest.mark.parametrize("restarted", [False, True])
@in_a_loop
async def test_an_emergency_sends_the_exit_that_a_driver_which_hangs_has_not_sent(
    a_desk: MakeDesk, restarted: bool
) -> None:
    desk = await a_desk(live=True).started()
    await desk.hold()
    desk.leave()
    desk.halt()
    if restarted:
        desk.new_executor()

    found = await desk.emergency(desk.clock.now())

    assert found["positions"] == {}
    desk.agree()


@in_a_loop
async def test_an_emergency_names_what_an_exit_from_before_already_closes(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    await desk.hold()
    desk.venue.rests = True
    await desk.trade(desk.leave())
    desk.halt()

    found = await desk.emergency(desk.clock.now())

    assert found["orders"] == {}
    assert (found["closing"], found["positions"], found["verified"]) == (["EURUSD"], {"EURUSD": 10_000.0}, True)


@pytest.mark.parametrize("fills", [False, True])
@in_a_loop
async def test_an_emergency_closes_what_a_working_reversal_would_have_closed(a_desk: MakeDesk, fills: bool) -> None:
    desk = await a_desk(live=True).started()
    await desk.hold()
    desk.venue.rests = True
    reversal = desk.enter(side=-1)
    await desk.trade(reversal)
    desk.venue.rests = False
    desk.halt()
    if fills:  # just before it is cancelled

        def too_late(proceed: hostile.Proceed) -> Any:
            desk.venue.trade(reversal.orders[0].id, 2 * UNITS)
            return proceed()

        desk.venue.next_time("cancel", too_late)

    found = await desk.emergency(desk.clock.now())

    assert reversal.orders[0].reduces == UNITS
    assert found["cancelled"] == {reversal.orders[0].id: FILLED if fills else CANCELLED}
    assert (found["verified"], found["closing"], found["positions"]) == (True, ["EURUSD"], {})
    desk.agree()


@in_a_loop
async def test_an_inferred_exit_of_an_emergency_is_booked_at_the_last_price(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    answer = desk.gate.emergency(True, desk.at)

    def unlisted(proceed: hostile.Proceed) -> Any:
        proceed()
        desk.venue.deals.pop()
        raise ActorLost("VenueGateway:hostile", "lost on the way back")

    desk.venue.next_time("submit", unlisted)
    await desk.executor.emergency(answer, desk.at)
    await desk.until(lambda: desk.story(answer.orders[0].id)[-1] == FILLED)

    desk.agree(cash=False)
    assert abs(desk.gate.book.balance - desk.gate_spec.run.cash) < 10 * NANO
