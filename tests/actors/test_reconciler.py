"""What the executor makes of orders that an earlier self, a lost answer or a silent venue has left in doubt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import ActorLost, Refused, Unavailable, Unknown
from domain.order import (
    ACCEPTED,
    CANCELLED,
    EXPIRED,
    FILLED,
    PENDING_CANCEL,
    REJECTED,
    SUBMITTED,
    UNKNOWN,
    OrderStep,
)
from domain.timeframe import MINUTE
from domain.venue import VenueOrder
from journal import schema as s
from tests.actors import hostile
from tests.actors.desk import UNITS, Desk, died, in_a_loop, in_doubt

MakeDesk = Callable[..., Desk]
FINDS = {"finds_orders": True}
"""A venue that searches its history, and does not recognise an id that it is sent twice."""


# -- the start ---------------------------------------------------------------------------------------


@in_a_loop
async def test_a_calm_desk_agrees_with_its_venue(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    await desk.hold("GBPUSD", -1)

    assert await desk.trade(desk.leave("EURUSD", "GBPUSD")) == [FILLED, FILLED]
    desk.agree()


@in_a_loop
async def test_a_fill_that_was_committed_before_the_executor_died_is_in_the_book(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.executor.submit(desk.enter())

    await desk.restarted()

    assert desk.gate.book.quantity("EURUSD") == UNITS
    desk.agree()


@pytest.mark.parametrize("can", [{"idempotent": True}, FINDS, {}], ids=["keeps", "finds", "neither"])
@in_a_loop
async def test_an_executor_that_died_between_the_send_and_the_record_sends_nothing_more(
    a_desk: MakeDesk, can: dict[str, bool]
) -> None:
    desk = await a_desk(can=can).started()
    order = await died(desk, hostile.dies_after)

    await desk.restarted()

    assert desk.venue.received[order] == 1
    assert desk.story(order) == [SUBMITTED, FILLED]
    desk.agree()


@in_a_loop
async def test_an_executor_that_died_before_the_send_sends_where_the_id_is_recognised(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await died(desk, hostile.dies_before)

    await desk.restarted()

    assert desk.venue.sent() == [order]
    assert desk.story(order) == [SUBMITTED, ACCEPTED, FILLED]
    desk.agree()


@in_a_loop
async def test_the_answer_to_an_order_given_again_is_kept_though_the_list_of_fills_fails(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await died(desk, hostile.dies_before)

    def then_no_list(proceed: Any) -> Any:
        answer = proceed()
        desk.venue.next_time("fills", hostile.unavailable)
        return answer

    desk.venue.next_time("submit", then_no_list)

    await desk.restarted()

    assert desk.story(order) == [SUBMITTED, ACCEPTED, FILLED]
    desk.agree()


@in_a_loop
async def test_what_an_order_in_doubt_has_filled_unheard_comes_before_what_is_heard_of_it(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", hostile.lost_after)
    desk.venue.always("lookup", hostile.unavailable)
    answer = desk.enter()
    assert await desk.trade(answer) == [UNKNOWN]
    order = answer.orders[0].id

    await desk.executor.record([OrderStep(order_id=order, status=ACCEPTED, at=answer.at)])

    assert desk.story(order) == [SUBMITTED, UNKNOWN, FILLED]
    desk.agree()


@in_a_loop
async def test_a_plan_that_has_expired_meanwhile_is_not_sent_at_the_start(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await died(desk, hostile.dies_before)
    desk.tick()
    desk.tick()

    await desk.restarted()

    assert desk.venue.sent() == []
    assert desk.story(order) == [SUBMITTED, REJECTED]
    desk.agree()


@in_a_loop
async def test_a_venue_that_searches_its_history_is_asked_until_absence_means_something(
    a_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.reconciler.PATIENCE", 0)
    desk = await a_desk(can=FINDS).started()
    order = await died(desk, hostile.dies_before)

    await desk.restarted()
    assert desk.story(order) == [SUBMITTED]
    await desk.until(lambda: desk.story(order)[-1] == REJECTED)

    assert desk.venue.asked["lookup"] == 5
    assert desk.venue.sent() == []
    desk.agree()


@in_a_loop
async def test_what_no_venue_and_no_program_can_tell_asks_the_operator_once(a_desk: MakeDesk) -> None:
    desk = await a_desk(can={}).started()
    order = await died(desk, hostile.dies_before)

    for _ in range(3):  # every process of this run would ask
        await desk.restarted()

    assert [one["order_id"] for one in desk.alerts("ASK_OPERATOR")] == [order]
    assert desk.story(order) == [SUBMITTED, UNKNOWN]
    assert desk.venue.sent() == []
    desk.tick()
    assert [one.code for one in desk.enter().denied] == ["UNKNOWN_ORDER"]


@in_a_loop
async def test_reconciling_again_writes_nothing_more(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    await died(desk, hostile.dies_after, "GBPUSD")
    desk.venue.deals.pop()  # its list of fills never has it
    desk.venue.others["AUDUSD"] = UNITS
    desk.venue.works_for_others("AUDUSD", 1, UNITS)
    await desk.restarted()
    await desk.until(lambda: FILLED in desk.story()[-1:])
    desk.agree(cash=False)
    written = desk.written()

    for _ in range(2):
        await desk.restarted()
        desk.agree(cash=False)

    assert desk.written() == written


@pytest.mark.parametrize("question", ["capabilities", "fills", "orders", "positions"])
@pytest.mark.parametrize("fault", [hostile.unavailable, hostile.lost_before, hostile.unknown, hostile.refused])
@in_a_loop
async def test_a_question_that_fails_is_never_flat_and_nothing_is_sent_until_it_is_answered(
    a_desk: MakeDesk, question: str, fault: hostile.Fault
) -> None:
    desk = await a_desk().started()
    await desk.hold()
    desk.new_executor()
    desk.venue.always(question, fault)
    before = desk.story()

    for _ in range(2):
        with pytest.raises((ActorLost, Refused, Unavailable, Unknown)):
            await desk.executor.start(desk.at)
        with pytest.raises(Unavailable, match="NOT_READY"):
            await desk.executor.submit(desk.enter("GBPUSD"))

    assert desk.executor.health().ready is False
    assert desk.story() == before
    assert desk.gate.book.quantity("EURUSD") == UNITS
    desk.venue.always(question, None)
    await desk.started()
    assert await desk.trade(desk.enter("GBPUSD")) == [FILLED]
    desk.agree()


@in_a_loop
async def test_without_the_gate_nothing_is_clean(a_desk: MakeDesk) -> None:
    desk = a_desk()
    desk.gate_down = True

    with pytest.raises(ActorLost):
        await desk.started()

    assert desk.executor.health().ready is False


@in_a_loop
async def test_intents_of_a_closed_cycle_end_and_those_of_the_open_one_stay(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    old = desk.enter()
    desk.tick()
    new = desk.enter("GBPUSD")

    await desk.restarted()
    desk.gate.settle()

    assert [one.code for one in desk.rows(s.order_events)] == ["NEVER_SENT"]
    assert desk.story(old.orders[0].id) == [EXPIRED]
    assert desk.gate.book.exposed() == ["GBPUSD"]
    assert await desk.trade(old) == [EXPIRED]
    assert await desk.trade(new) == [FILLED]
    assert desk.venue.sent() == [new.orders[0].id]
    desk.agree()


@in_a_loop
async def test_an_exit_of_the_open_moment_survives_that_the_records_were_unsure_in_a_live_run(
    a_desk: MakeDesk,
) -> None:
    desk = await a_desk(live=True).started()
    await desk.hold()
    leaving = desk.leave()
    desk.executor._ready = False  # as after a commit that failed

    await desk.until(lambda: desk.executor.health().ready)

    assert await desk.trade(leaving) == [FILLED]
    desk.agree()


# -- in doubt ----------------------------------------------------------------------------------------


@in_a_loop
async def test_an_unknown_order_blocks_its_symbol_and_nothing_else(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    await desk.hold("GBPUSD")
    desk.venue.next_time("submit", hostile.lost_after)
    desk.venue.always("lookup", hostile.unavailable)
    leaving = desk.leave(fraction=0.5)
    assert await desk.trade(leaving) == [UNKNOWN]
    desk.tick()

    assert len(desk.alerts("ORDER_UNKNOWN")) == 1
    assert await desk.trade(desk.enter("AUDUSD")) == [FILLED]
    assert await desk.trade(desk.leave("GBPUSD")) == [FILLED]
    reversal = desk.enter(side=-1)
    assert [one.code for one in reversal.denied] == ["UNKNOWN_ORDER"]
    assert [one.opens for one in reversal.orders] == [0]  # its closing part goes, of what is not on its way out
    assert await desk.trade(reversal) == [FILLED]

    desk.venue.always("lookup", None)
    await desk.until(lambda: desk.story(leaving.orders[0].id)[-1] == FILLED)
    desk.agree()
    assert desk.gate.book.exposed() == ["AUDUSD"]


@pytest.mark.parametrize("live", [False, True])
@in_a_loop
async def test_an_unknown_order_is_asked_about_in_the_background_until_the_venue_answers(
    a_desk: MakeDesk, live: bool
) -> None:
    desk = await a_desk(live=live).started()
    desk.venue.rests = True
    order = await in_doubt(desk)
    asked = desk.venue.asked["lookup"]
    await desk.until(lambda: desk.venue.asked["lookup"] > asked + 5)
    assert desk.story(order) == [SUBMITTED, UNKNOWN]

    desk.venue.always("lookup", None)
    await desk.until(lambda: desk.story(order)[-1] == ACCEPTED)

    assert desk.venue.received[order] == 1
    desk.agree()


@in_a_loop
async def test_a_lookup_that_fails_at_the_start_leaves_one_order_unknown_and_is_made_good_later(
    a_desk: MakeDesk,
) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    order = await died(desk, hostile.dies_after)
    desk.venue.always("lookup", hostile.lost_before)

    await desk.restarted()
    desk.gate.settle()
    assert desk.story(order) == [SUBMITTED, UNKNOWN]
    assert desk.gate._lookout.view.unresolved == {"EURUSD"}

    desk.venue.always("lookup", None)
    await desk.until(lambda: desk.story(order)[-1] == ACCEPTED)
    desk.venue.trade(order, UNITS)
    await desk.restarted()
    desk.agree()


@in_a_loop
async def test_an_order_that_ended_at_the_venue_by_itself_gives_its_room_back_in_a_live_run(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    desk.venue.rests = True
    answer = desk.enter()
    assert await desk.trade(answer) == [ACCEPTED]

    desk.venue.ends(answer.orders[0].id, CANCELLED)
    await desk.until(lambda: desk.story()[-1] == CANCELLED)

    desk.agree()
    assert desk.gate.book.exposed() == []


@in_a_loop
async def test_nothing_is_given_to_a_venue_again_after_a_halt(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await in_doubt(desk, hostile.lost_before)
    desk.halt()

    desk.venue.always("lookup", None)
    await desk.until(lambda: desk.story(order)[-1] == REJECTED)

    assert desk.venue.sent() == []
    desk.agree()


@in_a_loop
async def test_an_order_that_was_to_be_cancelled_is_never_sent_again(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    order = answer.orders[0].id
    await desk.trade(answer)
    desk.venue.next_time("cancel", hostile.lost_before)
    desk.venue.always("lookup", hostile.unavailable)
    assert await desk.executor.cancel([order], desk.at) == {order: PENDING_CANCEL}

    desk.venue.forget(order)
    desk.venue.always("lookup", None)
    await desk.until(lambda: desk.story(order)[-1] == CANCELLED)

    assert desk.venue.received[order] == 1
    desk.agree()


@in_a_loop
async def test_an_order_that_has_ended_for_us_and_works_there_is_cancelled_there(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", hostile.refused)
    answer = desk.enter()
    order = answer.orders[0]
    assert await desk.trade(answer) == [REJECTED]
    desk.venue.taken[order.id] = VenueOrder(order=order, status=ACCEPTED)

    for _ in range(2):
        await desk.restarted()

    assert desk.venue.taken[order.id].status == CANCELLED
    assert [one["order_id"] for one in desk.alerts("REVIVED_ORDER")] == [order.id]
    desk.agree()


@in_a_loop
async def test_one_that_cannot_be_cancelled_there_is_told_and_does_not_stop_the_start(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", hostile.refused)
    answer = desk.enter()
    await desk.trade(answer)
    desk.venue.taken[answer.orders[0].id] = VenueOrder(order=answer.orders[0], status=ACCEPTED)
    desk.venue.always("cancel", hostile.refused)

    for _ in range(3):
        await desk.restarted()

    assert "it was not cancelled" in desk.alerts("REVIVED_ORDER")[0]["was"]
    desk.agree()


@in_a_loop
async def test_expiry_counts_from_the_clock_in_a_live_run(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    order = await died(desk, hostile.dies_before)
    desk.clock.at = desk.at + 2 * MINUTE

    await desk.restarted()

    assert desk.venue.sent() == []
    assert desk.story(order) == [SUBMITTED, REJECTED]


@in_a_loop
async def test_a_background_that_has_ended_is_told(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    with desk.store.transaction() as tx:
        tx.connection.exec_driver_sql("UPDATE sequence SET epoch = 1")
    desk.venue.others["GBPUSD"] = UNITS  # there is something to write down

    await desk.until(lambda: "StaleEpoch" in str(desk.executor.health().detail["failed"]))

    assert desk.executor.health().ready is False
