"""Our book against what the venue holds: what others do there, and what is done there to ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.errors import Unavailable
from domain.money import to_float
from domain.order import ACCEPTED, FILLED, OUTSIDE, SELL, STOP, TARGET, UNKNOWN, Order, OrderStep
from journal import schema as s
from tests.actors import hostile
from tests.actors.desk import PRICE, UNITS, Desk, in_a_loop

MakeDesk = Callable[..., Desk]


async def checked(desk: Desk, times: int = 1) -> None:
    """The check of positions that a live run makes every now and then."""
    for _ in range(times):
        await desk.executor._reconciler.positions(desk.at)
    desk.gate.settle()


# -- what is not ours --------------------------------------------------------------------------------


@pytest.mark.parametrize(("counts", "exposure"), [(True, UNITS), (False, 0)])
@in_a_loop
async def test_what_others_hold_is_told_once_counted_if_wanted_and_never_touched(
    a_desk: MakeDesk, counts: bool, exposure: int
) -> None:
    desk = a_desk(risk={"count_foreign": counts})
    desk.venue.others["GBPUSD"] = -UNITS
    order = desk.venue.works_for_others("AUDUSD", SELL, 3 * UNITS)

    for _ in range(3):
        await desk.restarted()

    assert [(one["key"], one["quantity"]) for one in desk.alerts("FOREIGN_POSITION")] == [("GBPUSD", -to_float(UNITS))]
    assert [(one["key"], one["quantity"]) for one in desk.alerts("FOREIGN_ORDER")] == [(order, -3 * to_float(UNITS))]
    assert {(one.kind, one.key) for one in desk.rows(s.foreign_holdings)} == {("POSITION", "GBPUSD"), ("ORDER", order)}
    assert desk.gate.book.exposure("GBPUSD") == exposure
    assert ("GBPUSD" in desk.gate.book.exposed()) == counts
    assert desk.venue.touched == []
    desk.agree()


@in_a_loop
async def test_what_others_hold_takes_room(a_desk: MakeDesk) -> None:
    desk = a_desk(risk={"max_open_positions": 1})
    desk.venue.others["GBPUSD"] = UNITS
    await desk.started()

    assert [one.code for one in desk.enter("EURUSD").denied] == ["MAX_OPEN_POSITIONS"]


@in_a_loop
async def test_each_state_of_what_others_hold_is_told_and_what_is_gone_is_forgotten(a_desk: MakeDesk) -> None:
    desk = a_desk()
    told = []
    for units in (1, 1, 3, 0, 1):
        desk.venue.others["GBPUSD"] = units * UNITS
        await desk.restarted()
        told.append((len(desk.alerts("FOREIGN_POSITION")), desk.gate.book.exposure("GBPUSD") // UNITS))

    assert told == [(1, 1), (1, 1), (2, 3), (2, 0), (3, 1)]
    desk.venue.works_for_others("GBPUSD", SELL, UNITS)
    await desk.restarted()
    desk.venue.foreign_orders.clear()
    await desk.restarted()
    assert {one.kind for one in desk.rows(s.foreign_holdings)} == {"POSITION"}


@in_a_loop
async def test_ours_and_theirs_in_one_symbol_are_kept_apart(a_desk: MakeDesk) -> None:
    desk = a_desk()
    desk.venue.others["EURUSD"] = 2 * UNITS
    await desk.started()
    assert desk.gate.book.exposure("EURUSD") == 2 * UNITS

    assert await desk.trade(desk.enter()) == [FILLED]
    await checked(desk)  # seen once: not believed yet, and what is known of theirs is not forgotten

    assert desk.gate.book.exposure("EURUSD") == 3 * UNITS
    await checked(desk, 2)
    assert desk.gate.book.exposure("EURUSD") == 3 * UNITS
    assert len(desk.alerts("FOREIGN_POSITION")) == 1
    desk.tick()
    assert await desk.trade(desk.leave()) == [FILLED]
    await checked(desk, 3)
    assert desk.venue.others["EURUSD"] == desk.gate.book.exposure("EURUSD") == 2 * UNITS
    desk.agree()


@in_a_loop
async def test_a_fill_of_an_order_that_is_not_ours_is_told_once_and_changes_nothing_of_ours(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    fill = desk.venue.deal_of_others("GBPUSD", SELL, UNITS)

    for _ in range(3):
        await desk.restarted()
        assert desk.new_executor()._records.cursor == 2
        await desk.executor.record([OrderStep(order_id=fill.order_id, status=FILLED, at=desk.at, fill=fill)])

    assert [one["key"] for one in desk.alerts("FOREIGN_FILL")] == [fill.id]
    assert [one["key"] for one in desk.alerts("FOREIGN_POSITION")] == ["GBPUSD"]
    assert desk.rows(s.fills, id=fill.id) == []
    desk.agree()


# -- what was done there to ours ---------------------------------------------------------------------


@pytest.mark.parametrize("reason", [STOP, TARGET, OUTSIDE])
@pytest.mark.parametrize("asked", [True, False], ids=["its order is known there", "its order is not"])
@pytest.mark.parametrize(
    ("live", "can"),
    [(False, {"idempotent": True}), (False, {}), (True, {"idempotent": True})],
    ids=["", "mute", "live"],
)
@in_a_loop
async def test_a_position_closed_there_is_imported_with_its_reason_and_price(
    a_desk: MakeDesk, reason: str, asked: bool, live: bool, can: dict[str, bool]
) -> None:
    desk = await a_desk(live=live, can=can).started()
    desk.venue.tells_of_its_own = asked
    await desk.hold()
    await desk.hold("GBPUSD", -1)
    desk.venue.close("EURUSD", reason, price=PRICE - 2_000_000)

    if live:
        await desk.until(lambda: [one.symbol for one in desk.gate.holdings()] == ["GBPUSD"])
    else:
        await desk.restarted()
        desk.gate.settle()
        await desk.executor._reconciler.open_orders(desk.at)

    assert [(one.reason, one.exit) for one in desk.rows(s.trades)] == [(reason, "1.098")]
    assert [one.purpose for one in desk.rows(s.orders, symbol="EURUSD")] == ["ENTRY", reason]
    assert desk.alerts() == []
    desk.agree()


@in_a_loop
async def test_a_stop_that_fills_in_two_deals_closes_the_position_in_two_steps(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    desk.venue.close("EURUSD", STOP, UNITS // 4)
    await desk.restarted()
    assert desk.gate.book.quantity("EURUSD") == UNITS - UNITS // 4
    desk.venue.close("EURUSD", STOP, UNITS // 4)
    desk.venue.close("EURUSD", STOP)

    await desk.restarted()

    assert [one.reason for one in desk.rows(s.trades)] == [STOP, STOP, STOP]
    desk.agree()


@pytest.mark.parametrize("part", [UNITS, UNITS // 4])
@pytest.mark.parametrize("side", [1, -1])
@in_a_loop
async def test_a_position_that_is_gone_without_a_fill_is_closed_at_the_last_price_at_once_at_the_start(
    a_desk: MakeDesk, part: int, side: int
) -> None:
    desk = await a_desk().started()
    await desk.hold("EURUSD", side)
    desk.tick(1.2)
    desk.venue.close("EURUSD", OUTSIDE, part, tell=False)

    for _ in range(2):
        desk.new_executor()
        await desk.started()
        desk.gate.settle()

    assert [(one.reason, one.exit) for one in desk.rows(s.trades)] == [(OUTSIDE, "1.2")]
    assert len(desk.alerts("CLOSED_OUTSIDE")) == 1
    assert desk.gate.book.quantity("EURUSD") == side * (UNITS - part)
    desk.agree(cash=False)


@in_a_loop
async def test_the_same_part_may_be_gone_again(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    first = await desk.hold()

    for times in (1, 2):
        desk.venue.close("EURUSD", OUTSIDE, UNITS // 2, tell=False)
        await desk.restarted()
        desk.gate.settle()
        assert len(desk.rows(s.trades)) == times
        desk.venue.trade(first.id, UNITS // 2)  # more than was asked: it is as large as before
        await desk.restarted()

    assert desk.gate.book.quantity("EURUSD") == UNITS
    desk.agree(cash=False)


@in_a_loop
async def test_a_running_system_believes_that_a_position_is_gone_when_it_has_seen_it_three_times_in_a_row(
    a_desk: MakeDesk,
) -> None:
    desk = await a_desk().started()
    await desk.hold()
    desk.venue.held["EURUSD"] = 0

    await checked(desk, 2)
    desk.venue.held["EURUSD"] = UNITS  # the venue's answer was late
    await checked(desk)
    assert desk.gate.book.quantity("EURUSD") == UNITS

    desk.venue.held["EURUSD"] = 0
    await checked(desk, 2)
    assert desk.gate.book.quantity("EURUSD") == UNITS
    await checked(desk)
    assert desk.gate.book.quantity("EURUSD") == 0
    desk.agree(cash=False)


@in_a_loop
async def test_a_live_run_finds_out_by_itself(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    await desk.hold()
    desk.venue.close("EURUSD", OUTSIDE, tell=False)

    await desk.until(lambda: len(desk.alerts("CLOSED_OUTSIDE")) == 1)

    assert desk.venue.asked["positions"] >= 3
    desk.agree(cash=False)


@pytest.mark.parametrize("times", [1, 3])
@in_a_loop
async def test_a_failed_question_is_never_flat_in_the_background_either(a_desk: MakeDesk, times: int) -> None:
    desk = await a_desk(live=True).started()
    await desk.hold()
    desk.venue.always("positions", hostile.unavailable)
    asked = desk.venue.asked["positions"]

    await desk.until(lambda: desk.venue.asked["positions"] > asked + 3 * times)

    assert desk.gate.holdings() != []
    assert desk.alerts() == []
    desk.agree()


@in_a_loop
async def test_an_entry_that_fills_while_the_start_asks_is_not_taken_for_gone(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    assert await desk.trade(answer) == [ACCEPTED]

    def fills_meanwhile(proceed: hostile.Proceed) -> Any:
        found = proceed()
        desk.venue.trade(answer.orders[0].id, UNITS)
        return found

    desk.venue.next_time("positions", fills_meanwhile)
    await desk.restarted()

    assert desk.alerts() == []
    desk.agree()


@in_a_loop
async def test_a_venue_that_never_stands_still_is_not_clean(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.rests = True
    answer = desk.enter()
    await desk.trade(answer)

    def always_more(proceed: hostile.Proceed) -> Any:
        found = proceed()
        desk.venue.trade(answer.orders[0].id, UNITS // 1_000)
        return found

    desk.venue.always("positions", always_more)
    with pytest.raises(Unavailable):
        await desk.restarted()

    desk.venue.always("positions", None)
    await desk.started()
    desk.agree()


@in_a_loop
async def test_a_position_of_which_an_exit_is_in_doubt_is_not_taken_for_gone(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    await desk.hold()
    hidden = []

    def not_listed_yet(proceed: hostile.Proceed) -> Any:
        proceed()
        hidden.append(desk.venue.deals.pop())
        raise hostile.Died

    desk.venue.next_time("submit", not_listed_yet)
    desk.venue.always("lookup", hostile.unavailable)
    leaving = desk.leave()
    with pytest.raises(hostile.Died):
        await desk.trade(leaving)

    await desk.restarted()
    await checked(desk, 3)
    assert desk.story(leaving.orders[0].id)[-1] == UNKNOWN
    assert desk.gate.book.quantity("EURUSD") == UNITS

    desk.venue.deals += hidden
    desk.venue.always("lookup", None)
    await desk.restarted()
    assert [one.reason for one in desk.rows(s.trades)] == ["SIGNAL"]
    assert desk.alerts("CLOSED_OUTSIDE") == []
    desk.agree()


# -- stops -------------------------------------------------------------------------------------------


def stop_of(order: Order) -> tuple[int, int]:
    return order.stop, order.target


@in_a_loop
async def test_a_stop_that_is_gone_is_set_again(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    order = await desk.hold()
    desk.venue.stops.clear()

    await desk.restarted()

    assert desk.venue.stops == {"EURUSD": stop_of(order)}
    assert [one["text"] for one in desk.alerts("STOP_MISSING")] == ["set again"]
    await desk.restarted()
    assert len(desk.alerts("STOP_MISSING")) == 1
    assert desk.venue.sent("modify") == ["EURUSD"]
    desk.agree()


@in_a_loop
async def test_a_live_run_sets_it_again_by_itself_and_tells_if_it_may_not(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    order = await desk.hold()
    desk.venue.next_time("modify", hostile.refused)
    desk.venue.stops.clear()

    await desk.until(lambda: desk.venue.stops == {"EURUSD": stop_of(order)})
    await desk.until(lambda: len(desk.alerts("STOP_MISSING")) == 2)

    assert [one["text"] for one in desk.alerts("STOP_MISSING")] == ["no [10019]", "set again"]


@pytest.mark.parametrize(
    ("can", "others"),
    [({"idempotent": True}, 0), ({"idempotent": True, "venue_stops": True}, -3 * UNITS)],
    ids=["a venue that keeps no stops", "a position of others"],
)
@in_a_loop
async def test_no_stop_is_set_where_none_belongs(a_desk: MakeDesk, can: dict[str, bool], others: int) -> None:
    desk = await a_desk(can=can).started()
    await desk.hold()
    desk.venue.others["EURUSD"] = others
    desk.venue.stops.clear()

    await checked(desk, 3)

    assert desk.venue.sent("modify") == []
