"""A program's own functions, called for events: in order, each by itself, whatever one of them does."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.embedding import Events, Report
from domain.errors import ConfigError
from domain.events import ALERT
from journal import database
from tests.api.stream_desk import Desk, soon

Event = dict[str, Any]


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


@pytest.fixture
def desk(url: str) -> Iterator[Desk]:
    one = Desk(url, "run", "other")
    yield one
    one.close()


@pytest.fixture
def events(url: str) -> Iterator[Events]:
    with Events(url) as one:
        yield one


def numbers(found: list[Event]) -> list[int]:
    return [one["seq"] for one in found]


def test_a_function_and_a_coroutine_function_hear_the_same_in_order(desk: Desk, events: Events) -> None:
    plain: list[Event] = []
    awaited: list[Event] = []

    async def hear(event: Event) -> None:
        await asyncio.sleep(0)
        awaited.append(event)

    desk.write(count=3)
    events.subscribe(plain.append, after=0)
    events.subscribe(hear, after=0)
    soon(lambda: len(plain) == len(awaited) == 3)
    for _ in range(30):
        desk.write()

    soon(lambda: len(plain) == len(awaited) == 33)
    assert numbers(plain) == numbers(awaited) == list(range(1, 34))


def test_without_a_number_only_what_is_to_come_is_told(desk: Desk, events: Events) -> None:
    found: list[Event] = []
    desk.write(count=3)
    events.subscribe(found.append)
    desk.write(count=2)

    soon(lambda: len(found) == 2)
    assert numbers(found) == [4, 5]


def test_types_symbols_and_runs_are_chosen(desk: Desk, events: Events) -> None:
    alerts: list[Event] = []
    bitcoins: list[Event] = []
    other: list[Event] = []
    events.subscribe(alerts.append, types=[ALERT])
    events.subscribe(bitcoins.append, symbols=["BTC"])
    events.subscribe(other.append, run_id="other")
    desk.write("run", kind=ALERT)
    desk.write("run", kind="CANDIDATE", symbol="BTC")
    desk.write("other", kind="CANDIDATE")

    soon(lambda: alerts and bitcoins and other)
    assert (numbers(alerts), numbers(bitcoins), other[-1]["seq"]) == ([1], [2], 3)


def test_a_type_that_is_none_is_refused(events: Events) -> None:
    with pytest.raises(ConfigError, match="unknown event type 'TRADE'"):
        events.subscribe(print, types=["TRADE"])


def test_a_handler_that_fails_is_reported_and_goes_on_and_disturbs_nobody(desk: Desk, url: str) -> None:
    heard: list[Event] = []
    reports: list[Report] = []

    async def fails(event: Event) -> None:
        if event["seq"] % 2:
            raise RuntimeError(f"cannot bear {event['seq']}")

    with Events(url, reports.append) as events:
        bad = events.subscribe(fails, after=0)
        events.subscribe(heard.append, after=0)
        desk.write(count=4)
        soon(lambda: len(heard) == 4 and bad.seq == 4 and len(reports) == 2)

        assert [one.event["seq"] for one in reports] == [1, 3]
        assert (bad.failures, bad.active) == (2, True)
        assert reports[-1].alert == {
            "alert": "HANDLER_FAILED",
            "handler": bad.name,
            "error": "RuntimeError: cannot bear 3",
            "failures": 2,
            "event_id": reports[-1].event["id"],
            "event_type": ALERT,
        }
        assert bad.name.endswith("fails")
        assert list(events.failed) == reports


def test_a_report_that_fails_changes_nothing(desk: Desk, url: str) -> None:
    def fails(event: Event) -> None:
        raise KeyError("no")

    def fails_too(report: Report) -> None:
        raise ValueError("neither")

    with Events(url, fails_too) as events:
        one = events.subscribe(fails, after=0)
        desk.write(count=3)
        soon(lambda: one.failures == 3)
        assert one.active
        assert len(events.failed) == 3


def test_only_the_last_reports_are_kept(desk: Desk, url: str) -> None:
    def fails(event: Event) -> None:
        raise KeyError("no")

    with Events(url) as events:
        one = events.subscribe(fails, after=0)
        desk.write(count=Events.KEPT + 20)
        soon(lambda: one.failures == Events.KEPT + 20)
        assert [report.failures for report in events.failed] == list(range(21, Events.KEPT + 21))


def test_a_handler_that_is_slow_misses_nothing_and_keeps_little(desk: Desk, events: Events) -> None:
    slow: list[Event] = []
    quick: list[Event] = []

    def hear(event: Event) -> None:
        time.sleep(0.004)
        slow.append(event)

    one = events.subscribe(hear, size=5)
    events.subscribe(quick.append)
    soon(lambda: one._stream.live)
    for _ in range(40):
        desk.write(count=3)
    soon(lambda: len(quick) == 120)
    soon(lambda: len(slow) == 120)

    assert numbers(slow) == numbers(quick) == list(range(1, 121))
    assert one.resumed > 0


def test_after_unsubscribing_there_is_no_call(desk: Desk, events: Events) -> None:
    found: list[Event] = []
    one = events.subscribe(found.append)
    desk.write()
    soon(lambda: found)
    one.unsubscribe()
    desk.write(count=5)
    time.sleep(0.1)

    assert numbers(found) == [1]
    assert (one.seq, one.active) == (1, False)


def test_a_handler_may_unsubscribe_itself(desk: Desk, events: Events) -> None:
    found: list[Event] = []

    def once(event: Event) -> None:
        found.append(event)
        one.unsubscribe()

    one = events.subscribe(once)
    desk.write(count=5)
    soon(lambda: not one._thread.is_alive())

    assert numbers(found) == [1]
    assert (one.seq, one.failures) == (1, 0)


def test_closing_ends_every_thread(desk: Desk, url: str) -> None:
    with Events(url) as events:
        events.subscribe(lambda event: None)
        events.subscribe(lambda event: None, after=0)
        desk.write(count=5)
    names = [one.name for one in threading.enumerate()]

    assert [one for one in names if one.startswith("events:") or one == "event-hub"] == []
    assert [one.active for one in events.handlings] == [False, False]


def test_a_database_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    address, found = f"sqlite:///{tmp_path / 'later.db'}", []  # type: ignore[var-annotated]
    with Events(address) as events:
        events.subscribe(found.append)
        soon(lambda: events.away)
        database.prepare(address)
        desk = Desk(address, "run")
        desk.write(count=2)
        soon(lambda: len(found) == 2)
        desk.close()

    assert numbers(found) == [1, 2]


def test_a_snapshot_says_from_where_to_go_on(desk: Desk, events: Events) -> None:
    desk.write(count=7)
    found: list[Event] = []
    snapshot = events.snapshot("run")
    events.subscribe(found.append, after=snapshot["seq"])
    desk.write()
    soon(lambda: found)

    assert (snapshot["type"], snapshot["seq"], numbers(found)) == ("STATE_SNAPSHOT", 7, [8])
    assert snapshot["data"]["run"]["run_id"] == "run"
