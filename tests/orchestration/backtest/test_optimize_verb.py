"""``optimize`` and ``backtest --walk-forward`` as a person and a program see them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from orchestration.settings import Overrides, load
from orchestration.terminal import verbs_backtest, verbs_optimize
from tests.orchestration.backtest.searching import SPACE, a_file, waves

app = typer.Typer()
app.command()(verbs_optimize.optimize)
app.command()(verbs_backtest.backtest)
SPACED = [part for one in SPACE for part in ("--space", one)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_file(tmp_path_factory.mktemp("bars"))


def said(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done


def about(data: Path) -> list[str]:
    return ["--symbols", "EURUSD", "--data", f"EURUSD={data}", "--preset", "yardstick", "--set", "strategy.side=both"]


def search(data: Path, *more: str | Path, code: int = 0) -> Result:
    return said("optimize", *about(data), *SPACED, "--algorithm", "random", "--jobs", "1", *more, code=code)


def walk(data: Path, *more: str | Path, code: int = 0) -> Result:
    return said("backtest", *about(data), "--walk-forward", *more, code=code)


def test_a_search_leaves_a_study_with_settings_for_a_run(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    told = search(data, "--trials", "12", "--out", folder).stdout

    assert told.startswith("12 trials: ")
    assert "deflated Sharpe" in told
    assert {"study.json", "trials.jsonl", "trials.parquet", "best.yaml", "optimise.json"} <= {
        one.name for one in folder.iterdir()
    }
    document = json.loads((folder / "optimise.json").read_text())
    read = load(Overrides(symbols=("EURUSD",), config=(folder / "best.yaml",)), {})
    assert document["trials"]["made"] == 12
    assert {f"strategy.{key}": one for key, one in read.strategy.parameters.items() if key != "side"} == (
        document["best"]["values"]
    )


def test_a_program_gets_one_document(data: Path) -> None:
    told = json.loads(search(data, "--trials", "5", "--json").stdout)

    assert told["trials"]["made"] == 5
    assert set(told["fingerprints"]) == {"in_sample", "out_of_sample"}


def test_a_study_goes_on_from_its_folder_alone(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    given = ["--symbols", "EURUSD", "--data", f"EURUSD={data.name}", "--preset", "yardstick", "--seed", "3"]
    said("optimize", *given, *SPACED, "--algorithm", "random", "--jobs", "1", "--trials", "4", "--out", tmp_path / "s")
    monkeypatch.chdir(tmp_path)

    assert said("optimize", "--resume", "s", "--trials", "9", "--jobs", "1").stdout.startswith("9 trials: ")
    told = said("optimize", "--resume", "s", "--objective", "calmar", "--symbols", "BTC", code=2).stderr
    assert "leave out --symbols, --objective" in told


def test_a_changed_data_file_is_refused(tmp_path: Path) -> None:
    file = a_file(tmp_path)
    search(file, "--trials", "2", "--out", tmp_path / "s")
    a_file(tmp_path, waves(900, 4))

    assert (
        "has changed since the study began"
        in said("optimize", "--resume", tmp_path / "s", "--jobs", "1", code=4).stderr
    )


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (["--space", "strategy.atrr=1..2"], 4, "did you mean 'atr'"),
        (["--space", "strategy.atr=9..2"], 4, "did you mean strategy.atr=2..9?"),
        (["--space", "strategy.atr=0..9"], 4, "allowed is 1 to 10000 bars"),
        (["--space", "exits.regime_flip=true|maybe"], 4, "maybe: allowed: true or false"),
        (["--space", "strategy.atr"], 2, "write KEY=LOW..HIGH"),
        (["--objective", "sharpy"], 4, "did you mean 'sharpe'"),
        (["--constraint", "trades"], 2, "write MEASURE>NUMBER"),
        (["--oos", "1.5"], 4, "--oos 1.5"),
        (["--trials", "0"], 4, "--trials 0"),
        (["--jobs", "0"], 2, "--jobs 0"),
        (["--mode", "live"], 2, "--mode"),
        (["--algorithm", "grid", "--space", "strategy.stop_atr=1.0..2.0"], 4, "a grid needs steps"),
    ],
)
def test_what_cannot_be_searched_is_refused(data: Path, more: list[str], code: int, told: str) -> None:
    assert told in search(data, *more, code=code).stderr


def test_a_search_without_symbols_is_refused() -> None:
    assert "no symbols" in said("optimize", code=2).stderr


def test_no_fitting_trial_is_a_failure(data: Path) -> None:
    told = search(data, "--trials", "2", "--constraint", "trades>100000", code=1).stdout
    assert "no trial keeps the constraints" in told


def test_a_walk_is_a_table_and_a_document(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.json"
    told = walk(data, "300b/100b", "--out", out).stdout
    document = json.loads(out.read_text())

    assert "walk-forward efficiency" in told
    assert len(document["walk_forward"]["windows"]) == 6
    assert document["equity_final"] == document["walk_forward"]["windows"][-1]["equity_final"]
    assert document["bars"] == 600


def test_a_walk_that_searches_shows_what_it_chose(data: Path) -> None:
    told = walk(data, "300b/300b", *SPACED, "--trials", "3", "--algorithm", "random", "--jobs", "1").stdout

    assert "fast  slow" in told
    assert "6 trials in all; none of them saw a bar out of sample" in told


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["180d/30d"], 4, "longer than the data"),
        (["30b/10b", "--set", "strategy.fast=25", "--set", "strategy.slow=40"], 4, "warms up over 40"),
        (["10d-5d"], 4, "write IN-SAMPLE/OUT-OF-SAMPLE"),
        (["0d/5d"], 4, "no length"),
        (["10d/5d", "--trials", "5"], 2, "without --space nothing is searched"),
    ],
)
def test_a_walk_that_cannot_be_is_refused(data: Path, arguments: list[str], code: int, told: str) -> None:
    assert told in walk(data, *arguments, code=code).stderr


def test_options_of_a_search_need_a_walk(data: Path) -> None:
    told = said("backtest", *about(data), "--anchored", "--trials", "4", code=2).stderr
    assert "--trials, --anchored: only with --walk-forward" in told


def test_pages_open_anywhere(data: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    search(data, "--trials", "6", "--out", tmp_path / "s")
    walk(data, "300b/100b", "--report", tmp_path / "w.html")

    for path, shown in ((tmp_path / "s" / "report.html", "best tenth"), (tmp_path / "w.html", "Windows")):
        page = path.read_text()
        assert shown in page
        assert "http-equiv" in page
        assert 'src="http' not in page
