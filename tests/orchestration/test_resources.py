"""What a run takes of its machine: figures that are true, and limits that are told once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from domain.metrics import METRICS
from journal import database
from orchestration import resources
from orchestration.resources import GAUGES, Limits, Monitor, Sample, Sampler, sample
from orchestration.settings.tree import Resources
from tests.orchestration.alerts.receiver import Meter, wait


@pytest.fixture
def url(tmp_path: Path) -> str:
    address = f"sqlite:///{tmp_path / 'argus.db'}"
    database.prepare(address)
    return address


def child(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code])


def test_the_whole_tree_is_counted(url: str) -> None:
    sampler = Sampler(url)
    before = sampler.sample()
    one = child("import time; held = bytearray(80_000_000); print(end=''); time.sleep(60)")
    try:
        wait(lambda: (sampler.sample().values["memory_mb"] or 0) > (before.values["memory_mb"] or 0) + 60)
        found = sampler.sample()
    finally:
        one.kill()
        one.wait()
    assert one.pid in [each.pid for each in found.processes]
    assert len(found.processes) > len(before.processes)


def test_cpu_is_what_was_used_since_the_look_before(url: str) -> None:
    one = child("while True: pass")
    try:
        wait(lambda: psutil.Process(one.pid).cpu_times().user > 0.1)
        sampler = Sampler(url, one.pid)
        assert sampler.sample().values["cpu"] == 0.0
        used = psutil.Process(one.pid).cpu_times().user
        wait(lambda: psutil.Process(one.pid).cpu_times().user > used + 0.5)
        share = sampler.sample().processes[0].cpu
    finally:
        one.kill()
        one.wait()
    assert 1.0 < share <= 110.0


def test_the_disk_the_files_and_the_database_are_those_of_the_run(url: str, tmp_path: Path) -> None:
    found = Sampler(url).sample()

    assert set(found.values) == set(GAUGES)
    size = (tmp_path / "argus.db").stat().st_size / 1024 / 1024
    assert found.values["database_mb"] == pytest.approx(size, abs=0.001)
    assert found.database == str(tmp_path)
    assert 0 <= (found.values["disk"] or -1) <= 100
    assert 0 < (found.values["open_files"] or 0) < 100
    assert (found.disk_free_mb or 0) > 0


def test_a_process_that_is_gone_and_a_file_that_is_not_there_are_no_error(tmp_path: Path) -> None:
    one = child("pass")
    one.wait()
    found = Sampler(f"sqlite:///{tmp_path / 'none' / 'argus.db'}", one.pid).sample()

    assert found.processes == []
    assert (found.values["database_mb"], found.values["wal_mb"], found.values["disk"]) == (None, None, None)
    assert found.values["cpu"] == 0.0


def test_a_server_is_asked_for_its_size(postgres_url: str) -> None:
    found = Sampler(postgres_url).sample()

    assert (found.values["database_mb"] or 0) > 1
    assert found.values["wal_mb"] is None


def test_plain_values_for_who_asks(url: str) -> None:
    first = sample(url)
    again = sample(url)

    assert set(first) == {"values", "processes", "disk_free_mb", "database"}
    assert set(again["processes"][0]) == {"pid", "name", "cpu", "memory_mb", "open_files", "threads"}
    assert len(resources._samplers) <= 17


# -- limits ----------------------------------------------------------------------------------------


def crossings(limit: float, lasting: float, *values: float | None) -> list[tuple[int, str]]:
    """(second, severity) of what is told when the value is looked at once a second."""
    judge = Limits({"disk": limit, "memory": None}, lasting)
    found = []
    for second, value in enumerate(values):
        found += [(second, one.severity) for one in judge.judge({"disk": value, "memory": 100.0}, float(second))]
    return found


def test_a_crossing_is_told_once_and_the_way_back_once() -> None:
    assert crossings(90, 0, 50, 91, 92, 95, 91, 50, 40, 50) == [(1, "critical"), (5, "info")]
    assert crossings(90, 0, 50, 82, 83, 50) == [(1, "warning"), (3, "info")]
    assert crossings(90, 0, 82, 91, 50) == [(0, "warning"), (1, "critical"), (2, "info")]


def test_a_value_on_the_border_does_not_flutter() -> None:
    assert crossings(90, 0, *([81, 80.9, 81.1, 80] * 5)) == [(0, "warning")]
    assert crossings(90, 0, *([90, 89.9, 90.1, 89] * 5)) == [(0, "critical")]


def test_what_falls_clearly_below_its_limit_and_passes_it_again_is_told_again() -> None:
    assert crossings(90, 0, 95, 84, 95) == [(0, "critical"), (2, "critical")]


def test_a_value_must_stay_beyond() -> None:
    assert crossings(90, 3, 95, 95, 50, 95, 95, 95, 50, 50) == []
    assert crossings(90, 3, 95, 95, 95, 95, 95) == [(3, "critical")]
    assert crossings(90, 2, 85, 95, 85, 95) == [(2, "warning")]


def test_what_cannot_be_known_and_what_has_no_limit_says_nothing() -> None:
    assert crossings(90, 0, 95, None, None, 95) == [(0, "critical")]


# -- the monitor -----------------------------------------------------------------------------------


class Fake:
    """A machine whose figures are given."""

    def __init__(self) -> None:
        self.values: dict[str, float | None] = dict.fromkeys(GAUGES, 1.0)
        self.looks = 0

    def sample(self) -> Sample:
        self.looks += 1
        return Sample(dict(self.values), [], 10.0, "/")


def watched(fake: Any, wished: Resources, report: Callable[..., Any], **more: Any) -> tuple[Monitor, Meter]:
    meter = Meter()
    return Monitor(wished, fake, meter, report, **more), meter


def test_a_crossing_becomes_an_alert_and_every_figure_a_metric() -> None:
    fake, told = Fake(), []
    monitor, meter = watched(fake, Resources(lasting=0.0), lambda name, **facts: told.append((name, facts)))
    fake.values["disk"] = 93.0
    fake.values["wal_mb"] = None
    monitor.look()
    monitor.look()

    assert told == [("RESOURCE", {"resource": "disk", "value": 93.0, "limit": 90.0, "severity": "critical"})]
    wanted = {*GAUGES.values(), "argus_disk_free_megabytes", "argus_run_processes"} - {GAUGES["wal_mb"]}
    assert set(meter.gauges) == wanted
    assert set(GAUGES.values()) <= set(METRICS)


def test_a_run_that_hurries_may_use_its_processors() -> None:
    fake, told = Fake(), []
    monitor, meter = watched(fake, Resources(lasting=0.0), lambda name, **facts: told.append(facts), without=("cpu",))
    fake.values["cpu"] = 100.0
    monitor.look()

    assert told == []
    assert meter.gauges["argus_run_cpu_percent"] == 100.0


def test_it_looks_beside_and_ends_at_once() -> None:
    fake = Fake()
    monitor, _ = watched(fake, Resources(every=0.01), lambda name, **facts: None)
    monitor.start()
    wait(lambda: fake.looks > 3)
    begun = time.monotonic()
    monitor.stop()
    assert time.monotonic() - begun < 1.0
    wait(lambda: not monitor._thread.is_alive())
