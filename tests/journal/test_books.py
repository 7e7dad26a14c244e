"""What a check says of books that do not agree. Each story begins with one filled order that everybody agrees on."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from sqlalchemy import delete, text, update

from domain.money import from_text
from domain.order import Fill, Order
from domain.venue import VenueAccount, VenueChange, VenueOrder, VenuePosition
from journal import database, schema
from journal.paper_books import PaperBooks
from journal.store import Store

NANO = 10**9
FAULTS = ("reservations", "positions", "mismatches", "illegal", "doubled", "trades", "locks")


def an_order(id: str = "o1", purpose: str = "ENTRY", side: int = 1, **more: Any) -> Order:
    fields = {"account": "A", "venue": "paper", "symbol": "X", "strategy": "ema_cross", "at": 60, "correlation_id": id}
    return Order(id=id, purpose=purpose, side=side, quantity=10 * NANO, **fields | more)


def a_fill(id: str = "f1", order: Order | None = None, quantity: int = 10) -> Fill:
    order = order or an_order()
    return Fill(
        id=id,
        order_id=order.id,
        account="A",
        symbol="X",
        side=order.side,
        quantity=quantity * NANO,
        price=NANO,
        commission=NANO // 10,
        at=120,
        reason=order.purpose,
        correlation_id=order.correlation_id,
    )


def amounts(row: dict[str, Any]) -> dict[str, Any]:
    """Integers of 1e-9 as the decimal text of the tables."""
    names = {"quantity", "reduces", "price", "stop", "target", "entry", "commission"}
    return {name: str(value // NANO if value % NANO == 0 else value / NANO) if name in names else value
            for name, value in row.items()}  # fmt: skip


class Story:
    """Writes as the gate, the executor and the venue do."""

    def __init__(self, store: Store) -> None:
        self.store, self.seq = store, 0
        self.venue = PaperBooks(store)

    def write(self, table: Any, **row: Any) -> None:
        with self.store.transaction() as tx:
            tx.insert(table, [row])

    def intend(self, order: Order) -> None:
        row = amounts(msgspec.structs.asdict(order))
        answer = {"run_id": "run", "answer": "APPROVED", "code": "", "value": None, "threshold": None}
        self.write(schema.orders, **row, **answer)

    def step(self, order_id: str, status: str, fill: Fill | None = None, **more: Any) -> int:
        self.seq += 1
        row = {"seq": self.seq, "order_id": order_id, "account": "A", "status": status, "at": 120, "code": ""}
        row |= {"text": "", "venue_ref": "", "surprising": False, "fill_id": fill.id if fill else None}
        self.write(schema.order_events, **row | more)
        if fill is not None:
            self.write(schema.fills, **amounts(msgspec.structs.asdict(fill)) | {"run_id": "run", "seq": self.seq + 1})
        return self.seq

    def close(self, fill: Fill, **more: Any) -> None:
        """The trade that a fill has closed."""
        row = {"account": "A", "fill_id": fill.id, "run_id": "run", "symbol": "X", "strategy": "", "side": 1}
        row |= {"quantity": str(fill.quantity // NANO), "entry": "1", "exit": "1", "opened_at": 1, "closed_at": 120}
        row |= {"pnl": "0", "commission": "0", "r": None, "reason": fill.reason, "correlation_id": ""}
        self.write(schema.trades, **row | {"flat": True, "session": "", "factors": "[]", "seq": self.seq} | more)

    def hold(self, quantity: str, cursor: int, **more: Any) -> None:
        """The gate's position and how far it has read."""
        row = {"account": "A", "symbol": "X", "quantity": quantity, "cost": "0", "opened_at": 1, "strategy": ""}
        row |= {"entry_order": "", "correlation_id": "", "stop": "0", "target": "0", "risk": "0", "realised": "0"}
        with self.store.transaction() as tx:
            tx.connection.execute(delete(schema.positions))
            if quantity != "0":
                tx.insert(schema.positions, [row | {"commission": "0", "flags": "{}"} | more])
            account = {"account": "A", "currency": "USD", "started_cash": "0", "balance": "0", "cursor": cursor}
            tx.upsert(schema.accounts, [account])

    def trade(self, *orders: tuple[Order, str, tuple[Fill, ...]], held: int, stop: int = 0, target: int = 0) -> None:
        """What the venue has done: its orders with their fills, and its position after them."""
        account = VenueAccount(account="A", cash={}, at=120)
        taken = tuple(VenueOrder(order=order, status=status) for order, status, _ in orders)
        fills = tuple(fill for _, _, some in orders for fill in some)
        position = VenuePosition(symbol="X", quantity=held * NANO, cost=0, stop=stop, target=target)
        self.venue.commit(VenueChange(account=account, positions=(position,), orders=taken, fills=fills))

    def everybody_agrees(self) -> None:
        order, fill = an_order(), a_fill()
        self.intend(order)
        self.step("o1", "SUBMITTED")
        self.trade((order, "FILLED", (fill,)), held=10)
        self.step("o1", "ACCEPTED")
        self.hold("10", self.step("o1", "FILLED", fill))


@pytest.fixture
def story(store: Store) -> Story:
    one = Story(store)
    one.everybody_agrees()
    return one


def faults(url: str) -> dict[str, Any]:
    """What is not in order, and that ``ok`` says the same."""
    found = database.check(url)
    wrong = {name: found[name] for name in FAULTS if found[name]}
    assert found["ok"] == (not wrong)
    return wrong


def test_books_that_agree_are_sound(url: str, story: Story) -> None:
    found = database.check(url)

    assert found["ok"]
    assert [found[name] for name in (*FAULTS, "unresolved", "unrecorded")] == [[]] * 9


# -- reservations and steps --------------------------------------------------------------------------


def reserve(story: Story, order_id: str) -> None:
    story.write(schema.reservations, order_id=order_id, account="A", symbol="X", created_at=1)


def test_a_reservation_without_an_order_is_found(url: str, story: Story) -> None:
    reserve(story, "nobody's")

    assert faults(url) == {
        "reservations": [{"order_id": "nobody's", "account": "A", "symbol": "X", "what": "NO_ORDER"}]
    }


def test_a_reservation_of_an_order_that_has_ended_is_found_once_the_gate_has_seen_the_end(
    url: str, story: Story
) -> None:
    story.intend(an_order("o2", at=180))
    reserve(story, "o2")
    story.step("o2", "SUBMITTED")
    end = story.step("o2", "REJECTED")

    assert faults(url) == {}
    story.hold("10", cursor=end)
    assert [one["what"] for one in faults(url)["reservations"]] == ["ORDER_HAS_ENDED"]


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        (("SUBMITTED", "ACCEPTED", "PARTIALLY_FILLED", "PENDING_CANCEL", "CANCELLED"), None),
        (("CANCELLED",), None),
        (("SUBMITTED", "UNKNOWN", "ACCEPTED"), None),
        (("ACCEPTED",), ("INTENT", "ACCEPTED")),
        (("SUBMITTED", "FILLED", "CANCELLED"), ("FILLED", "CANCELLED")),
        (("SUBMITTED", "REJECTED", "SUBMITTED"), ("REJECTED", "SUBMITTED")),
        (("SUBMITTED", "CANCELLED", "FILLED"), ("CANCELLED", "FILLED")),
    ],
)
def test_a_step_that_the_table_does_not_have_is_found(
    url: str, story: Story, steps: tuple[str, ...], wrong: tuple[str, str] | None
) -> None:
    order = an_order("o2", at=180)
    story.intend(order)
    story.trade((order, steps[-1], ()), held=10)
    for status in steps:
        story.step("o2", status)

    expected = [] if wrong is None else [{"order_id": "o2", "from": wrong[0], "to": wrong[1]}]
    assert faults(url).get("illegal", []) == expected


def test_a_surprising_step_is_legal_where_it_is_marked(url: str, story: Story) -> None:
    story.intend(an_order("o2", at=180))
    for status in ("SUBMITTED", "CANCELLED"):
        story.step("o2", status)
    story.trade((an_order("o2", at=180), "CANCELLED", ()), held=10)
    story.step("o2", "PARTIALLY_FILLED", surprising=True)

    assert faults(url) == {}


def test_an_order_that_the_venue_made_may_begin_with_its_fill(url: str, story: Story) -> None:
    stop = an_order("s1", "STOP", side=-1)
    fill = a_fill("f2", stop)
    story.trade((stop, "FILLED", (fill,)), held=0)
    end = story.step("s1", "FILLED", fill)
    assert faults(url) == {}

    story.intend(stop)
    story.hold("0", cursor=end)
    story.close(fill)
    assert faults(url) == {}


# -- positions ---------------------------------------------------------------------------------------


def test_a_position_that_is_not_the_sum_of_its_fills_is_found(url: str, story: Story) -> None:
    story.hold("10.000000001", cursor=story.seq)

    assert faults(url) == {"positions": [{"account": "A", "symbol": "X", "position": "10.000000001", "fills": "10"}]}


def test_a_position_that_is_missing_is_found(url: str, story: Story) -> None:
    story.hold("0", cursor=story.seq)

    assert [one["position"] for one in faults(url)["positions"]] == ["0"]


def test_a_fill_that_the_gate_has_not_read_yet_is_not_in_its_position(url: str, story: Story) -> None:
    exit = an_order("o2", "SIGNAL", side=-1, at=180)
    fill = a_fill("f2", exit)
    story.intend(exit)
    story.step("o2", "SUBMITTED")
    story.trade((exit, "FILLED", (fill,)), held=0)
    end = story.step("o2", "FILLED", fill)

    assert faults(url) == {}
    story.hold("10", cursor=end)
    assert [one["fills"] for one in faults(url)["positions"]] == ["0"]


# -- the venue ---------------------------------------------------------------------------------------


def test_a_fill_that_only_the_venue_has_is_for_reconciling(url: str, story: Story) -> None:
    order = an_order("o2", at=180)
    story.intend(order)
    story.step("o2", "SUBMITTED")
    story.trade((order, "FILLED", (a_fill("f2", order),)), held=20)

    found = database.check(url)
    assert found["ok"]
    assert found["unrecorded"] == [{"account": "A", "symbol": "X", "order_id": "o2", "fill_id": "f2"}]
    assert found["unresolved"] == [{"order_id": "o2", "status": "SUBMITTED"}]


def test_a_fill_that_only_we_have_is_found(url: str, story: Story) -> None:
    order = an_order("o2", at=180)
    story.intend(order)
    story.trade((order, "ACCEPTED", ()), held=10)
    for status in ("SUBMITTED", "ACCEPTED"):
        story.step("o2", status)
    story.hold("20", story.step("o2", "FILLED", a_fill("f2", order)))

    assert faults(url)["mismatches"] == [
        {"what": "FILL_NOT_AT_VENUE", "account": "A", "order_id": "o2", "fill_id": "f2"},
        {"what": "ORDER_DIFFERS", "account": "A", "order_id": "o2", "ours": "FILLED", "theirs": "ACCEPTED"},
        {"what": "POSITION_DIFFERS", "account": "A", "symbol": "X", "ours": "20", "theirs": "10"},
    ]


def test_a_fill_that_was_inferred_is_not_looked_for_at_the_venue(url: str, story: Story) -> None:
    gone = a_fill("f2", an_order("gone", "OUTSIDE", side=-1))
    story.trade(held=0)
    story.hold("0", story.step("gone", "FILLED", gone, code="INFERRED"))
    story.close(gone)

    assert faults(url) == {}


@pytest.mark.parametrize("column", ["price", "quantity", "commission", "symbol"])
def test_a_fill_that_differs_is_found(url: str, story: Story, column: str) -> None:
    with story.store.transaction() as tx:
        tx.connection.execute(update(schema.fills).values({column: "9"}))

    found = [one for one in faults(url)["mismatches"] if one["what"] == "FILL_DIFFERS"]
    assert found == [{"what": "FILL_DIFFERS", "account": "A", "symbol": "X", "order_id": "o1", "fill_id": "f1"}]


def test_an_order_that_we_believe_to_work_and_the_venue_does_not_have_is_found(url: str, story: Story) -> None:
    story.intend(an_order("o2", at=180))
    for status in ("SUBMITTED", "ACCEPTED"):
        story.step("o2", status)

    assert faults(url)["mismatches"] == [
        {"what": "ORDER_NOT_AT_VENUE", "account": "A", "order_id": "o2", "ours": "ACCEPTED", "theirs": None}
    ]


def test_an_order_at_the_venue_that_nobody_intended_is_found_until_it_is_told_as_foreign(
    url: str, story: Story
) -> None:
    story.trade((an_order("theirs"), "ACCEPTED", ()), held=10)
    assert [(one["what"], one["order_id"]) for one in faults(url)["mismatches"]] == [("ORDER_NOT_INTENDED", "theirs")]

    told = {"account": "A", "venue": "paper", "kind": "ORDER", "key": "theirs", "symbol": "X", "quantity": "10"}
    story.write(schema.foreign_holdings, **told, at=1)
    assert faults(url) == {}


def test_a_fill_that_is_not_ours_is_neither_a_fault_nor_for_reconciling(url: str, story: Story) -> None:
    theirs = an_order("theirs")
    story.trade((theirs, "FILLED", (a_fill("f9", theirs, 3),)), held=13)
    told = {"account": "A", "venue": "paper", "symbol": "X", "quantity": "3", "at": 1}
    story.write(schema.foreign_holdings, **told, kind="FILL", key="f9")
    story.write(schema.foreign_holdings, **told, kind="POSITION", key="X")

    assert faults(url) == {}
    assert database.check(url)["unrecorded"] == []


def test_a_position_that_is_told_as_not_ours_is_no_fault(url: str, story: Story) -> None:
    story.trade(held=12)
    told = {"account": "A", "venue": "paper", "kind": "POSITION", "key": "X", "symbol": "X", "quantity": "2"}
    story.write(schema.foreign_holdings, **told, at=1)

    assert faults(url) == {}


def test_a_position_that_the_venue_has_otherwise_is_found(url: str, story: Story) -> None:
    story.trade(held=12)

    assert faults(url) == {
        "mismatches": [{"what": "POSITION_DIFFERS", "account": "A", "symbol": "X", "ours": "10", "theirs": "12"}]
    }


# -- once for one plan -------------------------------------------------------------------------------


def again(story: Story, order: Order) -> None:
    fill = a_fill("f2", order)
    story.intend(order)
    story.step(order.id, "SUBMITTED")
    story.trade((order, "FILLED", (fill,)), held=20)
    story.hold("20", story.step(order.id, "FILLED", fill))


@pytest.mark.parametrize(
    "order",
    [an_order("o2", attempt=1), an_order("o2", at=61, correlation_id="o1")],
    ids=["the same bar", "the same cause"],
)
def test_a_plan_that_opened_two_positions_is_found(url: str, story: Story, order: Order) -> None:
    again(story, order)

    found = database.check(url)
    assert (found["duplicates"], found["doubled"]) == (1, [{"account": "A", "orders": ["o1", "o2"]}])
    assert not found["ok"]


def test_it_is_found_at_a_venue_whose_books_are_elsewhere_too(url: str, story: Story) -> None:
    order = an_order("o2", at=61, correlation_id="o1", venue="mt5", account="B")
    for one in (msgspec.structs.replace(order, id="o3", at=62), order):
        story.intend(one)
        story.step(one.id, "SUBMITTED", account="B")
        story.step(one.id, "FILLED", msgspec.structs.replace(a_fill(f"f{one.id}", one), account="B"), account="B")

    assert faults(url)["doubled"] == [{"account": "B", "orders": ["o2", "o3"]}]


def test_another_plan_of_the_symbol_may_add_to_its_position(url: str, story: Story) -> None:
    again(story, an_order("o2", at=61))

    assert faults(url) == {}


def test_a_plan_that_opened_two_positions_at_the_venue_is_found(url: str, story: Story) -> None:
    resent = an_order("o2", correlation_id="o1")
    story.trade((resent, "FILLED", (a_fill("f2", resent),)), held=20)

    assert faults(url)["doubled"] == [{"account": "A", "orders": ["o1", "o2"]}]


def test_an_exit_that_needed_two_orders_is_no_double(url: str, story: Story) -> None:
    again(story, an_order("o2", "SIGNAL", attempt=1, correlation_id="o1"))

    assert faults(url) == {}


# -- what managing leaves behind -----------------------------------------------------------------------

WANTED = {"stop": 4 * NANO, "target": 5 * NANO}


def wanting(more: dict[str, Any]) -> str:
    """Flags of a position whose stop shall move."""
    return json.dumps({"done": [], "change": WANTED, "changed_at": 1} | more)


@pytest.mark.parametrize(
    ("stop", "target", "flags", "wrong"),
    [
        (2, 3, "{}", False),
        (4, 3, "{}", True),
        (2, 5, "{}", True),
        (0, 0, "{}", True),
        (2, 3, wanting({}), False),
        (4, 5, wanting({}), False),
        (4, 3, wanting({}), True),
    ],
)
def test_a_stop_or_a_target_that_is_another_one_at_the_venue_is_found(
    url: str, story: Story, stop: int, target: int, flags: str, wrong: bool
) -> None:
    story.trade(held=10, stop=stop * NANO, target=target * NANO)
    story.hold("10", story.seq, stop="2", target="3", flags=flags)

    differs = {"what": "STOP_DIFFERS", "account": "A", "symbol": "X", "ours": "2, 3", "theirs": f"{stop}, {target}"}
    assert faults(url) == ({"mismatches": [differs]} if wrong else {})


def test_a_stop_says_nothing_as_long_as_both_sides_hold_something_else(url: str, story: Story) -> None:
    order, fill = an_order("o2", "TP1", side=-1, correlation_id="o1"), a_fill("f2", an_order("o2", "TP1", side=-1), 4)
    story.intend(order)
    story.step("o2", "SUBMITTED")
    story.trade((order, "PARTIALLY_FILLED", (fill,)), held=6, stop=4 * NANO)

    assert faults(url) == {}


def closed_in_two_parts(story: Story, first: bool, last: bool, held: int = 0) -> None:
    """So much of the position is left; the trades say of themselves whether they were the last."""
    for name, units, flat in (("s1", 4, first), ("s2", 6 - held, last)):
        order = an_order(name, "SIGNAL", side=-1, at=60 + story.seq, correlation_id="o1")
        fill = a_fill(f"f-{name}", order, units)
        story.intend(order)
        story.step(name, "SUBMITTED")
        story.trade((order, "FILLED", (fill,)), held=held)
        end = story.step(name, "FILLED", fill)
        story.close(fill, flat=flat)
    story.hold(str(held), end)


@pytest.mark.parametrize(
    ("first", "last", "held", "wrong"),
    [
        (False, True, 0, False),
        (False, False, 2, False),
        (True, True, 0, True),
        (False, False, 0, True),
        (False, True, 2, True),
    ],
)
def test_a_round_trip_that_ends_where_its_position_does_not_is_found(
    url: str, story: Story, first: bool, last: bool, held: int, wrong: bool
) -> None:
    closed_in_two_parts(story, first, last, held)

    differs = {"what": "FLAT_DIFFERS", "account": "A", "symbol": "X", "opened_at": 1}
    assert faults(url) == ({"trades": [differs]} if wrong else {})


def test_a_close_that_is_missing_and_one_that_no_fill_made_are_found(url: str, story: Story) -> None:
    closed_in_two_parts(story, False, True)
    with story.store.transaction() as tx:
        tx.connection.execute(update(schema.trades).where(schema.trades.c.fill_id == "f-s1").values(fill_id="none"))
    assert faults(url) == {"trades": [{"what": "NO_FILL", "account": "A", "symbol": "X", "fill_id": "none"}]}

    with story.store.transaction() as tx:
        tx.connection.execute(delete(schema.trades).where(schema.trades.c.fill_id == "none"))
    differ = {"what": "CLOSES_DIFFER", "account": "A", "symbol": "X", "fills": "10", "trades": "6"}
    assert faults(url) == {"trades": [differ]}


A_LOCK: dict[str, Any] = {"id": "l1", "account": "A", "symbol": "X", "side": None, "code": "COOLDOWN", "reason": ""}
A_LOCK |= {"from_at": 10, "until_at": 20, "removed_at": None, "removed_why": None}


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ({}, False),
        ({"symbol": None, "side": -1, "removed_at": 15, "removed_why": "anna: enough"}, False),
        ({"until_at": 10}, True),
        ({"code": ""}, True),
        ({"symbol": ""}, True),
        ({"side": 0}, True),
        ({"removed_at": 15}, True),
        ({"removed_why": "anna: enough"}, True),
        ({"removed_at": 5, "removed_why": "anna: enough"}, True),
    ],
)
def test_a_lock_that_can_hold_nothing_is_found(url: str, story: Story, more: dict[str, Any], wrong: bool) -> None:
    story.write(schema.locks, **A_LOCK | more)

    found = {"lock": "l1", "account": "A", "code": more.get("code", "COOLDOWN")}
    assert faults(url) == ({"locks": [found]} if wrong else {})


# -- many --------------------------------------------------------------------------------------------


def test_a_large_sum_of_small_parts_is_exact(url: str, story: Story) -> None:
    order = an_order("o2", at=180)
    story.intend(order)
    story.step("o2", "SUBMITTED")
    parts = tuple(msgspec.structs.replace(a_fill(f"p{n:04}", order), quantity=100_000_001) for n in range(500))
    for fill in parts:
        story.step("o2", "PARTIALLY_FILLED", fill)
        with story.store.transaction() as tx:
            tx.connection.execute(text("UPDATE fills SET quantity = '0.100000001' WHERE id = :id"), {"id": fill.id})
    account, position = VenueAccount(account="A", cash={}), VenuePosition(symbol="X", quantity=60_000_000_500, cost=0)
    taken = (VenueOrder(order=order, status="PARTIALLY_FILLED"),)
    story.venue.commit(VenueChange(account=account, positions=(position,), orders=taken, fills=parts))
    story.hold("60.0000005", story.seq)

    assert from_text("60.0000005") == 10 * NANO + 500 * 100_000_001
    assert faults(url) == {}
