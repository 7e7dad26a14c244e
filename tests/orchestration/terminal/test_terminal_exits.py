from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable

import pytest
import typer
from sqlalchemy.exc import OperationalError

from domain.errors import ActorLost, AlreadyRunning, ConfigError, DeadlineMissed, NotRunning, StaleEpoch
from orchestration.settings import UsageError
from orchestration.terminal.exits import NoAnswer, guarded, unexpected


def raising(error: BaseException) -> Callable[[], None]:
    def verb() -> int:
        raise error

    return guarded(verb)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (
            ConfigError(["risk.x is not a known key", "no file for BTC"]),
            4,
            ["risk.x is not a known key", "no file for"],
        ),
        (UsageError(["give one of them"]), 2, ["give one of them"]),
        (NotRunning("pause needs a running engine"), 3, ["pause needs"]),
        (NoAnswer("no answer to pause"), 5, ["no answer"]),
        (AlreadyRunning("an engine (pid 5) already uses it"), 1, ["pid 5"]),
        (StaleEpoch("another engine has started"), 1, ["another engine"]),
        (ActorLost("Executor", "died"), 1, ["Executor is lost: died"]),
        (DeadlineMissed("RiskManager", 5.0), 1, ["did not answer within 5 s"]),
        (OSError(28, "No space left on device", "/data/argus.db"), 1, ["/data/argus.db: No space left on device"]),
        (ModuleNotFoundError("No module named 'ray'"), 1, ["No module named 'ray'", "doctor"]),
        (KeyboardInterrupt(), 1, ["interrupted"]),
        *(
            (OperationalError("INSERT", {}, sqlite3.OperationalError(said)), 1, [said, advice])
            for said, advice in (
                ("database is locked", "held by another program"),
                ("database or disk is full", "make room"),
                ("attempt to write a readonly database", "make the file and its folder writable"),
                ("something else", "did not do what was asked"),
            )
        ),
    ],
)
def test_an_error_is_told_in_lines_and_has_its_code(
    error: BaseException,
    code: int,
    told: list[str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("ARGUS_DEBUG", raising=False)
    with pytest.raises(typer.Exit) as ended:
        raising(error)()

    said = capsys.readouterr()
    assert ended.value.exit_code == code
    assert said.out == ""
    assert all(part in said.err for part in told)
    assert "Traceback" not in said.err


def test_debugging_shows_where_it_was_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGUS_DEBUG", "1")

    with pytest.raises(ConfigError):
        raising(ConfigError("wrong"))()


def test_a_password_is_never_told(capsys: pytest.CaptureFixture[str]) -> None:
    error = OperationalError("x", {}, sqlite3.OperationalError("postgresql://me:secret@host/db refused"))
    with pytest.raises(typer.Exit):
        raising(error)()

    assert "secret" not in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 1, 4])
def test_the_code_of_a_verb_is_that_of_the_process(code: int) -> None:
    verb = guarded(lambda: code)
    if code == 0:
        verb()
        return
    with pytest.raises(typer.Exit) as ended:
        verb()
    assert ended.value.exit_code == code


def test_what_nobody_expected_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ARGUS_DEBUG", raising=False)
    try:
        raise ValueError("x is not y")
    except ValueError as error:
        unexpected(ValueError, error, sys.exc_info()[2])

    said = capsys.readouterr().err
    assert "ValueError: x is not y" in said
    assert "Traceback" not in said
