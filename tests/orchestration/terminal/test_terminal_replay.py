from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.flow.system import System, path

WAVES = path(*[(6, -0.0004), (6, 0.0005)] * 5)
QUICK = ["strategy.fast=2", "strategy.slow=5"]


def argus(system: System, *arguments: str) -> tuple[int, str, str]:
    from cli import app

    done = CliRunner().invoke(app, ["replay", "--db-url", system.url, *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@pytest.fixture
def system(tmp_path: Path) -> System:
    made = System(tmp_path, QUICK)
    made.run({"EURUSD": WAVES})
    return made


def tampered(system: System) -> None:
    connection = sqlite3.connect(system.folder / "argus.db")
    connection.execute("UPDATE decisions SET body = replace(CAST(body AS TEXT), '\"side\":1', '\"side\":2')")
    connection.commit()
    connection.close()


def test_identical_is_said_in_one_line(system: System) -> None:
    code, out, err = argus(system)

    assert (code, err) == (0, "")
    assert out.startswith("identical: ")
    assert out.endswith("in 61 cycles of run run-0\n")


def test_identical_as_json(system: System) -> None:
    code, out, _ = argus(system, "--json", "--run", "run-")
    told = json.loads(out)

    assert code == 0
    assert told.pop("decisions") > 5
    assert told == {"run_id": "run-0", "result": "identical", "compared_cycles": 61, "first_difference": None}


def test_the_first_difference_shows_both_sides(system: System) -> None:
    tampered(system)

    code, out, _ = argus(system)
    lines = out.splitlines()

    assert code == 1
    assert lines[0] == "different: run run-0"
    assert lines[1].startswith("decision 1 on EURUSD at 2024-01-01T00:")
    assert lines[2].split() == ["recorded", "replayed"]
    assert [line.split() for line in lines[3:]] == [["side", "2", "1"]]


def test_the_first_difference_as_json(system: System) -> None:
    tampered(system)

    code, out, _ = argus(system, "--json")
    told = json.loads(out)
    first = told["first_difference"]

    assert code == 1
    assert told["result"] == "different"
    assert (first["kind"], first["symbol"], first["rank"], first["differs"]) == ("decision", "EURUSD", 0, ["side"])
    assert (first["recorded"]["side"], first["replayed"]["side"]) == (2, 1)
    assert first["ts"] == first["recorded"]["T"]


def test_changed_bars_are_named(system: System) -> None:
    file = system.folder / "EURUSD_M1.csv"
    lines = file.read_text().splitlines()
    ts, opened, high, low, close = lines[37].split(",")
    lines[37] = ",".join((ts, opened, str(float(high) + 0.00001), low, close))
    file.write_text("\n".join(lines) + "\n")

    code, out, _ = argus(system)

    assert code == 1
    assert (
        out.splitlines()[1]
        == "the bars of EURUSD differ from the recorded ones, first at 2024-01-01T00:37:00Z (cycle 37)"
    )


def test_what_is_not_there_is_refused(system: System, tmp_path: Path) -> None:
    assert argus(system, "--run", "nonsense")[0] == 4
    (system.folder / "EURUSD_M1.csv").unlink()
    code, out, err = argus(system)
    assert (code, out) == (4, "")
    assert "is gone: put it back" in err
    (tmp_path / "empty").mkdir()
    code, out, err = argus(System(tmp_path / "empty"))
    assert (code, out) == (4, "")
    assert "there is no database" in err
    assert list((tmp_path / "empty").iterdir()) == []
