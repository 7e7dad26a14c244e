from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from domain.timeframe import SECOND
from journal import commands, schema
from journal.lease import Lease
from journal.store import Store
from orchestration.clock import WallClock
from orchestration.terminal.place import lives, process_since
from tests.orchestration.terminal.conftest import AnsweringEngine, Answers, Argus
from tests.orchestration.terminal.story import (
    RUN,
    T,
    denied,
    engine_state,
    fill,
    run_summary,
    scan,
    write_book,
    write_run,
)

Start = Callable[[Answers], AnsweringEngine]
READING = ["status", "positions", "orders", "trades", "locks", "events"]


def lines_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def asked(store: Store) -> list[tuple[str, str, str, str]]:
    with store.read() as connection:
        rows = connection.execute(select(schema.commands).order_by(schema.commands.c.id)).all()
    return [(row.verb, row.arguments, row.why, row.state) for row in rows]


# -- exit codes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [*READING, "halt", "pause", "db check"])
def test_a_missing_database_is_told_and_refused(argus: Argus, home: Path, verb: str) -> None:
    code, out, err = argus(*verb.split())

    assert (code, out) == (4, "")
    assert f"there is no database at sqlite:///{home / 'argus.db'}" in err
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("status", 0),
        ("halt", 0),
        ("reset-kill-switch --reason looked", 0),
        ("pause", 3),
        ("resume", 3),
        ("close EURUSD", 3),
        ("cancel abc", 3),
        ("close EURUSD --fraction 0", 2),
        ("close EURUSD --fraction 1.5", 2),
        ("close EURUSD --fraction half", 2),
        ("close", 2),
        ("cancel", 2),
        ("reset-kill-switch", 2),
        ("reset-kill-switch --reason=", 2),
        ("events --type NONSENSE", 2),
        ("events --after -1", 2),
        ("orders --limit 0", 2),
        ("status --unknown", 2),
        ("nonsense", 2),
        ("events --run nonsense", 4),
        ("trades --run nonsense", 4),
        ("status --db-url mysql://here/there", 4),
        ("status --db-url sqlite://", 4),
        *((verb, 0) for verb in READING),
        *((f"{verb} --json", 0) for verb in READING),
        ("db check", 0),
        ("db migrate", 0),
    ],
)
def test_exit_codes_without_an_engine(argus: Argus, url: str, arguments: str, code: int) -> None:
    said, _, err = argus(*arguments.split())

    assert said == code, err
    assert (err == "") == (code == 0)
    assert "Traceback" not in err


@pytest.mark.parametrize("verb", ["pause", "resume", "close EURUSD", "cancel aaaa1111"])
@pytest.mark.parametrize(
    ("state", "answer", "code"),
    [("DONE", {"closing": ["EURUSD"], "aaaa1111": "CANCELLED"}, 0), ("REFUSED", {"reason": "no position"}, 1)],
)
def test_an_engine_answers_commands(
    argus: Argus, store: Store, engine: Start, verb: str, state: str, answer: dict[str, str], code: int
) -> None:
    write_book(store)
    engine({verb.split()[0]: (state, answer)})

    said, out, err = argus(*verb.split(), "--reason", "because")

    assert said == code, err
    assert ("cycle 7" in out) == (code == 0)
    assert ("no position" in err) == (code == 1)
    assert asked(store)[0][2:] == ("because", state)


def test_an_engine_that_does_not_answer_in_time_is_exit_code_5(argus: Argus, store: Store, engine: Start) -> None:
    engine({})

    code, _, err = argus("pause", "--timeout", "0.1")

    assert code == 5
    assert f"pid {os.getpid()}" in err
    assert asked(store) == [("pause", "{}", "", "PENDING")]


def test_nobody_has_to_wait_for_the_answer(argus: Argus, engine: Start) -> None:
    engine({})

    code, out, _ = argus("pause", "--no-wait")

    assert code == 0
    assert "not waiting" in out


def test_a_halt_that_nobody_answers_is_latched_all_the_same(argus: Argus, store: Store, engine: Start) -> None:
    engine({})

    code, _, err = argus("halt", "--timeout", "0.1")

    assert code == 5
    assert "latched in the database" in err
    assert json.loads(argus("status", "--json")[1])["halted"] is True


@pytest.mark.parametrize(("status", "code"), [("CANCELLED", 0), ("PENDING_CANCEL", 0), ("FILLED", 1), ("NOT_FOUND", 1)])
def test_a_cancel_succeeds_only_if_the_venue_says_so(
    argus: Argus, store: Store, engine: Start, status: str, code: int
) -> None:
    write_book(store)
    engine({"cancel": ("DONE", {"aaaa1111": status})})

    said, _, err = argus("cancel", "aaaa1")

    assert said == code
    assert (status in err) == (code == 1)


@pytest.mark.parametrize(("beginning", "why"), [("aaaa", "more than one"), ("bbbb", "no order"), ("%", "no order")])
def test_an_order_that_is_not_one_cannot_be_cancelled(
    argus: Argus, store: Store, engine: Start, beginning: str, why: str
) -> None:
    write_book(store)
    engine({"cancel": ("DONE", {})})

    code, _, err = argus("cancel", beginning)

    assert code == 1
    assert why in err
    assert asked(store) == []


def test_answers_are_one_json_document(argus: Argus, engine: Start) -> None:
    engine({"close": ("DONE", {"closing": ["EURUSD"]})})

    code, out, _ = argus("close", "EURUSD", "--fraction", "0.5", "--json")

    assert code == 0
    said = json.loads(out)
    assert said["arguments"] == {"symbol": "EURUSD", "fraction": 0.5}
    assert (said["state"], said["answer"], said["cycle"]) == ("DONE", {"closing": ["EURUSD"]}, 7)


# -- the kill switch ---------------------------------------------------------------------------------


def latched(argus: Argus) -> list[str]:
    return [one["code"] for one in json.loads(argus("status", "--json")[1])["latches"]]


def test_a_halt_without_an_engine_holds_until_it_is_reset(argus: Argus, store: Store) -> None:
    assert argus("halt", "--reason", "news")[0] == 0
    assert latched(argus) == ["HALT"]
    assert "HALTED" in argus("status")[1]
    assert "news" in argus("status")[1]

    assert argus("reset-kill-switch", "--reason", "over")[0] == 0
    assert latched(argus) == []
    assert [one[0] for one in asked(store)] == ["halt", "reset-kill-switch"]


def test_a_halt_file_has_to_be_removed_by_hand(argus: Argus, store: Store, home: Path) -> None:
    (home / "HALT").touch()
    assert latched(argus) == ["HALT_FILE"]

    code, _, err = argus("reset-kill-switch", "--reason", "over")

    assert code == 1
    assert str(home / "HALT") in err
    assert asked(store) == []


@pytest.mark.parametrize(("reset_after", "standing"), [(-1, ["MAX_DRAWDOWN"]), (1, [])])
def test_a_limit_holds_its_account_until_a_later_reset(
    argus: Argus, store: Store, reset_after: int, standing: list[str]
) -> None:
    write_run(store)
    row = {"account": f"paper:{RUN}", "code": "MAX_DRAWDOWN", "reason": "limit", "value": "0.16", "threshold": "0.15"}
    with store.transaction() as tx:
        tx.insert(schema.latches, [row | {"at": T, "reset_at": None, "reset_reason": None}])
        tx.insert(schema.latches, [row | {"account": "other", "at": T, "reset_at": None, "reset_reason": None}])
    commands.add(store.engine, "reset-kill-switch", {}, "me", "looked", T + reset_after)

    assert latched(argus) == standing
    assert ("0.16 against 0.15" in argus("status")[1]) == bool(standing)


def test_a_halt_that_cannot_be_written_names_the_file_that_halts(argus: Argus, store: Store, home: Path) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("CREATE TRIGGER full BEFORE INSERT ON commands BEGIN SELECT RAISE(FAIL, 'x'); END")

    code, _, err = argus("halt")

    assert code == 1
    assert "nothing is halted yet" in err
    assert str(home / "HALT") in err


# -- who lives ---------------------------------------------------------------------------------------

NOW = 1_700_000_000 * SECOND


@pytest.mark.parametrize(
    ("host", "since", "age", "alive"),
    [
        ("here", 0, 0, True),
        ("here", 0, 60, True),  # frozen, but there
        ("here", None, 1, False),  # killed a second ago
        ("here", NOW + 30 * SECOND, 60, False),  # another process with the same number
        ("there", None, 4, True),
        ("there", 0, 6, False),
    ],
)
def test_on_this_host_the_process_decides_elsewhere_the_beat(
    host: str, since: int | None, age: int, alive: bool
) -> None:
    held = Lease(pid=10, host=host, beat_at=NOW, started_at=NOW, epoch=1, run_id=RUN)

    assert lives(held, NOW + age * SECOND, "here", lambda pid: since) == alive


def test_a_process_is_known_by_when_it_was_started() -> None:
    since = process_since(os.getpid())
    assert since is not None
    assert since <= WallClock().now()
    assert process_since(2**22 + 1) is None


def test_status_tells_of_a_living_engine_and_of_one_that_died(argus: Argus, store: Store, engine: Start) -> None:
    write_run(store, ended_at=None, exit_reason=None)
    with store.transaction() as tx:
        tx.emit(RUN, [engine_state("running"), scan(1, {"EURUSD": 1.1, "BTC": 43_000.0}, equity=100_500.0)])
    store.close()
    one = engine({})

    said = json.loads(argus("status", "--json")[1])
    assert (said["state"], said["alive"], said["trading"]) == ("running", True, "ACTIVE")
    assert (said["engine"]["pid"], said["engine"]["host"]) == (os.getpid(), socket.gethostname())
    assert (said["account"]["balance"], said["account"]["equity"]) == (100_012.5, 100_500.0)
    assert (said["cycle"]["n"], said["run"]["strategy"], said["run"]["count"]) == (2, "ema_cross", 2)

    one.stop()
    said = json.loads(argus("status", "--json")[1])
    assert (said["alive"], said["engine"]) == (False, None)
    assert "did not end in an orderly way" in said["state"]


# -- looking -----------------------------------------------------------------------------------------


def test_tables_for_people_and_the_same_for_programs(argus: Argus, store: Store) -> None:
    write_run(store)
    write_book(store)
    with store.transaction() as tx:
        tx.emit(RUN, [scan(1, {"EURUSD": 1.11, "BTC": 43_000.0})])

    (position,) = json.loads(argus("positions", "--json")[1])
    assert (position["last"], position["profit"], position["quote"]) == (1.11, pytest.approx(120.0), "USD")
    for verb, parts in {
        "positions": ("EURUSD", "long", "12,000", "1.10000", "1.11000", "+120.00", "USD"),
        "orders": ("aaaa1111", "INTENT", "DENIED", "MAX_OPEN_POSITIONS 5 against 5"),
        "trades": ("short", "0.5", "43,000.00", "+500.00", "+1.25", "1 trades, 1 won"),
        "locks": ("BTC", "both", "COOLDOWN", "2024-01-02 01:00:00"),
    }.items():
        _, out, _ = argus(verb)
        assert all(part in out for part in parts), out
    assert [one["id"] for one in json.loads(argus("locks", "--json")[1])] == ["l1"]
    assert [one["status"] for one in json.loads(argus("orders", "--json")[1])] == ["INTENT", "DENIED"]


def test_the_newest_run_is_shown_unless_another_or_all_are_asked_for(argus: Argus, store: Store) -> None:
    write_run(store)
    write_book(store)
    write_run(store, "20250101T000000-ffff", epoch=2)

    def shown(*more: str) -> int:
        return len(json.loads(argus("trades", "--json", *more)[1]))

    assert (shown(), shown("--all"), shown("--run", RUN), shown("--run", "2024"), shown("--run", "2025")) == (
        0,
        1,
        1,
        1,
        0,
    )
    assert argus("trades", "--run", "20")[0] == 4


def test_events_are_envelopes_in_the_order_of_seq(argus: Argus, store: Store) -> None:
    write_run(store)
    write_run(store, "sim", simulated=True, epoch=2)
    with store.transaction() as tx:
        tx.emit(RUN, [scan(1, {"EURUSD": 1.1, "BTC": 2.0}), fill("BTC", "BUY", 1.0, 2.0), denied("EURUSD", "LOCKED")])
        tx.emit("sim", [run_summary()])

    def seqs(*more: str) -> list[int]:
        code, out, err = argus("events", "--json", *more)
        assert code == 0, err
        return [one["seq"] for one in lines_of(out)]

    assert seqs() == [1, 2, 3, 4]
    assert seqs("--run", RUN) == [1, 2, 3]
    assert seqs("--after", "2") == [3, 4]
    assert seqs("--type", "trade_execution,RISK_DENIED") == [2, 3]
    assert seqs("--type", "SCAN_SUMMARY", "--type", "RUN_SUMMARY") == [1, 4]
    assert seqs("--symbol", "BTC") == [2]
    said = lines_of(argus("events", "--json")[1])
    assert said[0]["data"]["symbols"] == {"EURUSD": "NO_SIGNAL", "BTC": "NO_SIGNAL"}
    assert [one["data"].get("simulated", False) for one in said] == [False, False, False, True]


def test_events_for_people_are_one_line_each(argus: Argus, store: Store) -> None:
    write_run(store, simulated=True)
    with store.transaction() as tx:
        tx.emit(RUN, [scan(1, {"EURUSD": 1.1, "BTC": 2.0}), fill("BTC", "BUY", 1.0, 2.0), run_summary()])

    _, out, _ = argus("events")

    assert len(out.splitlines()) == 3
    assert all("SIMULATED" in line for line in out.splitlines())
    for part in ("EURUSD=NO_SIGNAL", "BUY 1 BTC at 2.00000", "2 cycles, 3 candidates"):
        assert part in out


def test_more_events_than_one_batch_come_without_a_gap(argus: Argus, store: Store) -> None:
    write_run(store)
    with store.transaction() as tx:
        tx.emit(RUN, [fill("BTC", "BUY", 1.0, 2.0, str(number)) for number in range(2500)])

    assert [one["seq"] for one in lines_of(argus("events", "--json")[1])] == list(range(1, 2501))


# -- the database itself -----------------------------------------------------------------------------


def test_a_database_is_made_once(argus: Argus, home: Path) -> None:
    first = json.loads(argus("db", "migrate", "--json")[1])
    second = json.loads(argus("db", "migrate", "--json")[1])

    assert first["from"] is None
    assert second["from"] == second["to"] == first["to"]
    assert json.loads(argus("db", "check", "--json")[1])["ok"] is True


def test_a_database_with_a_gap_is_not_sound(argus: Argus, store: Store) -> None:
    write_run(store)
    with store.transaction() as tx:
        tx.emit(RUN, [engine_state("running"), run_summary()])
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM events WHERE seq = 1")

    code, out, _ = argus("db", "check")

    assert code == 1
    assert "1 missing" in out
    assert "NOT SOUND" in out


def test_the_environment_names_the_database_where_no_option_does(
    argus: Argus, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARGUS__DATABASE__URL", f"sqlite:///{tmp_path / 'other.db'}")

    assert json.loads(argus("db", "migrate", "--json")[1])["database"].endswith("other.db")
    mine = argus("db", "migrate", "--json", "--db-url", f"sqlite:///{tmp_path / 'mine.db'}")[1]
    assert json.loads(mine)["database"].endswith("mine.db")


def test_a_newer_database_is_refused(argus: Argus, store: Store) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")

    for verb in ("status", "halt", "db migrate"):
        code, _, err = argus(*verb.split())
        assert code == 4
        assert "newer than this program" in err


def test_a_database_that_lost_a_table_is_no_traceback(argus: Argus, store: Store) -> None:
    write_run(store)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE positions")

    code, _, err = argus("positions")

    assert code == 1
    assert "no such table: positions" in err
