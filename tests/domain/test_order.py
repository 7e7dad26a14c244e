"""Every step of an order, and the identity of a decision."""

from __future__ import annotations

import itertools

import pytest

from domain.errors import InvalidTransition
from domain.order import DEFINITE, DONE, STATUSES, order_id, step
from tests.factories import an_order

TABLE = {
    "INTENT": "DENIED EXPIRED CANCELLED SUBMITTED",
    "SUBMITTED": "ACCEPTED PARTIALLY_FILLED FILLED REJECTED CANCELLED EXPIRED UNKNOWN",
    "ACCEPTED": "PENDING_CANCEL TRIGGERED PARTIALLY_FILLED FILLED CANCELLED EXPIRED REJECTED UNKNOWN",
    "TRIGGERED": "PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELLED EXPIRED REJECTED UNKNOWN",
    "PARTIALLY_FILLED": "PENDING_CANCEL PARTIALLY_FILLED FILLED CANCELLED EXPIRED REJECTED UNKNOWN",
    "PENDING_CANCEL": "ACCEPTED TRIGGERED PARTIALLY_FILLED FILLED CANCELLED EXPIRED REJECTED UNKNOWN",
    "UNKNOWN": "ACCEPTED TRIGGERED PARTIALLY_FILLED FILLED CANCELLED EXPIRED REJECTED",
}
SURPRISING = {one: "PARTIALLY_FILLED FILLED" for one in ("CANCELLED", "EXPIRED", "REJECTED")}
SURPRISING["FILLED"] = "FILLED"  # more than was asked for

EXPECTED = {(start, end): False for start, ends in TABLE.items() for end in ends.split()}
REAL_BUT_MARKED = {(start, end): True for start, ends in SURPRISING.items() for end in ends.split()}
PAIRS = [*itertools.product(sorted(set(STATUSES)), repeat=2)]


@pytest.mark.parametrize(("start", "end"), [pair for pair in PAIRS if pair in EXPECTED])
def test_a_step_of_the_table_is_taken(start: str, end: str) -> None:
    assert step("o", start, end, reconciling=True) is False
    if start != "UNKNOWN":
        assert step("o", start, end) is False


@pytest.mark.parametrize(("start", "end"), sorted(REAL_BUT_MARKED))
def test_a_fill_after_the_end_is_taken_and_marked(start: str, end: str) -> None:
    assert step("o", start, end) is True
    assert step("o", start, end, reconciling=True) is True


@pytest.mark.parametrize(("start", "end"), [pair for pair in PAIRS if pair not in EXPECTED | REAL_BUT_MARKED])
@pytest.mark.parametrize("reconciling", [False, True])
def test_any_other_step_raises(start: str, end: str, reconciling: bool) -> None:
    with pytest.raises(InvalidTransition):
        step("o", start, end, reconciling=reconciling)


@pytest.mark.parametrize("end", TABLE["UNKNOWN"].split())
def test_only_reconciling_leads_out_of_unknown(end: str) -> None:
    with pytest.raises(InvalidTransition):
        step("o", "UNKNOWN", end)


def test_a_wrong_step_tells_the_order_and_its_story() -> None:
    with pytest.raises(InvalidTransition, match="order-1: FILLED -> ACCEPTED is not a step; so far: INTENT SUBMITTED"):
        step("order-1", "FILLED", "ACCEPTED", story=("INTENT", "SUBMITTED"))


def test_a_status_that_nobody_knows_is_no_step() -> None:
    with pytest.raises(InvalidTransition):
        step("o", "LOST", "FILLED")


def test_unknown_is_not_an_end() -> None:
    assert {"DENIED", "FILLED", "CANCELLED", "EXPIRED", "REJECTED"} == DONE == DEFINITE


DECISION = ("run-1", "ema_cross", "EURUSD", 1_700_000_000_000_000_000, "ENTRY", 0)


def test_the_same_decision_always_makes_the_same_id() -> None:
    assert order_id(*DECISION) == order_id(*DECISION) == "6553f1003858e227185ffeff103549fe"


def test_ids_of_one_moment_lie_side_by_side() -> None:
    assert int(order_id(*DECISION)[:8], 16) == DECISION[3] // 10**9
    assert len(order_id(*DECISION)) == len(order_id("s", "s", "s", -1, "ENTRY", 0)) == 32


@pytest.mark.parametrize(
    ("place", "other"),
    [(0, "run-2"), (1, "bos"), (2, "BTC"), (3, 1_700_000_000_000_000_001), (4, "SIGNAL"), (5, 1)],
)
def test_another_decision_makes_another_id(place: int, other: str | int) -> None:
    changed: list[str | int] = [*DECISION]
    changed[place] = other

    assert order_id(*changed) != order_id(*DECISION)  # type: ignore[arg-type]


def test_parts_do_not_run_into_each_other() -> None:
    assert order_id("a", "bc", "X", 1, "ENTRY", 0) != order_id("ab", "c", "X", 1, "ENTRY", 0)
    assert order_id("a", "b", "X", 1, "TP1", 0) != order_id("a", "b", "X", 1, "TP", 10)


def test_a_reversal_opens_what_it_does_not_close() -> None:
    assert an_order(quantity=30, reduces=10).opens == 20
    assert an_order(quantity=10, reduces=10).opens == 0
