"""``db compact``: what each live run keeps no longer, beside whoever works."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from api.hub import Hub
from api.pages import COMPACTED
from cli import app
from domain.events import ACCOUNT_UPDATE, SCAN_SUMMARY, TRADE_EXECUTION, Draft
from domain.timeframe import HOUR
from journal import database, lease, schema
from journal.retention import BATCH, DROPPABLE
from journal.store import Store
from orchestration.clock import WallClock
from orchestration.settings import Overrides, load, to_json
from tests.api.stream_desk import a_run


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


def config(*sets: str) -> str:
    return to_json(load(Overrides(symbols=("EURUSD",), sets=sets), {})).decode()


def filled(url: str, run_id: str, configuration: str, live: bool = True) -> None:
    """Ten scans, an account update and a fill of 30 hours ago."""
    then, store = WallClock().now() - 30 * HOUR, Store(url, 9)
    drafts = [Draft(SCAN_SUMMARY, then + n, f"{run_id}{n}", {}) for n in range(10)]
    drafts += [
        Draft(kind, then, f"{run_id}{kind}{n}", {}) for kind in (ACCOUNT_UPDATE, TRADE_EXECUTION) for n in (1, 2)
    ]
    with store.transaction() as tx:
        tx.insert(schema.runs, [a_run(run_id, live) | {"config": configuration}])
        tx.emit(run_id, drafts)
    store.close()


def compacted(url: str, *options: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["db", "compact", "--db-url", url, "--json", *options])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def left(url: str, run_id: str) -> list[str]:
    store, of = Store(url, 9), schema.events.c
    with store.read() as c:
        found = list(c.execute(sa.select(of.type).where(of.run_id == run_id).order_by(of.seq)).scalars())
    store.close()
    return found


def test_every_live_run_keeps_what_it_was_told_to_keep(url: str) -> None:
    filled(url, "day", config())
    filled(url, "week", config("cycle.summary_keep_hours=168"))
    filled(url, "account", config("cycle.keep_hours={ACCOUNT_UPDATE: 1}"))
    filled(url, "recorded", config(), live=False)
    filled(url, "ancient", "{}")

    done = compacted(url)

    assert (done["dropped"], done["vacuumed"]) == (19, True)
    kept = {one: len(left(url, one)) for one in ("day", "week", "account", "recorded", "ancient")}
    assert kept == {"day": 5, "week": 14, "account": 4, "recorded": 14, "ancient": 14}
    assert left(url, "account") == [SCAN_SUMMARY, ACCOUNT_UPDATE, TRADE_EXECUTION, TRADE_EXECUTION]
    assert database.check(url)["gaps"] == 0
    assert compacted(url) | {"database": ""} == {"dropped": 0, "vacuumed": False, "database": ""}


def test_hours_that_are_given_hold_for_every_live_run(url: str) -> None:
    filled(url, "week", config("cycle.summary_keep_hours=168"))
    filled(url, "recorded", config(), live=False)

    assert compacted(url, "--keep-hours", "31")["dropped"] == 0
    assert compacted(url, "--keep-hours", "1")["dropped"] == 10
    assert len(left(url, "recorded")) == 14
    assert set(left(url, "week")) <= {*DROPPABLE, TRADE_EXECUTION}


def test_a_long_past_is_dropped_to_its_end(url: str) -> None:
    filled(url, "day", config())
    store, then = Store(url, 9), WallClock().now() - 30 * HOUR
    with store.transaction() as tx:
        tx.emit("day", [Draft(SCAN_SUMMARY, then, f"more{n}", {}) for n in range(2 * BATCH)])
    store.close()

    assert compacted(url)["dropped"] == 2 * BATCH + 9
    assert database.check(url)["gaps"] == 0


def test_beside_an_engine_the_file_stays_as_it_is(url: str) -> None:
    filled(url, "day", config())
    lease.acquire(url, os.getpid(), socket.gethostname(), WallClock().now(), "day", lambda pid: False)

    assert compacted(url)["vacuumed"] is False


def test_a_reader_is_told_what_is_gone_and_resumes(url: str) -> None:
    filled(url, "day", config())
    compacted(url)
    hub = Hub(url, every=0.005)
    one = hub.subscribe("day", 3)
    found = one.take(5.0)
    hub.close()

    assert [(event["type"], event["seq"]) for event in found[:2]] == [(COMPACTED, 9), (SCAN_SUMMARY, 10)]
    assert found[0]["data"] == {"from_seq": 4, "to_seq": 9}
    assert [event["seq"] for event in found[2:]] == [11, 12, 13, 14]
