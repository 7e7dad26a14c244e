"""What a run is refused for, as its user meets it: the culprit and the way out, nothing started, nothing written."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli import app
from domain.errors import AlreadyRunning
from journal import database, engines, lease
from orchestration import engine
from orchestration.clock import WallClock
from orchestration.settings import Overrides
from tests.run import bad_files
from tests.run.place import Place

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes that are files")

FILES = [
    ("empty.csv", "the file is empty"),
    ("headers.csv", "there are no bars in it"),
    ("one_row.csv", "one row only"),
    ("short_row.csv", "row 10: 1 values for 5 columns"),
    ("no_close.csv", "missing column close"),
    ("word.csv", "column open, row 6: 'abc' is not a number"),
    ("thousands.csv", "column open, row 6: '1,100.5' is not a number"),
    ("escapes.csv", r"'\x1b[31mred\x07' is not a number"),
    ("escapes_above.csv", r"missing column ts, open (it has: \x1b[31mts, op\x07en"),
    ("unsorted.csv", "sort the file by ts"),
    ("duplicate.csv", "remove the duplicates"),
    ("nan.csv", "column close, row 6 (2024-01-02T00:05:00Z): nan is not a number"),
    ("zero.csv", "column low, row 6 (2024-01-02T00:05:00Z): 0.0 is not above zero"),
    ("negative.csv", "column low, row 6 (2024-01-02T00:05:00Z): -1.1 is not above zero"),
    ("crossed.csv", "column high, row 6 (2024-01-02T00:05:00Z): 1.0 is below the low"),
    ("huge.csv", "is no price"),
    ("tiny.csv", "is no price"),
    ("naive.csv", "has no zone"),
    ("yesterday.csv", "column ts, row 6: 'yesterday' is not a time"),
    ("semicolons.csv", "use commas"),
    ("capitals.csv", "missing column ts"),
    ("returns.csv", "its lines end in CR alone"),
    ("wide.csv", "save it as CSV in UTF-8"),
    ("folder.csv", "is a folder, not a file"),
    ("pipe.csv", "save the bars in a file"),
    ("loop.csv", "save the bars in a file"),
    ("nowhere.csv", "does not exist"),
    ("\x1b[31mempty.csv", r"\x1b[31mempty.csv: the file is empty"),
    ("is_parquet.csv", "rename it to .parquet"),
    ("is_csv.parquet", "rename it to .csv"),
    ("truncated.parquet", "truncated"),
    ("damaged.parquet", "damaged"),
    ("no_close.parquet", "missing column close"),
    ("words.parquet", "column close holds text"),
    ("lists.parquet", "column close holds list"),
    ("whole_stamps.parquet", "column ts holds int64"),
    ("naive.parquet", "times without a zone"),
    ("one_row.parquet", "one row only"),
    ("no_rows.parquet", "there are no bars in it"),
    ("X_H1.parquet", "its name says H1, its bars are M1 apart"),
]
GOOD = "--symbols X --data X={0}/good.csv"
CASES = [
    ("--symbols X --data X=/dev/zero", 4, ["save the bars in a file"]),
    ("--symbols X --data {0}/folder.csv", 4, ["no data for X", "X_<TIMEFRAME>.parquet"]),
    ("--symbols X,Y --data X={0}/good.csv", 2, ["no file for Y"]),
    ("--symbols X,Y --data X={0}/good.csv --data Y={0}/late.csv", 4, ["no common time", "2024-01-02", "2025-01-02"]),
    ("--symbols X,Y --data X={0}/nan.csv --data Y={0}/naive.csv", 4, ["nan.csv: column close", "naive.csv: column ts"]),
    (f"{GOOD} --timeframe S5", 4, ["S5 is below the data's M1", "ask for M1 or higher"]),
    (f"{GOOD} --timerange 20200101-20200102", 4, ["no bars in the range", "it holds bars from 2024-01-02"]),
    (f"{GOOD} --timerange 20200102-20200101", 2, ["ends before it begins"]),
    (f"{GOOD} --feed sim", 2, ["belongs to feed recorded"]),
    (f"{GOOD} --follow --speed 5", 2, ["conflict", "use --interval"]),
    ("--symbols X --speed 5 --interval 2", 2, ["conflict", "give one of them"]),
    ("--symbols X --speed nan", 2, ["--speed", "not a finite number"]),
    ("--symbols X --mode live --i-understand-live", 4, ["no live venue is available", "use mode paper"]),
    ("--symbols X --feed mt5", 2, ["not part of this version"]),
    ("--symbols \x1b[31mX", 2, [r"'\x1b[31mX' cannot be a symbol"]),
    (f"--symbols {'X' * 5_000}", 2, ["1 to 32 letters"]),
    ("--symbols X --strategy nope", 2, ["unknown strategy 'nope'", "ema_cross"]),
    ("--symbols X --preset ../../nope", 2, ["unknown preset", "balanced"]),
    ("--symbols X --set risk.units=-1 --set strategy.fast=x --set foo=1", 4, ["risk.units", "strategy.fast", "foo"]),
    ("--symbols X --set strategy.fast=50", 4, ["strategy.fast", "must be below strategy.slow"]),
    (f"--symbols X --set risk.units={'9' * 5_000}", 4, ["risk.units = inf: not a finite number"]),
    (f"--symbols X --set risk.units={'x' * 10_000_000}", 2, ["is longer than 1,000,000 characters"]),
    ("--symbols X --cycles 0", 2, ["--cycles", ">= 1"]),
    ("--symbols X -c {0}/wrong.yaml", 4, ["risk.foo is not", "line 2: bar is not", "= 'many': allowed", "'nope'"]),
    ("--symbols X -c {0}/broken.yaml", 4, ["line 2, column 1: not YAML"]),
    ("--symbols X -c {0}/alias.yaml", 4, ["aliases", "write the value out"]),
    ("--symbols X -c {0}/deep.yaml", 4, ["nested deeper than 20 levels"]),
    ("--symbols X -c {0}/bytes.yaml", 4, ["is not UTF-8 text"]),
    ("--symbols X -c {0}/pipe.yaml", 4, ["is a pipe", "save the configuration in a file"]),
    ("--symbols X -c /dev/zero", 4, ["larger than 1,000,000 bytes"]),
    ("--symbols X --db-url nonsense", 2, ["sqlite:///path/to/argus.db"]),
    ("--symbols X --db-url mysql://me:secret@there/db", 2, ["me:***@there", "sqlite:///path/to/argus.db"]),
    ("--symbols X --db-url sqlite://", 4, ["names no file that several processes can share"]),
    ("--symbols X --db-url sqlite:///{0}", 4, ["is a folder or a device: name a file"]),
    ("--symbols X --db-url sqlite:////dev/full", 4, ["is a folder or a device: name a file"]),
    ("--symbols X --db-url sqlite:///{0}/file/a.db", 4, ["cannot be made", "name another"]),
    ("--symbols X --db-url sqlite:///{0}/text.db", 4, ["is not a database"]),
    ("--symbols X --db-url sqlite:///{0}/foreign.db", 4, ["belongs to another program"]),
    ("--symbols X --db-url sqlite:///{0}/newer.db", 4, [r"schema 9999\x1b[31m, newer", "install the newer version"]),
    ("--symbols X --address nonsense", 2, ["local, auto, or host:port"]),
    ("--symbols X --address 127.0.0.1:9", 4, ["no cluster answers there", "ray start --head"]),
    ("--symbols X --address nowhere.invalid:6379", 4, ["no cluster answers there"]),
    ("--symbols X --set ray.metrics_port=70000", 4, ["<= 65535"]),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bad")
    bad_files.write(folder)
    return folder


class Refusing:
    """The verb run in this process: it must come to nothing."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "argus.db"

    def __call__(self, *arguments: str, code: int, told: list[str]) -> None:
        url = () if "--db-url" in arguments else ("--db-url", f"sqlite:///{self.database}")
        done = CliRunner(env={"COLUMNS": "200"}).invoke(app, ["run", "--json", *arguments, *url])

        assert done.exit_code == code, done.stderr[:5_000]
        assert done.stdout == ""
        assert [one for one in told if one not in done.stderr] == [], done.stderr
        assert "Traceback" not in done.stderr
        assert all(one.isprintable() for one in done.stderr.splitlines())
        assert len(done.stderr) < 5_000
        assert list(self.database.parent.iterdir()) == []


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """``run`` up to the moment where Ray would start."""

    def started(*given: Any) -> int:
        raise AssertionError("the run was not refused")

    folder = tmp_path / "place"
    folder.mkdir()
    monkeypatch.setattr(engine, "_run", started)
    return Refusing(folder)


@pytest.mark.parametrize(("name", "told"), FILES, ids=[repr(name)[1:-1] for name, _ in FILES])
def test_bad_bars_are_refused(refused: Refusing, files: Path, name: str, told: str) -> None:
    shown = repr(name)[1:-1]

    refused("--symbols", "X", "--data", f"X={files / name}", code=4, told=[shown, told])


@pytest.mark.parametrize(("arguments", "code", "told"), CASES, ids=[repr(one[:60])[1:-1] for one, _, _ in CASES])
def test_bad_input_is_refused(refused: Refusing, files: Path, arguments: str, code: int, told: list[str]) -> None:
    refused(*(one.replace("{0}", str(files)) for one in arguments.split(" ")), code=code, told=told)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("ARGUS__RISK__FOO", "1", "risk.foo is not a known key"),
        ("ARGUS__RISK__UNITS", "\x1b[31mmany", "environment ARGUS__RISK__UNITS"),
        ("ARGUS__RISK", "5", "risk must be a mapping"),
        ("ARGUS__RAY__DEADLINE", "0", "ray.deadline = 0: allowed: a number > 0"),
    ],
)
def test_a_bad_environment_is_refused(
    refused: Refusing, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)

    refused("--symbols", "X", code=4, told=[told])


def test_a_metrics_port_that_is_taken_is_refused(refused: Refusing) -> None:
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]

        refused("--symbols", "X", "--set", f"ray.metrics_port={port}", code=4, told=[str(port), "choose another"])


@pytest.mark.parametrize("name", ["good.csv", "bom_and_crlf.csv", "good.parquet"])
def test_what_only_looks_odd_is_taken(tmp_path: Path, files: Path, name: str) -> None:
    class Silent:
        def notice(self, text: str) -> None:
            assert "X: instrument" in text or "conf/instruments.yaml" in text or "research answers by rules" in text

    url = f"sqlite:///{tmp_path / 'argus.db'}"
    _, market, _ = engine.prepare(Overrides(symbols=("X",), data=(f"X={files / name}",), db_url=url), Silent())  # type: ignore[arg-type]

    assert (market.info.timeframe, market.info.inputs["X"]["bars"]) == ("M1", str(bad_files.BARS))


# -- the database --------------------------------------------------------------------------------


def test_a_database_that_another_program_holds_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refusing
) -> None:
    monkeypatch.setattr(engines, "PATIENCE", 0.2)
    url = f"sqlite:///{tmp_path / 'held.db'}"
    database.prepare(url)
    held = engines.open_engine(url)

    with held.begin():
        refused("--symbols", "X", "--db-url", url, code=4, told=["is held by another program", "try again"])
    held.dispose()


def test_a_second_engine_is_refused_and_the_first_keeps_its_lease(tmp_path: Path, refused: Refusing) -> None:
    url, now = f"sqlite:///{tmp_path / 'shared.db'}", WallClock().now()
    database.prepare(url)
    lease.acquire(url, os.getppid(), socket.gethostname(), now, "first", lambda pid: True)

    refused("--symbols", "X", "--db-url", url, code=1, told=[f"pid {os.getppid()}", "run first", "stop it"])

    held = lease.holder(url)
    assert held is not None
    assert (held.run_id, held.epoch) == ("first", 1)
    with pytest.raises(AlreadyRunning):
        lease.acquire(url, 1, socket.gethostname(), now, "second", lambda pid: True)


# -- interrupted before there is anything to end in order ----------------------------------------


@pytest.mark.parametrize(("number", "told"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_run_that_is_interrupted_before_it_begins_ends_quietly(tmp_path: Path, number: int, told: str) -> None:
    class Impatient:
        """Somebody who stops the run at the first thing it says."""

        def __init__(self) -> None:
            self.said: list[str] = []

        def notice(self, text: str) -> None:
            self.said.append(text)
            if len(self.said) == 1:
                os.kill(os.getpid(), number)

    screen, before = Impatient(), signal.getsignal(number)
    given = Overrides(symbols=("X",), db_url=f"sqlite:///{tmp_path / 'argus.db'}")

    assert engine.run(given, screen) == 0  # type: ignore[arg-type]

    assert screen.said[-1] == f"{told} before the first cycle: nothing was traded"
    assert signal.getsignal(number) == before
    assert list(tmp_path.iterdir()) == []


# -- in a process of its own ---------------------------------------------------------------------


def test_a_refusal_is_one_line_on_stderr_and_leaves_no_process(place: Place, files: Path) -> None:
    said = place.verb("run", "--symbols", "X", "--data", f"X={files / 'escapes.csv'}", "--json")

    assert (said.code, said.out) == (4, "")
    (line,) = said.err.splitlines()
    assert line.startswith("error: ")
    assert line.isprintable()
    assert not place.database.exists()
    assert place.processes() == []


def test_a_home_that_is_a_file_is_refused(place: Place, files: Path) -> None:
    said = place.verb("run", "--symbols", "X", ARGUS_HOME=str(files / "file"))

    assert (said.code, said.out) == (4, "")
    assert "cannot be made" in said.err
    assert "Traceback" not in said.err
