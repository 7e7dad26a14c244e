"""What an operator asks over the API: legal or refused, done once, with and without an engine, and on the record."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from api import asking
from api.read import live
from domain.engine_state import COMMANDS
from journal import commands as table
from journal import database, schema
from journal.engines import open_engine
from journal.store import Store
from orchestration.clock import WallClock
from orchestration.terminal.place import halt_file
from tests.api.routes_desk import Desk, holding, living, played, written
from tests.orchestration.terminal import story

RUN, NEXT = "20240102T000000-aaaa", "20240102T000001-bbbb"
WHY = {"reason": "because"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The HALT file of these tests is their own."""
    monkeypatch.setenv("ARGUS_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody answers: it is not waited for."""
    monkeypatch.setattr(asking, "WITHIN", 0.0)
    monkeypatch.setattr(asking.answer, "__defaults__", (0.0,))


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(url)
    one = Desk(url)
    yield one
    one.close()


def book(desk: Desk, state: str = "running", **run: Any) -> None:
    """A run with a position, orders and locks, whose engine said this last."""
    store = Store(desk.url, 10**6)
    now = WallClock().now()
    story.write_run(store, RUN, ended_at=None, started_at=now - 10**9, live=True, **run)
    story.write_book(store, RUN)
    with store.transaction() as tx:
        data = {"state": state, "from": "initializing", "reason": "ready"}
        tx.emit(RUN, [story.Draft("ENGINE_STATE", now, state, data)])
    store.close()


def commands(desk: Desk) -> list[tuple[str, str, str, str]]:
    return [(one.verb, one.who, one.why, one.state) for one in desk.rows(schema.commands)]


# -- what is legal -----------------------------------------------------------------------------------

PATHS = {
    live.PAUSE: "/api/engine/pause",
    live.RESUME: "/api/engine/resume",
    live.STOP: "/api/engine/stop",
    live.EMERGENCY_STOP: "/api/engine/emergency-stop",
    live.CLOSE: "/api/positions/EURUSD/close",
    live.CANCEL: "/api/orders/aaaa1111/cancel",
}


@pytest.mark.parametrize("state", sorted(live.WITH_AN_ENGINE))
def test_only_what_is_legal_in_a_state_is_written(empty: Desk, quick: None, state: str) -> None:
    book(empty, state)
    with holding(empty.url, RUN):
        for name, path in PATHS.items():
            allowed = empty.get("/api/engine")["legal"]
            told = empty.post(path, WHY, status=202 if name in allowed else 409)
            if name not in allowed:
                assert told["error"]["code"] == "ILLEGAL_STATE"
                assert told["error"]["legal"] == allowed
    verbs = [one[0] for one in commands(empty)]
    names = {"emergency-stop": "halt"}
    assert verbs == [names.get(name, name) for name in PATHS if name in allowed]


def test_the_table_of_what_is_legal_is_that_of_the_engine() -> None:
    """What the driver obeys in a state may be asked here, and a halt everywhere."""
    for state, verbs in COMMANDS.items():
        here = live.WITH_AN_ENGINE[state]
        names = {"halt": "emergency-stop"}
        assert {names.get(one, one) for one in verbs} - {"reset-kill-switch"} <= set(here), state
    assert all(live.EMERGENCY_STOP in one for one in live.WITH_AN_ENGINE.values())


def test_without_an_engine_most_is_refused_and_nothing_written(empty: Desk) -> None:
    book(empty)
    for name in (live.PAUSE, live.RESUME, live.STOP, live.CLOSE, live.CANCEL):
        told = empty.post(PATHS[name], WHY, status=409)
        assert told["error"]["legal"] == ["emergency-stop", "remove-lock", "start"]
        assert "no engine lives" in told["error"]["message"]
    assert commands(empty) == []


def test_a_halt_and_its_reset_work_without_an_engine_and_without_a_run(empty: Desk) -> None:
    told = empty.post("/api/engine/emergency-stop", {"reason": "enough"})
    assert (told["state"], told["answer"]["latched"], told["answer"]["engine"]) == ("DONE", True, False)
    assert told["arguments"] == {"flatten": True}
    engine = empty.get("/api/engine")
    assert (engine["trading"], engine["legal"][-1]) == ("HALTED", "reset-kill-switch")

    told = empty.post("/api/engine/reset-kill-switch", {"reason": "over"})
    assert (told["state"], told["answer"]["latched"]) == ("DONE", False)
    assert empty.get("/api/engine")["trading"] == "ACTIVE"
    assert empty.post("/api/engine/reset-kill-switch", WHY, status=409)["error"]["code"] == "ILLEGAL_STATE"
    assert commands(empty) == [
        ("halt", "api:operator@test", "enough", "PENDING"),
        ("reset-kill-switch", "api:operator@test", "over", "PENDING"),
    ]


def test_a_halt_over_the_api_holds_for_the_next_run(empty: Desk, tmp_path: Path) -> None:
    empty.post("/api/engine/emergency-stop", {"reason": "enough", "flatten": False})
    played(empty.url, RUN, tmp_path, cycles=40)

    codes = {one["code"] for one in empty.get("/api/denials")["items"]}
    assert codes == {"KILL_SWITCH"}
    assert [one["reason"] for one in empty.get("/api/engine")["history"]][1] == "still halted: enough"


def test_the_halt_file_is_removed_by_hand(empty: Desk) -> None:
    halt_file().touch()
    told = empty.post("/api/engine/reset-kill-switch", WHY, status=409)
    assert told["error"]["code"] == "HALT_FILE"
    assert str(halt_file().parent) not in msgspec.json.encode(told).decode()
    latches = empty.get("/api/engine")["latches"]
    assert [one["code"] for one in latches] == ["HALT_FILE"]
    assert str(halt_file().parent) not in latches[0]["reason"]


def test_without_the_database_the_halt_file_is_made(empty: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking.halted, "__defaults__", (0.3,))
    writer = open_engine(empty.url)
    with writer.begin() as c:  # holds the write lock
        c.execute(sa.text("UPDATE sequence SET seq = seq"))
        told = empty.post("/api/engine/emergency-stop", {"reason": "now"}, status=202)
        assert (told["command_id"], told["state"], told["answer"]["halt_file"]) == (None, "PENDING", True)
        assert halt_file().exists()
        said = empty.post("/api/engine/reset-kill-switch", WHY, status=503)
        assert said["error"]["code"] == "DATABASE_AWAY"
    writer.dispose()
    assert commands(empty) == []


# -- keys --------------------------------------------------------------------------------------------


def test_the_same_key_is_the_same_command(empty: Desk, quick: None) -> None:
    book(empty)
    with holding(empty.url, RUN):
        first = empty.post("/api/engine/pause", WHY, key="k1", status=202)
        again = empty.post("/api/engine/pause", WHY, key="k1", status=202)
        other = empty.post("/api/engine/pause", WHY, key="k2", status=202)
        nokey = empty.post("/api/engine/pause", WHY, status=202)

    assert first == again
    assert len({first["command_id"], other["command_id"], nokey["command_id"]}) == 3
    assert len(commands(empty)) == 3
    assert "idempotency" not in msgspec.json.encode(first).decode()


def test_a_key_outlives_the_server_and_the_state(empty: Desk, quick: None) -> None:
    book(empty)
    with holding(empty.url, RUN):
        first = empty.post("/api/positions/EURUSD/close", WHY, key="k1", status=202)
    after = Desk(empty.url)
    again = after.post("/api/positions/EURUSD/close", WHY, key="k1", status=202)  # no engine lives any more
    after.close()

    assert again["command_id"] == first["command_id"]
    assert len(commands(empty)) == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/engine/pause", {"reason": "other"}),
        ("/api/engine/emergency-stop", WHY),
        ("/api/positions/EURUSD/close", WHY),
    ],
)
def test_a_key_of_another_command_is_refused(empty: Desk, quick: None, path: str, body: dict[str, Any]) -> None:
    book(empty)
    with holding(empty.url, RUN):
        empty.post("/api/engine/pause", WHY, key="k1", status=202)
        assert empty.post(path, body, key="k1", status=422)["error"]["code"] == "KEY_REUSED"
    assert len(commands(empty)) == 1


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path / 'argus.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    database.prepare(url)
    one = Desk(url)
    yield one
    one.close()


def test_a_key_that_is_sent_by_many_at_once_is_one_command(either: Desk, quick: None) -> None:
    book(either)
    found: list[Any] = []

    def post() -> None:
        told = either.client.post("/api/engine/pause", json=WHY, headers={"Idempotency-Key": "same"})
        found.append((told.status_code, told.json().get("command_id")))

    with holding(either.url, RUN):
        threads = [threading.Thread(target=post) for _ in range(8)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
    assert len(set(found)) == 1, found
    assert len(commands(either)) == 1


# -- answers -----------------------------------------------------------------------------------------


def test_an_answer_is_waited_for(empty: Desk) -> None:
    book(empty)

    def engine() -> None:
        store = Store(empty.url, 10**6)
        waiting: list[Any] = []
        while not waiting:
            with store.read() as c:
                waiting = c.execute(sa.select(schema.commands).where(schema.commands.c.state == "PENDING")).all()
            time.sleep(0.01)
        with store.transaction() as tx:
            table.answer(tx, waiting[0].id, "REFUSED", '{"reason": "no position in EURUSD"}', 5, RUN, 7, "open")
        store.close()

    with holding(empty.url, RUN):
        answering = threading.Thread(target=engine)
        answering.start()
        told = empty.post("/api/positions/EURUSD/close", {"reason": "x", "fraction": 0.5})
        answering.join()
    assert (told["state"], told["answer"], told["cycle"]) == ("REFUSED", {"reason": "no position in EURUSD"}, 7)
    assert told["arguments"] == {"symbol": "EURUSD", "fraction": 0.5}
    assert empty.get(f"/api/commands/{told['command_id']}") == told
    assert empty.get("/api/commands")["items"] == [told]


def test_what_no_engine_will_take_up_any_more_is_refused(empty: Desk, quick: None) -> None:
    book(empty)
    with holding(empty.url, RUN):
        told = empty.post("/api/engine/pause", WHY, status=202)
    assert told["state"] == "PENDING"
    waiting = empty.get(f"/api/commands/{told['command_id']}")
    assert waiting["state"] == "PENDING"
    assert "resumed" in waiting["answer"]["reason"]

    row = dict(empty.rows(schema.runs)[0]._mapping)
    written(empty.url, schema.runs, row | {"run_id": NEXT, "epoch": 2, "started_at": WallClock().now()})
    assert empty.get(f"/api/commands/{told['command_id']}")["state"] == "REFUSED"


def test_a_cancel_is_done_when_the_venue_has_cancelled(empty: Desk) -> None:
    row = {"at": 5, "verb": "cancel", "arguments": '{"order_id":"o"}', "who": "w", "why": "", "state": "DONE"}
    more = {"answered_at": 6, "run_id": RUN, "cycle": 1, "step": "open"}
    for number, status in enumerate(("CANCELLED", "PENDING_CANCEL", "FILLED"), 1):
        answer = {"answer": msgspec.json.encode({"o": status}).decode(), "id": number}
        written(empty.url, schema.commands, row | more | answer)
    told = [empty.get(f"/api/commands/{number}") for number in (1, 2, 3)]
    assert [one["state"] for one in told] == ["DONE", "DONE", "REFUSED"]
    assert "FILLED" in told[2]["answer"]["reason"]


# -- bad input ---------------------------------------------------------------------------------------

BODIES = [
    None, {}, [], "x", {"reason": ""}, {"reason": "   "}, {"reason": 5}, {"reason": "x" * 501},
    {"reason": "a\x00b"}, {"reason": "x", "more": 1}, {"reason": ["x"]},
]  # fmt: skip


@pytest.mark.parametrize(
    "path", [*PATHS.values(), "/api/engine/reset-kill-switch", "/api/engine/start", "/api/locks/l1/remove"]
)
def test_a_command_needs_a_reason_and_nothing_unknown(empty: Desk, path: str) -> None:
    book(empty)
    with holding(empty.url, RUN):
        for body in BODIES:
            assert empty.post(path, body, status=422)["error"]["code"] == "INVALID"
    assert commands(empty) == []


@pytest.mark.parametrize("fraction", [0, -1, 1.01, "half", None, 1e400])
def test_a_fraction_is_above_0_and_at_most_1(empty: Desk, fraction: Any) -> None:
    found = empty.client.post(
        "/api/positions/EURUSD/close",
        content=msgspec.json.encode({"reason": "x", "fraction": fraction}).replace(b"null", b"1e400"),
        headers={"Content-Type": "application/json"},
    )
    assert found.status_code == 422
    assert commands(empty) == []


@pytest.mark.parametrize("key", ["", "x" * 201, "a b"])
def test_a_key_is_short_and_printable(empty: Desk, key: str) -> None:
    empty.post("/api/engine/emergency-stop", WHY, key=key, status=422)
    assert commands(empty) == []


def test_what_is_not_there_is_404_and_what_is_over_409(empty: Desk) -> None:
    book(empty)
    with holding(empty.url, RUN):
        for path, code in (
            ("/api/orders/none/cancel", "UNKNOWN_ORDER"),
            ("/api/positions/GBPUSD/close", "UNKNOWN_POSITION"),
            ("/api/locks/none/remove", "UNKNOWN_LOCK"),
        ):
            assert empty.post(path, WHY, status=404)["error"]["code"] == code
        assert empty.post("/api/orders/aaaa2222/cancel", WHY, status=409)["error"]["code"] == "ORDER_ENDED"
    assert commands(empty) == []


# -- locks -------------------------------------------------------------------------------------------


def test_a_lock_is_removed_without_an_engine_once(empty: Desk) -> None:
    book(empty)
    now = WallClock().now()
    lock = dict(empty.rows(schema.locks)[0]._mapping)
    written(empty.url, schema.locks, lock | {"id": "mine", "from_at": now, "until_at": now + 10**12})

    told = empty.post("/api/locks/mine/remove", {"reason": "I know better"}, key="k")
    again = empty.post("/api/locks/mine/remove", {"reason": "I know better"}, key="k")
    assert told == again
    assert told["state"] == "DONE"
    assert empty.post("/api/locks/mine/remove", WHY, status=409)["error"]["code"] == "LOCK_OVER"
    assert empty.post("/api/locks/l1/remove", WHY, status=409)["error"]["code"] == "LOCK_OVER"
    row = next(one for one in empty.rows(schema.locks) if one.id == "mine")
    assert row.removed_why == "api:operator@test: I know better"
    assert commands(empty) == [("remove-lock", "api:operator@test", "I know better", "DONE")]


def test_a_lock_of_a_living_engine_is_asked_of_it(empty: Desk, quick: None) -> None:
    book(empty)
    now = WallClock().now()
    lock = dict(empty.rows(schema.locks)[0]._mapping)
    written(empty.url, schema.locks, lock | {"id": "mine", "from_at": now, "until_at": now + 10**12})
    with holding(empty.url, RUN):
        assert empty.post("/api/locks/mine/remove", WHY, status=202)["state"] == "PENDING"
    assert next(one for one in empty.rows(schema.locks) if one.id == "mine").removed_at is None


# -- starting and reloading ----------------------------------------------------------------------------


def test_a_run_is_started_once(empty: Desk) -> None:
    body = {"reason": "go", "symbols": ["EURUSD"], "preset": "conservative"}
    told = empty.post("/api/engine/start", body, key="k")
    again = empty.post("/api/engine/start", body, key="k")

    assert told == again
    assert (told["state"], told["answer"]["pid"], told["verb"]) == ("DONE", 4711, "start")
    (wanted,) = empty.processes.asked
    assert (wanted.symbols, wanted.preset, wanted.mode) == (["EURUSD"], "conservative", "paper")
    assert commands(empty) == [("start", "api:operator@test", "go", "DONE")]


def test_a_start_that_is_refused_is_recorded_as_refused(empty: Desk) -> None:
    told = empty.post("/api/engine/start", {"reason": "go", "symbols": ["EURUSD"], "preset": "none"}, status=422)
    assert "preset" in told["error"]["message"]
    told = empty.post("/api/engine/start", {"reason": "go", "symbols": ["EURUSD"], "mode": "live"}, status=422)
    assert told["error"]["code"] == "LIVE_NEEDS_CONSENT"
    assert [one[3] for one in commands(empty)] == ["REFUSED", "REFUSED"]
    assert empty.processes.asked == []


def test_a_second_run_is_not_started_beside_a_living_one(empty: Desk) -> None:
    book(empty)
    with holding(empty.url, RUN):
        told = empty.post("/api/engine/start", {"reason": "go", "symbols": ["EURUSD"]}, status=409)
    assert "start" not in told["error"]["legal"]
    beside = Desk(empty.url, beside=True)
    told = beside.post("/api/engine/start", {"reason": "go", "symbols": ["EURUSD"]}, status=409)
    assert "start" not in told["error"]["legal"]
    beside.close()
    assert commands(empty) == []


def test_nothing_of_a_recorded_run_can_be_reloaded(tmp_path: Path, empty: Desk) -> None:
    played(empty.url, RUN, tmp_path, cycles=3)
    with holding(empty.url, RUN):
        told = empty.post("/api/engine/reload", WHY, status=409)
    assert told["error"]["code"] == "NOTHING_TO_RELOAD"
    assert empty.post("/api/engine/reload", WHY, status=409)["error"]["code"] == "ILLEGAL_STATE"


# -- with a real engine ------------------------------------------------------------------------------


def test_a_living_engine_obeys(empty: Desk, tmp_path: Path) -> None:
    """Pause, resume, close, halt, reset and stop take effect in a run, each told as an event with who and why."""
    with living(empty.url, RUN, tmp_path, cycles=10**6, speed="200", during=None):
        _until(lambda: empty.get("/api/engine")["state"] == "running")
        assert empty.post("/api/engine/pause", {"reason": "one"})["state"] == "DONE"
        _until(lambda: empty.get("/api/engine")["state"] == "paused")
        assert empty.post("/api/engine/pause", WHY, status=409)["error"]["code"] == "ILLEGAL_STATE"
        assert empty.post("/api/engine/resume", {"reason": "two"})["state"] == "DONE"
        _until(lambda: bool(empty.get("/api/positions")["items"]))
        symbol = empty.get("/api/positions")["items"][0]["symbol"]
        found = empty.client.post(f"/api/positions/{symbol}/close", json={"reason": "three"})
        assert found.status_code in (200, 404)  # it may have closed by itself meanwhile
        told = empty.post("/api/engine/emergency-stop", {"reason": "four"})
        assert told["answer"]["verified"] is True
        _until(lambda: empty.get("/api/engine")["state"] == "emergency")
        _until(lambda: not empty.get("/api/positions")["items"])
        assert empty.get("/api/risk")["state"] in ("HALTED", None)
        assert empty.post("/api/engine/reset-kill-switch", {"reason": "five"})["state"] == "DONE"
        _until(lambda: empty.get("/api/engine")["state"] == "running")
        assert empty.post("/api/engine/stop", {"reason": "six"})["state"] == "DONE"
        _until(lambda: not empty.get("/api/engine")["alive"])
    run = empty.get(f"/api/runs/{RUN}")
    assert run["exit_reason"] == "stopped: six"
    alerts = [one["data"] for one in empty.get("/api/events", types="ALERT", limit=1000)["items"]]
    asked = [(one["verb"], one["by"], one["reason"]) for one in alerts if one["alert"] == "COMMAND"]
    verbs = [one for one in asked if one[0] != "close"]
    assert verbs == [
        ("pause", "api:operator@test", "one"),
        ("resume", "api:operator@test", "two"),
        ("halt", "api:operator@test", "four"),
        ("reset-kill-switch", "api:operator@test", "five"),
        ("stop", "api:operator@test", "six"),
    ]
    assert empty.processes.told_to_stop == 0


def test_a_stopped_run_is_replayed_as_it_was(empty: Desk, tmp_path: Path) -> None:
    from orchestration.replay import replay

    with living(empty.url, RUN, tmp_path, cycles=10**6, speed="200"):
        _until(lambda: (empty.get("/api/engine")["cycle"] or 0) > 20)
        empty.post("/api/engine/pause", {"reason": "x"})
        empty.post("/api/engine/resume", {"reason": "y"})
        assert empty.post("/api/engine/stop", {"reason": "cycles"})["state"] == "DONE"
    report = replay(empty.url, RUN, lambda done, total: None, lambda text: None)

    assert report.difference is None, report.difference.facts()
    assert report.cycles > 20
    assert empty.get(f"/api/runs/{RUN}")["exit_reason"] == "stopped: cycles"


def test_an_engine_that_does_not_answer_is_told_by_a_signal_too(empty: Desk, quick: None) -> None:
    book(empty)
    with holding(empty.url, RUN):
        assert empty.post("/api/engine/stop", WHY, status=202)["state"] == "PENDING"
    assert empty.processes.told_to_stop == 1


def _until(holds: Any, within: float = 60.0) -> None:
    until = time.monotonic() + within
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)
