"""A calendar is read again while a live run goes on, and reaches the gate as a command."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from domain.errors import ConfigError
from journal import database
from journal import schema as s
from journal.store import Store
from orchestration.news_desk import AGAIN, EVERY, NewsDesk
from risk.news import Calendar, NewsEvent

OLD = Calendar(events=(NewsEvent(1, "USD", "high", "old"),), until=2)
NEW = Calendar(events=(NewsEvent(3, "EUR", "high", "new"),), until=4)


class Fixed:
    def now(self) -> int:
        return 7


class Desk:
    def __init__(self, store: Store, sources: tuple[str, ...] = ("https://news/week.json",)) -> None:
        self.store, self.seconds = store, 0.0
        self.said: Any = OLD
        self.reads = 0
        self.failures: list[str] = []
        self.desk = NewsDesk(sources, OLD, store, Fixed(), lambda: self.seconds, self.failures.append, self.read)

    def read(self, sources: Sequence[str]) -> Calendar:
        self.reads += 1
        if isinstance(self.said, Exception):
            raise self.said
        assert isinstance(self.said, Calendar)
        return self.said

    def after(self, seconds: float, until: Callable[[], bool] = lambda: True) -> None:
        self.seconds += seconds
        self.desk.look()
        for _ in range(500):
            if until():
                return
            time.sleep(0.01)
            self.desk.look()
        pytest.fail("it does not happen")

    def commands(self) -> list[Any]:
        with self.store.read() as c:
            return list(c.execute(sa.select(s.commands).order_by(s.commands.c.id)).all())


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    found = Store(url, 0)
    yield found
    found.close()


def test_what_has_changed_becomes_a_command(store: Store) -> None:
    desk = Desk(store)
    desk.said = NEW
    desk.after(EVERY - 1)
    assert desk.reads == 0

    desk.after(1, lambda: bool(desk.commands()))

    (row,) = desk.commands()
    assert (row.verb, row.who, row.state, row.at) == ("calendar", "news", "PENDING", 7)
    assert msgspec.convert(msgspec.json.decode(row.arguments)["calendar"], Calendar) == NEW


def test_what_is_as_before_says_nothing(store: Store) -> None:
    desk = Desk(store)
    desk.after(EVERY, lambda: desk.reads == 1)
    desk.after(EVERY, lambda: desk.reads == 2)

    assert desk.commands() == []


def test_a_failure_is_told_and_tried_again_sooner(store: Store) -> None:
    desk = Desk(store)
    desk.said = ConfigError(["week.json: no answer"])
    desk.after(EVERY, lambda: bool(desk.failures))
    desk.said = NEW
    desk.after(AGAIN - 1)
    assert desk.reads == 1

    desk.after(1, lambda: bool(desk.commands()))

    assert "week.json: no answer" in desk.failures[0]


def test_announcements_that_follow_a_rule_need_no_reading(store: Store) -> None:
    desk = Desk(store, ("static",))
    desk.after(EVERY * 3)

    assert desk.reads == 0
