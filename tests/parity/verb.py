"""The verb `backtest`, in this process and in one of its own."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from typer.testing import CliRunner

from cli import app
from tests.flow.system import path

CLI = Path(__file__).parents[2] / "cli.py"
WAVES = path(*[(25, -0.0004), (25, 0.0005)] * 6)


class Said(NamedTuple):
    code: int
    out: str
    err: str


def told(*arguments: str) -> Said:
    """What the verb says. Nothing that it does not expect comes out of it."""
    done = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"}).invoke(app, ["backtest", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    return Said(done.exit_code, done.stdout, done.stderr)


def refused(said: Said, code: int, *texts: str) -> None:
    assert said.code == code, said
    assert said.out == ""
    assert said.err.count("error:") >= 1 or code == 2, said.err
    for text in texts:
        assert text in said.err, said.err
