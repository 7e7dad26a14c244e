"""``montecarlo`` as a person and a program see it."""

from __future__ import annotations

import builtins
import json
from pathlib import Path
from typing import Any

import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from orchestration.backtest.reports.writing import facts, write_json
from orchestration.terminal.verbs_montecarlo import montecarlo
from tests.orchestration.backtest.measured import a_result, closed, some_days

app = typer.Typer()
app.command()(montecarlo)


def a_file(folder: Path, nets: tuple[float, ...] = (100.0, -50.0, 30.0, -20.0) * 5) -> Path:
    """What a backtest writes."""
    at, equity = some_days([100_000.0 + 10 * day * (-1) ** day for day in range(40)])
    path = folder / "r.json"
    write_json(facts(a_result(at, equity, closes=closed(nets)), {}), path)
    return path


def said(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, arguments)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == code, (done.stdout, done.stderr)
    return done


def test_a_person_reads_quantiles_and_chances(tmp_path: Path) -> None:
    told = said(a_file(tmp_path), "--paths", "500").stdout

    assert told.startswith("500 paths of 20 trades, seed 7\n")
    assert "note: trades are drawn with replacement" in told
    lines = {line.split("  ")[0].strip(): line for line in told.splitlines()}
    assert lines["equity at the end"].rstrip().endswith("100,300.00")
    assert lines["deepest drawdown"].rstrip().endswith("%")
    assert "a drawdown of 20 % or more" in told
    assert "0.00% of the paths" in lines["nothing left"]


@pytest.mark.parametrize("method", ["trades", "shuffle", "blocks"])
def test_a_program_gets_one_document_and_the_file_the_same(tmp_path: Path, method: str) -> None:
    out = tmp_path / "mc.json"
    told = json.loads(said(a_file(tmp_path), "--method", method, "--paths", "100", "--out", out, "--json").stdout)

    assert json.loads(out.read_text()) == told
    assert (told["method"], told["paths"], told["seed"]) == (method, 100, 7)
    assert told["steps"] == (40 if method == "blocks" else 20)
    assert told["observed"]["equity_final"] == pytest.approx(99_610.0 if method == "blocks" else 100_300.0)


def test_options_reach_the_simulation(tmp_path: Path) -> None:
    asked = ("--method", "blocks", "--block", "3", "--seed", "11", "--limit", "0.001", "--json")
    told = json.loads(said(a_file(tmp_path), *asked).stdout)

    assert (told["block"], told["block_by"], told["seed"], told["drawdown_limit"]) == (3.0, "given", 11, 0.001)


def test_a_page_is_written(tmp_path: Path) -> None:
    pytest.importorskip("plotly")
    page = tmp_path / "mc.html"

    told = said(a_file(tmp_path), "--report", page)

    assert f"wrote {page}" in told.stdout
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert "plotly.js v" in text
    assert text.count("</script>") == 3


def test_without_plotly_the_page_is_refused_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("plotly"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    done = said(tmp_path / "nothing.json", "--report", tmp_path / "mc.html", code=4)

    assert "pip install argus-trading[reports]" in done.stderr
    assert not (tmp_path / "mc.html").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--paths", "0"), "--paths 0"),
        (("--block", "5"), "--block needs --method blocks"),
        (("--limit", "20"), "--limit 20"),
        (("--method", "coin"), "coin"),
    ],
)
def test_wrong_usage_is_code_2(tmp_path: Path, arguments: tuple[str, ...], text: str) -> None:
    assert text in said(a_file(tmp_path), *arguments, code=2).stderr


def test_bad_files_are_code_4(tmp_path: Path) -> None:
    assert "is not there" in said(tmp_path / "no.json", code=4).stderr
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"cash": 1000, "trades": []}')
    assert "daily missing" in said(wrong, code=4).stderr
    wrong.write_text("hello")
    assert "is not JSON" in said(wrong, code=4).stderr
    assert "0 closed trades" in said(a_file(tmp_path, ()), code=4).stderr
    assert "is a folder: name a file in it" in said(tmp_path / "no.json", "--out", tmp_path, code=4).stderr
