"""``halt`` while the driver hangs, actors that hang and die under the supervisor, and an end that is cut short."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil
import pytest

from journal import lease
from tests.run.place import Place

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals"),
]

SIM = ("run", "--symbols", "EURUSD,BTC", "--seed", "3", "--preset", "yardstick", "--speed", "5")
SET = ("--set", "ray.deadline=1", "--set", "supervision.patience=4")


def pid_of(place: Place, actor: str) -> int:
    """The process of an actor in this place."""
    for line in place.processes():
        pid, _, command = line.partition(" ")
        if command.startswith(f"ray::{actor}"):
            return int(pid)
    pytest.fail(f"no {actor} among {place.processes()}")


def freeze(place: Place, actor: str) -> int:
    """Stop its process at a moment at which it holds no lock of the database."""
    pid = pid_of(place, actor)
    for _ in range(100):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(0.05)
        try:
            with contextlib.closing(sqlite3.connect(place.database, timeout=0.5, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            return pid
        except sqlite3.OperationalError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.1)
    pytest.fail(f"{actor} always holds the lock")


def alerts(place: Place) -> list[dict[str, Any]]:
    said = place.verb("events", "--json").out.splitlines()
    return [one["data"] for one in map(json.loads, said) if one["type"] == "ALERT"]


def alerted(place: Place, name: str, actor: str = "") -> Callable[[], bool]:
    return lambda: any(one["alert"] == name and one.get("actor", "") == actor for one in alerts(place))


def closed(place: Place) -> int:
    cycle = place.ask("status")["cycle"]
    return int(cycle["n"]) if cycle else 0


def beyond(place: Place, count: int) -> None:
    here = closed(place)
    place.wait(lambda: closed(place) > here + count, f"{count} more cycles after {here}")


def end(place: Place, engine: subprocess.Popen[str], code: int = 0) -> None:
    engine.send_signal(signal.SIGINT)
    assert engine.wait(60) == code, place.err()
    assert place.verb("db", "check").code == 0
    place.nothing_left()


def test_halt_is_obeyed_while_the_driver_hangs_and_says_what_the_venue_then_had(place: Place) -> None:
    engine = place.start(*SIM, *SET, "--set", "supervision.patience=60")
    place.wait_for("\nscan 2 ", engine)
    symbol = place.wait(lambda: place.ask("positions"), "a position")[0]["symbol"]
    driver = freeze(place, "InstitutionalStrategy")

    said = place.verb("halt", "--flatten", "--reason", "it hangs")

    assert said.code == 0, said
    assert "verified at the venue: no entry works" in said.out
    assert f"closing {symbol}" in said.out
    status = place.ask("status")
    assert (status["trading"], status["latches"][0]["reason"]) == ("HALTED", "it hangs")
    found = [one for one in alerts(place) if one["alert"] == "EMERGENCY"]
    assert [(one["by"], one["verified"], one["closing"]) for one in found] == [("supervisor", True, [symbol])]
    exits = [one for one in place.ask("orders") if one["symbol"] == symbol and one["status"] == "ACCEPTED"]
    assert exits  # its own, or that of the reversal in which the driver was frozen

    os.kill(driver, signal.SIGCONT)
    place.wait(lambda: not place.ask("positions"), "everything is closed")
    place.wait(lambda: place.ask("status")["state"] == "emergency", "the driver has seen it")
    status = place.ask("status")
    assert status["commands"][0] == "reset-kill-switch"
    assert status["since"]
    assert status["why"].startswith("HALT: ")
    assert place.verb("resume").code == 1
    assert place.verb("reset-kill-switch", "--reason", "seen").code == 0
    place.wait(lambda: place.ask("status")["state"] == "running", "it goes on")
    end(place, engine)


def test_actors_that_hang_or_die_come_back_and_a_pause_outlives_the_driver(place: Place) -> None:
    engine = place.start(*SIM, *SET)
    place.wait_for("\nscan 2 ", engine)

    frozen = freeze(place, "RiskManager")
    place.wait(alerted(place, "ACTOR_HANGS", "RiskManager"), "the gate was killed")
    beyond(place, 2)
    assert pid_of(place, "RiskManager") != frozen

    assert place.ask("pause", "--reason", "lunch")["state"] == "DONE"
    os.kill(pid_of(place, "InstitutionalStrategy"), signal.SIGKILL)
    place.wait(alerted(place, "ACTOR_RESTARTED", "InstitutionalStrategy"), "the driver is back")
    beyond(place, 2)
    status = place.ask("status")
    assert (status["state"], status["why"]) == ("paused", "still paused")
    assert place.ask("resume")["state"] == "DONE"
    assert place.ask("status")["state"] == "running"
    assert place.ask("status")["heartbeat"]["pid"] == engine.pid

    end(place, engine)
    assert not (place.home / "heartbeat.json").exists()
    assert place.ask("status")["trading"] == "ACTIVE"


def test_a_gate_beyond_its_budget_halts_until_a_person_has_looked(place: Place) -> None:
    engine = place.start(*SIM, *SET, "--set", "supervision.restarts=1")
    place.wait_for("\nscan 2 ", engine)
    for count in (1, 2):
        os.kill(pid_of(place, "RiskManager"), signal.SIGKILL)
        found = alerted(place, *(("ACTOR_RESTARTED", "HALTED_BY_SUPERVISOR")[count - 1], "RiskManager"))
        place.wait(found, f"death {count} was seen")

    place.wait(lambda: place.ask("status")["state"] == "emergency", "the engine is halted")
    beyond(place, 2)
    [latch] = place.ask("status")["latches"]
    assert (latch["code"], latch["who"]) == ("HALT", "supervisor")
    assert latch["reason"] == "RiskManager: 2 restarts within 60 s"
    end(place, engine)
    assert place.ask("status")["trading"] == "HALTED"


def test_an_end_that_is_cut_short_leaves_a_sound_database(place: Place) -> None:
    engine = place.start(*SIM)
    place.wait_for("\nscan 3 ", engine)
    engine.send_signal(signal.SIGINT)
    time.sleep(0.3)
    os.killpg(engine.pid, signal.SIGKILL)
    engine.wait()
    place.nothing_left()
    assert place.verb("db", "check").code == 0

    engine = place.start(*SIM, "--speed", "1")
    place.wait_for("\nscan 2 ", engine)
    driver = freeze(place, "InstitutionalStrategy")  # so that the first Ctrl-C waits
    engine.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert engine.poll() is None
    engine.send_signal(signal.SIGINT)
    engine.send_signal(signal.SIGINT)  # whoever insists does not leave half of it behind

    assert engine.wait(10) == 1
    assert "interrupted" in place.err()
    assert driver not in psutil.pids()
    assert place.verb("db", "check").code == 0
    assert lease.holder(place.url) is None
    place.nothing_left()


def test_the_halt_file_is_obeyed_between_two_bars_and_latches(place: Place) -> None:
    engine = place.start(*SIM[:-2], "--interval", "3600")
    place.wait_for("\nscan 1 ", engine)

    (place.home / "HALT").touch()

    place.wait(lambda: place.ask("status")["state"] == "emergency", "the file was seen", within=20)
    assert alerted(place, "EMERGENCY")()
    assert place.verb("reset-kill-switch", "--reason", "not yet").code == 1
    (place.home / "HALT").unlink()
    status = place.ask("status")
    assert (status["trading"], status["latches"][0]["who"]) == ("HALTED", "HALT file")
    end(place, engine)
