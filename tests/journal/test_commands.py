from __future__ import annotations

from journal import commands, views
from journal.store import Store


def test_a_command_waits_until_it_is_answered(store: Store) -> None:
    first = commands.add(store.engine, "close", {"symbol": "EURUSD", "fraction": 0.5}, "ann", "too large", 100)
    second = commands.add(store.engine, "pause", {}, "bob", "", 101)

    with store.read() as connection:
        waiting = views.pending_commands(connection)
    assert [(one["id"], one["verb"], one["arguments"], one["who"], one["why"], one["at"]) for one in waiting] == [
        (first, "close", {"symbol": "EURUSD", "fraction": 0.5}, "ann", "too large", 100),
        (second, "pause", {}, "bob", "", 101),
    ]
    with store.read() as connection:
        assert [one["id"] for one in views.pending_commands(connection, first)] == [second]

    with store.transaction() as tx:
        assert commands.answer(tx, first, commands.DONE, "closing 5000", 200, "run", 12, "exits")
    with store.read() as connection:
        assert [one["id"] for one in views.pending_commands(connection)] == [second]
        answered = commands.get(connection, first)
        assert [one["id"] for one in views.taken_commands(connection, "run")] == [first]
    assert answered == {
        "id": first,
        "at": 100,
        "verb": "close",
        "arguments": {"symbol": "EURUSD", "fraction": 0.5},
        "who": "ann",
        "why": "too large",
        "state": "DONE",
        "answer": "closing 5000",
        "answered_at": 200,
        "run_id": "run",
        "cycle": 12,
        "step": "exits",
    }


def test_the_first_answer_stays(store: Store) -> None:
    number = commands.add(store.engine, "pause", {}, "ann", "", 1)
    with store.transaction() as tx:
        assert commands.answer(tx, number, commands.REFUSED, "not while starting", 2)
        assert not commands.answer(tx, number, commands.DONE, "paused", 3)

    with store.read() as connection:
        found = commands.get(connection, number)
        assert found is not None
        assert (found["state"], found["answer"]) == ("REFUSED", "not while starting")


def test_a_command_that_was_never_given_is_none(store: Store) -> None:
    with store.read() as connection:
        assert commands.get(connection, 1) is None
    with store.transaction() as tx:
        assert not commands.answer(tx, 1, commands.DONE, "", 1)
