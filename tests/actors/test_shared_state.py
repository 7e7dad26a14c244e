"""The whiteboard behind the gate."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.shared_state import SharedState
from journal import database
from journal.store import Store


class Ticking:
    def __init__(self) -> None:
        self.at = 0

    def now(self) -> int:
        self.at += 1
        return self.at


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    store = Store(url, 0)
    yield store
    store.close()


def test_what_is_set_is_there_for_whoever_asks_after_a_restart(store: Store) -> None:
    SharedState(store, Ticking()).set("regime_EURUSD", {"name": "TRENDING", "score": 0.5})

    again = SharedState(store, Ticking())
    assert again.get("regime_EURUSD") == {"name": "TRENDING", "score": 0.5}
    assert again.get("regime_BTC", "none") == "none"
    assert again.get_all() == {"regime_EURUSD": {"name": "TRENDING", "score": 0.5}}


def test_a_key_can_be_deleted_once(store: Store) -> None:
    state = SharedState(store, Ticking())
    state.set("a", 1)

    assert (state.delete("a"), state.delete("a")) == (True, False)
    assert state.get("a") is None


def test_the_last_update_is_the_time_of_the_last_write(store: Store) -> None:
    state = SharedState(store, Ticking())
    state.set("a", 1)
    state.set("a", 2)

    assert state.get_last_update("a") == 2
    assert state.get_last_update("b") is None


@pytest.mark.parametrize(("expected", "done", "after"), [(1, True, 9), (2, False, 1), (None, False, 1)])
def test_compare_and_set_sets_only_over_what_was_expected(
    store: Store, expected: int | None, done: bool, after: int
) -> None:
    state = SharedState(store, Ticking())
    state.set("a", 1)

    assert state.compare_and_set("a", expected, 9) is done
    assert state.get("a") == after


def test_compare_and_set_with_none_creates_an_absent_key(store: Store) -> None:
    state = SharedState(store, Ticking())

    assert state.compare_and_set("lock", None, "mine")
    assert not state.compare_and_set("lock", None, "yours")
    assert state.get("lock") == "mine"
