"""POSITION_UPDATE of the gate: all that is held, while it is not too much."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors import gate_rows
from api.events.registry import check
from domain.book import Position
from domain.money import from_float
from journal import codec


def a_book(count: int) -> Any:
    names = [f"S{number:03d}" for number in range(count)]
    positions = {
        name: Position(symbol=name, quantity=from_float(-2.0), cost=from_float(-200.0), opened_at=1, entry_order=name)
        for name in names
    }
    return SimpleNamespace(
        positions=positions, marks=dict.fromkeys(names, from_float(99.0)), unrealised=lambda symbol: from_float(2.0)
    )


@pytest.mark.parametrize(("count", "told"), [(0, 1), (1, 1), (200, 1), (201, 0)])
def test_all_that_is_held_is_one_event_unless_it_is_too_much(count: int, told: int) -> None:
    drafts = gate_rows.positions_event(a_book(count), {}, 5, "7")

    assert len(drafts) == told
    assert [len(one.data["positions"]) for one in drafts] == [count] * told


def test_a_position_has_the_names_of_system_002() -> None:
    [draft] = gate_rows.positions_event(a_book(1), {}, 5, "7")

    assert draft.data["positions"] == [
        {
            "ticket": "S000",
            "symbol": "S000",
            "type": 1,
            "direction": "SELL",
            "volume": None,
            "quantity": 2.0,
            "entry_price": 100.0,
            "price_current": 99.0,
            "sl_price": None,
            "tp_price": None,
            "profit": 2.0,
            "strategy": "",
        }
    ]
    row = {"seq": 1, "id": "x", "type": draft.type, "at": draft.at, "run_id": "r", "symbol": draft.symbol, "form": 0}
    row |= {"correlation_id": None, "causation_id": None, "body": msgspec.json.encode(draft.data)}
    check(codec.envelope(row, [], []))
