"""Events of live runs that are older than they are kept for: dropped, noted, and nothing else."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.events import (
    ACCOUNT_UPDATE,
    ALERT,
    HEALTH,
    HEARTBEAT,
    RISK_DENIED,
    SCAN_START,
    SCAN_SUMMARY,
    TRADE_EXECUTION,
    TYPES,
    Draft,
)
from domain.timeframe import HOUR
from journal import database, engines, schema
from journal.migrations import upgrade
from journal.retention import DROPPABLE, compact
from journal.store import Store

NOW = 1_000 * HOUR


def a_run(run_id: str, live: bool = True) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "epoch": 1,
        "account": "paper",
        "live": live,
        "simulated": False,
        "started_at": 1,
        "config": "{}",
        "symbols": "[]",
        "codes": "[]",
        "inputs": "{}",
        "warmed_until": 0,
    }


def told(store: Store, run_id: str, *events: tuple[str, float]) -> None:
    """Events of these types, so many hours ago."""
    with store.transaction() as tx:
        first = tx.emit(run_id, [])
        tx.emit(
            run_id,
            [Draft(kind, NOW - int(ago * HOUR), str(first + n), {}) for n, (kind, ago) in enumerate(events)],
        )


def kept(store: Store, run_id: str = "live") -> list[int]:
    of = schema.events.c
    with store.read() as c:
        return list(c.execute(sa.select(of.seq).where(of.run_id == run_id).order_by(of.seq)).scalars())


def noted(store: Store) -> list[tuple[int, int]]:
    with store.read() as c:
        return [tuple(one) for one in c.execute(sa.select(schema.compacted).order_by(schema.compacted.c.from_seq))]


def compacted(store: Store, hours: dict[str, float], **more: Any) -> int:
    with store.transaction() as tx:
        return compact(tx.connection, hours, NOW, **more)


@pytest.fixture
def live(store: Store) -> Store:
    with store.transaction() as tx:
        tx.insert(schema.runs, [a_run("live"), a_run("recorded", live=False)])
    return store


def test_what_is_older_than_its_type_is_kept_for_is_dropped_and_noted(live: Store, url: str) -> None:
    scan = [(SCAN_START, 30.0), (SCAN_SUMMARY, 30.0)]
    told(live, "live", *scan, (TRADE_EXECUTION, 30.0), *scan, (HEARTBEAT, 9.0), (SCAN_SUMMARY, 1.0), (HEARTBEAT, 1.0))

    assert compacted(live, {SCAN_START: 24.0, SCAN_SUMMARY: 24.0, HEARTBEAT: 8.0}) == 4
    assert kept(live) == [3, 4, 7, 8]  # 4 is the newest SCAN_START
    assert noted(live) == [(1, 2), (5, 6)]
    assert database.check(url)["gaps"] == 0
    assert compacted(live, {SCAN_START: 24.0, SCAN_SUMMARY: 24.0, HEARTBEAT: 8.0}) == 0


def test_the_newest_of_a_type_stays_however_old_it_is(live: Store) -> None:
    told(live, "live", (SCAN_SUMMARY, 90.0), (SCAN_SUMMARY, 80.0), (ACCOUNT_UPDATE, 70.0))

    assert compacted(live, {SCAN_SUMMARY: 1.0, ACCOUNT_UPDATE: 1.0}) == 1
    assert kept(live) == [2, 3]


def test_a_recorded_run_keeps_everything(live: Store) -> None:
    told(live, "recorded", *[(SCAN_SUMMARY, 90.0)] * 3)

    assert compacted(live, {SCAN_SUMMARY: 1.0}) == 0
    assert kept(live, "recorded") == [1, 2, 3]


def test_one_run_leaves_another_alone(live: Store) -> None:
    with live.transaction() as tx:
        tx.insert(schema.runs, [a_run("other")])
    told(live, "other", *[(SCAN_SUMMARY, 90.0)] * 3)
    told(live, "live", *[(SCAN_SUMMARY, 90.0)] * 3)

    assert compacted(live, {SCAN_SUMMARY: 1.0}, run_id="live") == 2
    assert (kept(live, "other"), kept(live)) == ([1, 2, 3], [6])
    assert compacted(live, {SCAN_SUMMARY: 1.0}) == 2
    assert noted(live) == [(1, 2), (4, 5)]


@pytest.mark.parametrize("kind", sorted(set(TYPES) - set(DROPPABLE)))
def test_what_was_done_is_never_dropped(live: Store, kind: str) -> None:
    told(live, "live", (kind, 90.0), (kind, 90.0))

    with pytest.raises(ValueError, match=f"{kind}: never dropped"):
        compacted(live, {kind: 1.0, HEALTH: 1.0})
    assert kept(live) == [1, 2]


def test_nothing_that_is_resumed_or_counted_may_be_dropped() -> None:
    assert not {ALERT, RISK_DENIED, TRADE_EXECUTION, "CANDIDATE", "ENGINE_STATE", "RUN_STARTED"} & set(DROPPABLE)


def test_a_large_backlog_goes_in_parts(live: Store, url: str) -> None:
    told(live, "live", *[(SCAN_SUMMARY, 90.0)] * 1_201)

    assert [compacted(live, {SCAN_SUMMARY: 1.0}, most=500) for _ in range(4)] == [500, 500, 200, 0]
    assert noted(live) == [(1, 1_200)]
    assert database.check(url)["gaps"] == 0


def test_what_an_older_program_dropped_without_a_note_is_noted_when_the_database_comes_forward(empty_url: str) -> None:
    engine = engines.connected(empty_url, "rwc")
    row = {"at": 1, "run_id": "live", "form": 0, "body": b"{}"}
    kinds = {1: "RUN_STARTED", 4: SCAN_SUMMARY, 5: ALERT, 8: SCAN_SUMMARY}
    with engine.begin() as connection:
        upgrade(connection, "0003")
    with engine.begin() as connection:
        connection.execute(sa.insert(schema.runs), [a_run("live")])
        rows = [row | {"seq": seq, "id": str(seq), "type": kind} for seq, kind in kinds.items()]
        connection.execute(sa.insert(schema.events), rows)
        connection.execute(sa.text("UPDATE sequence SET seq = 9"))
    engine.dispose()

    database.migrate(empty_url)

    store = Store(empty_url, epoch=1)
    assert noted(store) == [(2, 3)]  # after the oldest scan that is kept nothing was dropped: it is lost
    store.close()
    assert database.check(empty_url)["gaps"] == 3


def test_the_limit_of_a_part_counts_every_type_and_run(live: Store) -> None:
    told(live, "live", *[(SCAN_SUMMARY, 90.0), (SCAN_START, 90.0), (HEALTH, 90.0)] * 10)
    hours = {SCAN_SUMMARY: 1.0, SCAN_START: 1.0, HEALTH: 1.0}

    assert [compacted(live, hours, most=12) for _ in range(4)] == [12, 12, 3, 0]
    assert noted(live) == [(1, 27)]


def test_ranges_that_touch_become_one_in_whatever_order_they_were_found(live: Store) -> None:
    told(live, "live", (SCAN_START, 9.0), (HEALTH, 9.0), (SCAN_START, 9.0), (HEALTH, 9.0), (SCAN_START, 9.0))
    told(live, "live", (HEARTBEAT, 9.0), (HEARTBEAT, 9.0), *[(one, 1.0) for one in (SCAN_START, HEALTH, HEARTBEAT)])

    assert compacted(live, {HEARTBEAT: 8.0}) == 2
    assert noted(live) == [(6, 7)]
    assert compacted(live, {SCAN_START: 8.0, HEALTH: 8.0}) == 5
    assert noted(live) == [(1, 7)]


EVENT = st.tuples(
    st.sampled_from(["live", "recorded"]), st.sampled_from([SCAN_START, HEALTH, ALERT]), st.integers(0, 9)
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, max_size=40), st.lists(st.tuples(st.integers(0, 9), st.integers(1, 7)), max_size=6))
def test_however_it_is_compacted_every_number_is_an_event_or_noted_once(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, str, int]], rounds: list[tuple[int, int]]
) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('retention') / 'argus.db'}"
    database.prepare(url)
    store = Store(url, epoch=1)
    with store.transaction() as tx:
        tx.insert(schema.runs, [a_run("live"), a_run("recorded", live=False)])
    for run_id, kind, ago in events:
        told(store, run_id, (kind, float(ago)))
    for hours, most in rounds:
        compacted(store, {SCAN_START: hours + 0.5, HEALTH: 0.5}, most=most)
        ranges = noted(store)
        gone = [one for first, last in ranges for one in range(first, last + 1)]
        assert sorted([*gone, *kept(store), *kept(store, "recorded")]) == list(range(1, len(events) + 1))
        assert all(after[0] > before[1] + 1 for before, after in pairwise(ranges))
        assert database.check(url)["gaps"] == 0
    store.close()
