"""The whole program on Ray, from its start to its end, as its user meets it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from journal import lease
from tests.flow.system import path, write_bars
from tests.run.place import CLI, Line, Place, lines

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals and process groups"),
]

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ENVELOPE = ["v", "seq", "id", "type", "ts", "run_id", "symbol", "correlation_id", "causation_id", "data"]
SUMMARY = ["cycles", "candidates", "orders", "fills", "equity", "positions", "decisions_hash", "exit_reason"]
SIM = ("run", "--symbols", "EURUSD,BTC", "--seed", "3")


def recorded(folder: Path) -> list[str]:
    """Two symbols of real bars where they are there, else of made ones."""
    files = {"EURUSD": DATA / "EURUSD_H1.parquet", "BTC": DATA / "BTCUSD_M1.parquet"}
    if all(one.is_file() for one in files.values()):
        chosen = ["--timeframe", "H1", "--timerange", "20160104-20160331", "--cycles", "400"]
    else:
        closes = {
            "EURUSD": path(*[(30, -0.0002), (30, 0.0003)] * 6),
            "BTC": path(*[(30, 9.0), (30, -8.0)] * 6, start=40_000.0),
        }
        files = {one: write_bars(folder / f"{one}_M1.csv", prices) for one, prices in closes.items()}
        chosen = ["--cycles", "300"]
    data = [part for symbol, file in files.items() for part in ("--data", f"{symbol}={file}")]
    return ["run", "--symbols", "EURUSD,BTC", "--feed", "recorded", *data, *chosen, "--strategy", "ema_cross"]


def gapless(told: list[Line]) -> bool:
    numbers = [one["seq"] for one in told]
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_a_recorded_run_tells_every_cycle_and_repeats_itself_whoever_reads(place: Place) -> None:
    command = [*recorded(place.folder), "--speed", "max", "--json", "--no-api"]

    first = place.verb(*command)

    told = lines(first.out)
    assert (first.code, first.err) == (0, "")
    assert [one for one in told if list(one) != ENVELOPE] == []
    assert gapless(told)
    scans = [one["data"] for one in told if one["type"] == "SCAN_SUMMARY"]
    summary = told[-1]["data"]
    assert [one["cycle"] for one in scans] == list(range(1, int(command[command.index("--cycles") + 1]) + 1))
    assert all(list(one["symbols"]) == ["EURUSD", "BTC"] and all(one["symbols"].values()) for one in scans)
    assert told[-1]["type"] == "RUN_SUMMARY"
    assert [name for name in SUMMARY if name not in summary] == []
    assert summary["fills"] == sum(one["type"] == "TRADE_EXECUTION" for one in told) > 0

    process = subprocess.Popen(
        [sys.executable, str(CLI), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=place.environment(),
    )
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(5)]
    process.stdout.close()  # whoever read has read enough
    assert process.stderr is not None
    assert (process.stderr.read(), process.wait()) == ("", 0)
    process.stderr.close()

    again = lines(place.verb("events", "--run", lines(seen[0])[0]["run_id"], "--json").out)
    assert gapless(again)
    assert again[-1]["data"] == summary
    assert place.verb("db", "check").code == 0
    place.nothing_left()


def test_the_operator_is_obeyed_and_a_killed_engine_is_followed_at_once(place: Place) -> None:
    engine = place.start(*SIM, "--preset", "yardstick", "--speed", "5")
    place.wait_for("\nscan 2 ", engine)

    second = place.verb("run", "--symbols", "EURUSD", "--json")
    assert (second.code, second.out) == (1, "")
    assert f"pid {engine.pid} " in second.err
    status = place.ask("status")
    assert (status["state"], status["engine"]["pid"]) == ("running", engine.pid)

    assert place.ask("pause")["state"] == "DONE"
    assert place.ask("status")["state"] == "paused"
    assert place.ask("resume")["state"] == "DONE"
    symbol = place.wait(lambda: place.ask("positions"), "a position")[0]["symbol"]
    assert place.ask("close", symbol)["answer"] == {"closing": [symbol]}
    place.wait(
        lambda: [
            one
            for one in place.ask("orders")
            if one["purpose"].startswith("OPERATOR") and one["symbol"] == symbol and one["status"] == "FILLED"
        ],
        "the operator's order is filled",
    )
    assert place.verb("cancel", "nonsense").code == 1
    assert place.ask("halt", "--flatten", "--reason", "enough")["state"] == "DONE"
    place.wait(lambda: not place.ask("positions"), "everything is closed")
    status = place.ask("status")
    assert (status["state"], status["trading"], status["latches"][0]["reason"]) == ("emergency", "HALTED", "enough")

    engine.kill()
    engine.wait()
    assert place.verb("pause").code == 3

    next_one = place.verb(*SIM, "--speed", "max", "--cycles", "200", "--json", "--no-api")
    told = lines(next_one.out)
    denied = [one["data"] for one in told if one["type"] == "RISK_DENIED"]
    assert (next_one.code, next_one.err) == (0, "")
    assert {one["code"] for one in denied} == {"KILL_SWITCH"}
    assert told[-1]["data"] | {"candidates": len(denied), "orders": 0, "fills": 0} == told[-1]["data"]
    assert place.ask("status")["trading"] == "HALTED"
    assert place.verb("reset-kill-switch", "--reason", "looked at").code == 0
    assert place.ask("status")["trading"] == "ACTIVE"
    assert place.verb("db", "check").code == 0
    place.nothing_left()


def test_a_run_that_waits_for_its_next_bar_hears_the_operator_and_ctrl_c(place: Place) -> None:
    engine = place.start(*SIM, "--interval", "3600", "--json", "--port", "0")
    place.wait_for('"cycle":1,', engine)
    assert place.ask("pause")["state"] == "DONE"

    os.killpg(engine.pid, signal.SIGINT)  # a terminal tells every process of the group

    assert engine.wait(60) == 0
    last = lines(place.out())[-1]
    assert (last["type"], last["data"]["cycles"], last["data"]["exit_reason"]) == ("RUN_SUMMARY", 1, "interrupted")
    assert [one for one in place.err().splitlines() if not one.startswith("page http://127.0.0.1:")] == []
    assert lease.holder(place.url) is None
    place.nothing_left()


def test_a_run_that_is_ended_while_ray_starts_leaves_nothing(place: Place) -> None:
    engine = place.start(*SIM, "--json")
    place.wait(lambda: any("gcs_server" in one for one in place.processes()), "Ray is starting")

    engine.send_signal(signal.SIGTERM)

    assert engine.wait(60) == 0
    assert (place.out(), place.err()) == ("", "terminated before the first cycle: nothing was traded\n")
    assert lease.holder(place.url) is None
    assert place.verb("db", "check").code == 0
    place.nothing_left()
