"""Event types and ids."""

from __future__ import annotations

import itertools

from domain.events import TYPES, Draft, event_id
from domain.order import NEXT, order_id


def test_the_types_are_those_of_the_design_each_once() -> None:
    assert len(TYPES) == len(set(TYPES)) == 30
    assert {"RUN_STARTED", "SCAN_SUMMARY", "RISK_DENIED", "TRADE_EXECUTION", "RUN_SUMMARY"} <= set(TYPES)


def test_every_step_of_an_order_has_its_event() -> None:
    steps = {to for ends in NEXT.values() for to in ends} - {"DENIED"}  # the gate's own: RISK_DENIED

    assert {f"ORDER_{one}" for one in steps} == {one for one in TYPES if one.startswith("ORDER_")}


def test_an_events_id_is_computed_from_run_type_and_key() -> None:
    draft = Draft("CANDIDATE", 1, "key", {"a": 1})
    again = Draft("CANDIDATE", 2, "key", {"b": 2}, "EURUSD")
    others = [Draft(kind, 1, key, {}).id(run) for run, kind, key in itertools.product("rs", "AB", "kl")]

    assert draft.id("run") == again.id("run") == event_id("run", "CANDIDATE", "key")
    assert len(set(others)) == 8


def test_events_of_an_order_lie_beside_it_and_are_still_told_apart() -> None:
    order = order_id("run", "ema_cross", "EURUSD", 1, "ENTRY", 0)
    kinds = [event_id("run", kind, order) for kind in TYPES] + [event_id("other", TYPES[0], order)]

    assert {one[:8] for one in kinds} == {order[:8]}
    assert len({*kinds, order}) == len(TYPES) + 2
