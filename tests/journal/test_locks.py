"""Locks as people see them, and one that is taken away without an engine."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from domain.timeframe import MINUTE
from journal import locks, schema, views
from journal.store import Store

T = 1_451_892_600_000_000_000
WHEN = "2016-01-04T07:30:00Z"


def put(store: Store, *changes: dict[str, Any]) -> None:
    lock = {
        "id": "l1",
        "account": "paper",
        "symbol": "EURUSD",
        "side": None,
        "code": "COOLDOWN",
        "reason": "closed by STOP",
        "from_at": T,
        "until_at": T + MINUTE,
        "removed_at": None,
        "removed_why": None,
    }
    with store.transaction() as tx:
        tx.insert(schema.locks, [lock | one for one in changes])


def remove(store: Store, id: str = "l1", at: int = T, why: str = "news is out") -> str | None:
    with store.engine.begin() as connection:
        locks.keep_engines_away(connection)
        return locks.remove(connection, id, "ann@here", why, at, T + 5 * MINUTE)


def test_locks_hold_are_over_or_were_removed(store: Store) -> None:
    put(store, {}, {"id": "l2", "removed_at": T, "removed_why": "ann: by hand"}, {"id": "l3", "until_at": T + 1})

    def shown(*args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        with store.read() as connection:
            return [(one["id"], one["state"]) for one in views.locks(connection, *args, **kwargs)]

    assert shown() == [("l3", "ACTIVE"), ("l1", "ACTIVE")]
    assert shown(at=T + 1) == [("l1", "ACTIVE")]
    assert shown(at=T + 1, ended=True) == [("l3", "EXPIRED"), ("l1", "ACTIVE"), ("l2", "REMOVED")]
    assert shown("paper", T + MINUTE) == shown("other", ended=True) == []


def test_a_removed_lock_says_by_whom_and_why_and_so_does_a_command(store: Store) -> None:
    put(store, {}, {"id": "l2"})

    assert remove(store) is None

    with store.read() as connection:
        assert [one["id"] for one in views.locks(connection)] == ["l2"]
        gone = next(one for one in views.locks(connection, ended=True) if one["id"] == "l1")
        command = connection.execute(select(schema.commands)).one()
    assert (gone["removed_at"], gone["removed_why"]) == (WHEN, "ann@here: news is out")
    assert (command.verb, command.arguments, command.who, command.why) == (
        "remove-lock",
        '{"id":"l1"}',
        "ann@here",
        "news is out",
    )
    assert (command.state, command.at, command.answered_at, command.cycle) == ("DONE", T + 5 * MINUTE, command.at, None)


@pytest.mark.parametrize(
    ("changed", "at", "said"),
    [
        (
            {"removed_at": T, "removed_why": "bob: x"},
            T,
            "lock l1 was removed already, at 2016-01-04T07:30:00Z by bob: x",
        ),
        ({}, T + MINUTE, "lock l1 is over since 2016-01-04T07:31:00Z"),
        ({}, T + MINUTE - 1, None),
    ],
)
def test_what_does_not_hold_is_not_removed(store: Store, changed: dict[str, Any], at: int, said: str | None) -> None:
    put(store, changed)

    assert remove(store, at=at) == said

    with store.read() as connection:
        assert len(connection.execute(select(schema.commands)).all()) == (said is None)


def test_a_lock_is_found_by_how_its_id_begins(store: Store) -> None:
    put(store, {"id": "ab1"}, {"id": "ab2"}, {"id": "ab3"}, {"id": "a_"}, {"id": "c"})

    with store.read() as connection:
        found = [[one.id for one in locks.beginning(connection, text)] for text in ("ab", "ab3", "a_", "c", "x")]
    assert found == [["ab1", "ab2"], ["ab3"], ["a_"], ["c"], []]
