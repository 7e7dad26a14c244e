"""The executor while the venue is down, the database goes away, or many orders want to go at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domain.errors import DatabaseAway, StaleEpoch, Unavailable
from domain.order import ACCEPTED, EXPIRED, FILLED, REJECTED, SUBMITTED, UNKNOWN
from domain.timeframe import MINUTE
from journal import schema as s
from journal.store import Store
from tests.actors import hostile
from tests.actors.desk import UNITS, Desk, in_a_loop

MakeDesk = Callable[..., Desk]


def attempts(desk: Desk) -> list[int]:
    return sorted(one.n for one in desk.rows(s.attempts))


# -- a venue that is down ----------------------------------------------------------------------------


@in_a_loop
async def test_a_venue_that_comes_back_within_the_life_of_the_plan_gets_the_order(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    desk.venue.next_time("submit", hostile.unavailable, hostile.unavailable)

    assert await desk.trade(desk.enter()) == [FILLED]

    assert attempts(desk) == [1, 2, 3]
    assert len(desk.venue.sent()) == 1
    desk.agree()


@in_a_loop
async def test_a_plan_that_expires_while_the_venue_is_down_is_never_sent(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()

    def down_for_long(proceed: hostile.Proceed) -> Any:
        desk.clock.at += 2 * MINUTE
        return hostile.unavailable(proceed)

    desk.venue.next_time("submit", hostile.unavailable, down_for_long)

    assert await desk.trade(desk.enter()) == [EXPIRED]

    assert attempts(desk) == [1, 2]
    assert desk.venue.asked["submit"] == 2
    assert desk.venue.sent() == []
    assert desk.gate.book.exposed() == []
    desk.agree()


@in_a_loop
async def test_a_plan_that_expires_while_the_next_attempt_is_written_down_is_not_sent(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True).started()
    again = desk.executor._records.again

    def slow(order_id: str, n: int, at: int) -> None:
        again(order_id, n, at)
        desk.clock.at += 2 * MINUTE

    desk.executor._records.again = slow  # type: ignore[method-assign]
    desk.venue.next_time("submit", hostile.unavailable)

    assert await desk.trade(desk.enter()) == [EXPIRED]

    assert attempts(desk) == [1, 2]
    assert desk.venue.asked["submit"] == 1
    desk.agree()


@in_a_loop
async def test_an_exit_never_expires_and_is_tried_for_one_deadline(a_desk: MakeDesk) -> None:
    desk = await a_desk(live=True, executor={"deadline": 0.5}).started()
    await desk.hold()
    leaving = desk.leave()
    desk.clock.at += 10 * MINUTE
    desk.venue.always("submit", hostile.unavailable)

    assert await desk.trade(leaving) == [REJECTED]
    assert desk.venue.asked["submit"] > 2
    desk.agree()

    desk.venue.always("submit", None)
    desk.tick()
    assert await desk.trade(desk.leave()) == [FILLED]
    desk.agree()


# -- one writer a symbol, and permits ----------------------------------------------------------------


@in_a_loop
async def test_orders_of_one_symbol_go_one_after_the_other_and_waiting_takes_no_permit(a_desk: MakeDesk) -> None:
    desk = await a_desk(executor={"permits": 2}).started()
    await desk.hold()
    await desk.hold("GBPUSD")
    first = desk.leave(purpose="TP1", fraction=0.5)
    second = desk.leave()
    other = desk.leave("GBPUSD")
    arrived = asyncio.Event()

    async def waits_for_the_other_symbol(proceed: hostile.Proceed) -> Any:
        await asyncio.wait_for(arrived.wait(), 5)
        return proceed()

    def arrives(proceed: hostile.Proceed) -> Any:
        arrived.set()
        return proceed()

    desk.venue.next_time("submit", waits_for_the_other_symbol, arrives)
    found = await asyncio.gather(*(desk.executor.submit(one) for one in (first, second, other)))

    assert [list(one.values()) for one in found] == [[FILLED]] * 3
    assert desk.venue.together == {"EURUSD": set(), "GBPUSD": set()}
    assert desk.venue.sent()[-3:] == [one.orders[0].id for one in (other, first, second)]
    desk.agree()


@in_a_loop
async def test_an_order_that_nobody_can_tell_about_keeps_no_permit(
    a_desk: MakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.executor.QUESTIONS", 3)
    desk = await a_desk(executor={"permits": 1}).started()
    await desk.hold("GBPUSD")
    left = asyncio.Event()

    async def until_the_other_has_gone(proceed: hostile.Proceed) -> Any:
        await asyncio.wait_for(left.wait(), 5)
        return hostile.unavailable(proceed)

    def goes(proceed: hostile.Proceed) -> Any:
        left.set()
        return proceed()

    desk.venue.next_time("submit", hostile.lost_after, goes)
    desk.venue.next_time("lookup", until_the_other_has_gone, hostile.unavailable)
    entry, leaving = desk.enter(), desk.leave("GBPUSD")

    found = await asyncio.gather(desk.executor.submit(entry), desk.executor.submit(leaving))

    assert [list(one.values()) for one in found] == [[FILLED], [FILLED]]
    desk.agree()


# -- the database ------------------------------------------------------------------------------------


@contextmanager
def away(store: Store, nth: int, *, committed: bool) -> Iterator[None]:
    """The nth transaction from now on is lost: before anything happened, or after it was committed."""
    honest, count = store.transaction, 0

    @contextmanager
    def transaction() -> Iterator[Any]:
        nonlocal count
        count += 1
        if count == nth and not committed:
            raise DatabaseAway("the connection was lost")
        with honest() as tx:
            yield tx
        if count == nth:
            raise DatabaseAway("the connection was lost during the commit")

    store.transaction = transaction  # type: ignore[method-assign]
    yield
    store.transaction = honest  # type: ignore[method-assign]


@pytest.mark.parametrize("committed", [False, True])
@in_a_loop
async def test_a_database_lost_while_the_answer_is_recorded_costs_no_fill_and_no_second_send(
    a_desk: MakeDesk, committed: bool
) -> None:
    desk = await a_desk().started()
    answer = desk.enter()
    order = answer.orders[0].id

    with away(desk.executor._records.store, 2, committed=committed), pytest.raises(DatabaseAway):
        await desk.executor.submit(answer)

    assert desk.executor.health().ready is False
    with pytest.raises(Unavailable, match="NOT_READY"):
        await desk.executor.submit(desk.enter("GBPUSD"))
    await desk.started()
    assert desk.venue.received[order] == 1
    assert [one for one in desk.story(order) if one != ACCEPTED] == [SUBMITTED, FILLED]
    assert await desk.trade(answer) == [FILLED]
    assert desk.venue.received[order] == 1
    desk.agree()


@pytest.mark.parametrize("committed", [False, True])
@in_a_loop
async def test_a_database_lost_while_the_attempt_is_recorded_sends_nothing_before_it_is_known(
    a_desk: MakeDesk, committed: bool
) -> None:
    desk = await a_desk().started()
    answer = desk.enter()
    order = answer.orders[0].id

    with away(desk.executor._records.store, 1, committed=committed), pytest.raises(DatabaseAway):
        await desk.executor.submit(answer)

    assert desk.venue.received[order] == 0
    await desk.started()
    assert desk.venue.received[order] == committed  # it was written down, and the venue recognises ids
    assert await desk.trade(answer) == [FILLED]
    assert desk.venue.sent() == [order]
    desk.agree()


@in_a_loop
async def test_what_is_queued_does_not_go_while_the_records_are_unsure(a_desk: MakeDesk) -> None:
    desk = await a_desk(executor={"permits": 1}).started()
    answer = desk.enter("EURUSD", "GBPUSD", "AUDUSD")

    with away(desk.executor._records.store, 2, committed=False), pytest.raises((DatabaseAway, Unavailable)):
        await desk.executor.submit(answer)

    assert desk.venue.sent() == [answer.orders[0].id]
    await desk.started()
    assert await desk.trade(answer) == [FILLED, FILLED, FILLED]
    desk.agree()


@in_a_loop
async def test_a_database_lost_while_it_reconciles_is_reconciled_again(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    answer = desk.enter()
    desk.venue.next_time("submit", hostile.dies_after)
    with pytest.raises(hostile.Died):
        await desk.executor.submit(answer)
    desk.new_executor()

    with away(desk.executor._records.store, 1, committed=True), pytest.raises(DatabaseAway):
        await desk.started()

    assert desk.executor.health().ready is False
    await desk.started()
    desk.agree()


@in_a_loop
async def test_a_stale_executor_sends_and_writes_nothing(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    answer = desk.enter()
    with desk.store.transaction() as tx:
        tx.connection.exec_driver_sql("UPDATE sequence SET epoch = 1")
    before = desk.story()

    with pytest.raises(StaleEpoch):
        await desk.executor.submit(answer)

    assert desk.venue.asked["submit"] == 0
    assert desk.story() == before


@in_a_loop
async def test_the_order_that_is_unknown_is_told_with_what_went_wrong(a_desk: MakeDesk) -> None:
    desk = await a_desk().started()
    desk.venue.next_time("submit", hostile.unknown)
    desk.venue.always("lookup", hostile.unavailable)
    answer = desk.enter()

    assert await desk.trade(answer) == [UNKNOWN]

    (alert,) = desk.alerts("ORDER_UNKNOWN")
    assert (alert["order_id"], alert["code"]) == (answer.orders[0].id, "Unknown")
    assert desk.gate.book.exposure("EURUSD") == UNITS
