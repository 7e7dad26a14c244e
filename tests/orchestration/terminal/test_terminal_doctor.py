from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from orchestration.terminal import doctor
from orchestration.terminal.doctor import FAIL, GIGABYTE, MEGABYTE, OK, WARN, Check
from tests.orchestration.terminal.conftest import Argus


@pytest.mark.parametrize(
    ("check", "state"),
    [
        (doctor.python((3, 10, 9)), FAIL),
        (doctor.python((3, 11, 0)), OK),
        (doctor.python((4, 0, 0)), OK),
        (doctor.memory(400 * MEGABYTE), FAIL),
        (doctor.memory(GIGABYTE), WARN),
        (doctor.memory(8 * GIGABYTE), OK),
        (doctor.processors(1), WARN),
        (doctor.processors(8), OK),
    ],
)
def test_a_machine_is_judged_by_what_a_run_needs(check: Check, state: str) -> None:
    assert check.state == state
    assert bool(check.way_out) == (state != OK)


def test_looking_at_a_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    assert doctor.writable("data folder", tmp_path / "a" / "b").state != FAIL
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named_with_the_way_out() -> None:
    found = doctor.writable("data folder", Path("/proc/argus"))
    if found.state == OK or not Path("/proc").exists():
        pytest.skip("this system has no folder that nobody can write to")

    assert found.state == FAIL
    assert "ARGUS_HOME" in found.way_out


def test_a_package_that_cannot_be_imported_is_named() -> None:
    assert list(doctor._imports({"json": "json", "gone": "no_such_module"})) == ["gone"]


@pytest.mark.parametrize("make", [False, True])
def test_the_database_is_looked_at_and_not_made(argus: Argus, home: Path, make: bool) -> None:
    if make:
        argus("db", "migrate")
    before = sorted(os.listdir(home)) if make else []

    (found,) = doctor.stored(None)

    assert found.state == OK
    assert ("none yet" in found.found) != make
    assert (sorted(os.listdir(home)) if home.exists() else []) == before


def test_a_damaged_database_and_a_halt_file_are_told(argus: Argus, home: Path) -> None:
    home.mkdir()
    (home / "argus.db").write_bytes(b"not a database at all" * 100)
    (home / "HALT").touch()

    found = doctor.stored(None)

    assert [(one.what, one.state) for one in found] == [("database", FAIL), ("kill switch", WARN)]


def test_doctor_says_what_it_found_and_fails_only_for_a_fail(argus: Argus) -> None:
    code, out, _ = argus("doctor", "--json")

    said = json.loads(out)
    assert said["ok"] == (code == 0) == all(one["state"] != FAIL for one in said["checks"])
    assert {"Python", "ray", "numba", "data folder", "memory", "ports"} <= {one["what"] for one in said["checks"]}
    assert all(one["way_out"] for one in said["checks"] if one["state"] != OK)
