"""A stop that moves, and a part that is closed: once, only tighter, and the same in the book as at the venue, whatever
breaks between the gate's decision and the venue's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest
import sqlalchemy as sa

from actors.risk_manager import GateAnswer
from actors.snapshot import GateSnapshot, encode
from actors.venue_gateway import VenueGateway
from domain.candidate import Amend
from domain.errors import ActorLost, DatabaseAway, Refused
from domain.order import STOP, STOP_REFUSED, STOP_SET
from domain.timeframe import MINUTE
from journal import schema as s
from tests.actors import hostile
from tests.actors.desk import PRICE, UNITS, Desk, in_a_loop

MakeDesk = Callable[..., Desk]

FIRST = PRICE - 2_000_000
"""The stop of the entry."""
NEARER, NEAREST = PRICE - 1_000_000, PRICE - 500_000
TARGET = PRICE + 3_000_000


def amend(desk: Desk, stop: int, purpose: str = "BREAKEVEN", **more: Any) -> Amend:
    """A wish of this minute."""
    usual = {"strategy": "ema_cross", "at": desk.at, "price": PRICE, "flag": purpose}
    return Amend(symbol="EURUSD", purpose=purpose, stop=stop, **usual | more)


def reserve(desk: Desk, *amends: Amend, **more: Any) -> GateAnswer:
    return desk.gate.reserve([], [], desk.at, amends=amends, **more)


async def move(desk: Desk, stop: int, purpose: str = "BREAKEVEN") -> list[str]:
    """The gate decides, the venue is asked. Returns what the executor says."""
    answer = reserve(desk, amend(desk, stop, purpose))
    return list((await desk.executor.amend(answer.changes, desk.at)).values())


async def cycle(desk: Desk, *stops: tuple[int, str]) -> list[str]:
    """The next minute as the driver goes through it: what is unanswered is said again, then what is new."""
    snapshot = desk.tick()
    said = await desk.executor.amend(snapshot.changes, desk.at)
    for stop, purpose in stops:
        answer = reserve(desk, amend(desk, stop, purpose))
        said |= await desk.executor.amend(answer.changes, desk.at)
    return list(said.values())


def flags(desk: Desk) -> list[str]:
    return list(desk.gate.book.positions["EURUSD"].flags.get("done", []))


def stop(desk: Desk) -> int:
    return desk.gate.book.positions["EURUSD"].stop


def at_the_venue(desk: Desk) -> tuple[int, int]:
    return desk.venue.stops["EURUSD"]


def guarded(desk: Desk) -> None:
    """The book has the venue's stop and target."""
    position = desk.gate.book.positions["EURUSD"]
    assert (position.stop, position.target) == at_the_venue(desk)
    desk.agree()


@pytest.fixture
def holding(a_desk: MakeDesk) -> Callable[..., Any]:
    async def make(**more: Any) -> Desk:
        desk = await a_desk(**more).started()
        await desk.hold()
        assert at_the_venue(desk) == (FIRST, TARGET)
        return desk

    return make


# -- one change --------------------------------------------------------------------------------------


@in_a_loop
async def test_a_stop_is_moved_once_and_its_flag_is_set_when_the_venue_has_confirmed(holding: Any) -> None:
    desk = await holding()
    answer = reserve(desk, amend(desk, NEARER))
    assert (stop(desk), flags(desk)) == (FIRST, [])

    await desk.executor.amend(answer.changes, desk.at)
    assert (stop(desk), flags(desk)) == (FIRST, [])
    snapshot = desk.tick()

    assert snapshot.changes == ()
    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    assert desk.venue.sent("modify") == ["EURUSD"]
    assert [one.state for one in desk.rows(s.stop_changes)] == [STOP_SET]
    assert [one.symbol for one in desk.rows(s.events, type="POSITION_UPDATE")] == [None, "EURUSD"]
    guarded(desk)


@pytest.mark.parametrize("where", [FIRST, FIRST - 1_000_000, PRICE, PRICE + 1_000_000])
@in_a_loop
async def test_a_stop_never_goes_back_nor_through_the_price(holding: Any, where: int) -> None:
    desk = await holding()

    assert await move(desk, where) == []

    assert (stop(desk), flags(desk)) == (FIRST, [])
    guarded(desk)


@in_a_loop
async def test_the_risk_at_entry_stays_whatever_the_stop_does(holding: Any) -> None:
    desk = await holding()
    before = desk.gate.book.positions["EURUSD"]
    entry = (before.risk, before.distance, before.first)

    await cycle(desk, (NEARER, "BREAKEVEN"))
    await cycle(desk, (NEAREST, "TRAILING"))
    await desk.trade(desk.leave(purpose="TP1", fraction=0.5))
    await desk.restarted()
    desk.tick()

    after = desk.gate.book.positions["EURUSD"]
    assert stop(desk) == NEAREST
    assert (after.risk, after.distance, after.first) == (entry[0] // 2, entry[1], entry[2])
    guarded(desk)


@pytest.mark.parametrize(
    "fault",
    [hostile.lost_before, hostile.lost_after, hostile.unknown, hostile.unavailable],
    ids=lambda one: one.__name__,
)
@pytest.mark.parametrize("live", [False, True])
@in_a_loop
async def test_a_change_without_an_answer_is_said_again_until_there_is_one(
    holding: Any, fault: hostile.Fault, live: bool
) -> None:
    desk = await holding(live=live)
    desk.venue.always("modify", fault)
    said = await move(desk, NEARER)
    assert STOP_SET not in said
    assert STOP_REFUSED not in said
    assert desk.rows(s.stop_changes) == []

    await cycle(desk)
    assert (stop(desk), flags(desk)) == (FIRST, [])
    assert desk.tick().held["EURUSD"].amending
    desk.venue.always("modify", None)
    assert await cycle(desk) == [STOP_SET]
    desk.tick()

    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    assert len(desk.rows(s.stop_changes)) == 1
    guarded(desk)


@pytest.mark.parametrize("fault", [hostile.lost_before, hostile.lost_after, hostile.unknown, hostile.unavailable])
@in_a_loop
async def test_under_barriers_a_single_lost_answer_costs_no_bar(
    holding: Any, fault: hostile.Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next bar would be traded with the old stop, and a fault would change what is decided."""
    desk = await holding()
    monkeypatch.setattr("actors.executor.QUESTIONS", 2)
    desk.venue.next_time("modify", fault)

    assert await move(desk, NEARER) == [STOP_SET]

    assert at_the_venue(desk) == (NEARER, TARGET)


@in_a_loop
async def test_a_refusal_leaves_the_old_stop_and_the_next_wish_may_come(holding: Any) -> None:
    desk = await holding()
    desk.venue.next_time("modify", hostile.refused)

    assert await move(desk, NEARER) == [STOP_REFUSED]
    assert await cycle(desk) == []

    assert (stop(desk), flags(desk)) == (FIRST, [])
    assert [one["code"] for one in desk.alerts("STOP_REFUSED")] == ["10019"]
    guarded(desk)
    assert await cycle(desk, (NEARER, "BREAKEVEN")) == [STOP_SET]
    desk.tick()
    assert flags(desk) == ["BREAKEVEN"]
    guarded(desk)


@in_a_loop
async def test_a_no_to_what_has_been_done_already_is_a_yes(holding: Any) -> None:
    """The answer to the first was lost; the second is refused because the stop is there, or too near by now."""
    desk = await holding(live=True)
    desk.venue.next_time("modify", hostile.lost_after)
    await move(desk, NEARER)
    desk.venue.always("modify", hostile.refused)

    await cycle(desk)
    desk.tick()

    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    assert desk.alerts("STOP_REFUSED") == []
    guarded(desk)


@in_a_loop
async def test_a_no_is_not_believed_while_the_venue_does_not_say_what_it_holds(holding: Any) -> None:
    desk = await holding(live=True)
    desk.venue.next_time("modify", hostile.lost_after)
    await move(desk, NEARER)
    desk.venue.next_time("modify", hostile.refused)
    desk.venue.always("positions", hostile.unavailable)
    await cycle(desk)
    assert desk.rows(s.stop_changes) == []
    desk.venue.always("positions", None)

    await cycle(desk)
    desk.tick()

    assert stop(desk) == NEARER
    guarded(desk)


# -- two changes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("then", [None, hostile.refused], ids=["set", "refused"])
@pytest.mark.parametrize("lost", [hostile.lost_before, hostile.lost_after])
@in_a_loop
async def test_a_newer_change_waits_for_the_answer_to_the_one_before(
    holding: Any, lost: hostile.Fault, then: hostile.Fault | None
) -> None:
    """Else the answer to the first would never be heard: its flag, and its stop if the second is refused."""
    desk = await holding()
    desk.venue.always("modify", lost)
    await move(desk, NEARER)
    await cycle(desk, (NEAREST, "TRAILING"))
    desk.venue.always("modify", None)
    await cycle(desk)
    desk.tick()
    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])

    if then is not None:
        desk.venue.next_time("modify", then)
    await cycle(desk, (NEAREST, "TRAILING"))
    desk.tick()

    assert stop(desk) == (NEAREST if then is None else NEARER)
    assert flags(desk) == ["BREAKEVEN", *(["TRAILING"] if then is None else [])]
    guarded(desk)


@in_a_loop
async def test_what_was_answered_in_this_minute_holds_up_no_newer_change(holding: Any) -> None:
    desk = await holding(live=True)
    desk.venue.next_time("modify", hostile.lost_after)
    await move(desk, NEARER)

    assert await cycle(desk, (NEAREST, "TRAILING")) == [STOP_SET, STOP_SET]
    desk.tick()

    assert (stop(desk), flags(desk)) == (NEAREST, ["BREAKEVEN", "TRAILING"])
    guarded(desk)


@in_a_loop
async def test_a_change_that_was_answered_is_never_sent_again(holding: Any) -> None:
    """An old message that comes late must not loosen a newer stop."""
    desk = await holding()
    old = reserve(desk, amend(desk, NEARER)).changes
    await desk.executor.amend(old, desk.at)
    await cycle(desk, (NEAREST, "TRAILING"))

    assert await desk.executor.amend(old, desk.at) == {old[0].id: STOP_SET}
    await desk.new_executor().start(desk.at)
    assert await desk.executor.amend(old, desk.at) == {old[0].id: STOP_SET}
    desk.tick()

    assert at_the_venue(desk) == (NEAREST, TARGET)
    assert len(desk.rows(s.stop_changes)) == 2
    guarded(desk)


@in_a_loop
async def test_the_same_change_twice_at_once_is_one(holding: Any) -> None:
    desk = await holding()
    changes = reserve(desk, amend(desk, NEARER)).changes
    desk.venue.next_time("modify", hostile.late(0.05))

    await asyncio.gather(desk.executor.amend(changes, desk.at), desk.executor.amend(changes, desk.at))
    desk.tick()

    assert len(desk.rows(s.stop_changes)) == 1
    assert [one.symbol for one in desk.rows(s.events, type="POSITION_UPDATE")] == [None, "EURUSD"]
    guarded(desk)


# -- deaths ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [hostile.dies_before, hostile.dies_after])
@in_a_loop
async def test_an_executor_that_dies_around_the_change_makes_it_once(holding: Any, fault: hostile.Fault) -> None:
    desk = await holding()
    desk.venue.next_time("modify", fault)
    with pytest.raises(hostile.Died):
        await move(desk, NEARER)

    await desk.new_executor().start(desk.at)
    assert await move(desk, NEARER) == [STOP_SET]  # the cycle is redone
    desk.tick()

    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    assert len(desk.rows(s.decisions)) == 2
    guarded(desk)


@pytest.mark.parametrize("again", [True, False], ids=["redone", "not redone"])
@in_a_loop
async def test_a_gate_that_comes_back_knows_the_change_it_wants(holding: Any, again: bool) -> None:
    desk = await holding()
    answer = reserve(desk, amend(desk, NEARER))

    desk.new_gate()
    snapshot = desk.again()
    assert snapshot.changes == answer.changes
    assert snapshot.held["EURUSD"].stop == NEARER
    if again:
        assert reserve(desk, amend(desk, NEARER)).changes == answer.changes
    assert len(desk.rows(s.decisions)) == 2
    await cycle(desk)
    desk.tick()

    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    guarded(desk)


@in_a_loop
async def test_a_gate_that_was_away_hears_of_the_answer(holding: Any) -> None:
    desk = await holding()
    await move(desk, NEARER)

    desk.new_gate()

    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    assert desk.again().changes == ()
    assert reserve(desk, amend(desk, NEARER)).changes == ()
    guarded(desk)


@in_a_loop
async def test_a_gate_without_the_bars_of_the_moment_decides_nothing(holding: Any) -> None:
    """It came back between the snapshot and the wishes: without prices it would deny what it approves with them."""
    desk = await holding()

    desk.new_gate()
    with pytest.raises(ActorLost):
        reserve(desk, amend(desk, NEARER))
    with pytest.raises(ActorLost):
        desk.enter("GBPUSD")
    assert len(desk.rows(s.decisions)) == 1

    desk.again()
    assert len(reserve(desk, amend(desk, NEARER)).changes) == 1
    assert [one.symbol for one in desk.enter("GBPUSD").orders] == ["GBPUSD"]


@in_a_loop
async def test_a_gate_without_the_bars_still_lets_an_emergency_out(holding: Any) -> None:
    desk = await holding()
    desk.halt()
    desk.new_gate()

    await desk.emergency(desk.at)
    desk.gate.settle()

    assert desk.venue.ours() == {}


@in_a_loop
async def test_a_frozen_executor_of_an_engine_that_was_replaced_writes_nothing(holding: Any) -> None:
    desk = await holding()
    changes = reserve(desk, amend(desk, NEARER)).changes
    with desk.store.transaction() as tx:
        tx.connection.execute(sa.update(s.sequence).values(epoch=7))

    with pytest.raises(Exception, match="epoch"):
        await desk.executor.amend(changes, desk.at)

    assert desk.venue.sent("modify") == []
    assert desk.rows(s.stop_changes) == []


class Broken:
    """Commits or questions of one actor's records that fail, before or after they are done."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def once(self, records: Any, method: str, after: bool = False, nth: int = 1) -> None:
        whole, calls = getattr(records, method), iter(range(1, 1_000))

        def broken(*args: Any, **more: Any) -> Any:
            if next(calls) != nth:
                return whole(*args, **more)
            if after:
                whole(*args, **more)
            raise DatabaseAway("the database is away")

        self._patch.setattr(records, method, broken)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Broken:
    return Broken(monkeypatch)


@pytest.mark.parametrize("after", [False, True], ids=["undone", "done"])
@in_a_loop
async def test_an_answer_that_cannot_be_written_down_is_asked_for_again(
    holding: Any, broken: Broken, after: bool
) -> None:
    desk = await holding()
    changes = reserve(desk, amend(desk, NEARER)).changes
    broken.once(desk.executor._records, "stop_told", after)
    with pytest.raises(DatabaseAway):
        await desk.executor.amend(changes, desk.at)
    with pytest.raises(Exception, match="reconciling"):
        await desk.executor.amend(changes, desk.at)

    await desk.executor.start(desk.at)
    await cycle(desk)
    desk.tick()

    assert (stop(desk), flags(desk)) == (NEARER, ["BREAKEVEN"])
    assert len(desk.rows(s.stop_changes)) == 1
    guarded(desk)


@in_a_loop
async def test_one_change_that_fails_leaves_none_of_the_others_behind(a_desk: MakeDesk, broken: Broken) -> None:
    """Who waits for the executor hears of the failure when nothing is on its way any more."""
    desk = await a_desk().started()
    await desk.hold("EURUSD")
    await desk.hold("GBPUSD")
    changes = tuple(
        one for symbol in ("EURUSD", "GBPUSD") for one in reserve(desk, amend_of(desk, symbol, NEARER)).changes
    )
    desk.venue.always("modify", hostile.late(0.05))
    broken.once(desk.executor._records, "stop_told")

    with pytest.raises(DatabaseAway):
        await desk.executor.amend(changes, desk.at)

    assert not desk.executor.busy("EURUSD")
    assert not desk.executor.busy("GBPUSD")


def amend_of(desk: Desk, symbol: str, where: int) -> Amend:
    return Amend(symbol, "ema_cross", "BREAKEVEN", desk.at, PRICE, where, "BREAKEVEN")


@pytest.mark.parametrize("after", [False, True], ids=["undone", "done"])
@in_a_loop
async def test_a_change_is_not_sent_before_it_is_written_down(holding: Any, broken: Broken, after: bool) -> None:
    desk = await holding()
    broken.once(desk.gate._records, "answered", after)
    with pytest.raises(DatabaseAway):
        reserve(desk, amend(desk, NEARER))

    changes = reserve(desk, amend(desk, NEARER)).changes

    assert len(changes) == 1
    assert desk.rows(s.positions)[0].flags.count("changed_at") == 1
    assert len(desk.rows(s.decisions)) == 2
    await desk.executor.amend(changes, desk.at)
    desk.tick()
    guarded(desk)


@in_a_loop
async def test_a_question_that_fails_in_the_middle_leaves_nothing_half_decided(holding: Any, broken: Broken) -> None:
    """The database goes away between the change of a stop and an exit of the same moment."""
    desk = await holding()
    await desk.hold("GBPUSD")
    broken.once(desk.gate._records, "attempts", nth=2)
    exits = [desk.exit_of("EURUSD", purpose="TP1", fraction=0.5), desk.exit_of("GBPUSD")]
    wishes = (exits, [], desk.at, False, [amend(desk, NEARER)])
    with pytest.raises(DatabaseAway):
        desk.gate.reserve(*wishes)

    answer = desk.gate.reserve(*wishes)

    assert [one.purpose for one in answer.orders] == ["TP1", "SIGNAL"]
    assert len(answer.changes) == 1
    assert "changed_at" in next(one.flags for one in desk.rows(s.positions) if one.symbol == "EURUSD")
    await desk.executor.amend(answer.changes, desk.at)
    await desk.trade(answer)
    desk.tick()
    assert flags(desk) == ["BREAKEVEN", "TP1"]
    guarded(desk)


# -- the position changes meanwhile --------------------------------------------------------------------


@pytest.mark.parametrize("side", [1, -1])
@in_a_loop
async def test_a_change_belongs_to_the_position_it_was_meant_for(holding: Any, side: int) -> None:
    """Stopped out and opened again while the venue did not answer."""
    desk = await holding()
    desk.venue.always("modify", hostile.lost_before)
    await move(desk, NEARER)
    desk.venue.always("modify", None)
    desk.venue.close("EURUSD", STOP, price=FIRST)
    await desk.restarted()
    assert desk.tick().changes == ()
    await desk.hold(side=side)

    assert desk.tick().changes == ()

    assert flags(desk) == []
    assert at_the_venue(desk)[0] == PRICE - side * 2_000_000
    guarded(desk)


@in_a_loop
async def test_a_wish_for_a_position_that_was_replaced_moves_no_stop(holding: Any) -> None:
    """The cycle is redone after the position was stopped out and another one opened."""
    desk = await holding()
    wish = amend(desk, NEARER, entry_order=desk.gate.book.positions["EURUSD"].entry_order)
    at, answer = desk.at, desk.gate.reserve([], [], desk.at, amends=[wish])
    assert len(answer.changes) == 1
    desk.venue.close("EURUSD", STOP, price=FIRST)
    await desk.restarted()
    desk.tick()
    await desk.hold()
    desk.at = at

    assert desk.gate.reserve([], [], at, amends=[wish]).changes == ()

    assert flags(desk) == []
    assert desk.gate.book.positions["EURUSD"].flags == {}


@in_a_loop
async def test_a_change_for_a_position_that_is_gone_at_the_venue_is_refused_and_forgotten(holding: Any) -> None:
    desk = await holding()
    desk.venue.close("EURUSD", STOP, price=FIRST)

    assert await move(desk, NEARER) == [STOP_REFUSED]
    await desk.restarted()
    desk.tick()

    assert desk.gate.book.positions == {}
    desk.agree()


# -- a venue that loses or moves a stop ------------------------------------------------------------------


@pytest.mark.parametrize("where", [0, FIRST - 1_000_000], ids=["lost", "loosened"])
@in_a_loop
async def test_a_stop_that_the_venue_lost_or_loosened_is_set_again(holding: Any, where: int) -> None:
    desk = await holding(live=True)
    await cycle(desk, (NEARER, "BREAKEVEN"))
    desk.tick()
    desk.venue.stops["EURUSD"] = (where, TARGET)

    await desk.until(lambda: at_the_venue(desk)[0] != where)

    assert at_the_venue(desk) == (NEARER, TARGET)
    await desk.until(lambda: bool(desk.alerts("STOP_MISSING")))
    guarded(desk)


@in_a_loop
async def test_a_stop_that_somebody_drew_nearer_at_the_venue_is_left_there(holding: Any) -> None:
    desk = await holding(live=True)
    desk.venue.stops["EURUSD"] = (NEARER, TARGET)
    before = desk.venue.asked["positions"]

    await desk.until(lambda: desk.venue.asked["positions"] > before + 3)

    assert at_the_venue(desk) == (NEARER, TARGET)
    assert desk.venue.sent("modify") == []


@in_a_loop
async def test_guarding_an_old_stop_never_undoes_a_newer_one(holding: Any) -> None:
    """The background has read the book, and the stop moves before it sets the one it has read."""
    desk = await holding()
    desk.venue.stops["EURUSD"] = (0, TARGET)
    changes = reserve(desk, amend(desk, NEARER)).changes
    desk.venue.next_time("positions", hostile.late(0.05))
    checking = asyncio.create_task(desk.executor._reconciler.positions(desk.at))
    await asyncio.sleep(0.01)
    assert desk.venue.asked["positions"] > 0
    await desk.executor.amend(changes, desk.at)
    await checking
    desk.tick()

    assert at_the_venue(desk) == (NEARER, TARGET)
    assert desk.venue.sent("modify") == ["EURUSD"]
    guarded(desk)


@in_a_loop
async def test_what_is_not_ours_is_never_touched(holding: Any) -> None:
    desk = await holding(live=True)
    desk.venue.deal_of_others("GBPUSD", 1, UNITS)
    before = desk.venue.asked["positions"]

    await desk.until(lambda: desk.venue.asked["positions"] > before + 4)

    assert desk.venue.sent("modify") == []


# -- parts -------------------------------------------------------------------------------------------


@in_a_loop
async def test_a_part_that_filled_in_part_is_flagged_and_never_closed_twice(holding: Any) -> None:
    """What did not fill of it stays: closing more later could close more than the part."""
    desk = await holding()
    desk.venue.rests = True
    answer = desk.leave(purpose="TP1", fraction=0.5)
    assert await desk.trade(answer) == ["ACCEPTED"]
    assert flags(desk) == []
    desk.venue.trade(answer.orders[0].id, UNITS // 10)
    await desk.executor.cancel([answer.orders[0].id], desk.at)
    desk.tick()

    assert flags(desk) == ["TP1"]
    assert desk.venue.ours() == {"EURUSD": UNITS * 9 // 10}
    await desk.restarted()
    assert flags(desk) == ["TP1"]
    desk.agree()


@in_a_loop
async def test_a_part_that_was_refused_sets_no_flag_and_may_be_asked_for_again(holding: Any) -> None:
    desk = await holding()
    desk.venue.next_time("submit", hostile.refused)
    refused = desk.leave(purpose="TP1", fraction=0.5)
    assert await desk.trade(refused) == ["REJECTED"]
    assert flags(desk) == []
    assert desk.leave(purpose="TP1", fraction=0.5).orders == refused.orders  # redone: the same answer
    desk.tick()

    again = desk.leave(purpose="TP1", fraction=0.5)

    assert again.orders[0].id != refused.orders[0].id
    assert await desk.trade(again) == ["FILLED"]
    assert flags(desk) == ["TP1"]
    assert desk.venue.ours() == {"EURUSD": UNITS // 2}
    desk.agree()


@pytest.mark.parametrize("fault", [hostile.lost_before, hostile.lost_after, hostile.unknown])
@in_a_loop
async def test_a_part_whose_answer_was_lost_is_closed_and_flagged_once(holding: Any, fault: hostile.Fault) -> None:
    desk = await holding()
    desk.venue.next_time("submit", fault)

    await desk.trade(desk.leave(purpose="TP1", fraction=0.5))
    desk.tick()
    await desk.restarted()

    assert flags(desk) == ["TP1"]
    assert desk.venue.ours() == {"EURUSD": UNITS // 2}
    desk.agree()


# -- what a close leaves behind --------------------------------------------------------------------------

LOCKS = {"losses_in_a_row": 1, "losses_in_a_row_lock": 3_600.0, "stages_off": ()}


FALLS = {"drawdown_guard": 0.0001, "drawdown_guard_lock": 3_600.0, "stages_off": ()}


async def lose(desk: Desk, symbol: str = "EURUSD") -> None:
    """A position closed at a loss, in two parts."""
    await desk.hold(symbol)
    desk.venue.close(symbol, STOP, UNITS // 2, price=FIRST)
    desk.venue.close(symbol, STOP, price=FIRST)
    await desk.executor._reconciler.fills()


def record(desk: Desk, snapshot: GateSnapshot) -> None:
    """The row of a cycle, as the driver writes it."""
    words = dict.fromkeys(("config", "symbols", "codes", "inputs"), "")
    run = {"run_id": "run", "epoch": 0, "account": "paper", "live": False, "simulated": False, "started_at": 0}
    cycle = {"run_id": "run", "n": snapshot.at // MINUTE, "at": snapshot.at, "digest": "", "closed": True}
    with desk.store.transaction() as tx:
        tx.insert_new(s.runs, [run | words | {"warmed_until": 0}])
        tx.insert(s.cycles, [cycle | {"snapshot": encode(snapshot)}])


def counted(desk: Desk) -> tuple[Any, ...]:
    """Everything that a close leaves behind, in memory and in the database."""
    view = desk.gate._lookout.view
    return (
        view.statistics.plain(),
        [(one.id, one.code, one.until_at) for one in view.locks],
        [(one.id, one.code, one.until_at) for one in desk.rows(s.locks) if one.removed_at is None],
        [(one.fill_id, one.flat) for one in desk.rows(s.trades)],
    )


@pytest.mark.parametrize(
    ("method", "after", "nth"),
    [
        ("settled", False, 1),
        ("settled", True, 1),
        ("reasons", False, 1),
        ("reasons", False, 2),
        ("steps_after", False, 1),
    ],
)
@in_a_loop
async def test_every_close_is_counted_once_whatever_fails_in_between(
    a_desk: MakeDesk, broken: Broken, method: str, after: bool, nth: int
) -> None:
    desk = await a_desk(risk=LOCKS).started()
    await lose(desk)
    broken.once(desk.gate._records, method, after, nth)
    with pytest.raises(DatabaseAway):
        desk.gate.settle()

    desk.gate.settle()

    statistics, locks, written, trades = counted(desk)
    assert statistics["all"]["trades"] == 1
    assert statistics["all"]["losses"] == 1
    assert [flat for _, flat in trades] == [False, True]
    assert locks == written
    assert [code for _, code, _ in locks] == ["LOSSES_IN_A_ROW"]
    assert [one["code"] for one in desk.alerts("LOCKED")] == ["LOSSES_IN_A_ROW"]
    before = counted(desk)
    desk.new_gate()
    assert counted(desk) == before
    desk.agree()


@pytest.mark.parametrize("after", [False, True], ids=["undone", "done"])
@in_a_loop
async def test_a_lock_that_no_close_has_left_is_kept_only_if_it_was_written(
    a_desk: MakeDesk, broken: Broken, after: bool
) -> None:
    desk = await a_desk(risk=FALLS).started()
    await desk.hold()
    record(desk, desk.tick())
    broken.once(desk.gate._records, "locked", after)
    with pytest.raises(DatabaseAway):
        desk.tick(1.09)

    desk.at -= MINUTE
    desk.tick(1.09)

    view = desk.gate._lookout.view
    assert [one.code for one in view.locks] == ["DRAWDOWN_GUARD"]
    assert [one.id for one in view.locks] == [one.id for one in desk.rows(s.locks)]
    assert len(desk.alerts("LOCKED")) == 1


@pytest.mark.parametrize("after", [False, True], ids=["undone", "done"])
@in_a_loop
async def test_a_lock_that_a_person_has_taken_away_stays_away(a_desk: MakeDesk, broken: Broken, after: bool) -> None:
    desk = await a_desk(risk=LOCKS).started()
    await lose(desk)
    desk.gate.settle()
    (lock,) = desk.gate._lookout.view.locks
    broken.once(desk.gate._records, "unlocked", after)
    with pytest.raises(DatabaseAway):
        desk.gate.unlock(lock.id, "enough", "test")
    desk.gate.settle()
    assert [one.id for one in desk.gate._lookout.view.locks] == ([] if after else [lock.id])

    assert desk.gate.unlock(lock.id, "enough", "test")
    assert desk.gate._lookout.view.locks == []
    desk.new_gate()

    assert desk.gate._lookout.view.locks == []
    assert len(desk.alerts("UNLOCKED")) == 1


@in_a_loop
async def test_a_gate_that_comes_back_knows_the_best_and_the_worst_price(holding: Any) -> None:
    desk = await holding()
    for price in (1.1015, 1.0995, 1.1005):
        record(desk, desk.tick(price))
    before = desk.again(1.1005)
    assert (before.held["EURUSD"].best, before.held["EURUSD"].worst) == (1_101_500_000, 1_099_500_000)

    desk.new_gate()

    assert desk.again(1.1005) == before


@in_a_loop
async def test_a_gate_that_comes_back_knows_how_far_equity_has_fallen(a_desk: MakeDesk) -> None:
    """Half of the fall was before, the other half comes after."""
    desk = await a_desk(risk=FALLS | {"drawdown_guard": 0.0003}).started()
    await desk.hold()
    for price in (1.102, 1.100):
        record(desk, desk.tick(price))

    desk.new_gate()
    desk.tick(1.098)

    assert [one.code for one in desk.gate._lookout.view.locks] == ["DRAWDOWN_GUARD"]


@in_a_loop
async def test_a_fall_that_a_person_has_accepted_is_accepted_for_good(a_desk: MakeDesk) -> None:
    """The gate dies right after the lock was taken away."""
    desk = await a_desk(risk=FALLS | {"drawdown_guard": 0.0003}).started()
    await desk.hold()
    for price in (1.104, 1.098):
        record(desk, desk.tick(price))
    (lock,) = desk.gate._lookout.view.locks
    desk.gate.unlock(lock.id, "enough", "test")

    desk.new_gate()
    desk.again(1.098)
    assert desk.gate._lookout.view.locks == []
    desk.tick(1.097)
    assert desk.gate._lookout.view.locks == []
    desk.tick(1.094)

    assert [one.code for one in desk.gate._lookout.view.locks] == ["DRAWDOWN_GUARD"]


# -- late messages ---------------------------------------------------------------------------------------


@in_a_loop
async def test_a_message_that_was_overtaken_on_its_way_is_refused(holding: Any) -> None:
    """The gateway takes no older change after a newer one, whoever sends it; a stop that is set again names none."""
    desk = await holding()
    gateway = VenueGateway("hostile", 0, cast(Any, Direct(desk.venue)), lambda: 0)
    entry = desk.gate.book.positions["EURUSD"].entry_order
    gateway.modify(0, "EURUSD", 1, NEARER, TARGET, 100, entry)
    gateway.modify(0, "EURUSD", 1, NEAREST, TARGET, 160, entry)

    with pytest.raises(Refused, match="newer"):
        gateway.modify(0, "EURUSD", 1, NEARER, TARGET, 100, entry)
    assert at_the_venue(desk) == (NEAREST, TARGET)
    gateway.modify(0, "EURUSD", 1, NEAREST, TARGET, 160, entry)
    gateway.modify(0, "EURUSD", 1, NEARER, TARGET, 5)

    assert at_the_venue(desk) == (NEARER, TARGET)


class Direct:
    """The venue behind its gateway, which adds the epoch."""

    def __init__(self, venue: hostile.HostileVenue) -> None:
        self._venue = venue

    def modify(self, *where: Any) -> Any:
        return self._venue.modify(0, *where)
