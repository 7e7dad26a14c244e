"""A run whose every process was killed goes on with --resume, as it was configured; what is refused says why."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path

import pytest

from benchmarks.lives import kill_tree
from benchmarks.resume import outcome
from journal import database
from tests.flow.system import path, write_bars
from tests.run.place import Line, Place, lines

pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(sys.platform == "win32", reason="needs signals and process groups"),
]

WAVES = {
    "EURUSD": path(*[(12, -0.0003), (12, 0.0004)] * 12),
    "BTC": path(*[(10, 12.0), (10, -11.0)] * 14, start=40_000.0),
}
SETS = ("strategy.fast=3", "strategy.slow=8", "risk.max_drawdown_soft=0.9", "risk.max_drawdown=0.95")
RESUME = ("run", "--resume", "--json", "--no-api")


def recorded(folder: Path, *more: str) -> list[str]:
    files = [f"{one}={write_bars(folder / f'{one}_M1.csv', prices)}" for one, prices in WAVES.items()]
    data = [part for one in files for part in ("--data", one)]
    sets = [part for one in SETS for part in ("--set", one)]
    return ["run", "--symbols", ",".join(WAVES), *data, "--preset", "balanced", *sets, *more, "--json", "--no-api"]


def killed(place: Place, under_way: float, *arguments: str) -> list[Line]:
    """What an engine said that was killed, and every process below it, so many seconds after its first event."""
    engine = place.start(*arguments)
    place.wait(lambda: place.out() or engine.poll() is not None, "the first event")
    time.sleep(under_way)
    assert engine.poll() is None, place.err()
    assert kill_tree(engine.pid) > 5
    engine.wait()
    place.nothing_left()
    return lines(place.out()[: place.out().rfind("\n") + 1])


def test_a_run_that_is_killed_again_and_again_ends_as_one_that_was_not(place: Place) -> None:
    chance = random.Random(4)
    calm = place.verb(*recorded(place.folder, "--speed", "max"))
    assert (calm.code, calm.err) == (0, "")
    undisturbed = lines(calm.out)[-1]["run_id"]

    told = killed(place, chance.uniform(0.3, 2.0), *recorded(place.folder, "--speed", "30"))
    run_id = told[0]["run_id"]
    assert database.check(place.url)["ok"]
    told += killed(place, chance.uniform(0.3, 2.0), *RESUME)
    last = place.verb(*RESUME)

    assert last.code == 0, last.err
    assert f"run {run_id} goes on with cycle " in last.err
    told += lines(last.out)
    everything = lines(place.verb("events", "--run", run_id, "--json").out)
    numbers = [one["seq"] for one in told]
    assert sorted(set(numbers)) == numbers  # every engine tells what came after the one before it
    assert [one["seq"] for one in everything] == list(range(everything[0]["seq"], everything[-1]["seq"] + 1))
    starts = [one["data"]["resumed"] for one in everything if one["type"] == "RUN_STARTED"]
    assert starts == [False, True, True]
    found = outcome(place.url, run_id)
    assert found == outcome(place.url, undisturbed)
    assert found["executions"] == len(found["fills"]) > 20
    assert told[-1]["type"] == "RUN_SUMMARY"
    assert database.check(place.url)["ok"]

    over = place.verb(*RESUME)
    assert (over.code, over.out) == (4, "")
    assert f"nothing to resume: run {run_id} is complete: it ended with end_of_data after " in over.err
    place.nothing_left()


def test_what_the_operator_left_is_found_again_and_what_changed_is_refused(place: Place) -> None:
    given = recorded(place.folder, "--speed", "10")
    engine = place.start(*given)
    place.wait_for('"cycle":5,', engine)
    assert place.ask("pause")["state"] == "DONE"
    kill_tree(engine.pid)
    engine.wait()
    place.nothing_left()
    run_id = place.ask("status")["run"]["run_id"]

    file = place.folder / "EURUSD_M1.csv"
    whole = file.read_text()
    file.write_text(whole[: len(whole) // 2])
    cut = place.verb(*RESUME)
    assert (cut.code, cut.out) == (4, "")
    assert f"EURUSD: {file}" in cut.err
    file.unlink()
    assert f"EURUSD: {file}, which run {run_id} reads, is gone" in place.verb(*RESUME).err
    file.write_text(whole)
    unknown = place.verb("run", "--resume", "nonsense")
    assert (unknown.code, unknown.out) == (4, "")
    assert f"there is no run nonsense in this database; can be resumed: {run_id}" in unknown.err

    again = place.start(*RESUME, ARGUS__FEED__SPEED="max", ARGUS__PRESET="yardstick")
    place.wait_for("SCAN_SUMMARY", again)
    second = place.verb(*RESUME)
    assert (second.code, second.out) == (1, "")
    assert f"pid {again.pid} " in second.err
    assert place.ask("status")["state"] == "paused"
    os.killpg(again.pid, signal.SIGINT)
    assert again.wait(60) == 0
    summary = lines(place.out())[-1]
    assert (summary["type"], summary["data"]["exit_reason"]) == ("RUN_SUMMARY", "interrupted")

    more = place.start("run", "--resume", run_id[:18], "--json")
    place.wait_for("SCAN_SUMMARY", more)
    assert place.ask("resume")["state"] == "DONE"
    assert place.ask("status")["state"] == "running"
    os.killpg(more.pid, signal.SIGTERM)
    assert more.wait(60) == 0
    assert lines(place.out())[-1]["data"]["exit_reason"] == "terminated"
    assert database.check(place.url)["ok"]
    place.nothing_left()
